"""The HTTP server as a service: it listens once started, drains when stopped, and says what is wrong."""

import resource
import signal

import pytest
from tests.web.guarded_server import Served, read_all, read_answer, wait_until

from waypost.service import EXIT_CLEAN
from waypost.settings import Settings
from waypost.web.server import HttpService, allow_open_files, make_server


async def no_app(scope: object, receive: object, send: object) -> None:
    """Is never reached."""


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_stopping_server_finishes_what_it_began_and_takes_no_more(loop: str):
    with Served(loop=loop) as served:
        with served.connect() as client, served.connect() as resting:
            resting.sendall(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
            read_answer(resting)
            client.sendall(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
            wait_until(lambda: "GET /slow" in served.requests)

            served.stop()
            assert read_all(resting) == b""
            with pytest.raises(ConnectionRefusedError):
                served.connect()
            served.release.set()
            answer = read_all(client)

        wait_until(lambda: served.exit_code is not None)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in answer
    assert served.exit_code == EXIT_CLEAN


async def test_an_address_in_use_is_named(unused_tcp_port: int):
    settings = Settings.load(env_file=None)
    first = HttpService("web", no_app, host="127.0.0.1", port=unused_tcp_port, settings=settings)
    second = HttpService("web", no_app, host="127.0.0.1", port=unused_tcp_port, settings=settings)
    await first.start()

    with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1 port {unused_tcp_port}"):
        await second.start()

    await second.stop()
    await first.stop()
    await first.stop()


async def test_a_server_may_be_run_without_the_service():
    server = make_server(no_app, host="127.0.0.1", port=0, settings=Settings.load(env_file=None))
    handler_before = signal.getsignal(signal.SIGTERM)
    server.should_exit = True

    await server.serve()

    assert server.started
    assert signal.getsignal(signal.SIGTERM) is handler_before


def test_the_limit_of_open_files_is_raised_and_never_lowered():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (300, hard))
        allow_open_files(400)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 400
        allow_open_files(200)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 400
        allow_open_files(hard + 1)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
