"""Fetching from customers' URLs, against servers that behave and servers that do not."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import trustme
from tests.outbound import faults
from tests.outbound.faults import FaultServer, answering, ok
from tests.outbound.ssrf_corpus import DENIED_NAMES, DENIED_URLS, REDIRECT_TARGETS
from tests.outbound.test_guard import NameTable

from waypost.media.fetcher import Fetched, Fetcher, FetchFailure, FetchFault, NotModified
from waypost.media.filenames import FILENAME_CHARACTERS_MAX, name_of_disposition, name_of_url, safe_filename
from waypost.outbound.aiohttp_client import AiohttpClient
from waypost.outbound.guard import OutboundPolicy
from waypost.outbound.http import Timeouts

LOOPBACK = OutboundPolicy(allow_http=True, allowed_networks=(ip_network("127.0.0.0/8"),))
QUICK = Timeouts(total_seconds=2, pool_seconds=0.3, dns_seconds=0.3, connect_seconds=0.3, read_seconds=1)

MakeFetcher = Callable[..., Fetcher]


@pytest.fixture
async def make_fetcher(tmp_path: Path) -> AsyncIterator[MakeFetcher]:
    clients: list[AiohttpClient] = []

    def make(
        policy: OutboundPolicy = LOOPBACK,
        *,
        names: NameTable | None = None,
        ca_pem: bytes | None = None,
        **options: Any,
    ) -> Fetcher:
        clients.append(AiohttpClient(policy=policy, resolver=names, timeouts=QUICK, ca_pem=ca_pem))
        options.setdefault("first_byte_seconds", 1.0)
        return Fetcher(clients[-1], tmp_path / "fetched", **options)

    yield make
    for client in clients:
        await client.close()


async def fetch(fetcher: Fetcher, url: str, *, bytes_max: int = 1_000_000, **options: Any):
    return await fetcher.fetch(url, account_id="account", bytes_max=bytes_max, **options)


def left_behind(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "fetched").iterdir())


def moved(location: str, status: int = 302) -> bytes:
    return b"HTTP/1.1 %d Moved\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % (
        status,
        location.encode("utf-8", "replace"),
    )


def by_path(answers: dict[str, bytes]) -> faults.Behaviour:
    async def behave(server: FaultServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await server.read_request(reader)
            writer.write(answers[head.split()[1].decode()])
            await writer.drain()

    return behave


@asynccontextmanager
async def on_another_address(server: FaultServer) -> AsyncIterator[str]:
    """Serve on 127.0.0.2, the one address that these policies allow; all others stand for the inside."""
    listener = await asyncio.start_server(server._serve, "127.0.0.2", 0)
    try:
        yield f"http://127.0.0.2:{listener.sockets[0].getsockname()[1]}"
    finally:
        listener.close()
        async with server.running():
            pass


ONLY_TWO = OutboundPolicy(allow_http=True, allowed_networks=(ip_network("127.0.0.2/32"),))


async def test_a_file_is_fetched_whole_with_its_validators(make_fetcher: MakeFetcher):
    content = bytes(range(256)) * 10_000
    headers = b'ETag: "v1"\r\nLast-Modified: Mon, 05 Oct 2026 10:00:00 GMT\r\nContent-Type: image/png\r\n'
    async with FaultServer(answering(ok(content, headers))).running() as server:
        found = await fetch(make_fetcher(), server.url("/a/Brochure%20One.pdf?x=1"), bytes_max=len(content))

        assert isinstance(found, Fetched)
        assert found.path.read_bytes() == content
        assert found.size_bytes == len(content)
        assert (found.etag, found.last_modified) == ('"v1"', "Mon, 05 Oct 2026 10:00:00 GMT")
        assert (found.content_type, found.filename) == ("image/png", "Brochure One.pdf")
        head = server.requests[0][0].lower()
        assert b"accept-encoding: identity" in head
        assert b"if-none-match" not in head


async def test_a_body_without_a_length_is_fetched(make_fetcher: MakeFetcher):
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"
    async with FaultServer(answering(raw)).running() as server:
        found = await fetch(make_fetcher(), server.url())

    assert isinstance(found, Fetched)
    assert found.path.read_bytes() == b"abcdef"
    assert (found.etag, found.last_modified, found.content_type) == (None, None, None)


async def test_an_unchanged_file_is_not_fetched_again(make_fetcher: MakeFetcher, tmp_path: Path):
    raw = b'HTTP/1.1 304 Not Modified\r\nETag: "v1"\r\n\r\n'
    async with FaultServer(answering(raw)).running() as server:
        found = await fetch(make_fetcher(), server.url(), etag='"v1"', last_modified="yesterday")

        assert found == NotModified(etag='"v1"', last_modified=None)
        head = server.requests[0][0].lower()
        assert b'if-none-match: "v1"' in head
        assert b"if-modified-since: yesterday" in head
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("hops", [1, 2, 3])
async def test_up_to_three_redirects_are_followed(make_fetcher: MakeFetcher, hops: int):
    answers = {f"/{number}": moved(f"/{number + 1}", 301 + number) for number in range(3)}
    answers[f"/{hops}"] = ok(b"there", b'Content-Disposition: attachment; filename="x.pdf"\r\n')
    async with FaultServer(by_path(answers)).running() as server:
        found = await fetch(make_fetcher(), server.url("/0"))

        assert isinstance(found, Fetched)
        assert found.path.read_bytes() == b"there"
        assert found.filename == "x.pdf"
        assert len(server.requests) == hops + 1


async def test_a_fourth_redirect_is_too_many(make_fetcher: MakeFetcher, tmp_path: Path):
    async with FaultServer(answering(moved("/again"))).running() as server:
        found = await fetch(make_fetcher(), server.url())

        assert isinstance(found, FetchFailure)
        assert (found.fault, found.is_retryable) == (FetchFault.TOO_MANY_REDIRECTS, False)
        assert len(server.requests) == 4
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_to_a_denied_place_opens_no_socket_there(
    make_fetcher: MakeFetcher, connects: list[tuple[object, ...]], status: int, tmp_path: Path
):
    answers = {f"/{number}": moved(case.url, status) for number, case in enumerate(REDIRECT_TARGETS)}
    answers |= {f"/name{number}": moved(f"https://{name}/", status) for number, name in enumerate(DENIED_NAMES)}
    names = NameTable({name.encode("idna").decode(): [list(found)] for name, found in DENIED_NAMES.items()})
    server = FaultServer(by_path(answers))
    async with on_another_address(server) as origin:
        fetcher = make_fetcher(ONLY_TWO, names=names)
        for path in answers:
            found = await fetch(fetcher, origin + path)

            assert isinstance(found, FetchFailure), path
            assert found.fault in {FetchFault.REFUSED, FetchFault.UNREACHABLE, FetchFault.CUT_SHORT}, path
        assert len(server.requests) == len(answers)
    assert {address[0] for address in connects} == {"127.0.0.2"}
    assert left_behind(tmp_path) == []


async def test_a_second_hop_is_judged_like_the_first(make_fetcher: MakeFetcher, connects: list[tuple[object, ...]]):
    async with FaultServer(answering(ok(b"canary"))).running() as canary:
        server = FaultServer(by_path({"/a": moved("/b"), "/b": moved(canary.url("/secret"))}))
        async with on_another_address(server) as origin:
            found = await fetch(make_fetcher(ONLY_TWO), origin + "/a")

        assert isinstance(found, FetchFailure)
        assert (found.fault, found.is_retryable) == (FetchFault.REFUSED, False)
        assert canary.connections == 0
    assert {address[0] for address in connects} == {"127.0.0.2"}


async def test_a_redirect_from_https_to_http_is_refused(
    make_fetcher: MakeFetcher, server_tls: ssl.SSLContext, authority: trustme.CA
):
    async with FaultServer(answering(ok())).running() as plain:
        async with FaultServer(answering(moved(plain.url()))).running(server_tls) as server:
            policy = OutboundPolicy(allowed_networks=(ip_network("127.0.0.0/8"),))
            fetcher = make_fetcher(
                policy, names=NameTable({"localhost": [["127.0.0.1"]]}), ca_pem=authority.cert_pem.bytes()
            )
            found = await fetch(fetcher, server.url(scheme="https", host="localhost"))

        assert isinstance(found, FetchFailure)
        assert found.fault is FetchFault.REFUSED
        assert plain.connections == 0


async def test_no_socket_is_opened_for_a_denied_attachment(
    make_fetcher: MakeFetcher, connects: list[tuple[object, ...]], tmp_path: Path
):
    fetcher = make_fetcher(OutboundPolicy(allow_http=True), names=NameTable({}))
    for case in DENIED_URLS:
        found = await fetch(fetcher, case.url)

        assert isinstance(found, FetchFailure), case
        assert (found.fault, found.is_retryable) == (FetchFault.REFUSED, False), case
    assert connects == []
    assert left_behind(tmp_path) == []


async def slow_drip(server: FaultServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await server.read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.wait({asyncio.ensure_future(server.never.wait())}, timeout=0.05)


FAILURES: dict[str, tuple[faults.Behaviour, FetchFault, bool]] = {
    "404": (answering(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"), FetchFault.STATUS, False),
    "403": (answering(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"), FetchFault.STATUS, False),
    "204": (answering(b"HTTP/1.1 204 No\r\n\r\n"), FetchFault.STATUS, False),
    "206": (answering(b"HTTP/1.1 206 Part\r\nContent-Length: 2\r\n\r\nab"), FetchFault.STATUS, False),
    "304 unasked": (answering(b"HTTP/1.1 304 Same\r\n\r\n"), FetchFault.STATUS, False),
    "redirect to nowhere": (answering(b"HTTP/1.1 302 F\r\nContent-Length: 0\r\n\r\n"), FetchFault.STATUS, False),
    "500": (answering(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"), FetchFault.STATUS, True),
    "503": (answering(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"), FetchFault.STATUS, True),
    "429": (answering(b"HTTP/1.1 429 No\r\nContent-Length: 0\r\n\r\n"), FetchFault.STATUS, True),
    "length over the cap": (
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n", then="hang"),
        FetchFault.TOO_LARGE,
        False,
    ),
    "absurd length": (
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\n", then="hang"),
        FetchFault.CUT_SHORT,
        True,
    ),
    "endless body": (faults.endless_body, FetchFault.TOO_LARGE, False),
    "one over the cap": (answering(ok(b"x" * 1_000_001)), FetchFault.TOO_LARGE, False),
    "packed": (answering(ok(b"\x1f\x8b", b"Content-Encoding: gzip\r\n")), FetchFault.ENCODED, False),
    "cut short": (
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nabc", then="close"),
        FetchFault.CUT_SHORT,
        True,
    ),
    "longer than it says": (
        answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc", then="close"),
        FetchFault.CUT_SHORT,
        True,
    ),
    "silent": (faults.hang_after_reading, FetchFault.TOO_SLOW, True),
    "stops in the body": (
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nabc", then="hang"),
        FetchFault.TOO_SLOW,
        True,
    ),
    "drips": (slow_drip, FetchFault.TOO_SLOW, True),
    "resets": (faults.reset_after_reading, FetchFault.CUT_SHORT, True),
    "flood of headers": (faults.endless_headers, FetchFault.CUT_SHORT, True),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_a_fetch_fails_with_its_fault_and_leaves_nothing(make_fetcher: MakeFetcher, tmp_path: Path, name: str):
    behaviour, fault, is_retryable = FAILURES[name]
    async with FaultServer(behaviour).running() as server:
        found = await fetch(make_fetcher(first_byte_seconds=0.4, rate_window_seconds=0.3), server.url())

    assert isinstance(found, FetchFailure)
    assert (found.fault, found.is_retryable) == (fault, is_retryable), found
    assert left_behind(tmp_path) == []


async def test_the_whole_fetch_is_bounded_in_time(make_fetcher: MakeFetcher, tmp_path: Path):
    async with FaultServer(slow_drip).running() as server:
        began = time.monotonic()
        found = await fetch(make_fetcher(total_seconds=0.8, rate_window_seconds=60), server.url())

    assert isinstance(found, FetchFailure)
    assert found.fault is FetchFault.TOO_SLOW
    assert time.monotonic() - began < 5
    assert left_behind(tmp_path) == []


async def test_a_server_that_is_away_is_unreachable(make_fetcher: MakeFetcher):
    async with FaultServer(answering(ok())).running() as server:
        port = server.port
    found = await fetch(make_fetcher(), f"http://127.0.0.1:{port}/")

    assert isinstance(found, FetchFailure)
    assert (found.fault, found.is_retryable) == (FetchFault.UNREACHABLE, True)


async def test_a_cancelled_fetch_leaves_nothing(make_fetcher: MakeFetcher, tmp_path: Path):
    async with FaultServer(faults.endless_body).running() as server:
        call = asyncio.create_task(fetch(make_fetcher(), server.url(), bytes_max=1 << 40))
        await until(lambda: any(path.stat().st_size > 4_000_000 for path in left_behind(tmp_path)))
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    assert left_behind(tmp_path) == []


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - a condition of files and servers has no event
            await asyncio.sleep(0)


async def test_an_account_has_four_fetches_at_once_and_others_go_on(make_fetcher: MakeFetcher):
    gate = asyncio.Event()
    waiting = 0

    async def gated(server: FaultServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal waiting
        head = await server.read_request(reader)
        if b"/gated" in head:
            waiting += 1
            await gate.wait()
        writer.write(ok())
        await writer.drain()

    async with FaultServer(gated).running() as server:
        fetcher = make_fetcher(first_byte_seconds=10.0)
        held = [asyncio.create_task(fetch(fetcher, server.url("/gated"))) for _ in range(10)]
        await until(lambda: waiting == 4)
        other = await fetcher.fetch(server.url("/open"), account_id="other", bytes_max=10)
        assert isinstance(other, Fetched)
        assert waiting == 4

        gate.set()
        found = await asyncio.gather(*held)

        assert all(isinstance(one, Fetched) for one in found)
        assert fetcher._accounts == {}


async def test_leftovers_of_a_crash_are_removed_once_a_day_old(make_fetcher: MakeFetcher, tmp_path: Path):
    import os

    make_fetcher()
    old, young = (tmp_path / "fetched" / f"fetch-{name}" for name in ("old", "young"))
    for path in (old, young):
        path.write_bytes(b"x")
    os.utime(old, (time.time() - 90_000,) * 2)

    make_fetcher()

    assert left_behind(tmp_path) == [young]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.pdf", "a.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\windows\\evil.exe", "evil.exe"),
        ("..", None),
        ("", None),
        ("   ", None),
        (".htaccess", "htaccess"),
        ("a\x00b\r\n.pdf", "ab.pdf"),
        ("cod\u202efdp.exe", "codfdp.exe"),
        ("caf\u0065\u0301.pdf", "caf\u00e9.pdf"),
        ("x" * 300 + ".pdf", "x" * 236 + ".pdf"),
        ("x" * 300, "x" * 240),
        ("/", None),
        ("\u4e2d\u6587.docx", "\u4e2d\u6587.docx"),
    ],
)
def test_a_name_is_made_harmless(text: str, expected: str | None):
    safe = safe_filename(text)

    assert safe == expected
    if safe is not None:
        assert safe_filename(safe) == safe
        assert len(safe) <= FILENAME_CHARACTERS_MAX


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('attachment; filename="a b.pdf"', "a b.pdf"),
        ("attachment; filename=a.pdf", "a.pdf"),
        ("attachment; filename=a%20b.pdf", "a b.pdf"),
        ("attachment; filename=\"x.pdf\"; filename*=UTF-8''caf%C3%A9.pdf", "caf\u00e9.pdf"),
        ("inline; FILENAME*=utf-8'en'y.pdf", "y.pdf"),
        ('attachment; filename="..\\\\..\\\\evil.exe"', "evil.exe"),
        ('attachment; filename="say \\"hi\\".txt"', 'say "hi".txt'),
        ("attachment; filename*=UTF-8''%ff%fe.pdf", "\ufffd\ufffd.pdf"),
        ("attachment", None),
        ('attachment; filename=""', None),
        ("", None),
        ("attachment; xfilename=a.pdf", None),
    ],
)
def test_a_disposition_names_a_file(value: str, expected: str | None):
    assert name_of_disposition(value) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.org/a/b.pdf?x=/y.exe#z", "b.pdf"),
        ("https://example.org/a/b/", None),
        ("https://example.org", None),
        ("https://example.org/%2e%2e%2fetc%2fpasswd", "passwd"),
        ("https://example.org/caf%C3%A9.jpg", "caf\u00e9.jpg"),
        ("https://[::1/", None),
    ],
)
def test_a_url_names_a_file(url: str, expected: str | None):
    assert name_of_url(url) == expected
