"""Raw ASGI, made short: reading a bounded body and sending an answer, without a framework's cost."""

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Final

from waypost.contract.replies import Reply

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]

JSON: Final[Header] = (b"content-type", b"application/json")


class BodyTooLargeError(Exception):
    """The request's body is over the limit; what was read of it is dropped."""


class ClientGoneError(Exception):
    """The client closed the connection before its request was complete."""


def header_of(scope: Scope, name: bytes) -> bytes | None:
    """Return a request header by its lower-case name, the first if there are several."""
    for key, value in scope["headers"]:
        if key == name:
            found: bytes = value
            return found
    return None


async def read_body(receive: Receive, *, bytes_max: int) -> bytes:
    """Return the whole body. Raises BodyTooLargeError, ClientGoneError."""
    message = await receive()
    body: bytes = message.get("body", b"")
    if message["type"] == "http.disconnect":
        raise ClientGoneError
    if not message.get("more_body"):
        if len(body) > bytes_max:
            raise BodyTooLargeError
        return body
    parts = [body]
    size = len(body)
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > bytes_max:
            raise BodyTooLargeError
    return b"".join(parts)


async def answer(send: Send, status: int, body: bytes, *, headers: Sequence[Header] = (JSON,)) -> None:
    """Send a whole answer; the length is added."""
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [*headers, (b"content-length", b"%d" % len(body))],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def answer_reply(send: Send, reply: Reply, *, headers: Sequence[Header] = ()) -> None:
    """Send one of the contract's replies."""
    await answer(send, reply.status, reply.body, headers=(JSON, *headers))
