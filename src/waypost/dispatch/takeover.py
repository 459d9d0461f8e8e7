"""
Beginning to own sources: what a former owner left open is in doubt, and what it had started still counts.

A message that stands ``dispatching`` under an older epoch may or may not have reached upstream: it is never sent
"again", it is held in doubt (reliability, rule 2.5). The pacing goes on from the intents of the last minutes, which are
durable, so a restart never gives a number a second burst. What waited for the former owner to wake it is judged anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from waypost.observe import get_logger
from waypost.outbox import in_doubt_notice, tell
from waypost.ports import IdFactory
from waypost.store.claiming import load_recent_starts, wake_unwatched
from waypost.store.directory import Snapshot
from waypost.store.engine import Database, Lane, StoreUnavailableError
from waypost.store.settling import OpenAttempt, load_open_attempts, put_in_doubt
from waypost.store.transaction import Tx

REMEMBER_SECONDS: Final = 120.0
"""No bucket remembers longer: a pair is rested after ten times six seconds."""


_logger = get_logger("dispatch")


@dataclass(slots=True)
class TakenOver:
    """What was found: attempts now in doubt, and the recent starts per source as (recipient, time)."""

    in_doubt: int = 0
    recent_starts: dict[str, list[tuple[str, int]]] = field(default_factory=dict)


async def take_over(
    database: Database, snapshot: Snapshot, ids: IdFactory, *, epochs: Mapping[str, int], now_us: int
) -> TakenOver:
    """Take over the sources in ``epochs``. A second call finds nothing left to do. Raises ``StoreUnavailableError``."""

    takeover = _Takeover(snapshot, ids, epochs, now_us)
    try:
        return await database.write(takeover.apply, lane=Lane.DISPATCH)
    except StoreUnavailableError:
        raise
    except Exception:
        _logger.exception("dispatch.takeover_refused", sources=len(epochs))
    return await takeover.apply_singly(database)


@dataclass(frozen=True, slots=True)
class _Takeover:
    snapshot: Snapshot
    ids: IdFactory
    epochs: Mapping[str, int]
    now_us: int

    def apply(self, tx: Tx) -> TakenOver:
        left = self._left(tx)
        self._hold(tx, left)
        wake_unwatched(tx, list(self.epochs), now_us=self.now_us)
        return TakenOver(in_doubt=len(left), recent_starts=self._recent_starts(tx))

    async def apply_singly(self, database: Database) -> TakenOver:
        """Hold each attempt by itself; one that cannot be held stays as it is, for the next owner."""
        left = await database.write(self._left, lane=Lane.DISPATCH)
        held = 0
        for attempt in left:
            try:
                await database.write(partial(self._hold, left=[attempt]), lane=Lane.DISPATCH)
                held += 1
            except StoreUnavailableError:
                raise
            except Exception:
                _logger.exception("dispatch.attempt_refused", message_id=attempt.message_id)
        # Nobody is woken: what waited for the former owner falls due by its own time.
        return TakenOver(in_doubt=held, recent_starts=await database.read(self._recent_starts))

    def _left(self, tx: Tx) -> list[OpenAttempt]:
        attempts = load_open_attempts(tx, list(self.epochs))
        return [attempt for attempt in attempts if attempt.epoch < self.epochs[attempt.source_id]]

    def _hold(self, tx: Tx, left: Sequence[OpenAttempt]) -> None:
        put_in_doubt(tx, left, detail="its node ended before the answer was known")
        notices = [
            in_doubt_notice(
                account_id=attempt.account_id,
                source_id=attempt.source_id,
                message_id=attempt.message_id,
                occurred_at_us=self.now_us,
            )
            for attempt in left
        ]
        tell(tx, self.snapshot, self.ids, notices, now_us=self.now_us)

    def _recent_starts(self, tx: Tx) -> dict[str, list[tuple[str, int]]]:
        since_us = self.now_us - int(REMEMBER_SECONDS * 1_000_000)
        found = {source_id: load_recent_starts(tx, source_id=source_id, since_us=since_us) for source_id in self.epochs}
        return {source_id: starts for source_id, starts in found.items() if starts}
