"""
From an attachment to an id at the provider: fetched once, kept once, uploaded once per source.

A brochure by URL to 100,000 people is one fetch and one upload: the URL's content is looked at again after ten minutes,
by a conditional request, and the provider's id serves for 30 days. Callers who ask for the same at the same time share
one answer.
"""

import asyncio
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from waypost.domain.errors import SendFailure, SendFailureKind
from waypost.domain.message import MediaKind
from waypost.media.contents import Collect, Content, Contents
from waypost.media.failures import RETRY_SECONDS, MediaFailure, RecentFailures, bad_media, technical_failure
from waypost.media.fetcher import Fetcher
from waypost.media.flights import SingleFlight
from waypost.observe import get_logger
from waypost.observe.metrics import Metrics
from waypost.ports import BlobStore, Clock, Provider, ProviderMediaError
from waypost.settings import MediaSettings
from waypost.store.directory import Source
from waypost.store.engine import Database, Lane
from waypost.store.provider_media import (
    ASSET_KEY,
    PROVIDER_MARGIN_US,
    URL_FRESH_US,
    URL_KEY,
    find_provider_media,
    save_provider_media,
)

__all__ = ["MediaFailure", "MediaReady", "Supplier"]

UPLOADS_MAX: Final = 8
LARGE_BYTES: Final = 16 << 20
LARGE_UPLOADS_MAX: Final = 2
"""Uploads hold the whole file in memory: of large ones only so many at once."""
MISCONFIGURED_SECONDS: Final = 60.0

_DAY_US: Final = 86_400 * 1_000_000
_ENDINGS: Final = MappingProxyType(
    {
        "image/jpeg": ".jpg",
        "image/png": ".png",
        "image/webp": ".webp",
        "audio/aac": ".aac",
        "audio/amr": ".amr",
        "audio/mpeg": ".mp3",
        "audio/mp4": ".m4a",
        "audio/ogg": ".ogg",
        "video/mp4": ".mp4",
        "video/3gpp": ".3gp",
        "application/pdf": ".pdf",
        "text/plain": ".txt",
    }
)

_logger = get_logger("media")


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaReady:
    """The provider holds the file for at least another day."""

    provider_media_id: str
    kind: MediaKind
    filename: str | None
    mime_type: str


class Supplier:
    """
    Makes files ready at the provider.

    Args:
        database: the store.
        blobs: where bytes are.
        fetcher: gets customers' URLs, guarded.
        provider: who is given the files.
        clock: the time.
        settings: how long a URL's content and a provider's id serve.
        metrics: what is counted.
        collect: fetches an inbound file that is still pending; None: such a file is waited for.

    Raises ValueError where the settings leave a provider's id no time to serve.

    """

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        fetcher: Fetcher,
        provider: Provider,
        clock: Clock,
        *,
        settings: MediaSettings,
        metrics: Metrics,
        collect: Collect | None = None,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._provider = provider
        self._clock = clock
        self._metrics = metrics
        self._margin_us = max(PROVIDER_MARGIN_US, int(settings.provider_renew_days * _DAY_US))
        self._life_us = int(settings.provider_days * _DAY_US)
        if self._life_us <= self._margin_us:
            raise ValueError("media.provider_days must be more than a day and more than media.provider_renew_days")
        self._contents = Contents(
            database,
            blobs,
            fetcher,
            clock,
            metrics=metrics,
            fresh_us=min(URL_FRESH_US, int(settings.cache_seconds * 1e6)),
            collect=collect,
        )
        self._failures = RecentFailures(clock)
        self._uploads: SingleFlight[str | MediaFailure] = SingleFlight()
        self._slots = asyncio.Semaphore(UPLOADS_MAX)
        self._large_slots = asyncio.Semaphore(LARGE_UPLOADS_MAX)

    async def ensure(
        self,
        source: Source,
        *,
        account_id: str,
        media_key: str,
        attachment_url: str | None,
        kind: MediaKind | None,
    ) -> MediaReady | MediaFailure:
        """
        Make sure that the provider holds a file for a source, for at least one more day.

        Asking again costs two reads. Callers of the same file share one fetch and one upload.

        Args:
            source: who will send it.
            account_id: whose file it is.
            media_key: ``asset:<media id>``, or ``url:<hex SHA-256 of the URL>``.
            attachment_url: the URL, with a URL's key.
            kind: what it must be by its content; None takes any.

        Raises StoreUnavailableError.

        """
        try:
            if media_key.startswith(ASSET_KEY):
                content = await self._contents.of_asset(account_id, media_key.removeprefix(ASSET_KEY))
            else:
                assert attachment_url is not None
                content = await self._contents.of_url(account_id, media_key.removeprefix(URL_KEY), attachment_url, kind)
            if isinstance(content, MediaFailure):
                return content
            if kind is not None and content.kind is not kind:
                return bad_media(f"the content is {content.mime_type}, which is no {kind.value}")
            held = await self._hold(source, content)
        except OSError as error:
            _logger.error("media.store_failed", detail=str(error))  # noqa: TRY400 - expected of disks, no defect
            return technical_failure("the blob store or the disk failed")
        if isinstance(held, MediaFailure):
            return held
        return MediaReady(
            provider_media_id=held, kind=content.kind, filename=content.filename, mime_type=content.mime_type
        )

    async def close(self) -> None:
        """Give up what is under way; it is done anew when asked for again."""
        await self._contents.close()
        await self._uploads.close()

    async def _hold(self, source: Source, content: Content) -> str | MediaFailure:
        """Return the provider's id of the content for a source, after uploading it if need be."""
        key = (source.id, content.digest)
        return await self._uploads.run(key, lambda: self._hold_once(source, content))

    async def _hold_once(self, source: Source, content: Content) -> str | MediaFailure:
        key = (source.id, content.digest)
        alive_after_us = self._clock.now_us() + self._margin_us
        held = await self._database.read(lambda tx: find_provider_media(tx, *key, alive_after_us=alive_after_us))
        if held is not None:
            return held
        failed = self._failures.standing(key)
        if failed is not None:
            return failed
        try:
            media_id = await self._send(source, content)
        except FileNotFoundError:
            return bad_media("the file's bytes are not stored any more")
        except ProviderMediaError as error:
            self._metrics.media_uploads.labels(error.failure.kind.value).inc()
            _logger.warning(
                "media.upload_failed", source_id=source.id, kind=error.failure.kind.value, detail=error.failure.detail
            )
            return self._failure(key, error.failure)
        self._metrics.media_uploads.labels("uploaded").inc()
        _logger.info("media.uploaded", source_id=source.id, kind=content.kind.value, size_bytes=content.size_bytes)
        self._failures.clear(key)
        expires_at_us = self._clock.now_us() + self._life_us
        await self._database.write(
            lambda tx: save_provider_media(tx, *key, provider_media_id=media_id, expires_at_us=expires_at_us),
            lane=Lane.DISPATCH,
        )
        return media_id

    async def _send(self, source: Source, content: Content) -> str:
        async with self._large_slots if content.size_bytes > LARGE_BYTES else self._slots:
            data = await self._blobs.read(content.digest)
            # The id serves messages of any name, so the upload has a name of its own.
            filename = content.digest[:16] + _ENDINGS.get(content.mime_type.partition(";")[0], "")
            # What follows a semicolon is for players; upstream knows the bare type.
            mime_type = content.mime_type.partition(";")[0].strip()
            return await self._provider.upload_media(source.identity, data=data, mime_type=mime_type, filename=filename)

    def _failure(self, key: tuple[str, str], failure: SendFailure) -> MediaFailure:
        match failure.kind:
            case SendFailureKind.REJECTED:
                return self._failures.add(key, failure.reason, failure.detail, is_retryable=False)
            case SendFailureKind.TRANSIENT | SendFailureKind.IN_DOUBT:
                return self._failures.add(key, failure.reason, failure.detail, is_retryable=True)
            case SendFailureKind.MISCONFIGURED:
                # Not the file's fault: it waits until somebody has mended the source.
                wait_seconds = MISCONFIGURED_SECONDS
            case SendFailureKind.THROTTLED:
                wait_seconds = max(RETRY_SECONDS[0], failure.retry_after_seconds or 0.0)
        return MediaFailure(reason=failure.reason, retry_after_seconds=wait_seconds, detail=failure.detail)
