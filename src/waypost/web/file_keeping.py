"""Files that somebody hands in, kept as an account's uploads: one flow for both APIs and for the console."""

from pathlib import Path
from typing import Final

from waypost.accept.acceptor import IDEMPOTENCY_SECONDS
from waypost.accept.idempotency import Idempotency
from waypost.media.sniff import MediaFacts
from waypost.observe import get_logger
from waypost.observe.metrics import Metrics
from waypost.ports import BlobStore, Clock, IdFactory
from waypost.store.acceptance import insert_idempotency, load_idempotency
from waypost.store.engine import Database
from waypost.store.media import count_stored_bytes, find_asset, insert_upload
from waypost.store.transaction import Tx

_ALL_TIME_US: Final = 2**62

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

    async def keep(
        self, account_id: str, path: Path, facts: MediaFacts, *, filename: str | None, once_key: str | None = None
    ) -> str:
        """
        Return the file's media id once its bytes and its row are durable.

        A second call keeps a second upload, unless it comes with the same ``once_key`` and the same bytes: then the id
        is that of the first.
        """
        digest = await self._blobs.put(path)
        media_id = self._ids.new()
        idempotency = None if once_key is None else Idempotency.of(f"{once_key} {digest}", digest.encode())

        def insert(tx: Tx) -> str:
            now_us = self._clock.now_us()
            if idempotency is not None:
                kept_id = _kept_before(tx, account_id, idempotency, media_id=media_id, now_us=now_us)
                if kept_id is not None:
                    return kept_id
            insert_upload(
                tx,
                account_id=account_id,
                media_id=media_id,
                digest=digest,
                mime_type=facts.mime_type,
                kind=facts.kind.value,
                size_bytes=facts.size_bytes,
                filename=filename,
                now_us=now_us,
            )
            return media_id

        kept_id = await self._database.write(insert, account_id=account_id)
        if kept_id != media_id:
            return kept_id
        self._metrics.media_stored_bytes.inc(facts.size_bytes)
        _logger.info(
            "media.stored", account_id=account_id, media_id=media_id, kind=facts.kind.value, size_bytes=facts.size_bytes
        )
        return media_id


def _kept_before(tx: Tx, account_id: str, idempotency: Idempotency, *, media_id: str, now_us: int) -> str | None:
    """Return the id of what was kept under this key and is still there; None: from now on it is ``media_id``."""
    not_before_us = now_us - IDEMPOTENCY_SECONDS * 1_000_000
    known = load_idempotency(tx, [(account_id, idempotency.key_hash)], not_before_us=not_before_us)
    for record in known.values():
        if find_asset(tx, account_id, record.message_ids[0]) is not None:
            return record.message_ids[0]
    # A record of a file that was deleted since gives way, whatever its time; one that another node has written since
    # it was looked for does not: then this transaction fails on it, and is done again.
    insert_idempotency(
        tx,
        account_id=account_id,
        key_hash=idempotency.key_hash,
        fingerprint=idempotency.fingerprint,
        message_ids=[media_id],
        now_us=now_us,
        not_before_us=_ALL_TIME_US if known else not_before_us,
    )
    return None
