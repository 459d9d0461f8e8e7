"""The bytes behind an attachment: an account's own file, or what a URL leads to, fetched and kept once."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from waypost.domain.errors import FailureReason
from waypost.domain.message import MediaKind
from waypost.media.failures import MediaFailure, RecentFailures, bad_media, technical_failure
from waypost.media.fetcher import Fetched, Fetcher, FetchFailure, NotModified
from waypost.media.flights import SingleFlight
from waypost.media.sniff import KIND_BYTES_MAX, MediaProblem, check_media
from waypost.observe import get_logger
from waypost.observe.metrics import Metrics
from waypost.ports import BlobStore, Clock
from waypost.store.engine import Database, Lane
from waypost.store.media import PENDING, STORED, find_asset
from waypost.store.provider_media import UrlContent, find_url, save_url

BYTES_MAX: Final = max(KIND_BYTES_MAX.values())

_logger = get_logger("media")

Collect = Callable[[str, str], Awaitable[bool]]
"""Fetches one pending inbound file: (account id, media id)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Bytes in the blob store, and what they are."""

    digest: str
    mime_type: str
    kind: MediaKind
    size_bytes: int
    filename: str | None


class Contents:
    """
    Finds the content of attachments.

    Args:
        database: the store.
        blobs: where bytes are.
        fetcher: gets customers' URLs, guarded.
        clock: the time.
        metrics: what is counted.
        fresh_us: how long a URL's content is used without asking its server.
        collect: fetches an inbound file that is still pending; None: such a file is waited for.

    """

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        fetcher: Fetcher,
        clock: Clock,
        *,
        metrics: Metrics,
        fresh_us: int,
        collect: Collect | None,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._fetcher = fetcher
        self._clock = clock
        self._metrics = metrics
        self._fresh_us = fresh_us
        self._collect = collect
        self._failures = RecentFailures(clock)
        self._flights: SingleFlight[Content | MediaFailure] = SingleFlight()

    async def close(self) -> None:
        """Give up the fetches under way."""
        await self._flights.close()

    async def of_asset(self, account_id: str, media_id: str) -> Content | MediaFailure:
        """Return the content of an uploaded or inbound file."""
        asset = await self._database.read(lambda tx: find_asset(tx, account_id, media_id), account_id=account_id)
        if asset is not None and asset.state == PENDING and self._collect is not None:
            await self._collect(account_id, media_id)
            asset = await self._database.read(lambda tx: find_asset(tx, account_id, media_id), account_id=account_id)
        if asset is not None and asset.state == PENDING:
            return technical_failure("the file has not arrived from the provider yet")
        if asset is None or asset.state != STORED or asset.kind is None or asset.digest is None:
            return bad_media("the file is unknown, deleted, or of no type that can be sent")
        return Content(
            digest=asset.digest,
            mime_type=asset.mime_type or "",
            kind=MediaKind(asset.kind),
            size_bytes=asset.size_bytes or 0,
            filename=asset.filename,
        )

    async def of_url(self, account_id: str, url_key: str, url: str, kind: MediaKind | None) -> Content | MediaFailure:
        """
        Return the content of a URL, fetched if its server was not asked lately.

        ``url_key`` is the hex SHA-256 of the URL. ``kind`` is what it must be by its content; None takes any.
        """
        return await self._flights.run(
            (account_id, url_key, kind), lambda: self._of_url(account_id, url_key, url, kind)
        )

    async def _of_url(self, account_id: str, url_key: str, url: str, kind: MediaKind | None) -> Content | MediaFailure:
        known = await self._database.read(lambda tx: find_url(tx, account_id, url_key), account_id=account_id)
        if known is not None and self._clock.now_us() - self._fresh_us < known.checked_at_us:
            return _content(known)
        failure_key = (account_id, url_key, kind)
        failed = self._failures.standing(failure_key)
        if failed is not None:
            return failed
        if known is not None and not await self._blobs.exists(known.digest):
            known = None
        fetched = await self._fetcher.fetch(
            url,
            account_id=account_id,
            bytes_max=BYTES_MAX if kind is None else KIND_BYTES_MAX[kind],
            etag=None if known is None else known.etag,
            last_modified=None if known is None else known.last_modified,
        )
        if isinstance(fetched, FetchFailure):
            fault = fetched.fault.value
            self._metrics.media_fetches.labels(fault).inc()
            _logger.info("media.fetch_failed", account_id=account_id, fault=fault, detail=fetched.detail)
            return self._failures.add(
                failure_key,
                FailureReason.BAD_MEDIA,
                f"fetching failed: {fault}",
                is_retryable=fetched.is_retryable,
            )
        found = await self._take(fetched, known, kind)
        if isinstance(found, MediaFailure):
            self._metrics.media_fetches.labels("bad_media").inc()
            _logger.info("media.refused", account_id=account_id, detail=found.detail)
            return self._failures.add(failure_key, found.reason, found.detail, is_retryable=False)
        self._failures.clear(failure_key)
        self._metrics.media_fetches.labels("not_modified" if isinstance(fetched, NotModified) else "fetched").inc()
        await self._database.write(lambda tx: save_url(tx, account_id, url_key, found), lane=Lane.DISPATCH)
        return _content(found)

    async def _take(
        self, fetched: Fetched | NotModified, known: UrlContent | None, kind: MediaKind | None
    ) -> UrlContent | MediaFailure:
        """Judge and keep what was fetched; its bytes are durable when this returns, and the temporary file is gone."""
        now_us = self._clock.now_us()
        if isinstance(fetched, NotModified):
            assert known is not None
            return replace(
                known,
                etag=fetched.etag or known.etag,
                last_modified=fetched.last_modified or known.last_modified,
                checked_at_us=now_us,
            )
        try:
            facts = await asyncio.to_thread(check_media, fetched.path, expected=kind)
            if isinstance(facts, MediaProblem):
                return bad_media(facts.detail)
            digest = await self._blobs.put(fetched.path)
        finally:
            await asyncio.to_thread(_remove, fetched.path)
        self._metrics.media_stored_bytes.inc(facts.size_bytes)
        return UrlContent(
            digest=digest,
            mime_type=facts.mime_type,
            kind=facts.kind.value,
            size_bytes=facts.size_bytes,
            filename=fetched.filename,
            etag=fetched.etag,
            last_modified=fetched.last_modified,
            checked_at_us=now_us,
        )


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _content(known: UrlContent) -> Content:
    return Content(
        digest=known.digest,
        mime_type=known.mime_type,
        kind=MediaKind(known.kind),
        size_bytes=known.size_bytes,
        filename=known.filename,
    )
