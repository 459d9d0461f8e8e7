"""
Fetching an attachment from a customer's URL: guarded, bounded in time, rate and size, written to a temporary file.

Each hop of a redirect is a request of its own through the guarded client, so it is judged from the first step again.
Nothing is decided about the content here: `sniff.check_media` judges what was fetched.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from urllib.parse import urljoin

from waypost.media.filenames import name_of_disposition, name_of_url
from waypost.media.temporary import prepare_directory, temporary_file
from waypost.outbound.http import EndKind, HttpClient, HttpStream, OutboundError, Timeouts

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PASSING_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
_REFUSALS = frozenset({EndKind.INVALID_URL, EndKind.REFUSED_ADDRESS})
_VALIDATOR_CHARACTERS_MAX = 256
_WRITE_BYTES = 1 << 20
FETCHES_MAX = 32
"""Most fetches of all accounts at once; the client needs a connection for each."""
_PREFIX = "fetch-"


class FetchFault(Enum):
    """Why a fetch failed. For operators: a customer is told the same of REFUSED, UNREACHABLE and TOO_SLOW."""

    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    STATUS = "status"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    CUT_SHORT = "cut_short"
    ENCODED = "encoded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """
    A file fetched whole. The caller owns `path` and removes it.

    `etag` and `last_modified` are the server's validators, to be given to the next `fetch` of the URL. `content_type`
    is what the server claims; it decides nothing. `filename` is the URL's last segment if it has an ending, else the
    one of Content-Disposition, made safe; None when there is neither.
    """

    path: Path
    size_bytes: int
    etag: str | None
    last_modified: str | None
    content_type: str | None
    filename: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotModified:
    """The server says that what these validators were given for still holds."""

    etag: str | None
    last_modified: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchFailure:
    """A fetch that failed; `is_retryable` when a later one may succeed. `detail` is for the operator's log."""

    fault: FetchFault
    is_retryable: bool
    detail: str


class Fetcher:
    """
    Fetches files of many accounts.

    Args:
        client: a client with the guard and policy that these URLs are under.
        directory: where temporary files go, on the file system of the blobs; it is made if missing, and files left by
            a crash a day ago or more are removed from it.
        fetches_per_account_max, fetches_max: at once; more wait, outside the fetch's own time.
        total_seconds: for one fetch with all its hops.
        rate_bytes_per_second_min, rate_window_seconds: a body slower than this over a whole window is given up.
    """

    def __init__(
        self,
        client: HttpClient,
        directory: Path,
        *,
        redirects_max: int = 3,
        fetches_per_account_max: int = 4,
        fetches_max: int = FETCHES_MAX,
        total_seconds: float = 60.0,
        dns_seconds: float = 2.0,
        connect_seconds: float = 5.0,
        first_byte_seconds: float = 10.0,
        rate_bytes_per_second_min: int = 10_000,
        rate_window_seconds: float = 5.0,
    ) -> None:
        self._client = client
        self._directory = directory
        self._redirects_max = redirects_max
        self._total_seconds = total_seconds
        self._timeouts = Timeouts(
            total_seconds=total_seconds,
            # The phases before the first byte must fit into a total set short.
            pool_seconds=total_seconds / 4,
            dns_seconds=min(dns_seconds, total_seconds / 8),
            connect_seconds=min(connect_seconds, total_seconds / 4),
            read_seconds=first_byte_seconds,
        )
        self._rate_bytes_per_second_min = rate_bytes_per_second_min
        self._rate_window_seconds = rate_window_seconds
        self._fetches_per_account_max = fetches_per_account_max
        self._all = asyncio.Semaphore(fetches_max)
        self._accounts: dict[str, _Turn] = {}
        prepare_directory(directory, prefix=_PREFIX)

    async def fetch(
        self,
        url: str,
        *,
        account_id: str,
        bytes_max: int,
        etag: str | None = None,
        last_modified: str | None = None,
    ) -> Fetched | NotModified | FetchFailure:
        """
        Fetch the URL's content, at most `bytes_max` bytes of it.

        With `etag` or `last_modified` the request is conditional, and NotModified is a possible end. A cancelled fetch
        leaves no file. Raises OSError when this machine's disk fails.
        """
        async with self._turn(account_id):
            try:
                async with asyncio.timeout(self._total_seconds):
                    return await self._follow(url, _conditions(etag, last_modified), bytes_max)
            except TimeoutError:
                return _failed(FetchFault.TOO_SLOW, f"not fetched within {self._total_seconds} s", is_retryable=True)
            except OutboundError as error:
                return _outbound_failure(error)

    @asynccontextmanager
    async def _turn(self, account_id: str) -> AsyncIterator[None]:
        turn = self._accounts.setdefault(account_id, _Turn(asyncio.Semaphore(self._fetches_per_account_max)))
        turn.users += 1
        try:
            # The account's turn first: one account's queue must not take all the places of the others.
            async with turn.places, self._all:
                yield
        finally:
            turn.users -= 1
            if turn.users == 0:
                del self._accounts[account_id]

    async def _follow(
        self, url: str, conditions: Mapping[str, str], bytes_max: int
    ) -> Fetched | NotModified | FetchFailure:
        place = url
        for _ in range(self._redirects_max + 1):
            headers = {"Accept": "*/*", **conditions}
            async with self._client.stream("GET", place, headers=headers, timeouts=self._timeouts) as answer:
                if answer.status not in _REDIRECTS or "location" not in answer.headers:
                    return await self._take(answer, url, is_conditional=bool(conditions), bytes_max=bytes_max)
                location = answer.headers["location"]
            try:
                place = urljoin(place, location)
            except ValueError as error:
                return _failed(FetchFault.REFUSED, f"redirected to a malformed URL: {error}", is_retryable=False)
        detail = f"more than {self._redirects_max} redirects"
        return _failed(FetchFault.TOO_MANY_REDIRECTS, detail, is_retryable=False)

    async def _take(
        self, answer: HttpStream, url: str, *, is_conditional: bool, bytes_max: int
    ) -> Fetched | NotModified | FetchFailure:
        headers = answer.headers
        if answer.status == 304 and is_conditional:
            return NotModified(etag=_validator(headers, "etag"), last_modified=_validator(headers, "last-modified"))
        if answer.status != 200:
            is_passing = answer.status in _PASSING_STATUSES
            return _failed(FetchFault.STATUS, f"status {answer.status}", is_retryable=is_passing)
        if headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
            return _failed(FetchFault.ENCODED, "the content came packed though it was asked plain", is_retryable=False)
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length[:20]) > bytes_max:
            return _failed(FetchFault.TOO_LARGE, f"{length[:20]} bytes; at most {bytes_max}", is_retryable=False)
        saved = await self._save(answer.chunks, bytes_max)
        if isinstance(saved, FetchFailure):
            return saved
        path, size_bytes = saved
        return Fetched(
            path=path,
            size_bytes=size_bytes,
            etag=_validator(headers, "etag"),
            last_modified=_validator(headers, "last-modified"),
            content_type=headers.get("content-type", "")[:200] or None,
            filename=_filename(url, headers),
        )

    async def _save(self, chunks: AsyncIterator[bytes], bytes_max: int) -> tuple[Path, int] | FetchFailure:
        rate = _Rate(self._rate_bytes_per_second_min, self._rate_window_seconds)
        size_bytes, waiting = 0, bytearray()
        with temporary_file(self._directory, prefix=_PREFIX) as file:
            async for chunk in chunks:
                size_bytes += len(chunk)
                if size_bytes > bytes_max:
                    return _failed(FetchFault.TOO_LARGE, f"more than {bytes_max} bytes", is_retryable=False)
                if rate.is_below_after(len(chunk)):
                    detail = f"slower than {self._rate_bytes_per_second_min} bytes per second"
                    return _failed(FetchFault.TOO_SLOW, detail, is_retryable=True)
                waiting += chunk
                if len(waiting) >= _WRITE_BYTES:
                    await file.write(bytes(waiting))
                    waiting.clear()
            await file.write(bytes(waiting))
            file.keep()
            return file.path, size_bytes


@dataclass(slots=True)
class _Turn:
    """One account's places, and how many fetches hold or await one."""

    places: asyncio.Semaphore
    users: int = 0


class _Rate:
    """Tells when a whole window brought less than its share; the wait for the first byte is not counted."""

    def __init__(self, bytes_per_second_min: int, window_seconds: float) -> None:
        self._bytes_min = bytes_per_second_min * window_seconds
        self._window_seconds = window_seconds
        self._began: float | None = None
        self._received_bytes = 0

    def is_below_after(self, received_bytes: int) -> bool:
        now = time.monotonic()
        if self._began is None:
            self._began = now
        self._received_bytes += received_bytes
        if now - self._began < self._window_seconds:
            return False
        is_below = self._received_bytes < self._bytes_min
        self._began, self._received_bytes = now, 0
        return is_below


def _conditions(etag: str | None, last_modified: str | None) -> dict[str, str]:
    conditions = {}
    if etag is not None:
        conditions["If-None-Match"] = etag
    if last_modified is not None:
        conditions["If-Modified-Since"] = last_modified
    return conditions


def _validator(headers: Mapping[str, str], name: str) -> str | None:
    """Return a validator fit to be sent back as it is: printable ASCII of a sane length."""
    value = headers.get(name, "")
    is_fit = 0 < len(value) <= _VALIDATOR_CHARACTERS_MAX and value.isascii() and value.isprintable()
    return value if is_fit else None


def _filename(url: str, headers: Mapping[str, str]) -> str | None:
    of_url = name_of_url(url)
    if of_url is not None and "." in of_url:
        return of_url
    return name_of_disposition(headers.get("content-disposition", "")) or of_url


def _failed(fault: FetchFault, detail: str, *, is_retryable: bool) -> FetchFailure:
    return FetchFailure(fault=fault, is_retryable=is_retryable, detail=detail)


def _outbound_failure(error: OutboundError) -> FetchFailure:
    if error.kind in _REFUSALS:
        return _failed(FetchFault.REFUSED, str(error), is_retryable=False)
    if error.kind is EndKind.TIMEOUT:
        return _failed(FetchFault.TOO_SLOW, str(error), is_retryable=True)
    if error.request_started:
        return _failed(FetchFault.CUT_SHORT, str(error), is_retryable=True)
    return _failed(FetchFault.UNREACHABLE, str(error), is_retryable=True)
