"""
Every path of the v2 contract, in one table.

A path counts with and without a trailing slash, and runs of ``/`` count as one (contract, section 1.1). The caller is
authenticated before the path is looked at: a stranger learns nothing of which paths there are.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Final, cast

from starlette.requests import Request
from starlette.responses import Response

from waypost.contract.replies import three_key
from waypost.domain.message import Priority
from waypost.observe import get_logger
from waypost.ports import Clock
from waypost.store.engine import StoreUnavailableError
from waypost.web.account_rates import AccountRates
from waypost.web.api_v2.sending import RETRY_LATER, SendEndpoint
from waypost.web.auth import Authenticator, Principal
from waypost.web.exchange import (
    BodyTooLargeError,
    ClientGoneError,
    Receive,
    Scope,
    Send,
    answer_reply,
    header_of,
    read_body,
)

Handler = Callable[[Principal, Request], Awaitable[Response]]

_SLASHES: Final = re.compile(r"/{2,}")
_SEND_PATHS: Final[Mapping[str, Priority]] = {
    "/api/v2/message": Priority.NORMAL,
    "/api/v2/message/nc": Priority.NORMAL,
    "/api/v2/message/nc/message": Priority.NORMAL,
    "/api/v2/message/nc/priority": Priority.HIGH,
}
SEND_OPERATION: Final = "messages.send"
_WITH_BODY: Final = frozenset({"POST", "PUT"})


@dataclass(frozen=True, slots=True)
class Operation:
    """
    One call: its name in the table of scopes, and what answers it.

    ``takes_stream``: the handler reads the body itself, and bounds it; all others are given one that has been read.
    """

    name: str
    handler: Handler
    takes_stream: bool = False


Operations = Mapping[str, Mapping[str, Operation]]
"""Path (with ``{id}`` for the one varying part) to method to operation."""


def normalise_path(path: str) -> str:
    """Return the path with single slashes and without one at its end."""
    return _SLASHES.sub("/", path).rstrip("/") or "/"


class ApiV2:
    """The v2 contract as an ASGI application; ``body_bytes_max`` is for the operations that take no stream."""

    def __init__(
        self,
        *,
        authenticator: Authenticator,
        clock: Clock,
        rates: AccountRates,
        send: SendEndpoint,
        operations: Operations,
        body_bytes_max: int,
    ) -> None:
        self._authenticator = authenticator
        self._clock = clock
        self._rates = rates
        self._send = send
        self._body_bytes_max = body_bytes_max
        self._exact = {path: methods for path, methods in operations.items() if "{id}" not in path}
        self._prefixed = {
            path.removesuffix("{id}"): methods for path, methods in operations.items() if path.endswith("/{id}")
        }
        self._send_paths = {
            spelling: priority for path, priority in _SEND_PATHS.items() for spelling in (path, path + "/")
        }
        self._log = get_logger("api")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        authorization = header_of(scope, b"authorization")
        principal = self._authenticator.authenticate(authorization)
        if principal is None:
            await self._deny(scope, send, authorization)
            return
        wait = self._rates.take(principal.account, self._clock.monotonic())
        if wait is not None:
            await answer_reply(send, three_key(429), headers=((b"retry-after", b"%d" % ceil(wait)),))
            return
        path = scope["path"]
        priority = self._send_paths.get(path)
        if priority is None:
            path = normalise_path(path)
            priority = self._send_paths.get(path)
        if priority is not None:
            await self._call_send(principal, scope, receive, send, priority)
            return
        await self._call(principal, path, scope, receive, send)

    async def _call_send(
        self, principal: Principal, scope: Scope, receive: Receive, send: Send, priority: Priority
    ) -> None:
        if scope["method"] != "POST":
            await answer_reply(send, three_key(405), headers=((b"allow", b"POST"),))
        elif not principal.may(SEND_OPERATION):
            await answer_reply(send, three_key(403))
        else:
            await self._send.handle(principal, scope, receive, send, priority=priority)

    async def _call(self, principal: Principal, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        methods = self._exact.get(path)
        if methods is None:
            head, _, last = path.rpartition("/")
            methods = self._prefixed.get(head + "/")
            scope["path_params"] = {"id": last}
        # No id holds a NUL, and PostgreSQL could not even look for one.
        if methods is None or "\x00" in path:
            await answer_reply(send, three_key(404))
            return
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        operation = methods.get(method)
        if operation is None:
            allowed = ", ".join(sorted(methods)).encode()
            await answer_reply(send, three_key(405), headers=((b"allow", allowed),))
            return
        if not principal.may(operation.name):
            await answer_reply(send, three_key(403))
            return
        request = Request(scope, receive)
        try:
            if method in _WITH_BODY and not operation.takes_stream:
                # Starlette's own reader has no bound. This is its place for a body that has been read.
                request._body = await read_body(receive, bytes_max=self._body_bytes_max)  # noqa: SLF001
            response = await operation.handler(principal, request)
        except BodyTooLargeError:
            await answer_reply(send, three_key(413))
            return
        except ClientGoneError:
            return
        except StoreUnavailableError as error:
            self._log.warning("api.store_unavailable", operation=operation.name, error=str(error))
            await answer_reply(send, three_key(503), headers=RETRY_LATER)
            return
        await response(cast("dict[str, object]", scope), receive, send)

    async def _deny(self, scope: Scope, send: Send, authorization: bytes | None) -> None:
        client = scope.get("client")
        wait = self._authenticator.note_failure(authorization, address=client[0] if client else "")
        if wait is None:
            await answer_reply(send, three_key(403))
        else:
            await answer_reply(send, three_key(429), headers=((b"retry-after", b"%d" % wait),))
