"""
The watch over time: what was not sent in time ends as ``expired``, whatever state of waiting it is in.

The dispatcher looks at a message's time to live when its turn comes; this service ends those whose turn does not come
in time, and what is left on sources that were deleted. News and end are one transaction.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from waypost.domain.errors import FailureReason
from waypost.domain.message import MessageState
from waypost.domain.status import Announced
from waypost.observe import get_logger
from waypost.outbox import failed_news, tell
from waypost.ports import Clock, IdFactory
from waypost.service import rest
from waypost.store.claiming import LaneKey
from waypost.store.directory import Directory, Snapshot
from waypost.store.engine import Database, StoreUnavailableError
from waypost.store.expiry import (
    OverdueMessage,
    close_abandoned,
    end_overdue,
    hold_abandoned,
    hold_expired,
    hold_unsent_of_deleted_sources,
)
from waypost.store.transaction import Tx

TURN_SECONDS: Final = 1.0
BATCH_MAX: Final = 500
_TOLD_ENDS: Final = Announced.DELIVERED | Announced.READ | Announced.FAILED


@dataclass(frozen=True, slots=True)
class Ended:
    """What one turn has ended, in which lanes what waited behind may go on, and how many notifications that made."""

    expired: int = 0
    of_deleted_sources: int = 0
    given_up: int = 0
    told: int = 0
    lanes: frozenset[LaneKey] = frozenset()
    is_full: bool = False


class Expirer:
    """Ends overdue messages once a second; a service. Several nodes may run it at once: each row is ended once."""

    name = "expiry"

    def __init__(
        self,
        *,
        database: Database,
        directory: Directory,
        clock: Clock,
        ids: IdFactory,
        doubt_seconds_max: float,
        on_ended: Callable[[Collection[LaneKey]], None],
        on_told: Callable[[], None],
    ) -> None:
        """
        ``doubt_seconds_max``: after so long the outcome of a deleted source's attempt is given up as unknown.

        ``on_ended`` is called with the lanes of expired messages, once their end is durable; a lane that another node
        owns goes on within a minute all the same.
        """
        self._database = database
        self._directory = directory
        self._clock = clock
        self._ids = ids
        self._doubt_us = int(doubt_seconds_max * 1_000_000)
        self._on_ended = on_ended
        self._on_told = on_told
        self._refused: set[str] = set()
        self._log = get_logger("expiry")

    async def run(self, stopping: asyncio.Event) -> None:
        """Look once a second until stopped; while there is more than a batch, at once again."""
        while not stopping.is_set():
            is_full = False
            try:
                is_full = (await self.turn()).is_full
            except StoreUnavailableError as error:
                self._log.warning("expiry.store_unavailable", error=str(error))
            if is_full:
                continue
            await rest(stopping, TURN_SECONDS)

    async def turn(self) -> Ended:
        """End at most a batch of each kind. A second call at once ends what is left. Raises StoreUnavailableError."""
        snapshot = self._directory.now
        now_us = self._clock.now_us()
        try:
            ended = await self._database.write(lambda tx: self._end(tx, snapshot, now_us))
        except StoreUnavailableError:
            raise
        except Exception:  # noqa: BLE001 - what is wrong with one message costs only that message
            self._log.exception("expiry.turn_refused")
            ended = await self._end_singly(snapshot, now_us)
        if ended.lanes:
            self._on_ended(ended.lanes)
        if ended.told:
            self._on_told()
        if ended.expired or ended.of_deleted_sources or ended.given_up:
            self._log.info(
                "expiry.ended",
                expired=ended.expired,
                of_deleted_sources=ended.of_deleted_sources,
                given_up=ended.given_up,
                told=ended.told,
            )
        return ended

    async def _end_singly(self, snapshot: Snapshot, now_us: int) -> Ended:
        found = await self._database.write(lambda tx: self._hold(tx, now_us, None))
        ended: list[Ended] = []
        for message_id in dict.fromkeys(message.id for messages in found for message in messages):
            try:
                ended.append(
                    await self._database.write(partial(self._end, snapshot=snapshot, now_us=now_us, only=message_id))
                )
            except StoreUnavailableError:
                raise
            except Exception:  # noqa: BLE001 - as in turn
                self._refused.add(message_id)
                self._log.exception("expiry.message_refused", message_id=message_id)
        return Ended(
            expired=sum(one.expired for one in ended),
            of_deleted_sources=sum(one.of_deleted_sources for one in ended),
            given_up=sum(one.given_up for one in ended),
            told=sum(one.told for one in ended),
            lanes=frozenset().union(*(one.lanes for one in ended)),
        )

    def _hold(self, tx: Tx, now_us: int, only: str | None) -> tuple[list[OverdueMessage], ...]:
        """Hold what is expired, unsent of deleted sources, and to be given up; of all that, one message if named."""
        held = (
            hold_expired(tx, now_us=now_us, places=BATCH_MAX),
            hold_unsent_of_deleted_sources(tx, places=BATCH_MAX),
            hold_abandoned(tx, before_us=now_us - self._doubt_us, places=BATCH_MAX),
        )
        if only is None and not self._refused:
            return held
        return tuple(
            [one for one in messages if one.id not in self._refused and only in (None, one.id)] for messages in held
        )

    def _end(self, tx: Tx, snapshot: Snapshot, now_us: int, only: str | None = None) -> Ended:
        expired, unsent, given_up = self._hold(tx, now_us, only)
        close_abandoned(tx, given_up, now_us=now_us)
        told = sum(
            self._end_as(tx, snapshot, messages, state=state, reason=reason, now_us=now_us)
            for messages, state, reason in (
                (expired, MessageState.EXPIRED, FailureReason.EXPIRED),
                (_without(unsent, expired), MessageState.FAILED, FailureReason.UNKNOWN_SOURCE),
                (given_up, MessageState.UNKNOWN, FailureReason.OUTCOME_UNKNOWN),
            )
        )
        return Ended(
            expired=len(expired),
            of_deleted_sources=len(unsent),
            given_up=len(given_up),
            told=told,
            lanes=frozenset((message.source_id, message.recipient) for message in expired),
            is_full=max(len(expired), len(unsent), len(given_up)) >= BATCH_MAX,
        )

    def _end_as(
        self,
        tx: Tx,
        snapshot: Snapshot,
        messages: Sequence[OverdueMessage],
        *,
        state: MessageState,
        reason: FailureReason,
        now_us: int,
    ) -> int:
        end_overdue(
            tx, messages, state=int(state), failure=reason.value, announced=int(Announced.FAILED), now_us=now_us
        )
        news = [
            failed_news(
                account_id=message.account_id,
                source_id=message.source_id,
                message_id=message.id,
                recipient=message.recipient,
                source_given=message.source_given,
                caller_data=message.caller_data,
                reason=reason,
                occurred_at_us=now_us,
            )
            for message in messages
            if not message.announced & _TOLD_ENDS
        ]
        return tell(tx, snapshot, self._ids, news, now_us=now_us)


def _without(messages: Sequence[OverdueMessage], others: Sequence[OverdueMessage]) -> list[OverdueMessage]:
    known = {message.id for message in others}
    return [message for message in messages if message.id not in known]
