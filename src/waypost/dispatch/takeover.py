"""
Beginning to own sources: what a former owner left open is in doubt, and what it had started still counts.

A message that stands ``dispatching`` under an older epoch may or may not have reached upstream: it is never sent
"again", it is held in doubt (reliability, rule 2.5). The pacing goes on from the intents of the last minutes, which are
durable, so a restart never gives a number a second burst. What waited for the former owner to wake it is judged anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from waypost.outbox import in_doubt_notice, tell
from waypost.ports import IdFactory
from waypost.store.claiming import load_recent_starts, wake_unwatched
from waypost.store.directory import Snapshot
from waypost.store.engine import Database, Lane
from waypost.store.settling import load_open_attempts, put_in_doubt
from waypost.store.transaction import Tx

REMEMBER_SECONDS: Final = 120.0
"""No bucket remembers longer: a pair is rested after ten times six seconds."""


@dataclass(slots=True)
class TakenOver:
    """What was found: attempts now in doubt, and the recent starts per source as (recipient, time)."""

    in_doubt: int = 0
    recent_starts: dict[str, list[tuple[str, int]]] = field(default_factory=dict)


async def take_over(
    database: Database, snapshot: Snapshot, ids: IdFactory, *, epochs: Mapping[str, int], now_us: int
) -> TakenOver:
    """Take over the sources in ``epochs``. A second call finds nothing left to do. Raises ``StoreUnavailableError``."""

    def apply(tx: Tx) -> TakenOver:
        taken = TakenOver(in_doubt=_hold_open_attempts(tx, snapshot, ids, epochs, now_us))
        wake_unwatched(tx, list(epochs), now_us=now_us)
        for source_id in epochs:
            since_us = now_us - int(REMEMBER_SECONDS * 1_000_000)
            starts = load_recent_starts(tx, source_id=source_id, since_us=since_us)
            if starts:
                taken.recent_starts[source_id] = starts
        return taken

    return await database.write(apply, lane=Lane.DISPATCH)


def _hold_open_attempts(tx: Tx, snapshot: Snapshot, ids: IdFactory, epochs: Mapping[str, int], now_us: int) -> int:
    attempts = load_open_attempts(tx, list(epochs))
    left = [attempt for attempt in attempts if attempt.epoch < epochs[attempt.source_id]]
    put_in_doubt(tx, left, detail="its node ended before the answer was known")
    notices = [
        in_doubt_notice(
            account_id=attempt.account_id,
            source_id=attempt.source_id,
            message_id=attempt.message_id,
            occurred_at_us=now_us,
        )
        for attempt in left
    ]
    tell(tx, snapshot, ids, notices, now_us=now_us)
    return len(left)
