"""
Messages that wait for their file to be ready at the provider.

A round that meets such a message parks it and says so here; when the file is there all messages that wait for it are
queued, when it never will be they fail. The rows are the truth: a message whose helper died asks again by itself.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from waypost.dispatch.quarantine import end_unhandled
from waypost.dispatch.round import news_of_failure
from waypost.domain.errors import FailureReason
from waypost.domain.message import Attachment, Media, MediaKind, MessageKind, MessageState, Template
from waypost.domain.status import Announced
from waypost.observe import get_logger
from waypost.outbox import tell
from waypost.ports import Clock, IdFactory
from waypost.store.claiming import Candidate, LaneKey, end_messages, load_media_waiting, park_messages, promote_media
from waypost.store.content import decode_content
from waypost.store.directory import Directory, Source
from waypost.store.engine import Database, Lane, StoreUnavailableError
from waypost.store.transaction import Tx

_FileKey = tuple[str, str]
"""(source, key of the file)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaTrouble:
    """Why a file is not ready. ``retry_after_seconds`` None: it never will be, for ``reason``."""

    reason: FailureReason
    retry_after_seconds: float | None


class MediaSupplier(Protocol):
    """Makes a file ready at the provider for one source."""

    async def supply(
        self, source: Source, *, account_id: str, media_key: str, url: str | None, kind: MediaKind | None
    ) -> MediaTrouble | None:
        """Return None once the file is ready; calls for the same file at the same time share the work."""


class MediaWait:
    """Begins the supply of files, and wakes or ends the messages that wait for them."""

    def __init__(
        self,
        *,
        database: Database,
        directory: Directory,
        supplier: MediaSupplier,
        clock: Clock,
        ids: IdFactory,
        on_ready: Callable[[str], None],
        on_ended: Callable[[LaneKey], None],
        on_told: Callable[[], None],
    ) -> None:
        self._database = database
        self._directory = directory
        self._supplier = supplier
        self._clock = clock
        self._ids = ids
        self._on_ready = on_ready
        self._on_ended = on_ended
        self._on_told = on_told
        self._under_way: dict[_FileKey, asyncio.Task[None]] = {}
        self._asked_again: dict[_FileKey, tuple[Source, Candidate]] = {}
        self._log = get_logger("dispatch")

    def prepare(self, source: Source, candidate: Candidate) -> None:
        """
        Begin; while a call for the same source and file is under way, a second one makes it look again at its end.

        It may have woken those that waited just before the message of the second call was parked.
        """
        assert candidate.media_key is not None
        key = (source.id, candidate.media_key)
        if key in self._under_way:
            self._asked_again[key] = (source, candidate)
            return
        task = asyncio.create_task(self._prepare(source, candidate), name=f"media {source.id}")
        self._under_way[key] = task
        task.add_done_callback(lambda _: self._ended(key))

    def _ended(self, key: _FileKey) -> None:
        del self._under_way[key]
        asked_again = self._asked_again.pop(key, None)
        if asked_again is not None:
            self.prepare(*asked_again)

    async def stop(self) -> None:
        """Leave off; what waits is found again after the next start."""
        self._asked_again.clear()
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _prepare(self, source: Source, candidate: Candidate) -> None:
        assert candidate.media_key is not None
        try:
            attachment = attachment_of(candidate)
        except Exception:  # noqa: BLE001 - a defect in one message; others may wait for the same file
            self._log.exception("media.message_unreadable", message_id=candidate.id)
            await self._end_alone(candidate)
            return
        try:
            trouble = await self._supplier.supply(
                source,
                account_id=candidate.account_id,
                media_key=candidate.media_key,
                url=attachment.url if attachment else None,
                kind=attachment.kind if attachment else None,
            )
            ended = await self._database.write(
                lambda tx: self._settle(tx, source.id, candidate.media_key or "", trouble), lane=Lane.DISPATCH
            )
        except StoreUnavailableError as error:
            # The messages stay parked and come back by their own time.
            self._log.warning("media.store_unavailable", error=str(error))
            return
        except Exception:  # noqa: BLE001 - the outer edge of a task; the messages come back by their own time
            self._log.exception("media.defect", source_id=source.id)
            return
        for lane in ended:
            self._on_ended(lane)
        self._on_ready(source.id)
        if trouble is not None:
            self._log.info("media.not_ready", source_id=source.id, reason=trouble.reason.value)
            self._on_told()

    async def _end_alone(self, candidate: Candidate) -> None:
        """End a message that cannot be read; while the database is away it comes back by its own time."""
        now_us = self._clock.now_us()
        with contextlib.suppress(StoreUnavailableError):
            await self._database.write(
                lambda tx: end_unhandled(tx, self._directory.now, self._ids, candidate.id, now_us), lane=Lane.DISPATCH
            )
            self._on_ended((candidate.source_id, candidate.recipient))
            self._on_ready(candidate.source_id)
            self._on_told()

    def _settle(self, tx: Tx, source_id: str, media_key: str, trouble: MediaTrouble | None) -> list[LaneKey]:
        """Write what became of a file; return the lanes of the messages that end with it."""
        if trouble is None:
            promote_media(tx, source_id=source_id, media_key=media_key)
            return []
        now_us = self._clock.now_us()
        waiting = load_media_waiting(tx, source_id=source_id, media_key=media_key)
        if trouble.retry_after_seconds is not None:
            due_at_us = now_us + int(trouble.retry_after_seconds * 1_000_000)
            park_messages(tx, [(due_at_us, "media_retry", candidate.id) for candidate in waiting])
            return []
        failed, announced = int(MessageState.FAILED), int(Announced.FAILED)
        end_messages(tx, [(failed, trouble.reason.value, now_us, announced, candidate.id) for candidate in waiting])
        news = [news_of_failure(candidate, trouble.reason, now_us) for candidate in waiting]
        tell(tx, self._directory.now, self._ids, news, now_us=now_us)
        return [(candidate.source_id, candidate.recipient) for candidate in waiting]


def attachment_of(candidate: Candidate) -> Attachment | None:
    """Return the file a candidate carries."""
    content = decode_content(MessageKind(candidate.kind), candidate.content)
    return content.attachment if isinstance(content, Media | Template) else None
