"""Files that have not been used for long enough, and the bytes that nothing refers to any more."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from waypost.ports import BlobStore, Clock, IdFactory
from waypost.store.engine import Database
from waypost.store.media_retention import (
    AssetKey,
    StoredAsset,
    delete_unused,
    find_awaited,
    find_in_use,
    find_old_urls,
    forget_old_provider_media,
    remove_deleted,
    retire_url,
    walk_assets,
)

DAY_US: Final = 86_400 * 1_000_000
GRACE_US: Final = 3_600 * 1_000_000
"""A deleted file keeps its row this long: a message accepted just before is seen to wait with it by then."""

WALK_ROWS: Final = 500
URLS_MAX: Final = 500
REMOVALS_PER_COMMIT: Final = 5
"""Bytes are removed while the references are held, so few at a time."""
BLOB_SECONDS_MAX: Final = 60.0


class MediaSweep:
    """One pass over all files; ``pause`` is awaited between two pieces and says whether to go on."""

    def __init__(
        self,
        *,
        database: Database,
        blobs: BlobStore,
        clock: Clock,
        ids: IdFactory,
        media_days: float,
        pause: Callable[[], Awaitable[bool]],
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock
        self._ids = ids
        self._media_us = int(media_days * DAY_US)
        self._pause = pause

    async def sweep(self) -> dict[str, int]:
        """Go over all files once; return how many were deleted, removed and freed of their bytes. May raise OSError."""
        now_us = self._clock.now_us()
        counts = {"media_urls": await self._retire_urls(now_us), "media_deleted": 0, "media_rows": 0, "media_blobs": 0}
        after: AssetKey = ("", "")
        while True:
            assets = await self._database.read(
                lambda tx, after=after: walk_assets(tx, after, places=WALK_ROWS)  # type: ignore[misc]
            )
            if not assets:
                break
            counts["media_deleted"] += await self._delete_unused(assets, now_us)
            rows, blobs = await self._remove(assets, now_us)
            counts["media_rows"] += rows
            counts["media_blobs"] += blobs
            after = (assets[-1].account_id, assets[-1].id)
            if not await self._pause():
                return counts
        await self._forget_provider_media(now_us)
        return counts

    async def _delete_unused(self, assets: Sequence[StoredAsset], now_us: int) -> int:
        since_us = now_us - self._media_us
        old = [a for a in assets if a.deleted_at_us is None and a.state != "pending" and a.created_at_us <= since_us]
        if not old:
            return 0
        in_use = await self._database.read(lambda tx: find_in_use(tx, old, since_us=since_us))
        unused = [(asset.account_id, asset.id) for asset in old if (asset.account_id, asset.id) not in in_use]
        return await self._database.write(lambda tx: delete_unused(tx, unused, now_us=now_us)) if unused else 0

    async def _remove(self, assets: Sequence[StoredAsset], now_us: int) -> tuple[int, int]:
        before_us = now_us - GRACE_US
        keys = [(a.account_id, a.id) for a in assets if a.deleted_at_us is not None and a.deleted_at_us <= before_us]
        if not keys:
            return 0, 0
        awaited = await self._database.read(lambda tx: find_awaited(tx, keys))
        keys = [key for key in keys if key not in awaited]
        rows = blobs = 0
        delete_blob = self._blob_deleter()
        for start in range(0, len(keys), REMOVALS_PER_COMMIT):
            part = keys[start : start + REMOVALS_PER_COMMIT]
            removed = await self._database.write(
                lambda tx, part=part: remove_deleted(  # type: ignore[misc]
                    tx, part, before_us=before_us, delete_blob=delete_blob
                )
            )
            rows, blobs = rows + removed[0], blobs + removed[1]
            if not await self._pause():
                break
        return rows, blobs

    def _blob_deleter(self) -> Callable[[str], None]:
        """Return a function for the writer's thread that removes a blob and waits for it. It raises OSError."""
        loop = asyncio.get_running_loop()

        def delete(digest: str) -> None:
            asyncio.run_coroutine_threadsafe(self._blobs.delete(digest), loop).result(BLOB_SECONDS_MAX)

        return delete

    async def _retire_urls(self, now_us: int) -> int:
        until_us = now_us - self._media_us
        retired = 0
        while True:
            found = await self._database.read(lambda tx: find_old_urls(tx, until_us=until_us, places=URLS_MAX))
            if not found:
                return retired
            retired += await self._database.write(
                lambda tx, found=found: sum(  # type: ignore[misc]
                    retire_url(tx, account_id, url_key, new_id=self._ids.new(), until_us=until_us, now_us=now_us)
                    for account_id, url_key in found
                )
            )
            if not await self._pause():
                return retired

    async def _forget_provider_media(self, now_us: int) -> None:
        until_us = now_us - self._media_us
        while (
            await self._database.write(lambda tx: forget_old_provider_media(tx, until_us=until_us, places=WALK_ROWS))
            == WALK_ROWS
        ):
            if not await self._pause():
                return
