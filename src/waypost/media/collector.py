"""
Files that people send us: fetched from the provider with the source's token, before its id runs out after 7 days.

A pending file is a row with a due time, so a crash loses none; who asks for one before its turn gets it at once.
"""

import asyncio
from typing import Final

from waypost.domain.errors import SendFailureKind
from waypost.media.flights import SingleFlight
from waypost.media.sniff import MediaFacts, check_media
from waypost.observe import get_logger
from waypost.observe.metrics import Metrics
from waypost.ports import BlobStore, Clock, DownloadedMedia, Provider, ProviderMediaError
from waypost.store.directory import Directory
from waypost.store.engine import Database, Lane, StoreUnavailableError
from waypost.store.media import (
    PENDING,
    STORED,
    Asset,
    claim_pending,
    fail_inbound,
    find_asset,
    postpone_inbound,
    store_inbound,
)

INBOUND_BYTES_MAX: Final = 100 * 1024 * 1024
"""Cloud API, "Supported media types", read Sep 2026: what is larger comes as a message with error 131052."""
RETRY_SECONDS: Final = (5, 30, 120, 600, 1_800, 3_600, 14_400, 43_200, 86_400, 86_400, 86_400)
"""Before the next try; the last ends well within the 7 days that the provider's id lives (webhooks page, Sep 2026)."""
CLAIM_SECONDS: Final = 600
"""A file claimed by a process that died is tried again after this long."""

_logger = get_logger("media")


class Collector:
    """
    Fetches pending inbound files; a service.

    Args:
        database: the store.
        directory: sources and their tokens.
        blobs: where bytes go.
        provider: who has the files.
        clock: the time.
        metrics: what is counted.
        concurrency_max: downloads at once; each holds its file in memory.
        poll_seconds: longest wait before looking for due files again.

    """

    name = "collector"

    def __init__(
        self,
        database: Database,
        directory: Directory,
        blobs: BlobStore,
        provider: Provider,
        clock: Clock,
        *,
        metrics: Metrics,
        concurrency_max: int = 4,
        poll_seconds: float = 1.0,
    ) -> None:
        self._database = database
        self._directory = directory
        self._blobs = blobs
        self._provider = provider
        self._clock = clock
        self._metrics = metrics
        self._slots = asyncio.Semaphore(concurrency_max)
        self._concurrency_max = concurrency_max
        self._poll_seconds = poll_seconds
        self._flights: SingleFlight[bool] = SingleFlight()
        self._signal = asyncio.Event()
        self._in_flight = 0

    def wake(self) -> None:
        """Say that a file may be due; without it the next poll finds it. Called on the event loop."""
        self._signal.set()

    async def stop(self) -> None:
        """Give up what is under way: it stays pending."""
        await self._flights.close()

    async def run(self, stopping: asyncio.Event) -> None:
        """Fetch until stopped, then let what is under way end."""
        async with asyncio.TaskGroup() as group:
            watcher = group.create_task(self._watch(stopping))
            while not stopping.is_set():
                self._signal.clear()
                free = self._concurrency_max - self._in_flight
                assets = await self._claim(free) if free else []
                for asset in assets:
                    self._in_flight += 1
                    group.create_task(self._collect_claimed(asset))
                if not free or len(assets) < free:
                    await self._wait()
            watcher.cancel()

    async def collect_now(self, account_id: str, media_id: str) -> bool:
        """
        Fetch a pending file out of its turn, and say whether it is stored now.

        A call for a file that is stored, failed or unknown fetches nothing. A failure here is no try of the file's.
        """
        asset = await self._database.read(lambda tx: find_asset(tx, account_id, media_id), account_id=account_id)
        if asset is None or asset.state != PENDING:
            return asset is not None and asset.state == STORED
        return await self._flights.run((account_id, media_id), lambda: self._collect(asset, counts=False))

    async def _watch(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        self._signal.set()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._poll_seconds):
                await self._signal.wait()
        except TimeoutError:
            return

    async def _claim(self, at_most: int) -> list[Asset]:
        now_us = self._clock.now_us()
        until_us = now_us + CLAIM_SECONDS * 1_000_000
        try:
            return await self._database.write(
                lambda tx: claim_pending(tx, now_us=now_us, until_us=until_us, at_most=at_most), lane=Lane.RECEIVE
            )
        except StoreUnavailableError:
            return []

    async def _collect_claimed(self, asset: Asset) -> None:
        try:
            await self._flights.run((asset.account_id, asset.id), lambda: self._collect(asset, counts=True))
        except StoreUnavailableError:
            return  # the claim runs out, and the file is tried again
        except Exception:  # One file's outer edge: as above.
            _logger.exception("media.defect", source_id=asset.source_id)
        finally:
            self._in_flight -= 1
            self._signal.set()

    async def _collect(self, asset: Asset, *, counts: bool) -> bool:
        source = self._directory.now.sources.get(asset.source_id or "")
        if source is None or source.account_id != asset.account_id:
            await self._give_up(asset, "its source is gone", is_final=True, counts=counts)
            return False
        try:
            async with self._slots:
                found = await self._provider.download_media(
                    source.identity, media_id=asset.id, bytes_max=INBOUND_BYTES_MAX
                )
                return await self._keep(asset, found)
        except ProviderMediaError as error:
            is_final = error.failure.kind is SendFailureKind.REJECTED
            await self._give_up(asset, error.failure.detail, is_final=is_final, counts=counts)
        except OSError as error:
            await self._give_up(asset, f"the blob store failed: {error}", is_final=False, counts=counts)
        return False

    async def _keep(self, asset: Asset, found: DownloadedMedia) -> bool:
        facts = await asyncio.to_thread(check_media, found.data)
        # Any file is kept and served; only one of a type that the provider takes can be sent on.
        kind = facts.kind.value if isinstance(facts, MediaFacts) else None
        digest = await self._blobs.put(found.data)
        size_bytes = len(found.data)
        await self._database.write(
            lambda tx: store_inbound(
                tx, asset, digest=digest, mime_type=found.mime_type, kind=kind, size_bytes=size_bytes
            ),
            lane=Lane.RECEIVE,
        )
        self._metrics.media_stored_bytes.inc(size_bytes)
        _logger.info("media.collected", account_id=asset.account_id, kind=kind, size_bytes=size_bytes)
        return True

    async def _give_up(self, asset: Asset, detail: str, *, is_final: bool, counts: bool) -> None:
        _logger.info("media.collect_failed", account_id=asset.account_id, detail=detail, is_final=is_final)
        if is_final or (counts and asset.attempts >= len(RETRY_SECONDS)):
            await self._database.write(lambda tx: fail_inbound(tx, asset, detail=detail), lane=Lane.RECEIVE)
        elif counts:
            due_at_us = self._clock.now_us() + RETRY_SECONDS[asset.attempts] * 1_000_000
            await self._database.write(
                lambda tx: postpone_inbound(tx, asset, due_at_us=due_at_us, detail=detail), lane=Lane.RECEIVE
            )
