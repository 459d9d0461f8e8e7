"""
One transaction of the notifier: what has ended is settled, and what is due next is loaded.

Both in one, like a consumer of a queue that acknowledges and receives in one call: the database is asked once per batch
of deliveries, not once per delivery.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from waypost.notify.loading import load_units
from waypost.notify.outcome import DISABLED_GONE, Outcome, disabled_failing
from waypost.notify.unit import Unit
from waypost.outbox import Notice, tell
from waypost.ports import IdFactory
from waypost.store.directory import Snapshot
from waypost.store.notifying import (
    DEAD,
    PENDING,
    FailedRow,
    disable_endpoint,
    find_due_endpoints,
    find_long_failing,
    find_waiting,
    insert_delivery_attempts,
    mark_endpoints,
    release,
    release_lanes,
    settle_delivered,
    settle_failed,
)
from waypost.store.transaction import Tx

ENDPOINT_DISABLED: Final = "endpoint.disabled"


class Settlement(NamedTuple):
    """
    The end of one delivery, to be written.

    ``failed_tries`` counts this one, unless it was a free try; ``due_at_us`` is the next try's, with FAILED. ``answer``
    is the beginning of what the endpoint answered, as text.
    """

    unit: Unit
    outcome: Outcome
    status: int | None
    ended_at_us: int
    started_at_us: int
    duration_us: int
    failed_tries: int = 0
    due_at_us: int = 0
    is_gone: bool = False
    error: str = ""
    answer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """
    What one transaction has to do.

    ``settlements`` in the order of their ends. ``rooms``: how many notifications each known endpoint has room for, 0
    for none; ``room`` for all other endpoints. ``wanted``: endpoints that are known to have more. ``busy``: what is
    in memory and stays there. ``suspects``: endpoints that may have failed before; ``recovering``: those of them whose
    waiting notifications a success releases. ``after``: the endpoint that had its turn last, so that all have theirs.
    ``is_early``
    says that a delivery has had its early release already. ``may_deliver`` answers for an endpoint, from memory: it is
    called on the writer's thread.
    """

    now_us: int
    settlements: list[Settlement]
    is_discovering: bool
    wanted: Collection[str]
    rooms: Mapping[str, int]
    room: int
    rows_max: int
    busy: Collection[str]
    suspects: Collection[str]
    recovering: Collection[str]
    after: str
    is_early: Callable[[str], bool]
    may_deliver: Callable[[str], bool]
    disable_after_us: int
    snapshot: Snapshot
    ids: IdFactory


@dataclass(slots=True, kw_only=True)
class TurnResult:
    """
    What one transaction has done.

    ``with_more`` are the endpoints that have more due than was loaded; ``without_more`` those with nothing more.
    ``released`` maps deliveries to the time they were waiting for; ``recovered`` are endpoints with nothing left that
    waits. ``disabled`` maps endpoints to the reason. ``last_asked`` is the endpoint to go on after.
    """

    units: list[Unit] = field(default_factory=list)
    with_more: set[str] = field(default_factory=set)
    without_more: set[str] = field(default_factory=set)
    released: dict[str, int] = field(default_factory=dict)
    recovered: set[str] = field(default_factory=set)
    disabled: dict[str, str] = field(default_factory=dict)
    last_asked: str = ""


def take_turn(tx: Tx, turn: Turn) -> TurnResult:
    """Settle, then load; nothing of it stands unless the transaction commits."""
    result = TurnResult()
    if turn.settlements:
        _settle(tx, turn)
        _judge_endpoints(tx, turn, result)
        _release_waiting(tx, turn, result)
    _load(tx, turn, result)
    return result


def _settle(tx: Tx, turn: Turn) -> None:
    delivered: dict[int, list[str]] = {}
    ended_lanes: set[tuple[str, str]] = set()
    failed: list[FailedRow] = []
    attempts = []
    for settlement in turn.settlements:
        unit = settlement.unit
        if settlement.outcome is Outcome.DELIVERED:
            assert settlement.status is not None
            delivered.setdefault(settlement.status, []).extend(unit.row_ids)
        else:
            failed += _failed_rows(settlement)
            attempts.append(
                (
                    turn.ids.new(),
                    unit.account_id,
                    unit.webhook_id,
                    unit.endpoint_id,
                    settlement.started_at_us,
                    settlement.duration_us,
                    settlement.status,
                    settlement.error,
                    settlement.answer,
                )
            )
        if settlement.outcome is not Outcome.FAILED and (unit.attempts or settlement.outcome is Outcome.DEAD):
            # Only behind one that has failed before can others have been postponed.
            ended_lanes.update((unit.endpoint_id, subject_id) for subject_id in unit.subject_ids)
    for status, ids in delivered.items():
        settle_delivered(tx, ids, status=status, now_us=turn.now_us)
    if failed:
        settle_failed(tx, failed)
        insert_delivery_attempts(tx, attempts)
    release_lanes(tx, ended_lanes, now_us=turn.now_us)


def _failed_rows(settlement: Settlement) -> list[FailedRow]:
    is_dead = settlement.outcome is Outcome.DEAD
    return [
        FailedRow(
            state=DEAD if is_dead else PENDING,
            attempts=settlement.failed_tries,
            due_at_us=settlement.ended_at_us if is_dead else settlement.due_at_us,
            ended_at_us=settlement.ended_at_us if is_dead else None,
            last_status=settlement.status,
            last_error=settlement.error,
            id=row_id,
        )
        for row_id in settlement.unit.row_ids
    ]


def _judge_endpoints(tx: Tx, turn: Turn, result: TurnResult) -> None:
    """Keep since when endpoints fail, and disable those that are gone or have failed for too long."""
    succeeded: set[str] = set()
    failing: dict[str, str] = {}  # the account of each endpoint whose last delivery failed
    gone: set[str] = set()
    for settlement in turn.settlements:
        endpoint_id = settlement.unit.endpoint_id
        if settlement.outcome is Outcome.DELIVERED:
            succeeded.add(endpoint_id)
            failing.pop(endpoint_id, None)
        else:
            failing[endpoint_id] = settlement.unit.account_id
            if settlement.is_gone:
                gone.add(endpoint_id)
    mark_endpoints(tx, succeeded=succeeded.intersection(turn.suspects), failed=failing, now_us=turn.now_us)
    if not failing:
        return
    long_failing = find_long_failing(tx, failing, before_us=turn.now_us - turn.disable_after_us)
    reasons = dict.fromkeys(long_failing, disabled_failing(turn.disable_after_us / 1_000_000))
    reasons |= dict.fromkeys(gone, DISABLED_GONE)
    for endpoint_id, reason in reasons.items():
        if disable_endpoint(tx, endpoint_id, reason=reason, now_us=turn.now_us):
            result.disabled[endpoint_id] = reason
            _tell_others(tx, turn, endpoint_id, reason)


def _tell_others(tx: Tx, turn: Turn, endpoint_id: str, reason: str) -> None:
    endpoint = turn.snapshot.endpoints.get(endpoint_id)
    if endpoint is None:
        return
    account_id = endpoint.account_id
    others = tuple(other for other in turn.snapshot.endpoints_by_account.get(account_id, ()) if other.id != endpoint_id)
    notice = Notice(
        account_id=account_id,
        source_id=None,
        subject_id=endpoint_id,
        type=ENDPOINT_DISABLED,
        occurred_at_us=turn.now_us,
        data={"endpoint_id": endpoint_id, "name": endpoint.name, "reason": reason},
    )
    tell(tx, replace(turn.snapshot, endpoints_by_account={account_id: others}), turn.ids, [notice], now_us=turn.now_us)


def _release_waiting(tx: Tx, turn: Turn, result: TurnResult) -> None:
    """Let what waits for its next try on an endpoint that has just succeeded fall due at once (HOOK-4)."""
    succeeded = {
        settlement.unit.endpoint_id
        for settlement in turn.settlements
        if settlement.outcome is Outcome.DELIVERED and settlement.unit.endpoint_id in turn.recovering
    }
    for endpoint_id in sorted(succeeded):
        waiting, has_more = find_waiting(tx, endpoint_id, now_us=turn.now_us)
        chosen = [row for row in waiting if not turn.is_early(row[1])]
        if chosen:
            release(tx, [row_id for row_id, _, _ in chosen], now_us=turn.now_us)
            result.released.update((webhook_id, due_at_us) for _, webhook_id, due_at_us in chosen)
        if not has_more or not chosen:
            result.recovered.add(endpoint_id)


def _load(tx: Tx, turn: Turn, result: TurnResult) -> None:
    candidates = set(turn.wanted)
    if turn.is_discovering:
        candidates.update(find_due_endpoints(tx, now_us=turn.now_us))
    candidates -= result.disabled.keys()
    rows_left = turn.rows_max
    asked: dict[int, list[str]] = {}
    # In a circle, so that no endpoint waits for ever when there is not room for all.
    result.last_asked = turn.after
    for endpoint_id in sorted(candidates, key=lambda one: (one <= turn.after, one)):
        room = turn.rooms.get(endpoint_id, turn.room)
        if not turn.may_deliver(endpoint_id):
            continue
        if room == 0 or rows_left <= 0:
            result.with_more.add(endpoint_id)
            continue
        endpoint = turn.snapshot.endpoints.get(endpoint_id)
        if endpoint is not None:
            room = max(room, endpoint.max_batch)
        room = min(room, rows_left)
        rows_left -= room
        result.last_asked = endpoint_id
        asked.setdefault(room, []).append(endpoint_id)
    for room, endpoint_ids in asked.items():
        units, with_more = load_units(
            tx, turn.snapshot, turn.ids, endpoint_ids, room, busy=turn.busy, now_us=turn.now_us
        )
        result.units += units
        result.with_more |= with_more
        result.without_more.update(set(endpoint_ids) - with_more)
