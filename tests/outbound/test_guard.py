"""The address rule, the parser, and that nothing is connected to what they refuse."""

import asyncio
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.outbound.conftest import LOOPBACK, QUICK
from tests.outbound.faults import FaultServer, answering, ok
from tests.outbound.ssrf_corpus import (
    DENIED_IPV4,
    DENIED_IPV6,
    DENIED_NAMES,
    DENIED_URLS,
    PUBLIC_ADDRESSES,
    PUBLIC_URLS,
    Case,
)

from waypost.outbound.aiohttp_client import AiohttpClient
from waypost.outbound.dialing import SystemResolver
from waypost.outbound.guard import (
    OPERATOR_POLICY,
    IpAddress,
    OutboundPolicy,
    Target,
    UrlRefused,
    check_custom_headers,
    is_public,
    parse_target,
)
from waypost.outbound.http import EndKind, OutboundError

STRICT = OutboundPolicy()
WITH_HTTP = OutboundPolicy(allow_http=True)


class NameTable:
    """A resolver of fixed answers; each name's last answer repeats."""

    def __init__(self, answers: dict[str, list[Sequence[str]]]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def resolve(self, host: str) -> Sequence[IpAddress]:
        self.asked.append(host)
        left = self.answers.get(host)
        if not left:
            raise OSError("no such name")
        return [ip_address(text) for text in (left.pop(0) if len(left) > 1 else left[0])]

    async def close(self) -> None:
        pass


def test_the_corpus_is_large_enough():
    assert len(DENIED_URLS) + len(DENIED_NAMES) >= 200
    assert len({case.url for case in DENIED_URLS}) >= 200


@pytest.mark.parametrize("text", DENIED_IPV4 + DENIED_IPV6)
def test_a_special_address_is_not_public(text: str):
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", PUBLIC_ADDRESSES)
def test_a_public_address_is_public(text: str):
    assert is_public(ip_address(text))


@pytest.mark.parametrize("case", DENIED_URLS, ids=str)
def test_a_denied_url_is_refused_by_the_parser(case: Case):
    with pytest.raises(UrlRefused):
        parse_target(case.url, WITH_HTTP)


@pytest.mark.parametrize("case", PUBLIC_URLS, ids=str)
def test_a_public_url_parses_and_reads_the_same_when_rebuilt(case: Case):
    target = parse_target(case.url, WITH_HTTP)

    assert parse_target(target.url, WITH_HTTP) == target


def test_a_target_has_its_parts_apart():
    target = parse_target("HTTPS://B\u00fccher.Example:8443/a b".replace(" ", "%20") + "/\u00e9?q=\u00e9#frag", STRICT)

    assert target == Target(
        scheme="https",
        host="xn--bcher-kva.example",
        port=8443,
        path_and_query="/a%20b/%C3%A9?q=%C3%A9",
        address=None,
    )
    assert target.url == "https://xn--bcher-kva.example:8443/a%20b/%C3%A9?q=%C3%A9"


def test_http_needs_leave():
    with pytest.raises(UrlRefused):
        parse_target("http://example.org/", STRICT)


def test_ports_may_be_set():
    policy = OutboundPolicy(allowed_ports=frozenset({9443}))

    assert parse_target("https://example.org:9443/", policy).port == 9443
    with pytest.raises(UrlRefused):
        parse_target("https://example.org/", policy)


METADATA = ("169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254")
METADATA_IN_OTHER_FORMS = (
    "::ffff:169.254.169.254",
    "::a9fe:a9fe",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "fd20:ce::254",
    "fd00:c1::a9fe:a9fe",
)


@pytest.mark.parametrize("text", METADATA + METADATA_IN_OTHER_FORMS)
def test_no_setting_opens_a_metadata_address(text: str):
    everything = OutboundPolicy(
        allow_http=True,
        allowed_networks=(ip_network("0.0.0.0/0"), ip_network("::/0"), ip_network("169.254.169.254/32")),
    )

    assert not everything.admits(ip_address(text), 80)
    assert not OPERATOR_POLICY.admits(ip_address(text), 443)


def test_an_allowed_network_is_open_on_any_port_and_nothing_else_is():
    policy = OutboundPolicy(allow_http=True, allowed_networks=(ip_network("10.1.0.0/16"),))

    assert parse_target("http://10.1.2.3:8080/", policy).port == 8080
    assert policy.admits(ip_address("::ffff:10.1.2.3"), 9)
    for url in ("http://10.2.0.1/", "http://127.0.0.1/", "https://93.184.215.14:8080/"):
        with pytest.raises(UrlRefused):
            parse_target(url, policy)


@given(st.ip_addresses())
def test_every_address_reads_the_same_bare_and_mapped(address: IpAddress):
    if address.version == 4:
        mapped = ip_address(f"::ffff:{address}")
        assert is_public(address) == is_public(mapped)
        assert STRICT.admits(address, 443) == STRICT.admits(mapped, 443)
    if is_public(address):
        assert address.is_global


@given(st.text(max_size=80))
def test_any_text_is_parsed_or_refused(text: str):
    for candidate in (text, f"https://{text}", f"https://{text}/", f"https://example.org/{text}"):
        try:
            target = parse_target(candidate, WITH_HTTP)
        except UrlRefused:
            continue
        assert parse_target(target.url, WITH_HTTP) == target


async def attempt(client: AiohttpClient, method: str, url: str) -> None:
    if method == "POST":
        await client.request("POST", url, headers={}, body=b"{}", body_bytes_max=10)
    else:
        async with client.stream("GET", url, headers={}):
            pass


async def refusal(client: AiohttpClient, method: str, url: str) -> OutboundError:
    with pytest.raises(OutboundError) as caught:
        await attempt(client, method, url)
    return caught.value


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_no_socket_is_opened_for_a_denied_url(connects: list[tuple[object, ...]], method: str):
    """Every spelling, as a webhook's POST and as an attachment's GET."""
    client = AiohttpClient(policy=WITH_HTTP, resolver=NameTable({}), timeouts=QUICK)
    for case in DENIED_URLS:
        end = await refusal(client, method, case.url)

        assert (end.kind, end.request_started) == (EndKind.INVALID_URL, False), case
    await client.close()
    assert connects == []


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_no_socket_is_opened_for_a_name_with_a_denied_address(connects: list[tuple[object, ...]], method: str):
    names = NameTable({name.encode("idna").decode(): [list(found)] for name, found in DENIED_NAMES.items()})
    client = AiohttpClient(policy=WITH_HTTP, resolver=names, timeouts=QUICK)
    for name in DENIED_NAMES:
        end = await refusal(client, method, f"https://{name}/hook")

        assert end.kind in {EndKind.REFUSED_ADDRESS, EndKind.DNS}, name
        assert not end.request_started
    await client.close()
    assert connects == []
    assert len(names.asked) == len(DENIED_NAMES)


async def test_a_name_is_connected_to_at_the_address_that_was_checked(connects: list[tuple[object, ...]]):
    """Rebinding: the first answer is permitted, every later one is a canary's."""
    only_two = OutboundPolicy(allow_http=True, allowed_networks=(ip_network("127.0.0.2/32"),))
    names = NameTable({"rebind.example": [["127.0.0.2"], ["127.0.0.1"]]})
    async with FaultServer(answering(ok())).running() as canary:
        server = await asyncio.start_server(canary._serve, "127.0.0.2", canary.port)
        client = AiohttpClient(policy=only_two, resolver=names, timeouts=QUICK, idle_seconds=0.01)
        url = f"http://rebind.example:{canary.port}/x"
        answer = await client.request("GET", url, headers={}, body_bytes_max=10)
        assert answer.body == b"ok"
        assert names.asked == ["rebind.example"]
        assert b"host: rebind.example:" in canary.requests[0][0].lower()
        await client.close()

        again = AiohttpClient(policy=only_two, resolver=names, timeouts=QUICK)
        assert (await refusal(again, "POST", url)).kind is EndKind.REFUSED_ADDRESS
        await again.close()
        server.close()

    assert connects == [("127.0.0.2", canary.port)]


async def test_a_name_that_takes_too_long_has_not_started(connects: list[tuple[object, ...]]):
    class Silent(NameTable):
        async def resolve(self, host: str) -> Sequence[IpAddress]:
            await asyncio.Event().wait()
            raise AssertionError

    client = AiohttpClient(policy=WITH_HTTP, resolver=Silent({}), timeouts=QUICK)
    end = await refusal(client, "POST", "https://slow.example/")
    await client.close()

    assert (end.kind, end.request_started) == (EndKind.DNS, False)
    assert connects == []


class CountingPolicy:
    """A policy that admits the first so many questions, to reach the later walls."""

    allowed_networks = (ip_network("127.0.0.0/8"),)
    allow_http = True

    def __init__(self, admitted: int) -> None:
        self.left = admitted
        self.asked = 0

    def is_public_port(self, port: int, *, scheme: str | None = None) -> bool:
        return True

    def admits(self, address: IpAddress, port: int, *, scheme: str | None = None) -> bool:
        self.asked += 1
        self.left -= 1
        return self.left >= 0


@pytest.mark.parametrize(("wall", "connections"), [(0, 0), (1, 0), (2, 1)])
async def test_each_wall_holds_alone(wall: int, connections: int):
    """Pin of aiohttp's inside: the resolver, the socket factory and the look at the peer are all asked, in this order."""
    policy = CountingPolicy(wall)
    names = NameTable({"walls.example": [["127.0.0.1"]]})
    async with FaultServer(answering(ok())).running() as server:
        client = AiohttpClient(policy=policy, resolver=names, timeouts=QUICK)  # type: ignore[arg-type]
        end = await refusal(client, "POST", server.url(host="walls.example"))
        await client.close()

        assert (end.kind, end.request_started) == (EndKind.REFUSED_ADDRESS, False)
        assert policy.asked == wall + 1
        assert server.requests == []
        assert server.connections <= connections


async def test_a_kept_connection_is_used_without_a_second_look_up():
    names = NameTable({"kept.example": [["127.0.0.1"], ["10.0.0.1"]]})
    async with FaultServer(answering(ok())).running() as server:
        client = AiohttpClient(policy=LOOPBACK, resolver=names, timeouts=QUICK)
        for _ in range(3):
            await client.request("GET", server.url(host="kept.example"), headers={}, body_bytes_max=10)
        await client.close()

        assert (names.asked, server.connections) == (["kept.example"], 1)


async def test_the_system_resolver_finds_this_machine():
    resolver = SystemResolver()
    found = await resolver.resolve("localhost")
    with pytest.raises(OSError, match="cannot be asked"):
        await resolver.resolve("a" * 64 + ".localhost")
    await resolver.close()

    assert ip_address("127.0.0.1") in found


GOOD_HEADERS = (
    {},
    {"Authorization": "Bearer abc"},
    {"X-Api-Key": "k", "x-tenant": "t"},
    {"Accept": "application/json"},
    {"X-Empty": ""},
    {f"X-{number}": "v" for number in range(20)},
    {"X-Long": "v" * 1024},
)
_RESERVED = [
    "Host",
    "host",
    "HOST",
    "Content-Length",
    "Content-Type",
    "Content-Encoding",
    "Transfer-Encoding",
    "TE",
    "Trailer",
    "Connection",
    "Keep-Alive",
    "Upgrade",
    "Expect",
    "Accept-Encoding",
    "Cookie",
    "Set-Cookie",
    "Date",
    "Via",
    "Forwarded",
    "Origin",
    "User-Agent",
    "webhook-id",
    "Webhook-Signature",
    "WEBHOOK-TIMESTAMP",
    "webhook-anything",
    "Proxy-Authorization",
    "Proxy-Connection",
    "Sec-Fetch-Mode",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Original-URL",
    "X-HTTP-Method-Override",
    "X-Waypost-Event",
    "HTTP2-Settings",
]
BAD_HEADERS = (
    *({name: "value"} for name in _RESERVED),
    *(
        {name: "value"}
        for name in ("", " ", "X Y", "X:", "X\r", "X\nY", "X\x00", "-X", "1X", "X_Y", "\u0425", "x" * 65)
    ),
    *(
        {"X-A": value}
        for value in ("a\r\nb", "a\nb", "a\rb", "a\x00b", "a\tb", "\x7f", "caf\u00e9", " a", "a ", "v" * 1025)
    ),
    {"X-A": "1", "x-a": "2"},
    {f"X-{number}": "v" for number in range(21)},
)


@pytest.mark.parametrize("headers", GOOD_HEADERS, ids=str)
def test_a_harmless_header_is_allowed(headers: dict[str, str]):
    assert check_custom_headers(headers) is None


@pytest.mark.parametrize("headers", BAD_HEADERS, ids=repr)
def test_a_harmful_header_is_refused_and_its_value_not_repeated(headers: dict[str, str]):
    problem = check_custom_headers(headers)

    assert problem is not None
    assert not any(len(value) > 3 and value in problem.split() for value in headers.values() if value != "value")
