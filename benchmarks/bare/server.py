"""A bare ASGI application under the gateway's server: uvicorn with httptools and uvloop, nothing before it."""

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson
import uvicorn

Scope = MutableMapping[str, Any]
Handle = Callable[[Scope, bytes], Awaitable[bytes]]
"""Takes a request and its body, returns the body of a 200."""

CONFIG: dict[str, Any] = orjson.loads(sys.argv[1])


def serve(handle: Handle, *, start: Callable[[], None]) -> None:
    """Serve POSTs on the configured port; `start` is called once, on the loop, before the first."""
    is_started = False

    async def app(scope: Scope, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
        nonlocal is_started
        if not is_started:
            is_started = True
            start()
        answer = b""
        if scope["method"] == "POST":
            message = await receive()
            body = message["body"]
            while message.get("more_body"):
                message = await receive()
                body += message["body"]
            answer = await handle(scope, body)
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))],
            }
        )
        await send({"type": "http.response.body", "body": answer})

    uvicorn.run(
        app,
        host="127.0.0.1",
        port=CONFIG["port"],
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        interface="asgi3",
        access_log=False,
        log_level="error",
        server_header=False,
        backlog=2048,
    )
