"""Files that somebody hands in, kept as an account's uploads: one flow for both APIs and for the console."""

from pathlib import Path

from waypost.media.sniff import MediaFacts
from waypost.observe import get_logger
from waypost.observe.metrics import Metrics
from waypost.ports import BlobStore, Clock, IdFactory
from waypost.store.engine import Database
from waypost.store.media import count_stored_bytes, insert_upload

_logger = get_logger("media")


class FileKeeper:
    """Keeps uploads while their account has room: ``stored_bytes_max`` bytes of files in all."""

    def __init__(
        self,
        *,
        database: Database,
        blobs: BlobStore,
        clock: Clock,
        ids: IdFactory,
        metrics: Metrics,
        stored_bytes_max: int,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock
        self._ids = ids
        self._metrics = metrics
        self._stored_bytes_max = stored_bytes_max

    async def has_room(self, account_id: str, facts: MediaFacts) -> bool:
        """Say whether the account may keep this file too."""
        stored_bytes = await self._database.read(lambda tx: count_stored_bytes(tx, account_id), account_id=account_id)
        return stored_bytes + facts.size_bytes <= self._stored_bytes_max

    async def keep(self, account_id: str, path: Path, facts: MediaFacts, *, filename: str | None) -> str:
        """Return the file's media id once its bytes and its row are durable; a second call keeps a second upload."""
        digest = await self._blobs.put(path)
        media_id = self._ids.new()
        await self._database.write(
            lambda tx: insert_upload(
                tx,
                account_id=account_id,
                media_id=media_id,
                digest=digest,
                mime_type=facts.mime_type,
                kind=facts.kind.value,
                size_bytes=facts.size_bytes,
                filename=filename,
                now_us=self._clock.now_us(),
            ),
            account_id=account_id,
        )
        self._metrics.media_stored_bytes.inc(facts.size_bytes)
        _logger.info(
            "media.stored", account_id=account_id, media_id=media_id, kind=facts.kind.value, size_bytes=facts.size_bytes
        )
        return media_id
