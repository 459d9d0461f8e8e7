"""
The end of keeping: content, rows and files go when the retention settings say so, in small pieces with pauses.

A sweep may stop anywhere: what it has removed is removed, and the walks over content remember in ``meta`` how far they
have come. Those walks begin anew twice a day, for rows that were not done with when the walk came by; everything else
begins at the oldest row each time, where nothing is left but what is not due yet.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from waypost.domain.ids import first_id_at
from waypost.maintenance.media_retention import MediaSweep
from waypost.observe import get_logger
from waypost.ports import BlobStore, Clock, IdFactory
from waypost.service import rest
from waypost.settings import RetentionSettings
from waypost.store import retention as store
from waypost.store.engine import Database, StoreUnavailableError
from waypost.store.feeding import delete_oldest_bulk
from waypost.store.statements import Sql
from waypost.store.transaction import Tx

DAY_US: Final = 86_400 * 1_000_000
HOUR_US: Final = 3_600 * 1_000_000
FULL_PASS_US: Final = 12 * HOUR_US
WALK_LAG_US: Final = 6 * HOUR_US
"""Walks over content stay this far behind, so that what ends within hours of its acceptance is met only once."""
MEDIA_PASS_US: Final = 6 * HOUR_US
GAP_DAYS: Final = 30
"""Gaps of our ingress matter to attempts in doubt, which last a day at most."""

WALK_ROWS: Final = 1_000
PAUSE_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class _Text:
    """One walk over content: its name in ``meta``, how to look, and how to blank."""

    name: str
    look: Callable[[Tx, str, str, int], store.Step]
    blank: Callable[[Tx, list[str], int], int]


_TEXTS: Final = (
    _Text(
        name="messages_text",
        look=lambda tx, after, before, until_us: store.walk_messages_with_text(
            tx, after=after, before=before, until_us=until_us, places=WALK_ROWS
        ),
        blank=lambda tx, ids, until_us: store.blank_messages(tx, ids, until_us=until_us),
    ),
    _Text(
        name="inbound_text",
        look=lambda tx, after, before, until_us: store.walk_inbound_with_text(
            tx, after=after, before=before, until_us=until_us, places=WALK_ROWS
        ),
        blank=lambda tx, ids, _: store.blank_inbound(tx, ids),
    ),
)


class Retention:
    """Sweeps by the retention settings; a service. Several nodes may run it: the second finds nothing left to do."""

    name = "retention"

    def __init__(
        self,
        *,
        database: Database,
        blobs: BlobStore,
        clock: Clock,
        ids: IdFactory,
        settings: RetentionSettings,
        parked_hours: float,
        pause_seconds: float = PAUSE_SECONDS,
    ) -> None:
        """``parked_hours``: how long statuses without a message are kept; ``pause_seconds``: between two pieces."""
        self._database = database
        self._clock = clock
        self._settings = settings
        self._parked_us = int(parked_hours * HOUR_US)
        self._pause_seconds = pause_seconds
        self._stopping = asyncio.Event()
        self._media = MediaSweep(
            database=database,
            blobs=blobs,
            clock=clock,
            ids=ids,
            media_days=settings.media_days,
            pause=self._pause,
        )
        self._next_media_us = 0
        self._log = get_logger("retention")

    async def run(self, stopping: asyncio.Event) -> None:
        """Sweep until stopped, at once and then every ``sweep_seconds``; stop within one piece."""
        self._stopping = stopping
        while not stopping.is_set():
            try:
                await self.sweep()
            except (StoreUnavailableError, OSError) as error:
                self._log.warning("retention.interrupted", error=str(error))
            except Exception:  # noqa: BLE001 - what cannot be removed must not end the process with it
                self._log.exception("retention.refused")
            await rest(stopping, self._settings.sweep_seconds)

    async def sweep(self) -> dict[str, int]:
        """
        Remove all that is due, and return how many of each kind; ends early when stopping.

        Notifications that wait for a deleted endpoint are ended first, so that their time begins.

        A second call at once removes nothing. Raises StoreUnavailableError, or OSError from the blob store; what was
        removed until then stays removed.
        """
        now_us = self._clock.now_us()
        counts = {"undeliverable": await self._end_undeliverable(now_us)}
        text_us, metadata_us = (
            now_us - int(days * DAY_US) for days in (self._settings.text_days, self._settings.metadata_days)
        )
        for shelf, until_us in (
            (store.MESSAGES, metadata_us),
            (store.INBOUND_MESSAGES, metadata_us),
            # These carry text, or what endpoints answered to it.
            (store.NOTIFICATIONS, text_us),
            (store.DELIVERY_ATTEMPTS, text_us),
            (store.AUDIT_LOG, now_us - int(self._settings.audit_days * DAY_US)),
        ):
            counts[shelf.name] = await self._empty(shelf, until_us)
        for name, statement, until_us in (
            ("raw_webhooks", store.RAW_WEBHOOKS, now_us - int(self._settings.raw_webhook_days * DAY_US)),
            ("parked_statuses", store.PARKED_STATUSES, now_us - self._parked_us),
            ("idempotency_records", store.IDEMPOTENCY_RECORDS, self._idempotency_until(now_us)),
            ("ingress_gaps", store.INGRESS_GAPS, now_us - GAP_DAYS * DAY_US),
            ("chat_groups", store.GONE_GROUPS, metadata_us),
        ):
            counts[name] = await self._delete_aged(statement, until_us)
        # Rows hold what their messages say: they go with it, and with them the whole bulk send.
        counts["bulk_rows"] = await self._delete_bulks(text_us)
        for text in _TEXTS:
            counts[text.name] = await self._blank(text, text_us, now_us)
        if now_us >= self._next_media_us and not self._stopping.is_set():
            counts |= await self._media.sweep()
            self._next_media_us = now_us + MEDIA_PASS_US
        if any(counts.values()):
            self._log.info("retention.swept", **{name: count for name, count in counts.items() if count})
        return counts

    def _idempotency_until(self, now_us: int) -> int:
        return now_us - int(self._settings.idempotency_hours * HOUR_US)

    async def _pause(self) -> bool:
        """Let others write; return whether to go on."""
        await asyncio.sleep(self._pause_seconds)
        return not self._stopping.is_set()

    async def _empty(self, shelf: store.Shelf, until_us: int) -> int:
        """Delete what is due of a table, from its oldest row on."""
        after, before, deleted = "", first_id_at(until_us), 0
        while True:
            step = await self._database.read(
                lambda tx, after=after: store.walk(  # type: ignore[misc]
                    tx, shelf, after=after, before=before, until_us=until_us, places=WALK_ROWS
                )
            )
            if step.through is None:
                return deleted
            if step.ids:
                deleted += await self._database.write(
                    lambda tx, ids=step.ids: store.delete_due(tx, shelf, ids, until_us=until_us)  # type: ignore[misc]
                )
            after = step.through
            if not await self._pause():
                return deleted

    async def _end_undeliverable(self, now_us: int) -> int:
        ended = 0
        while True:
            found = await self._database.write(lambda tx: store.end_undeliverable(tx, now_us=now_us, places=WALK_ROWS))
            ended += found
            if found < WALK_ROWS or not await self._pause():
                return ended

    async def _delete_aged(self, statement: Sql, until_us: int) -> int:
        deleted = 0
        while True:
            found = await self._database.write(
                lambda tx: store.delete_aged(tx, statement, until_us=until_us, places=WALK_ROWS)
            )
            deleted += found
            if found < WALK_ROWS or not await self._pause():
                return deleted

    async def _delete_bulks(self, until_us: int) -> int:
        deleted = 0
        while True:
            found = await self._database.write(lambda tx: delete_oldest_bulk(tx, until_us=until_us, places=WALK_ROWS))
            deleted += found
            if not found or not await self._pause():
                return deleted

    async def _blank(self, text: _Text, until_us: int, now_us: int) -> int:
        """Take away content that is due, from where the last walk ended; twice a day from the beginning."""
        begun_name = f"{text.name}_begun_at_us"
        after, begun = await self._database.read(
            lambda tx: (store.load_cursor(tx, text.name), store.load_cursor(tx, begun_name))
        )
        if now_us - int(begun or 0) >= FULL_PASS_US:
            after = ""
            await self._database.write(lambda tx: store.save_cursor(tx, begun_name, str(now_us)))
        before, blanked = first_id_at(until_us - WALK_LAG_US), 0
        while True:
            step = await self._database.read(
                lambda tx, after=after: text.look(tx, after, before, until_us)  # type: ignore[misc]
            )
            if step.through is None:
                return blanked
            blanked += await self._database.write(
                lambda tx, step=step: _blank_step(tx, text, step, until_us)  # type: ignore[misc]
            )
            after = step.through
            if not await self._pause():
                return blanked


def _blank_step(tx: Tx, text: _Text, step: store.Step, until_us: int) -> int:
    assert step.through is not None
    blanked = text.blank(tx, step.ids, until_us) if step.ids else 0
    store.save_cursor(tx, text.name, step.through)
    return blanked
