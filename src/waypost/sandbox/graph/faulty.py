"""Play the faults that sit between a request and its answer."""

import asyncio
import math

import orjson

from waypost.sandbox.faults import FaultRule, Faults
from waypost.sandbox.graph.errors import GraphError
from waypost.sandbox.wire import Receive, Scope, Send, hang, reset, send_bytes, send_json

_JSON = ((b"content-type", b"application/json; charset=UTF-8"),)
_HTML = ((b"content-type", b"text/html; charset=utf-8"),)
_HTML_PAGE = b"<!DOCTYPE html><html><head><title>Error</title></head><body>Sorry, something went wrong.</body></html>"


class FaultPlayer:
    """Do what a rule says to one request; `closing` ends every hang when the sandbox stops."""

    def __init__(self, faults: Faults, closing: asyncio.Event) -> None:
        self._faults = faults
        self._closing = closing

    async def before(
        self, scope: Scope, receive: Receive, send: Send, *, keys: tuple[str, ...], target: str
    ) -> FaultRule | None:
        """Play what comes before the request is looked at.

        Returns the rule that hit; it has been answered, unless its kind lets the request in and only spoils the
        answer (`reset_after`, `lost_answer`, `truncated`), which is then for `after`. None: go on as if nothing were.

        Raises:
            GraphError: what `graph_error` and `throttle` answer.

        """
        if not self._faults.families:
            return None
        slow = self._faults.match("pace", keys, target=target)
        if slow is not None:
            await hang(receive, closing=self._closing, seconds=slow.parameters["seconds"])
        rule = self._faults.match("request", keys, target=target)
        if rule is None:
            return None
        parameters = rule.parameters
        match rule.kind:
            case "hang":
                await hang(receive, closing=self._closing, seconds=parameters["seconds"])
                await reset(scope, receive, send)
            case "reset_before":
                await reset(scope, receive, send)
            case "http_5xx":
                await self._send_server_error(send, rule)
            case "graph_error":
                raise GraphError(
                    parameters["code"],
                    parameters["details"],
                    http_status=parameters["status"],
                    subcode=parameters["subcode"],
                )
            case "throttle":
                wait = parameters["retry_after"]
                seconds = None if wait is None else math.ceil(wait)
                raise GraphError(parameters["code"], http_status=429, retry_after_seconds=seconds)
            case _:
                pass
        return rule

    async def after(self, scope: Scope, receive: Receive, send: Send, *, rule: FaultRule, answer: bytes) -> None:
        """Spoil the answer to an accepted message."""
        parameters = rule.parameters
        match rule.kind:
            case "lost_answer" if parameters["then"] == "hang":
                await hang(receive, closing=self._closing, seconds=parameters["seconds"])
                await reset(scope, receive, send)
            case "truncated":
                body = {
                    "cut": answer[: len(answer) // 2],
                    "empty": b"",
                    "no_messages": b'{"messaging_product":"whatsapp"}',
                }
                await send_bytes(send, status=200, body=body[parameters["body"]], headers=_JSON)
            case _:
                await reset(scope, receive, send)

    async def send_error(self, send: Send, error: GraphError) -> None:
        """Answer a Graph error."""
        headers: tuple[tuple[bytes, bytes], ...] = ()
        if error.http_status == 401:
            headers = ((b"www-authenticate", b'OAuth "Facebook Platform" "invalid_token"'),)
        if error.retry_after_seconds is not None:
            headers = (*headers, (b"retry-after", str(error.retry_after_seconds).encode()))
        await send_json(send, status=error.http_status, value=error.body(), headers=headers)

    @staticmethod
    async def _send_server_error(send: Send, rule: FaultRule) -> None:
        status, form = rule.parameters["status"], rule.parameters["body"]
        if form == "json":
            body = orjson.dumps(GraphError(rule.parameters["code"], http_status=status).body())
            await send_bytes(send, status=status, body=body, headers=_JSON)
        elif form == "html":
            await send_bytes(send, status=status, body=_HTML_PAGE, headers=_HTML)
        else:
            await send_bytes(send, status=status, body=b"")
