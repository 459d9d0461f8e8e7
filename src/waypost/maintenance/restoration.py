"""
After a database was restored from a backup: nothing that it holds unsent may go out by itself (DUR-8).

What was accepted by the backup's time may have been sent since, by a gateway whose memory is gone. So everything
unsent is put in doubt at once. Statuses resolve it by their tokens, as any attempt in doubt: a token names the message,
and is good for attempts that this database never saw. What no status speaks of ends as ``unknown``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from waypost.contract.events import WebhookKind
from waypost.domain.message import MessageState
from waypost.outbox import in_doubt_notice, tell
from waypost.ports import IdFactory
from waypost.store.audit import AuditEntry, record_change
from waypost.store.directory import Snapshot
from waypost.store.doubt import find_last_beat
from waypost.store.feeding import pause_all_bulks
from waypost.store.restoring import (
    HeldMessage,
    count_unsent,
    hold_under_way,
    hold_waiting,
    list_held,
    record_absence,
    stand_alone,
)
from waypost.store.transaction import Tx

DETAIL: Final = "unsent in a backup that was restored: it may have been sent since"
PAGE_MAX: Final = 5_000


class GatewayRunsError(Exception):
    """Other processes are connected to the database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """
    What was put in doubt, by the state it stood in.

    ``in_doubt_before`` stood so already. ``away_since_us``: the last sign of life in the backup, None if there is none.
    ``told``: notifications that this made. ``bulk_sends``: how many were running, and are paused.
    """

    scheduled: int
    waiting: int
    queued: int
    dispatching: int
    in_doubt_before: int
    away_since_us: int | None
    told: int = 0
    bulk_sends: int = 0


def require_alone(tx: Tx) -> None:
    """Keep others from claiming messages while the transaction lasts; raise ``GatewayRunsError`` if any is there."""
    others = stand_alone(tx)
    if others:
        raise GatewayRunsError(f"other Waypost processes have {others} connections to this database")


def look(tx: Tx) -> Held:
    """Return what ``hold_unsent`` would hold; changes nothing."""
    counts = count_unsent(tx)
    return Held(
        scheduled=counts.get(MessageState.SCHEDULED, 0),
        waiting=counts.get(MessageState.WAITING, 0),
        queued=counts.get(MessageState.QUEUED, 0),
        dispatching=counts.get(MessageState.DISPATCHING, 0),
        in_doubt_before=counts.get(MessageState.IN_DOUBT, 0),
        away_since_us=find_last_beat(tx),
    )


def hold_unsent(tx: Tx, snapshot: Snapshot, ids: IdFactory, *, actor: str, now_us: int) -> Held:
    """
    Put everything unsent in doubt, for good: none of it is released, and subscribers of notices are told.

    All in this transaction, which must have begun with ``require_alone``; a second call finds nothing left.
    """
    held = look(tx)
    since_us = now_us if held.away_since_us is None else min(held.away_since_us, now_us)
    record_absence(tx, since_us=0 if held.away_since_us is None else held.away_since_us, now_us=now_us)
    under_way = hold_under_way(tx, detail=DETAIL)
    node = f"restored-{ids.new()}"
    hold_waiting(tx, node=node, detail=DETAIL, since_us=since_us, now_us=now_us)
    told = _tell(tx, snapshot, ids, under_way, now_us)
    told += sum(
        _tell_source(tx, snapshot, ids, source_id, node=node, now_us=now_us) for source_id in _told_sources(snapshot)
    )
    record_change(
        tx,
        AuditEntry(
            id=ids.new(), account_id=None, actor=actor, action="database.restored", target="messages", at_us=now_us
        ),
    )
    return replace(held, told=told, bulk_sends=pause_all_bulks(tx))


def _told_sources(snapshot: Snapshot) -> list[str]:
    return [
        source.id
        for source in snapshot.sources.values()
        if any(
            endpoint.wants(WebhookKind.NOTICE, source.id)
            for endpoint in snapshot.endpoints_by_account.get(source.account_id, ())
        )
    ]


def _tell_source(tx: Tx, snapshot: Snapshot, ids: IdFactory, source_id: str, *, node: str, now_us: int) -> int:
    told, after = 0, ""
    while page := list_held(tx, source_id=source_id, node=node, after=after, places=PAGE_MAX):
        told += _tell(tx, snapshot, ids, page, now_us)
        after = page[-1].id
    return told


def _tell(tx: Tx, snapshot: Snapshot, ids: IdFactory, messages: Sequence[HeldMessage], now_us: int) -> int:
    notices = [
        in_doubt_notice(
            account_id=one.account_id, source_id=one.source_id, message_id=one.id, occurred_at_us=now_us
        )
        for one in messages
    ]  # fmt: skip
    return tell(tx, snapshot, ids, notices, now_us=now_us)
