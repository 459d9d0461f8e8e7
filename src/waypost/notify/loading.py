"""
From due rows to units that may be delivered: order within a subject, and the composition of batches.

A row is *blocked* while an earlier one of its subject is pending. If that one is in memory the row may hang on it.
Otherwise the head of its lane is loaded in its place, or, where the head waits for its next try, the row is postponed
until then: so what is looked at is always either taken or put out of the way, and nothing due is hidden behind it.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from waypost.notify.unit import Unit
from waypost.ports import IdFactory
from waypost.store.directory import Snapshot
from waypost.store.notifying import DueRow, join_batches, load_batched, load_due, load_heads, postpone
from waypost.store.transaction import Tx

BLOCKED_BATCH_US: Final = 1_000_000
"""A batch behind a replayed notification is looked at again after this long."""


def load_units(
    tx: Tx,
    snapshot: Snapshot,
    ids: IdFactory,
    endpoint_ids: Sequence[str],
    at_most_each: int,
    *,
    busy: Collection[str],
    now_us: int,
) -> tuple[list[Unit], set[str]]:
    """
    Load the units due on these endpoints, in the order of their ids, and return those endpoints that may have more.

    New batches are durable with this transaction. A unit's ``after`` names a notification that is busy or in an earlier
    unit returned here.
    """
    rows = load_due(tx, endpoint_ids, at_most_each=at_most_each, busy=busy, now_us=now_us)
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.endpoint_id] = counts.get(row.endpoint_id, 0) + 1
    with_more = {endpoint_id for endpoint_id, count in counts.items() if count >= at_most_each}
    rows += _heads_of_blocked(tx, rows, busy, now_us=now_us)
    singles: list[DueRow] = []
    fresh: dict[str, list[DueRow]] = {}
    places: set[tuple[str, int]] = set()
    for row in rows:
        endpoint = snapshot.endpoints.get(row.endpoint_id)
        if row.batch_id is not None and row.batch_id != row.id:
            places.add((row.endpoint_id, row.due_at_us))
        elif row.batch_id is None and row.attempts == 0 and endpoint is not None and endpoint.max_batch > 1:
            fresh.setdefault(row.endpoint_id, []).append(row)
        else:
            singles.append(row)
    units = _chain(singles, busy)
    units += _known_batches(tx, places, busy, now_us=now_us)
    for endpoint_id, own in fresh.items():
        units += _compose(tx, own, ids=ids, max_batch=snapshot.endpoints[endpoint_id].max_batch, now_us=now_us)
    units.sort(key=lambda unit: unit.row_ids[0])
    return units, with_more


def _heads_of_blocked(tx: Tx, rows: Sequence[DueRow], busy: Collection[str], *, now_us: int) -> list[DueRow]:
    """Return the due heads of lanes of which only later rows were found; postpone these rows if the head waits."""
    known = {row.id for row in rows}
    blocked: dict[tuple[str, str], list[DueRow]] = {}
    for row in rows:
        if row.earlier_id is not None and row.earlier_id not in known and row.earlier_id not in busy:
            blocked.setdefault((row.endpoint_id, row.subject_id), []).append(row)
    heads: list[DueRow] = []
    postponed: list[tuple[int, str]] = []
    for head in load_heads(tx, blocked.keys()):
        if head.due_at_us > now_us:
            own = blocked[head.endpoint_id, head.subject_id]
            # What is in a batch is moved with its batch, or not at all.
            postponed += [(head.due_at_us, row.id) for row in own if row.batch_id in (None, row.id)]
        elif head.id not in known and head.id not in busy:
            heads.append(head)
    postpone(tx, postponed)
    return heads


def _chain(rows: Iterable[DueRow], busy: Collection[str]) -> list[Unit]:
    """Make a unit of each row whose predecessor is in memory or here; the others are left."""
    known: set[str] = set()
    units: list[Unit] = []
    for row in sorted(rows, key=lambda row: row.id):
        earlier = row.earlier_id
        if earlier is None or earlier in known or earlier in busy:
            known.add(row.id)
            units.append(Unit([row], webhook_id=row.id, after=earlier))
    return units


def _known_batches(tx: Tx, places: Collection[tuple[str, int]], busy: Collection[str], *, now_us: int) -> list[Unit]:
    """Load batches composed earlier, whole or not at all."""
    batches: dict[str, list[DueRow]] = {}
    for row in load_batched(tx, places):
        if row.id not in busy:
            assert row.batch_id is not None
            batches.setdefault(row.batch_id, []).append(row)
    units: list[Unit] = []
    postponed: list[tuple[int, str]] = []
    for batch_id, rows in batches.items():
        rows.sort(key=lambda row: row.id)
        own = {row.id for row in rows}
        if all(row.earlier_id is None or row.earlier_id in own for row in rows):
            units.append(Unit(rows, webhook_id=batch_id, after=None))
        else:
            # Only a replay can bring something before a batch. What belongs to one batch is always due at one time.
            postponed += [(now_us + BLOCKED_BATCH_US, row.id) for row in rows]
    postpone(tx, postponed)
    return units


def _compose(tx: Tx, rows: Sequence[DueRow], *, ids: IdFactory, max_batch: int, now_us: int) -> list[Unit]:
    """
    Put untried rows of one endpoint into batches by kind; a row may stand behind its predecessor in the same batch.

    A row behind one in memory or in another batch is left for the next time.
    """
    open_batches: dict[str, list[DueRow]] = {}
    batch_of: dict[str, list[DueRow]] = {}
    batches: list[list[DueRow]] = []
    for row in sorted(rows, key=lambda row: row.id):
        batch = open_batches.get(row.kind)
        if batch is None or len(batch) >= max_batch:
            batch = []
        if row.earlier_id is not None and batch_of.get(row.earlier_id) is not batch:
            continue
        if not batch:
            batches.append(batch)
            open_batches[row.kind] = batch
        batch.append(row)
        batch_of[row.id] = batch
    units: list[Unit] = []
    joined: list[tuple[str, int, str]] = []
    for batch in batches:
        batch_id = ids.new()
        units.append(Unit(batch, webhook_id=batch_id, after=None))
        joined += [(batch_id, now_us, row.id) for row in batch]
    join_batches(tx, joined)
    return units
