"""Where the server is, what key opens it, and how long it may take; read from arguments or the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, quote, urlencode, urlsplit

from waypost.client.calls import Request
from waypost.client.errors import ConfigurationError
from waypost.client.retrying import Retries

BASE_URL_NAMES: Final = ("WAYPOST_URL", "WAYPOST_BASE_URL")
API_KEY_NAME: Final = "WAYPOST_API_KEY"
ORIGINAL_HOSTS: Final = frozenset({"waapi.pepipost.com", "cpaaswa.netcorecloud.net"})
"""Where the hosted original of this API answers, by its documentation (read Nov 2026). It has no idempotency keys."""
USER_AGENT: Final = "waypost-client/1"
ANSWER_BYTES_MAX: Final = 128 * 1024 * 1024
"""The largest file of the API has 100 MB; no answer has more than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """
    Limits of one try in seconds; retries have their own.

    ``connect``: to a connection, the name's look-up and TLS included. ``total``: to the last byte of an answer.
    ``transfer``: the same where a file goes either way.
    """

    connect_seconds: float = 5.0
    total_seconds: float = 30.0
    transfer_seconds: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """All that a client knows of its server; the key is not shown."""

    base_url: str
    api_key: str = field(repr=False)
    source: str | None
    makes_keys: bool
    retries: Retries
    timeouts: Timeouts
    ca_pem: bytes | None = field(repr=False)

    def url_of(self, request: Request) -> str:
        """Return the URL of a request."""
        query = f"?{urlencode(request.query)}" if request.query else ""
        return f"{self.base_url}{request.path}{query}"

    def headers_of(self, request: Request) -> dict[str, str]:
        """Return the headers of a request, the key among them."""
        headers = {**request.headers, "authorization": f"Bearer {self.api_key}"}
        if request.upload is not None:
            headers["content-type"] = request.upload.content_type
            headers["content-length"] = str(request.upload.body_bytes)
        return headers

    def seconds_of(self, request: Request) -> float:
        """Return how long one try of a request may take."""
        return self.timeouts.transfer_seconds if request.is_transfer else self.timeouts.total_seconds


def find_connection(
    base_url: str | None,
    api_key: str | None,
    *,
    source: str | None,
    makes_keys: bool | None,
    retries: Retries | None,
    timeouts: Timeouts | None,
    ca_pem: bytes | None,
    environment: Mapping[str, str] | None = None,
) -> Connection:
    """
    Return the connection that the arguments describe; what is None is read from the environment or has its default.

    Raises: ConfigurationError.
    """
    variables = os.environ if environment is None else environment
    url = base_url or next((variables[name] for name in BASE_URL_NAMES if variables.get(name)), None)
    key = api_key or variables.get(API_KEY_NAME)
    if not url or not key:
        missing = "base_url" if not url else "api_key"
        raise ConfigurationError(
            f"No {missing} is given.", hint="Give base_url and api_key, or set WAYPOST_URL and WAYPOST_API_KEY."
        )
    parts = _parts_of(url)
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ConfigurationError("api_key holds what no key holds.", hint="Look for a line end or a space in it.")
    return Connection(
        base_url=url.rstrip("/"),
        api_key=key,
        source=source,
        makes_keys=parts.hostname not in ORIGINAL_HOSTS if makes_keys is None else makes_keys,
        retries=retries or Retries(),
        timeouts=timeouts or Timeouts(),
        ca_pem=ca_pem,
    )


def _parts_of(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    # A name and a password would be shown by every ``repr``, and the header they are for holds the key.
    is_secretive = parts.username is not None or parts.password is not None
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or is_secretive:
        raise ConfigurationError("base_url is not an address.", hint="It has the form https://gateway.example.")
    return parts


def segment(text: str) -> str:
    """Return an id as one segment of a path; ids are opaque, those of inbound files too. Raises ValueError if empty."""
    if not text or text in {".", ".."}:
        raise ValueError("an id is needed")
    return quote(text, safe="")
