"""From due rows to units that may be delivered: order within a subject, and the composition of batches."""

from collections.abc import Collection, Iterable, Sequence

from waypost.notify.unit import Unit
from waypost.ports import IdFactory
from waypost.store.directory import Snapshot
from waypost.store.notifying import DueRow, join_batches, load_batched, load_due, postpone_blocked
from waypost.store.transaction import Tx


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
    singles: list[DueRow] = []
    fresh: dict[str, list[DueRow]] = {}
    places: set[tuple[str, int]] = set()
    for row in rows:
        counts[row.endpoint_id] = counts.get(row.endpoint_id, 0) + 1
        endpoint = snapshot.endpoints.get(row.endpoint_id)
        if row.batch_id is not None and row.batch_id != row.id:
            places.add((row.endpoint_id, row.due_at_us))
        elif row.batch_id is None and row.attempts == 0 and endpoint is not None and endpoint.max_batch > 1:
            fresh.setdefault(row.endpoint_id, []).append(row)
        else:
            singles.append(row)
    blocked: list[DueRow] = []
    units = _chain(singles, busy, blocked)
    units += _known_batches(tx, places, busy, blocked)
    for endpoint_id, own in fresh.items():
        units += _compose(
            tx,
            own,
            ids=ids,
            max_batch=snapshot.endpoints[endpoint_id].max_batch,
            busy=busy,
            blocked=blocked,
            now_us=now_us,
        )
    postpone_blocked(tx, blocked, now_us=now_us)
    units.sort(key=lambda unit: unit.row_ids[0])
    return units, {endpoint_id for endpoint_id, count in counts.items() if count >= at_most_each}


def _chain(rows: Iterable[DueRow], busy: Collection[str], blocked: list[DueRow]) -> list[Unit]:
    """Make a unit of each row whose predecessor is in memory or here; the others are blocked."""
    known: set[str] = set()
    units: list[Unit] = []
    for row in sorted(rows, key=lambda row: row.id):
        earlier = row.earlier_id
        if earlier is None or earlier in known or earlier in busy:
            known.add(row.id)
            units.append(Unit([row], webhook_id=row.id, after=earlier))
        else:
            blocked.append(row)
    return units


def _known_batches(
    tx: Tx, places: Collection[tuple[str, int]], busy: Collection[str], blocked: list[DueRow]
) -> list[Unit]:
    """Load batches composed earlier, whole or not at all."""
    batches: dict[str, list[DueRow]] = {}
    for row in load_batched(tx, places):
        if row.id not in busy:
            assert row.batch_id is not None
            batches.setdefault(row.batch_id, []).append(row)
    units: list[Unit] = []
    for batch_id, rows in batches.items():
        rows.sort(key=lambda row: row.id)
        own = {row.id for row in rows}
        waiting = [row for row in rows if row.earlier_id is not None and row.earlier_id not in own]
        if not waiting:
            units.append(Unit(rows, webhook_id=batch_id, after=None))
        elif not any(row.earlier_id in busy for row in waiting):
            # The whole batch is moved together: what belongs to one batch is always due at one time.
            blocked += [row._replace(earlier_id=waiting[0].earlier_id) for row in rows]
    return units


def _compose(
    tx: Tx,
    rows: Sequence[DueRow],
    *,
    ids: IdFactory,
    max_batch: int,
    busy: Collection[str],
    blocked: list[DueRow],
    now_us: int,
) -> list[Unit]:
    """
    Put untried rows of one endpoint into batches by kind; a row may stand behind its predecessor in the same batch.

    Rows behind one that is in memory are left for the next time.
    """
    open_batches: dict[str, list[DueRow]] = {}
    batch_of: dict[str, list[DueRow]] = {}
    batches: list[list[DueRow]] = []
    for row in sorted(rows, key=lambda row: row.id):
        batch = open_batches.get(row.kind)
        if batch is None or len(batch) >= max_batch:
            batch = []
        earlier = row.earlier_id
        if earlier is not None and (earlier not in batch_of or batch_of[earlier] is not batch):
            if earlier not in busy and earlier not in batch_of:
                blocked.append(row)
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
