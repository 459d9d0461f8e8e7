"""Slow, silent, oversized, too many and malformed: over real sockets, on both event loops."""

import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from tests.web.guarded_server import Served, read_all, read_answer, wait_until
from tests.web.smuggling import ACCEPTED, BAD_BODY, REFUSED

from waypost.observe import Metrics
from waypost.web.connection_guard import ConnectionGuard
from waypost.web.guarded_protocol import PIPELINE_MAX

GET = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
CLOSING_GET = b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
LOOPS = ["asyncio", "uvloop"]


@pytest.fixture(scope="module", params=LOOPS)
def patient(request: pytest.FixtureRequest) -> Iterator[Served]:
    """Serve with the limits of size as they are by default; tests share it."""
    with Served(loop=request.param) as served:
        yield served


@pytest.fixture(params=LOOPS)
def hasty(request: pytest.FixtureRequest) -> Iterator[Served]:
    """Serve with limits of time that a test can wait for."""
    with Served(
        loop=request.param,
        header_seconds=0.3,
        first_byte_seconds=0.2,
        keep_alive_seconds=0.25,
        body_window_seconds=0.3,
        write_stall_seconds=0.4,
    ) as served:
        yield served


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize("name", REFUSED)
def test_an_ambiguous_request_is_refused_alone_and_the_connection_ends(name: str, patient: Served):
    patient.requests.clear()

    answer = patient.talk(REFUSED[name])

    assert 400 <= status_of(answer) <= 505
    assert answer.count(b"HTTP/1.1 ") == 1
    assert patient.requests == []


@pytest.mark.parametrize("name", BAD_BODY)
def test_a_malformed_body_never_counts_as_complete(name: str, patient: Served):
    patient.requests.clear()
    patient.disconnects.clear()

    answer = patient.talk(BAD_BODY[name])

    assert status_of(answer) in {400, 431}
    assert answer.count(b"HTTP/1.1 ") == 1
    wait_until(lambda: patient.disconnects == ["/first"])
    assert patient.requests == ["POST /first"]


def test_an_answer_that_has_begun_is_cut_short_when_the_body_turns_out_malformed(patient: Served):
    with patient.connect() as client:
        client.sendall(b"POST /eager HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        begun = b""
        while not begun.endswith(b"\r\n\r\n12"):
            begun += client.recv(1000)
        client.sendall(b"nonsense\r\n")

        assert read_all(client) == b""


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_is_unusual_but_clear_is_served(name: str, patient: Served):
    data, body = ACCEPTED[name]
    patient.requests.clear()

    with patient.connect() as client:
        client.sendall(data)
        status, answer = read_answer(client)

    assert status == 200
    seen = json.loads(answer)
    assert seen["body"] == body
    # Trailers stay out of the headers, where they could pass for credentials.
    assert "authorization" not in seen["headers"]


@pytest.mark.parametrize(("method", "status"), [(b"TRACE", 405), (b"CONNECT", 405), (b"PROPFIND", 405), (b"FOO", 405)])
def test_methods_out_of_use_get_405_with_the_ones_in_use(method: bytes, status: int, patient: Served):
    answer = patient.talk(method + b" /a HTTP/1.1\r\nHost: a\r\n\r\n")

    assert status_of(answer) == status
    assert b"allow: DELETE, GET" in answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {
        "error": "Method Not Allowed",
        "message": "Method not supported",
        "status": 405,
    }


def header_block(size: int) -> bytes:
    """Return a request whose request target and headers count `size` bytes."""
    rest = size - len(b"/a") - len(b"host") - len(b"a") - 4 - len(b"x") - 4
    return b"GET /a HTTP/1.1\r\nHost: a\r\nX: " + b"y" * rest + b"\r\n\r\n"


def test_headers_up_to_the_limit_are_taken_and_one_byte_more_is_not(patient: Served):
    with patient.connect() as client:
        client.sendall(header_block(16_384))
        assert read_answer(client)[0] == 200

    assert status_of(patient.talk(header_block(16_385))) == 431


def test_a_hundred_header_lines_are_taken_and_one_more_is_not(patient: Served):
    def lines(count: int) -> bytes:
        return b"GET /a HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * (count - 1) + b"\r\n"

    with patient.connect() as client:
        client.sendall(lines(100))
        assert read_answer(client)[0] == 200
    assert status_of(patient.talk(lines(101))) == 431


@pytest.mark.parametrize("start", [b"GET /a HTTP/1.1\r\nHost: a\r\nX: ", b"GET /", b"GET /a HTTP/1.1\r\nX"])
def test_headers_without_end_are_cut_off(start: bytes, patient: Served):
    with patient.connect() as client:
        client.sendall(start)
        sent = 0
        try:
            while sent < 50_000_000:
                sent += client.send(b"y" * 65_536)
                client.setblocking(False)
                try:
                    if client.recv(1, socket.MSG_PEEK):
                        break
                except BlockingIOError:
                    pass
                client.settimeout(5)
            client.settimeout(5)
            assert client.recv(12).startswith(b"HTTP/1.1 4")
        except (ConnectionResetError, BrokenPipeError):
            pass

    # What is in flight in the system's buffers comes on top of the limit and the chunks it is noticed in.
    assert sent < 10_000_000


def test_a_large_body_in_the_headers_chunk_is_not_taken_for_headers(patient: Served):
    body = b"b" * 60_000
    with patient.connect() as client:
        client.sendall(b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n" + body + GET)
        first = read_answer_of_two(client)

    assert first == [200, 200]


def read_answer_of_two(client: socket.socket) -> list[int]:
    data = b""
    while data.count(b"HTTP/1.1 ") < 2 or not data.endswith(b"}"):
        part = client.recv(65_536)
        assert part
        data += part
    return [int(piece.split(b" ", 1)[0]) for piece in data.split(b"HTTP/1.1 ")[1:]]


def test_pipelined_requests_are_answered_in_order_and_too_many_end_the_connection(patient: Served):
    answer = patient.talk(GET * 3 + CLOSING_GET)
    assert answer.count(b"HTTP/1.1 200") == 4
    assert answer.rindex(b'"/last"') > answer.rindex(b'"/a"')

    answer = patient.talk(GET * 1000)
    assert 1 <= answer.count(b"HTTP/1.1 200") <= PIPELINE_MAX + 1
    assert b"HTTP/1.1 400" not in answer


def test_what_came_before_something_malformed_is_still_answered(patient: Served):
    patient.release.clear()
    with patient.connect() as client:
        client.sendall(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\nnonsense\r\n\r\n")
        wait_until(lambda: "GET /slow" in patient.requests)
        patient.release.set()
        answer = read_all(client)

    assert answer.count(b"HTTP/1.1 ") == 1
    assert status_of(answer) == 200


def test_an_upgrade_is_ignored_and_nothing_after_it_is_read(patient: Served):
    patient.requests.clear()

    answer = patient.talk(b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + GET)

    assert status_of(answer) == 200
    assert patient.requests == ["GET /a"]


def test_a_client_that_is_refused_while_sending_still_gets_to_read_why(patient: Served):
    with patient.connect() as client:
        client.sendall(b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n")
        for _ in range(100):
            client.sendall(b"b" * 10_000)
        answer = read_all(client)

    assert status_of(answer) == 413


def test_a_client_that_waits_for_100_continue_is_told_when_the_application_reads(patient: Served):
    with patient.connect() as client:
        client.sendall(b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n")
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"x")
        assert read_answer(client)[0] == 200


def test_no_answer_names_the_server(patient: Served):
    for data in (CLOSING_GET, b"nonsense\r\n\r\n"):
        head = patient.talk(data).partition(b"\r\n\r\n")[0].lower()
        assert b"server:" not in head
        assert b"uvicorn" not in head


def test_a_silent_connection_is_closed_without_a_word(hasty: Served):
    began = time.monotonic()

    with hasty.connect() as client:
        assert read_all(client) == b""

    assert 0.15 < time.monotonic() - began < 5
    assert hasty.refused("first_byte_timeout") == 1


def test_a_connection_that_rests_too_long_is_closed_without_a_word(hasty: Served):
    with hasty.connect() as client:
        for _ in range(3):
            client.sendall(GET)
            assert read_answer(client)[0] == 200
        assert client.recv(1) == b""

    assert hasty.refused("first_byte_timeout") == 0


def test_slow_headers_get_408(hasty: Served):
    with hasty.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHo")
        answer = read_all(client)

    assert status_of(answer) == 408
    assert hasty.refused("header_timeout") == 1


def test_slow_headers_that_trickle_get_408_too(hasty: Served):
    with hasty.connect() as client:
        client.settimeout(0.02)
        client.sendall(b"GET / HTTP/1.1\r\nX: ")
        answer = b""
        for _ in range(400):
            client.sendall(b"y")
            try:
                answer = client.recv(1000)
                break
            except TimeoutError:
                continue

    assert status_of(answer) == 408


@pytest.mark.parametrize("framing", [b"Content-Length: 100000", b"Transfer-Encoding: chunked"])
def test_a_body_that_stalls_gets_408_and_the_application_a_disconnect(framing: bytes, hasty: Served):
    with hasty.connect() as client:
        client.sendall(b"POST /body HTTP/1.1\r\nHost: a\r\n" + framing + b"\r\n\r\n1")
        answer = read_all(client)

    assert status_of(answer) == 408
    wait_until(lambda: hasty.disconnects == ["/body"])
    assert hasty.refused("slow_body") == 1


def test_a_body_that_keeps_the_least_rate_is_taken_however_long_it_takes(hasty: Served):
    with hasty.connect() as client:
        client.sendall(b"POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 40000\r\n\r\n")
        client.settimeout(0.02)
        for _ in range(39):
            client.sendall(b"x" * 1000)
            with pytest.raises(TimeoutError):
                client.recv(1)
        client.settimeout(5)
        client.sendall(b"x" * 1000)
        assert read_answer(client)[0] == 200


def test_an_application_that_does_not_read_is_not_the_clients_fault(hasty: Served):
    body = b"x" * 300_000
    with hasty.connect() as client:
        client.sendall(b"POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n" + body[:200_000])
        # Several windows pass while nobody reads.
        client.settimeout(1.0)
        with pytest.raises(TimeoutError):
            client.recv(1)
        hasty.release.set()
        client.settimeout(5)
        client.sendall(body[200_000:])
        assert read_answer(client)[0] == 200


def test_a_slow_answer_is_waited_for_also_with_the_next_request_half_sent(hasty: Served):
    with hasty.connect() as client:
        client.sendall(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\nGET /a HTTP/1.1\r\nHo")
        client.settimeout(1.0)
        with pytest.raises(TimeoutError):
            client.recv(1)
        hasty.release.set()
        client.settimeout(5)
        assert read_answer(client)[0] == 200
        client.sendall(b"st: a\r\n\r\n")
        assert read_answer(client)[0] == 200


def test_a_client_that_does_not_read_its_answer_is_cut_off(hasty: Served):
    with hasty.connect(receive_buffer_bytes=4096) as client:
        client.sendall(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")

        wait_until(lambda: hasty.refused("write_stall") == 1)
        wait_until(lambda: open_connections(hasty) == 0)


def test_a_client_that_reads_its_answer_slowly_gets_all_of_it(hasty: Served):
    with hasty.connect() as client:
        client.sendall(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
        # Far longer than any limit of time, a little at a time.
        ends = time.monotonic() + 1.5
        got = 0
        while time.monotonic() < ends:
            got += len(client.recv(20_000))
            threading.Event().wait(0.002)
        while got < 64_000_000:
            part = client.recv(1_000_000)
            assert part
            got += len(part)


def open_connections(served: Served) -> float:
    return served.metrics.registry.get_sample_value("waypost_http_connections") or 0.0


@pytest.mark.parametrize("loop", LOOPS)
def test_one_address_gets_its_share_and_is_told_so_above_it(loop: str):
    with Served(loop=loop, address_connections_max=5) as served:
        clients = [served.connect() for _ in range(5)]
        wait_until(lambda: open_connections(served) == 5)

        answer = served.talk(GET)
        assert status_of(answer) == 503
        assert b"retry-after: 1" in answer
        assert served.refused("address_full") == 1

        clients.pop().close()
        wait_until(lambda: open_connections(served) == 4)
        assert status_of(served.talk(CLOSING_GET)) == 200
        for client in clients:
            client.close()
        wait_until(lambda: open_connections(served) == 0)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_flood_of_connections_is_shed_and_those_inside_are_served(loop: str):
    limits = {"connections_max": 100, "address_connections_max": 1000}
    with Served(loop=loop, **limits) as served:
        inside = [served.connect() for _ in range(100)]
        wait_until(lambda: open_connections(served) == 100)

        outside = [served.connect() for _ in range(400)]
        wait_until(lambda: served.refused("full") == 400)
        inside[0].sendall(GET)
        assert read_answer(inside[0])[0] == 200

        told = 0
        for client in outside:
            try:
                told += status_of(read_all(client)) == 503
            except ConnectionResetError:
                continue
            finally:
                client.close()
        # The rest is dropped: even saying no holds a descriptor for a while.
        assert told >= 200
        for client in inside:
            client.close()
        wait_until(lambda: open_connections(served) == 0)
        assert status_of(served.talk(CLOSING_GET)) == 200


def test_a_trusted_proxy_may_hold_more_than_one_addresss_share():
    with Served(address_connections_max=2, trusted_proxies="127.0.0.0/8") as served:
        clients = [served.connect() for _ in range(6)]
        for client in clients:
            client.sendall(GET)
            assert read_answer(client)[0] == 200
            client.close()


class Nobody:
    def check(self, now: float) -> None:
        """Never called: the guard is not started."""


def test_a_client_is_known_by_its_ipv4_address_or_its_ipv6_network():
    limits = Served(address_connections_max=1).service._server.guard.settings
    metrics = Metrics()
    guard = ConnectionGuard(limits, metrics=metrics)

    def is_admitted(address: str | None) -> bool:
        return guard.admit(Nobody(), address)[0] is None

    assert is_admitted("192.0.2.1")
    assert not is_admitted("192.0.2.1")
    assert not is_admitted("::ffff:192.0.2.1")
    assert is_admitted("192.0.2.2")
    assert is_admitted("2001:db8::1%eth0")
    assert not is_admitted("2001:db8::2")
    assert is_admitted("2001:db8:0:1::1")
    assert is_admitted("a.name")
    assert [is_admitted(None), is_admitted(None)] == [True, True]
    assert metrics.registry.get_sample_value("waypost_http_connections") == 7
