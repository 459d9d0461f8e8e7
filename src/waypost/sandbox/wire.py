"""The few ASGI moves the sandbox makes without a framework."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = tuple[tuple[bytes, bytes], ...]

# The key in scope["extensions"] under which our own server puts a function that resets the connection.
RESET_EXTENSION = "waypost.sandbox.reset"

_JSON_TYPE = (b"content-type", b"application/json; charset=UTF-8")


class BodyTooLargeError(Exception):
    """The request body is larger than this endpoint takes."""


class ClientGoneError(Exception):
    """The client closed the connection before its request was whole."""


async def read_body(receive: Receive, *, body_bytes_max: int) -> bytes:
    """Return the whole request body; raise BodyTooLargeError or ClientGoneError."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGoneError
    if not message.get("more_body"):
        body: bytes = message.get("body", b"")
        if len(body) > body_bytes_max:
            raise BodyTooLargeError
        return body
    chunks = [message.get("body", b"")]
    size = len(chunks[0])
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > body_bytes_max:
            raise BodyTooLargeError
    return b"".join(chunks)


async def send_bytes(send: Send, *, status: int, body: bytes, headers: Headers = ()) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


async def send_json(send: Send, *, status: int, value: object, headers: Headers = ()) -> None:
    await send_bytes(send, status=status, body=orjson.dumps(value), headers=(_JSON_TYPE, *headers))


def header(scope: Scope, name: bytes) -> bytes | None:
    """Return the first value of a header (its name in lower case), or None."""
    value: bytes
    for key, value in scope["headers"]:
        if key == name:
            return value
    return None


async def wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def hang(receive: Receive, *, closing: asyncio.Event, seconds: float | None) -> None:
    """Wait until the client gives up, the sandbox closes, or `seconds` (None: no bound) are over."""
    gone = asyncio.ensure_future(wait_for_disconnect(receive))
    closed = asyncio.ensure_future(closing.wait())
    try:
        await asyncio.wait((gone, closed), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for waiter in (gone, closed):
            waiter.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await waiter


def can_reset(scope: Scope) -> bool:
    """Tell whether the server under us lets an application reset a connection."""
    return RESET_EXTENSION in scope.get("extensions", {})


async def reset(scope: Scope, receive: Receive, send: Send) -> None:
    """Reset the client's connection (TCP RST); under a foreign server, answer an empty 502 that closes it."""
    function = scope.get("extensions", {}).get(RESET_EXTENSION)
    if function is None:
        await send_bytes(send, status=502, body=b"", headers=((b"connection", b"close"),))
        return
    function()
    await wait_for_disconnect(receive)
