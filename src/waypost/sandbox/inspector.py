"""The webhook inspector: a receiver that keeps what a gateway's customer would get, and can be told to fail."""

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from waypost.sandbox.clock import now_us
from waypost.sandbox.control_errors import (
    PAGE_HEADERS,
    ControlError,
    answer,
    bad_request,
    json_body,
    page_of,
    refuse,
    refuse_unknown,
)
from waypost.sandbox.journal import Journal
from waypost.sandbox.standard_webhooks import fault_of, secret_bytes
from waypost.sandbox.wire import Receive, Scope, Send
from waypost.sandbox.wire import hang as hang_up

PREFIX = "/inspector"
_BODY_BYTES_MAX = 8 * 1024 * 1024
_EVENTS_PAGE_MAX = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectorSettings:
    """`secret` (`whsec_…`) verifies signatures; None leaves them unjudged. At most `events_max` events of
    `events_bytes_max` bytes in all are kept in memory; with `data_dir`, all are appended to `inspector.jsonl`."""

    secret: str | None = None
    data_dir: Path | None = None
    events_max: int = 10_000
    events_bytes_max: int = 128 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    sequence: int
    kind: str
    message_ids: frozenset[str]
    size_bytes: int
    line: bytes


@dataclass(slots=True, kw_only=True)
class _Behaviour:
    path: str | None
    status: int
    delay_seconds: float
    hang: bool
    count: int | None

    def view(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "status": self.status,
            "delay_seconds": self.delay_seconds,
            "hang": self.hang,
            "count": self.count,
        }


class Inspector:
    """An ASGI application under /inspector: POST anywhere below is a webhook; GET / shows what came."""

    def __init__(self, settings: InspectorSettings) -> None:
        self._settings = settings
        self._key = None if settings.secret is None else secret_bytes(settings.secret)
        self._journal = Journal(None if settings.data_dir is None else settings.data_dir / "inspector.jsonl")
        self._events: deque[_Event] = deque()
        self._bytes = 0
        self._sequence = 0
        self._behaviours: list[_Behaviour] = []
        self._closing = asyncio.Event()
        pages = resources.files("waypost.sandbox") / "pages"
        self._pages = {
            "/": ((pages / "inspector.html").read_text(), "text/html"),
            "/inspector.js": ((pages / "inspector.js").read_text(), "text/javascript"),
            "/style.css": ((pages / "style.css").read_text(), "text/css"),
            "/icon.svg": ((pages / "icon.svg").read_text(), "image/svg+xml"),
        }
        self._app = self._routes()
        for record in self._journal.replay():
            self._replay(record)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    def set_secret(self, secret: str | None) -> None:
        """Verify from now on with this secret (`whsec_…`); None stops judging. Raises ValueError."""
        self._key = None if secret is None else secret_bytes(secret)

    def close(self) -> None:
        """Let go of hanging requests and close the file; a second call does nothing."""
        self._closing.set()
        self._journal.close()

    def _routes(self) -> Starlette:
        routes = [
            Route(PREFIX, self._page),
            *(Route(f"{PREFIX}{path}", self._page) for path in self._pages),
            Route(f"{PREFIX}/events", self._list),
            Route(f"{PREFIX}/events", self._clear, methods=["DELETE"]),
            Route(f"{PREFIX}/behaviour", self._show_behaviour),
            Route(f"{PREFIX}/behaviour", self._put_behaviour, methods=["PUT"]),
            Route(f"{PREFIX}/behaviour", self._delete_behaviour, methods=["DELETE"]),
            Route(f"{PREFIX}/secret", self._put_secret, methods=["PUT"]),
            Route(f"{PREFIX}/{{path:path}}", self._receive, methods=["POST"]),
        ]
        handlers = {ControlError: refuse, HTTPException: refuse_unknown}
        return Starlette(routes=routes, exception_handlers=handlers)

    async def _page(self, request: Request) -> Response:
        path = request.url.path.removeprefix(PREFIX) or "/"
        text, media_type = self._pages[path]
        return Response(text, media_type=media_type, headers=PAGE_HEADERS)

    async def _receive(self, request: Request) -> Response:
        try:
            body = await request.body()
        except ClientDisconnect:
            return Response(status_code=400)
        if len(body) > _BODY_BYTES_MAX:
            return answer({"error": "too_large", "message": "The body is too large.", "hint": "Send less."}, 413)
        behaviour = self._behaviour_for(request.url.path.removeprefix(PREFIX))
        status = 200 if behaviour is None else behaviour.status
        self._keep(request, body, "hang" if behaviour is not None and behaviour.hang else status)
        if behaviour is not None:
            if behaviour.hang:
                await hang_up(request.receive, closing=self._closing, seconds=None)
            elif behaviour.delay_seconds:
                await asyncio.sleep(behaviour.delay_seconds)
        return answer({"received": 200 <= status < 300}, status)

    def _keep(self, request: Request, body: bytes, answered: int | str) -> None:
        headers = {name.lower(): value for name, value in request.headers.items()}
        at_us = now_us()
        fault = None
        if self._key is not None:
            fault = fault_of(key=self._key, headers=headers, body=body, now_seconds=at_us / 1e6)
        content = _content(body)
        record = {
            "sequence": self._sequence + 1,
            "time": datetime.fromtimestamp(at_us / 1e6, UTC).isoformat(timespec="milliseconds"),
            "time_us": at_us,
            "path": request.url.path,
            "query": request.url.query,
            "kind": _kind(content),
            "ncmessage_ids": sorted(_message_ids(content)),
            "verified": None if self._key is None else fault is None,
            "reason": fault,
            "answered": answered,
            "headers": headers,
            "body": content,
        }
        self._add(record)
        self._journal.write(record)

    def _add(self, record: dict[str, Any]) -> None:
        line = orjson.dumps(record)
        event = _Event(
            sequence=record["sequence"],
            kind=record["kind"],
            message_ids=frozenset(record["ncmessage_ids"]),
            size_bytes=len(line),
            line=line,
        )
        self._sequence = event.sequence
        self._events.append(event)
        self._bytes += event.size_bytes
        settings = self._settings
        while len(self._events) > settings.events_max or self._bytes > settings.events_bytes_max:
            self._bytes -= self._events.popleft().size_bytes

    def _replay(self, record: dict[str, Any]) -> None:
        if record.get("cleared"):
            self._events.clear()
            self._bytes = 0
        else:
            self._add(record)

    async def _list(self, request: Request) -> Response:
        """Page through events: oldest first from `after`, or newest first with `order=newest`."""
        query = request.query_params
        after, limit = page_of(request, limit_max=_EVENTS_PAGE_MAX, limit_default=100)
        newest = query.get("order") == "newest"
        message_id, kind = query.get("ncmessage_id"), query.get("kind")
        source: Iterable[_Event] = reversed(self._events) if newest else self._events
        found: list[_Event] = []
        more = False
        for event in source:
            if event.sequence <= after:
                if newest:
                    break
                continue
            if kind not in (None, event.kind) or (message_id is not None and message_id not in event.message_ids):
                continue
            if len(found) == limit:
                more = True
                break
            found.append(event)
        next_after = found[-1].sequence if more and not newest else None
        events = [orjson.Fragment(event.line) for event in found]
        return answer({"events": events, "total": len(self._events), "has_more": more, "next_after": next_after})

    async def _clear(self, request: Request) -> Response:
        del request
        self._events.clear()
        self._bytes = 0
        self._journal.write({"cleared": True})
        return answer({"events": [], "total": 0, "has_more": False, "next_after": None})

    async def _put_secret(self, request: Request) -> Response:
        body = await json_body(request)
        secret = body.get("secret")
        try:
            self.set_secret(None if secret is None else str(secret))
        except ValueError as error:
            raise bad_request(f"secret: {error}.", "Paste the secret as the gateway shows it.") from error
        return answer({"verifies": self._key is not None})

    async def _show_behaviour(self, request: Request) -> Response:
        del request
        return answer({"behaviours": [behaviour.view() for behaviour in self._behaviours]})

    async def _put_behaviour(self, request: Request) -> Response:
        """Answer webhooks at `path` (all when left out) with `status`, late or never, for the next `count`."""
        behaviour = _checked_behaviour(await json_body(request))
        self._behaviours = [b for b in self._behaviours if b.path != behaviour.path]
        if behaviour.status != 200 or behaviour.delay_seconds or behaviour.hang:
            self._behaviours.append(behaviour)
        return answer(behaviour.view())

    async def _delete_behaviour(self, request: Request) -> Response:
        del request
        self._behaviours = []
        return answer({"behaviours": []})

    def _behaviour_for(self, path: str) -> _Behaviour | None:
        by_path = {behaviour.path: behaviour for behaviour in self._behaviours}
        behaviour = by_path.get(path, by_path.get(None))
        if behaviour is not None and behaviour.count is not None:
            behaviour.count -= 1
            if behaviour.count <= 0:
                self._behaviours.remove(behaviour)
        return behaviour


def _checked_behaviour(body: dict[str, Any]) -> _Behaviour:
    status, delay = body.get("status", 200), body.get("delay_seconds", 0)
    path, hang, count = body.get("path"), body.get("hang", False), body.get("count")
    hint = '{"path": "/hooks", "status": 500, "delay_seconds": 0, "hang": false, "count": 3}; all can be left out.'
    if not isinstance(status, int) or not 200 <= status <= 599:
        raise bad_request("status is not 200 to 599.", hint)
    if isinstance(delay, bool) or not isinstance(delay, int | float) or not 0 <= delay <= 3600:
        raise bad_request("delay_seconds is not 0 to 3600.", hint)
    if not isinstance(hang, bool) or (count is not None and (not isinstance(count, int) or count < 1)):
        raise bad_request("hang must be true or false, count a number from 1.", hint)
    if path is not None:
        path = "/" + str(path).removeprefix(PREFIX).lstrip("/")
    return _Behaviour(path=path, status=status, delay_seconds=float(delay), hang=hang, count=count)


def _content(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode(errors="replace")


def _entries(content: Any, member: str) -> list[dict[str, Any]]:
    """Return the entries of a body that is formed like a webhook of this member; none of any other."""
    entries = content.get(member) if isinstance(content, dict) else None
    return entries if isinstance(entries, list) and all(isinstance(item, dict) for item in entries) else []


def _kind(content: Any) -> str:
    if _entries(content, "delivery_status"):
        return "event"
    if _entries(content, "incoming_message"):
        return "incoming"
    return "notice" if _entries(content, "notice") else "other"


def _message_ids(content: Any) -> set[str]:
    found = {item.get("ncmessage_id") for item in _entries(content, "delivery_status")}
    for item in _entries(content, "incoming_message"):
        context = item.get("context")
        if isinstance(context, dict):
            found.add(context.get("ncmessage_id"))
    return {one for one in found if isinstance(one, str) and one}
