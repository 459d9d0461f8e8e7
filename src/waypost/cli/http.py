"""
A small client for the gateway's own API, for ``messages send``, ``messages tail`` and bulk sends.

Where the gateway is and what key to use: options, then ``WAYPOST_URL`` and ``WAYPOST_API_KEY``, then the ``demo.json``
that the demo writes into its data directory.
"""

import http.client
import json
import os
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from waypost.cli.exits import CommandFailure, ExitCode
from waypost.cli.options import DEMO_DATA_DIR

DEMO_FILE: Final = "demo.json"
TIMEOUT_SECONDS: Final = 30.0
ANSWER_BYTES_MAX: Final = 16_000_000


@dataclass(frozen=True, slots=True)
class GatewayClient:
    """Calls the gateway at ``base_url`` with a key."""

    base_url: str
    api_key: str = field(repr=False)

    def get(self, path: str) -> Any:
        """Return the JSON answer to a GET. Raises ``CommandFailure``."""
        return self._call(urllib.request.Request(self.base_url + path, headers=self._headers()))  # noqa: S310

    def post(self, path: str, content: Mapping[str, Any], *, headers: Mapping[str, str] | None = None) -> Any:
        """Return the JSON answer to a POST of JSON. Raises ``CommandFailure``."""
        return self._send("POST", path, content, headers=headers)

    def put(self, path: str, content: Mapping[str, Any]) -> Any:
        """Return the JSON answer to a PUT of JSON. Raises ``CommandFailure``."""
        return self._send("PUT", path, content)

    def patch(self, path: str, content: Mapping[str, Any]) -> Any:
        """Return the JSON answer to a PATCH of JSON. Raises ``CommandFailure``."""
        return self._send("PATCH", path, content)

    def delete(self, path: str) -> Any:
        """Return the JSON answer to a DELETE. Raises ``CommandFailure``."""
        request = urllib.request.Request(self.base_url + path, headers=self._headers(), method="DELETE")  # noqa: S310
        return self._call(request)

    @contextmanager
    def opened(self, path: str) -> Iterator[Iterator[bytes]]:
        """Open the answer to a GET, to be read line by line however long it is. Raises ``CommandFailure``."""
        request = urllib.request.Request(self.base_url + path, headers=self._headers())  # noqa: S310
        with self._failures_told():
            answer = _opener().open(request, timeout=TIMEOUT_SECONDS)
        with answer:
            yield self._lines_of(answer)

    def _lines_of(self, answer: Iterable[bytes]) -> Iterator[bytes]:
        with self._failures_told():
            yield from answer

    def _send(
        self, method: str, path: str, content: Mapping[str, Any], *, headers: Mapping[str, str] | None = None
    ) -> Any:
        sent = {**self._headers(), "Content-Type": "application/json", **(headers or {})}
        body = json.dumps(content).encode()
        request = urllib.request.Request(self.base_url + path, data=body, headers=sent, method=method)  # noqa: S310
        return self._call(request)

    def upload(self, file: Path, *, mime_type: str) -> str:
        """Upload a file and return its media id. Raises ``CommandFailure``."""
        try:
            data = file.read_bytes()
        except OSError as error:
            raise CommandFailure(ExitCode.USAGE, f"{file} cannot be read: {error.strerror}") from error
        boundary = uuid.uuid4().hex
        name = file.name.replace('"', "_")
        body = b"".join(
            (
                f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'.encode(),
                f"Content-Type: {mime_type}\r\n\r\n".encode(),
                data,
                f"\r\n--{boundary}--\r\n".encode(),
            )
        )
        sent = {**self._headers(), "Content-Type": f"multipart/form-data; boundary={boundary}"}
        url = f"{self.base_url}/api/v2/media/upload/"
        answer = self._call(urllib.request.Request(url, data=body, headers=sent))  # noqa: S310
        refuse_failure(answer)
        media_id: str = answer["data"]["mediaId"]
        return media_id

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.api_key}", "User-Agent": "waypost-cli"}

    def _call(self, request: urllib.request.Request) -> Any:
        with self._failures_told(), _opener().open(request, timeout=TIMEOUT_SECONDS) as answer:
            return _decoded(answer.read(ANSWER_BYTES_MAX))

    @contextmanager
    def _failures_told(self) -> Iterator[None]:
        try:
            yield
        except urllib.error.HTTPError as error:
            with error:
                raise _refused(error.code, error.read(ANSWER_BYTES_MAX)) from error
        except (OSError, http.client.HTTPException) as error:
            raise CommandFailure(
                ExitCode.UNAVAILABLE,
                f"The gateway at {self.base_url} cannot be reached: {getattr(error, 'reason', error)}",
                hint="Is it running? Start one with: waypost demo",
            ) from error


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Takes a redirect for a refusal: followed, it would take the key to another host."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _opener() -> urllib.request.OpenerDirector:
    # The environment's proxies are not for a gateway that is most often on this machine.
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)


def open_client(*, base_url: str | None, api_key: str | None, data_dir: Path | None) -> GatewayClient:
    """Return a client for the gateway that options, environment or the demo's file name."""
    base_url = base_url or os.environ.get("WAYPOST_URL")
    api_key = api_key or os.environ.get("WAYPOST_API_KEY")
    if base_url is None or api_key is None:
        demo = read_demo_file(data_dir)
        base_url = base_url or demo.get("base_url")
        api_key = api_key or demo.get("api_key")
    if base_url is None or api_key is None:
        raise CommandFailure(
            ExitCode.USAGE,
            "Which gateway, and with what key?",
            hint="Give --base-url and --api-key, or set WAYPOST_URL and WAYPOST_API_KEY, or start: waypost demo",
        )
    if not base_url.startswith(("http://", "https://")):
        raise CommandFailure(ExitCode.USAGE, "--base-url must begin with http:// or https://")
    if not _is_address(base_url):
        raise CommandFailure(ExitCode.USAGE, "--base-url is not an address.", hint="Such as http://127.0.0.1:8080")
    # Said here without the key: what refuses it further down shows it.
    if not (api_key.isascii() and api_key.isprintable()) or " " in api_key:
        raise CommandFailure(
            ExitCode.USAGE, "The API key holds what no key holds.", hint="Look for a line end or a space in it."
        )
    return GatewayClient(base_url.rstrip("/"), api_key)


def _is_address(url: str) -> bool:
    try:
        return bool(urlsplit(url).hostname) and url.isprintable()
    except ValueError:
        return False


def refuse_failure(answer: Any) -> None:
    """Raise what an envelope of the contract refuses; success passes."""
    if not isinstance(answer, dict) or answer.get("status") != "success":
        error = answer.get("error", {}) if isinstance(answer, dict) else {}
        code, text = error.get("code", ""), error.get("message", "no reason was given")
        raise CommandFailure(
            ExitCode.FAILURE, f"Refused: {code} {text}".replace("  ", " "), hint="docs/errors.md explains each code."
        )


def read_demo_file(data_dir: Path | None) -> dict[str, str]:
    """Return what the demo says of itself; nothing where there is no demo."""
    named = data_dir or (Path(os.environ["WAYPOST_DATA_DIR"]) if os.environ.get("WAYPOST_DATA_DIR") else None)
    for directory in [named] if named is not None else [DEMO_DATA_DIR, Path("var")]:
        try:
            found = json.loads((directory / DEMO_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        return {name: value for name, value in found.items() if isinstance(value, str)}
    return {}


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise CommandFailure(
            ExitCode.UNAVAILABLE, "What answered is no gateway: its answer is not JSON.", hint="Check --base-url."
        ) from error


def _refused(status: int, body: bytes) -> CommandFailure:
    try:
        answer = json.loads(body)
    except ValueError:
        answer = {}
    if not isinstance(answer, dict):
        answer = {}
    error = answer.get("error")
    text = answer.get("detail") or answer.get("message") or (error.get("message") if isinstance(error, dict) else error)
    code = {404: ExitCode.NOT_FOUND, 429: ExitCode.UNAVAILABLE, 503: ExitCode.UNAVAILABLE}.get(status, ExitCode.FAILURE)
    hints = {401: "Check the key.", 403: "Check the key and its scopes.", 429: "Wait, then try again."}
    return CommandFailure(code, f"HTTP {status}: {text or 'refused'}", hint=answer.get("hint") or hints.get(status, ""))
