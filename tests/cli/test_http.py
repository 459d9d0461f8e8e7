"""The commands' own client."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from waypost import cli
from waypost.cli.exits import CommandFailure, ExitCode
from waypost.cli.http import GatewayClient, open_client


@pytest.fixture
def leading_away() -> Iterator[tuple[str, list[str]]]:
    """A server whose every answer leads to /elsewhere, and the paths it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(302)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def test_a_redirect_is_not_followed_since_it_would_take_the_key_along(leading_away: tuple[str, list[str]]) -> None:
    base_url, asked = leading_away

    with pytest.raises(CommandFailure, match="HTTP 302"):
        GatewayClient(base_url=base_url, api_key="key").get("/somewhere")

    assert asked == ["/somewhere"]


@pytest.mark.parametrize(
    ("base_url", "api_key"),
    [
        ("http://[::1", "key"),
        ("http://", "key"),
        ("http://127.0.0.1:1\r\nX: 1", "key"),
        ("http://127.0.0.1:1", "wp_secret\n"),
        ("http://127.0.0.1:1", "wp_secret\u20ac"),
        ("http://127.0.0.1:1", "wp_secret key"),
    ],
)
def test_an_address_or_a_key_that_is_none_is_told_without_the_key(base_url: str, api_key: str) -> None:
    with pytest.raises(CommandFailure) as told:
        open_client(base_url=base_url, api_key=api_key, data_dir=None)

    assert told.value.code is ExitCode.USAGE
    assert "secret" not in f"{told.value.text} {told.value.hint}"


def test_an_argument_that_is_no_text_is_told_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    code = cli.run(["bulk", "result", "a\udcff", "--base-url", "http://127.0.0.1:1", "--api-key", "key"])

    assert code == ExitCode.USAGE
    assert "is not UTF-8" in capsys.readouterr().err
