"""Health and metrics: open on the operations port, or on the main one where none is set."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import orjson

from waypost.observe import Metrics
from waypost.observe.metrics import CONTENT_TYPE
from waypost.web.exchange import JSON, Receive, Scope, Send, answer

PATHS = frozenset({"/health/live", "/health/ready", "/metrics"})
_TEXT = (b"content-type", CONTENT_TYPE.encode())
_FRESH = (b"cache-control", b"no-store")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing readiness rests on; returns None when it is well, else what is wrong."""

    name: str
    run: Callable[[], Awaitable[str | None]]


class OperationsApp:
    """
    ``/health/live``: the process answers. ``/health/ready``: all it rests on does, 503 with the reasons if not.

    ``/metrics``: Prometheus text.
    """

    def __init__(self, metrics: Metrics, checks: list[Check]) -> None:
        self._metrics = metrics
        self._checks = checks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        path = scope["path"].rstrip("/")
        if scope["method"] not in {"GET", "HEAD"}:
            await answer(send, 405, b"", headers=((b"allow", b"GET, HEAD"),))
        elif path == "/health/live":
            await answer(send, 200, b'{"status":"live"}', headers=(JSON, _FRESH))
        elif path == "/health/ready":
            await self._answer_ready(send)
        elif path == "/metrics":
            await answer(send, 200, self._metrics.render(), headers=(_TEXT, _FRESH))
        else:
            await answer(send, 404, b"")

    async def _answer_ready(self, send: Send) -> None:
        problems = {check.name: problem for check in self._checks if (problem := await check.run()) is not None}
        body = orjson.dumps({"status": "not ready", "problems": problems} if problems else {"status": "ready"})
        await answer(send, 503 if problems else 200, body, headers=(JSON, _FRESH))
