"""
The conformance suite of `HttpClient`: both libraries, and the guarded one, against servers that fail on purpose.

What matters most is `request_started`: False only where no byte of the request can have left.
"""

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import trustme
from tests.outbound import faults
from tests.outbound.faults import FaultServer, answering, ok

from waypost.outbound.http import EndKind, HttpClient, OutboundError, Timeouts

MakeClient = Callable[..., HttpClient]


async def end_of(client: HttpClient, url: str, *, body: bytes = b"{}", **options) -> OutboundError:
    options.setdefault("body_bytes_max", 1000)
    with pytest.raises(OutboundError) as caught:
        await client.request("POST", url, headers={"Content-Type": "application/json"}, body=body, **options)
    return caught.value


async def test_an_answer_is_given_whole_with_lower_case_headers(make_client: MakeClient):
    raw = b"HTTP/1.1 201 Created\r\nX-Thing: one\r\nX-Thing: two\r\nRetry-After: 7\r\nContent-Length: 5\r\n\r\nhello"
    async with FaultServer(answering(raw)).running() as server:
        answer = await make_client().request("POST", server.url(), headers={"X-A": "b"}, body=b"123", body_bytes_max=5)

        assert (answer.status, answer.body) == (201, b"hello")
        assert dict(answer.headers) == {"x-thing": "one", "retry-after": "7", "content-length": "5"}
        assert answer.headers.get("absent") is None
        head, body = server.requests[0]
        assert body == b"123"
        assert b"x-a: b" in head.lower()
        assert b"accept-encoding: identity" in head.lower()
        assert b"\r\nhost: 127.0.0.1:%d\r\n" % server.port in head.lower()
        assert b"user-agent: waypost/" in head.lower()


async def test_a_header_that_is_not_text_does_not_spoil_the_answer(make_client: MakeClient):
    raw = ok(headers=b"X-Odd: caf\xe9\r\nX-Fine: yes\r\n")
    async with FaultServer(answering(raw)).running() as server:
        answer = await make_client().request("GET", server.url(), headers={}, body_bytes_max=5)

    assert answer.headers["x-fine"] == "yes"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_and_is_not_followed(make_client: MakeClient, status: int):
    raw = b"HTTP/1.1 %d Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n" % status
    async with FaultServer(answering(raw)).running() as server:
        answer = await make_client().request("GET", server.url(), headers={}, body_bytes_max=5)

        assert status == answer.status
        assert len(server.requests) == 1


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
async def test_an_error_status_is_an_answer(make_client: MakeClient, status: int):
    raw = b"HTTP/1.1 %d Bad\r\nContent-Length: 2\r\n\r\nno" % status
    async with FaultServer(answering(raw)).running() as server:
        answer = await make_client().request("POST", server.url(), headers={}, body=b"x", body_bytes_max=5)

    assert (status, b"no") == (answer.status, answer.body)


async def test_packed_bodies_are_left_packed_and_cookies_forgotten(make_client: MakeClient):
    raw = ok(b"\x1f\x8b\x08\x00junk", b"Content-Encoding: gzip\r\nSet-Cookie: a=b; Path=/\r\n")
    async with FaultServer(answering(raw)).running() as server:
        client = make_client()
        answer = await client.request("GET", server.url(), headers={}, body_bytes_max=50)
        await client.request("GET", server.url(), headers={}, body_bytes_max=50)

        assert answer.body == b"\x1f\x8b\x08\x00junk"
        assert b"cookie" not in server.requests[1][0].lower()


async def test_proxy_settings_of_the_environment_are_not_used(make_client: MakeClient, monkeypatch: pytest.MonkeyPatch):
    async with (
        FaultServer(answering(ok(b"proxy"))).running() as proxy,
        FaultServer(answering(ok())).running() as server,
    ):
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url(""))
        monkeypatch.delenv("no_proxy", raising=False)
        answer = await make_client().request("GET", server.url(), headers={}, body_bytes_max=50)

        assert answer.body == b"ok"
        assert proxy.connections == 0
        assert os.environ["http_proxy"]


AFTER_THE_FIRST_BYTE = {
    "reset before reading": (faults.reset_before_reading, {EndKind.RESET}),
    "close before reading": (faults.close_before_reading, {EndKind.RESET}),
    "reset after reading": (faults.reset_after_reading, {EndKind.RESET}),
    "close after reading": (faults.close_after_reading, {EndKind.RESET}),
    "hang after reading": (faults.hang_after_reading, {EndKind.TIMEOUT}),
    "hang before reading": (faults.hang_before_reading, {EndKind.TIMEOUT}),
    "body cut short": (answering(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nabc", then="close"), {EndKind.RESET}),
    "body reset": (answering(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nabc", then="reset"), {EndKind.RESET}),
    "body hangs": (answering(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nabc", then="hang"), {EndKind.TIMEOUT}),
    "chunks cut": (
        answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", then="close"),
        {EndKind.RESET, EndKind.PROTOCOL},
    ),
    "not http": (answering(b"220 smtp ready\r\n\r\n", then="close"), {EndKind.PROTOCOL}),
    "head cut": (answering(b"HTTP/1.1 200 OK\r\nContent-", then="close"), {EndKind.RESET}),
    "flood of headers": (faults.endless_headers, {EndKind.PROTOCOL}),
    "long header": (
        answering(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 2_000_000 + b"\r\n\r\n", then="close"),
        {EndKind.PROTOCOL, EndKind.RESET},
    ),
    "two lengths": (
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", then="close"),
        {EndKind.PROTOCOL},
    ),
    "endless body": (faults.endless_body, {EndKind.BODY_TOO_LARGE}),
    "body one over the cap": (answering(ok(b"x" * 1001)), {EndKind.BODY_TOO_LARGE}),
}


@pytest.mark.parametrize("name", AFTER_THE_FIRST_BYTE)
async def test_an_end_after_the_first_byte_counts_as_started(make_client: MakeClient, name: str):
    behaviour, kinds = AFTER_THE_FIRST_BYTE[name]
    async with FaultServer(behaviour).running() as server:
        end = await end_of(make_client(), server.url())

        assert end.request_started
        assert end.kind in kinds
        assert server.connections == 1, "it was tried again"


async def test_a_body_of_exactly_the_cap_is_given(make_client: MakeClient):
    async with FaultServer(answering(ok(b"x" * 1000))).running() as server:
        answer = await make_client().request("GET", server.url(), headers={}, body_bytes_max=1000)

    assert len(answer.body) == 1000


async def test_a_refused_connection_has_not_started(make_client: MakeClient):
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        end = await end_of(make_client(), f"http://127.0.0.1:{unheard.getsockname()[1]}/x")

    assert (end.kind, end.request_started) == (EndKind.CONNECT, False)


@contextlib.contextmanager
def full_backlog() -> Iterator[int]:
    """Give a port whose listener takes no more connections, so that a further SYN is not answered."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(listener.getsockname())
        yield listener.getsockname()[1]


async def test_a_connection_that_times_out_has_not_started(make_client: MakeClient):
    with full_backlog() as port:
        end = await end_of(make_client(), f"http://127.0.0.1:{port}/x")

    assert (end.kind, end.request_started) == (EndKind.CONNECT, False)


async def test_a_name_that_is_not_found_has_not_started(make_client: MakeClient):
    # An over-long label is refused by the resolver itself: nothing is asked of the network.
    end = await end_of(make_client(), f"http://{'a' * 64}.localhost:8443/x")

    assert end.kind in {EndKind.DNS, EndKind.INVALID_URL}
    assert not end.request_started


@pytest.mark.parametrize("url", ["http://exa mple/x", "ftp://127.0.0.1/x", "no url", "http://", "http://[::1/", ""])
async def test_a_malformed_url_has_not_started(make_client: MakeClient, url: str):
    end = await end_of(make_client(), url)

    assert (end.kind, end.request_started) == (EndKind.INVALID_URL, False)


async def test_waiting_for_a_connection_in_vain_has_not_started(make_client: MakeClient):
    async with FaultServer(faults.hang_after_reading).running() as server:
        client = make_client(connections_max=1)
        first = asyncio.create_task(end_of(client, server.url()))
        await server.request_read.wait()

        second = await end_of(client, server.url())

        assert (second.kind, second.request_started) == (EndKind.POOL_WAIT, False)
        assert (await first).request_started
        assert len(server.requests) == 1


TLS_FAILURES = {
    "silent": faults.silent_tls,
    "closes": faults.close_in_tls,
    "resets": faults.reset_in_tls,
    "speaks plainly": answering(ok()),
}


@pytest.mark.parametrize("name", TLS_FAILURES)
async def test_a_tls_handshake_that_fails_has_not_started(make_client: MakeClient, authority: trustme.CA, name: str):
    async with FaultServer(TLS_FAILURES[name]).running() as server:
        client = make_client(ca_pem=authority.cert_pem.bytes())
        end = await end_of(client, server.url(scheme="https", host="localhost"))

        assert end.kind in {EndKind.TLS, EndKind.CONNECT}
        assert not end.request_started


async def test_an_untrusted_certificate_has_not_started(make_client: MakeClient, server_tls: ssl.SSLContext):
    async with FaultServer(answering(ok())).running(server_tls) as server:
        end = await end_of(make_client(), server.url(scheme="https", host="localhost"))

        assert (end.kind, end.request_started) == (EndKind.TLS, False)
        assert server.requests == []


async def test_a_certificate_for_another_name_has_not_started(
    make_client: MakeClient, server_tls: ssl.SSLContext, authority: trustme.CA
):
    async with FaultServer(answering(ok())).running(server_tls) as server:
        end = await end_of(make_client(ca_pem=authority.cert_pem.bytes()), server.url(scheme="https"))

        assert (end.kind, end.request_started) == (EndKind.TLS, False)
        assert server.requests == []


async def test_a_trusted_certificate_is_spoken_to(
    make_client: MakeClient, server_tls: ssl.SSLContext, authority: trustme.CA
):
    async with FaultServer(answering(ok())).running(server_tls) as server:
        client = make_client(ca_pem=authority.cert_pem.bytes())
        url = server.url(scheme="https", host="localhost")
        answer = await client.request("POST", url, headers={}, body=b"x", body_bytes_max=10)

    assert answer.body == b"ok"


async def test_connections_are_kept_and_used_again(make_client: MakeClient):
    async with FaultServer(answering(ok())).running() as server:
        client = make_client()
        for _ in range(5):
            await client.request("POST", server.url(), headers={}, body=b"x", body_bytes_max=10)

        assert (len(server.requests), server.connections) == (5, 1)


async def test_a_connection_closed_while_idle_does_no_harm(make_client: MakeClient):
    async with FaultServer(answering(ok(headers=b"Connection: close\r\n"), then="close")).running() as server:
        client = make_client()
        for _ in range(5):
            await client.request("POST", server.url(), headers={}, body=b"x", body_bytes_max=10)

        assert len(server.requests) == 5


async def test_a_reset_on_a_kept_connection_is_in_doubt_and_not_tried_again(make_client: MakeClient):
    async with FaultServer(faults.reset_on_second_request).running() as server:
        client = make_client()
        await client.request("POST", server.url(), headers={}, body=b"x", body_bytes_max=10)
        end = await end_of(client, server.url())

        assert (end.kind, end.request_started) == (EndKind.RESET, True)
        assert (len(server.requests), server.connections) == (2, 1)


async def test_a_freed_connection_serves_the_next_after_any_end(make_client: MakeClient):
    """Neither a full body, an over-long one, a broken one nor a cancelled call keeps a place in the pool."""
    async with (
        FaultServer(answering(ok(b"x" * 50))).running() as good,
        FaultServer(faults.endless_body).running() as endless,
        FaultServer(faults.hang_after_reading).running() as hanging,
    ):
        client = make_client(connections_max=1)
        for _ in range(3):
            await client.request("POST", good.url(), headers={}, body=b"x", body_bytes_max=50)
            assert (await end_of(client, good.url(), body_bytes_max=49)).kind is EndKind.BODY_TOO_LARGE
            assert (await end_of(client, endless.url())).kind is EndKind.BODY_TOO_LARGE
            hanging.request_read.clear()
            call = asyncio.create_task(client.request("POST", hanging.url(), headers={}, body=b"x", body_bytes_max=50))
            await hanging.request_read.wait()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            async with client.stream("GET", endless.url(), headers={}) as stream:
                assert await anext(aiter(stream.chunks))


async def test_a_small_total_timeout_of_one_request_is_kept(make_client: MakeClient):
    short = Timeouts(total_seconds=0.3, pool_seconds=0.05, dns_seconds=0.05, connect_seconds=0.1, read_seconds=9)
    async with FaultServer(faults.hang_after_reading).running() as server:
        client = make_client(timeouts=Timeouts())
        end = await end_of(client, server.url(), timeouts=short)

    assert (end.kind, end.request_started) == (EndKind.TIMEOUT, True)


async def test_a_streamed_body_is_sent_with_the_length_given(make_client: MakeClient):
    async def body() -> AsyncIterator[bytes]:
        for _ in range(4):
            yield b"x" * 100_000

    async with FaultServer(answering(ok())).running() as server:
        client = make_client()
        await client.request("POST", server.url(), headers={"Content-Length": "400000"}, body=body(), body_bytes_max=10)

        head, received = server.requests[0]
        assert len(received) == 400_000
        assert head.lower().count(b"content-length") == 1
        assert b"transfer-encoding" not in head.lower()


async def test_a_streamed_body_without_a_length_is_sent_chunked(make_client: MakeClient):
    async def body() -> AsyncIterator[bytes]:
        yield b"abc"
        yield b"def"

    async with FaultServer(answering(ok())).running() as server:
        await make_client().request("POST", server.url(), headers={}, body=body(), body_bytes_max=10)

        assert server.requests[0][1] == b"abcdef"


async def test_a_large_body_of_bytes_is_sent_whole(make_client: MakeClient):
    async with FaultServer(answering(ok())).running() as server:
        await make_client().request("POST", server.url(), headers={}, body=b"y" * 3_000_000, body_bytes_max=10)

        assert len(server.requests[0][1]) == 3_000_000


async def test_a_streamed_answer_is_given_in_pieces(make_client: MakeClient):
    async with FaultServer(answering(ok(b"z" * 300_000))).running() as server:
        client = make_client()
        for _ in range(2):
            async with client.stream("GET", server.url(), headers={}) as stream:
                received = [chunk async for chunk in stream.chunks]

            assert stream.status == 200
            assert stream.headers["content-length"] == "300000"
            assert b"".join(received) == b"z" * 300_000
        assert server.connections == 1


async def read_stream(client: HttpClient, url: str) -> bytes:
    async with client.stream("GET", url, headers={}) as stream:
        return b"".join([chunk async for chunk in stream.chunks])


async def test_a_streamed_answer_that_breaks_off_is_an_end(make_client: MakeClient):
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nabc"
    async with FaultServer(answering(raw, then="close")).running() as server:
        with pytest.raises(OutboundError) as caught:
            await read_stream(make_client(), server.url())

    assert (caught.value.kind, caught.value.request_started) == (EndKind.RESET, True)


async def test_a_stream_that_is_refused_ends_on_entry(make_client: MakeClient):
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        with pytest.raises(OutboundError) as caught:
            async with make_client().stream("GET", f"http://127.0.0.1:{unheard.getsockname()[1]}/", headers={}):
                pass

    assert (caught.value.kind, caught.value.request_started) == (EndKind.CONNECT, False)


async def test_a_request_under_way_when_the_client_closes_is_in_doubt(make_client: MakeClient):
    async with FaultServer(faults.hang_after_reading).running() as server:
        client = make_client()
        call = asyncio.create_task(end_of(client, server.url()))
        await server.request_read.wait()
        await client.close()
        await client.close()

        assert (await call).request_started


async def test_a_request_after_closing_has_not_started(make_client: MakeClient):
    async with FaultServer(answering(ok())).running() as server:
        client = make_client()
        await client.close()
        end = await end_of(client, server.url())

        assert not end.request_started
        assert server.connections == 0


async def test_several_hundred_requests_run_at_once(make_client: MakeClient):
    async with FaultServer(answering(ok())).running() as server:
        patient = Timeouts(total_seconds=300.0, pool_seconds=60.0, connect_seconds=60.0, read_seconds=60.0)
        client = make_client(connections_max=300, timeouts=patient)
        url = server.url()
        answers = await asyncio.gather(
            *(client.request("POST", url, headers={}, body=b"x", body_bytes_max=10) for _ in range(900))
        )

        assert {200} == {answer.status for answer in answers}
        assert (len(server.requests), server.connections < 900) == (900, True)


@pytest.mark.parametrize(
    "values",
    [
        {"total_seconds": 5.0},
        {"pool_seconds": 0.0},
        {"read_seconds": -1.0},
    ],
)
def test_timeouts_that_cannot_tell_before_from_after_are_refused(values: dict[str, float]):
    with pytest.raises(ValueError, match="timeout"):
        Timeouts(**values)


MALFORMED = {
    "status line": b"content-marker\r\n\r\n",
    "header": b"HTTP/1.1 200 OK\r\ncontent-marker\r\n\r\n",
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: content-marker\r\n\r\n",
    "chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ncontent-marker\r\n",
    "long header": b"HTTP/1.1 200 OK\r\nX: " + b"content-marker" * 100_000 + b"\r\n\r\n",
    "beyond the length": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabcontent-marker\r\n",
    "cut short": b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\ncontent-marker",
}


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED)
async def test_what_is_said_of_an_end_holds_no_path_header_or_content(make_client: MakeClient, raw: bytes):
    """Signed URLs, tokens and pieces of files would go into logs, and into what is kept of an attempt."""
    async with FaultServer(answering(raw, then="close")).running() as server:
        client = make_client()
        with contextlib.suppress(OutboundError):
            await client.request("GET", server.url("/warm-up"), headers={}, body_bytes_max=1000)
        for url in (server.url("/path-marker?q=path-marker"), "http://127.0.0.1:1/path-marker"):
            details = []
            try:
                headers = {"Authorization": "Bearer header-marker"}
                async with client.stream("GET", url, headers=headers) as answer:
                    async for _ in answer.chunks:
                        pass
            except OutboundError as error:
                details.append(str(error))

            assert [text for text in details if "marker" in text] == []
