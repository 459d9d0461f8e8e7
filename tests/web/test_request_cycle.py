"""What an application may do with a request, byte by byte on the wire."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvloop
from structlog.testing import capture_logs

from waypost.settings import Settings
from waypost.web.server import HttpService

App = Callable[[Any, Any, Any], Awaitable[None]]
GET = b"GET /path%20x?a=1 HTTP/1.1\r\nHost: a\r\n\r\n"


def answering(*messages: dict[str, Any]) -> App:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    return app


def start(status: int = 200, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": headers}


def body(part: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": part, "more_body": more}


LENGTH_2 = (b"Content-Length", b"2")


async def talk(app: App, request: bytes, *, ends_by_close: bool = True) -> bytes:
    """Send a request, and return all bytes until the server closes, or until its first answer of two bytes is there."""
    service = HttpService("web", app, host="127.0.0.1", port=0, settings=Settings.load(env_file=None))
    await service.start()
    try:
        async with asyncio.timeout(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
            writer.write(request)
            answer = await (reader.read() if ends_by_close else reader.readuntil(b"\r\n\r\n"))
            if not ends_by_close:
                answer += await reader.readexactly(2)
            writer.close()
            await writer.wait_closed()
            return answer
    finally:
        await service.stop()


async def test_an_answer_with_a_length_keeps_the_connection():
    answer = await talk(answering(start(200, LENGTH_2), body(b"o", more=True), body(b"k")), GET, ends_by_close=False)

    assert answer == b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


async def test_a_head_has_the_length_and_no_body():
    answer = await talk(
        answering(start(200, LENGTH_2, (b"connection", b"close")), body(b"ok")), GET.replace(b"GET", b"HEAD")
    )

    assert answer == b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n"


async def test_an_answer_without_a_length_comes_in_chunks():
    request = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")

    answer = await talk(answering(start(), body(b"first", more=True), body(b"", more=True), body(b"last")), request)

    head, _, rest = answer.partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head
    assert rest == b"5\r\nfirst\r\n4\r\nlast\r\n0\r\n\r\n"


async def test_to_a_client_of_1_0_an_answer_without_a_length_ends_with_the_connection():
    answer = await talk(answering(start(), body(b"first ", more=True), body(b"last")), GET.replace(b"1.1", b"1.0"))

    assert answer == b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nfirst last"


async def test_no_content_has_neither_length_nor_body():
    request = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")

    assert await talk(answering(start(204), body(b"")), request) == (
        b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n"
    )


@pytest.mark.parametrize(
    "messages",
    [
        (),
        (body(b"ok"),),
        (start(200, LENGTH_2), start(200, LENGTH_2)),
        (start(200, LENGTH_2),),
        (start(200, LENGTH_2), body(b"o")),
        (start(200, LENGTH_2), body(b"okay")),
        (start(200, (b"x-injected", b"a\r\nset-cookie: b")),),
        (start(200, (b"bad name", b"a")),),
        (start(200, (b"content-type", b"text/plain\nx: y")),),
    ],
    ids=["nothing", "body first", "two starts", "no body", "short", "long", "line break", "name", "usual name"],
)
async def test_an_answer_that_cannot_be_written_becomes_500_and_nothing_of_it_leaves(messages: tuple[Any, ...]):
    answer = await talk(answering(*messages), GET)

    assert answer.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert answer.endswith(b"connection: close\r\n\r\nInternal Server Error")


async def test_an_application_that_fails_after_its_answer_began_ends_the_connection():
    answer = await talk(answering(start(), body(b"first", more=True), {"type": "unknown"}), GET)

    assert answer.endswith(b"\r\n\r\n5\r\nfirst\r\n")


def test_a_reader_that_leaves_while_more_of_its_requests_wait_is_no_defect():
    """On the gateway's own event loop, whose transports raise when they are written to after their end."""
    paths = []
    ended = asyncio.Event()

    async def streaming(scope: Any, receive: Any, send: Any) -> None:
        async def until_gone() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        gone = asyncio.ensure_future(until_gone())
        paths.append(scope["path"])
        try:
            await send(start())
            while not gone.done():
                await send(body(b"event", more=True))
                await asyncio.sleep(0)
        finally:
            gone.cancel()
            ended.set()

    async def leave() -> None:
        service = HttpService("web", streaming, host="127.0.0.1", port=0, settings=Settings.load(env_file=None))
        await service.start()
        try:
            async with asyncio.timeout(20):
                reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
                writer.write(GET + GET)
                await reader.readuntil(b"event")
                writer.transport.abort()
                await ended.wait()
        finally:
            await service.stop()

    with capture_logs() as logged, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(leave())

    assert paths[0] == "/path x"
    assert [] == [one["event"] for one in logged if one["log_level"] == "error"]


async def test_an_application_sees_the_path_decoded_and_as_it_came():
    seen: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.update(scope)
        await answering(start(200, LENGTH_2), body(b"ok"))(scope, receive, send)

    await talk(app, GET, ends_by_close=False)

    assert (seen["path"], seen["raw_path"], seen["query_string"]) == ("/path x", b"/path%20x", b"a=1")


async def test_a_body_is_told_once_and_then_nothing_but_the_end():
    parts: list[bytes] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        has_more = True
        while has_more:
            message = await receive()
            parts.append(message["body"])
            has_more = message["more_body"]
        listening = asyncio.ensure_future(receive())
        await answering(start(200, LENGTH_2), body(b"ok"))(scope, receive, send)
        assert await listening == {"type": "http.disconnect"}
        parts.append(b"end")

    request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000
    await talk(app, request, ends_by_close=False)

    assert b"".join(parts[:-1]) == b"x" * 200_000
    assert parts[-1] == b"end"
