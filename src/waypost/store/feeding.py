"""
Feeding bulk sends, whoever they belong to.

A row is accepted or refused in the transaction that keeps its message, under the lock of its bulk send: so it becomes a
message once, whatever is killed when and however many nodes feed. Pausing and cancelling wait for the same lock, and
what follows them sees their outcome.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from waypost.domain.bulk import RowState
from waypost.store.bulk import BULK_COLUMNS, BulkRecord
from waypost.store.statements import Sql, UpdateMany
from waypost.store.tables import BULK_ROWS
from waypost.store.transaction import Tx

_RUNNING: Final = Sql(
    f"SELECT {BULK_COLUMNS} FROM bulk_sends b WHERE b.state = 'running' AND b.id > :after "  # noqa: S608
    "ORDER BY b.id LIMIT :at_most"
)
_HOLD_RUNNING: Final = Sql("SELECT id FROM bulk_sends WHERE id = :id AND state = 'running' FOR UPDATE SKIP LOCKED")
_PENDING: Final = Sql(
    "SELECT position, recipient, fields FROM bulk_rows WHERE bulk_id = :bulk_id AND state = 0 "
    "ORDER BY position LIMIT :at_most"
)
_STILL_PENDING: Final = Sql(
    "SELECT position FROM bulk_rows WHERE bulk_id = :bulk_id AND state = 0 AND position >= :first AND position <= :last"
)
_UNSENT: Final = Sql(
    "SELECT COUNT(*) FROM (SELECT 1 FROM messages WHERE bulk_id IS NOT NULL AND bulk_id = :bulk_id "
    "AND state IN (10, 20, 30) LIMIT :at_most) AS u"
)
_SETTLE_ROWS: Final = UpdateMany(
    BULK_ROWS, ("state", "message_id", "refusal"), keys=("bulk_id", "position"), only="bulk_rows.state = 0"
)
_COUNT_SETTLED: Final = Sql(
    "UPDATE bulk_sends SET rows_accepted = rows_accepted + :accepted, rows_refused = rows_refused + :refused "
    "WHERE id = :id"
)
_END_IF_DONE: Final = Sql(
    "UPDATE bulk_sends SET state = 'done', ended_at_us = :now_us "
    "WHERE id = :id AND state = 'running' AND rows_accepted + rows_refused >= rows_total"
)
_PAUSE_ALL: Final = Sql("UPDATE bulk_sends SET state = 'paused' WHERE state = 'running'")
_KEPT_LONG_ENOUGH: Final = Sql(
    "SELECT id FROM bulk_sends WHERE ended_at_us <= :until_us OR state = 'draft' AND created_at_us <= :until_us "
    "ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED"
)
_END_DRAFT: Final = Sql(
    "UPDATE bulk_sends SET state = 'cancelled', ended_at_us = created_at_us WHERE id = :id AND state = 'draft'"
)
_DELETE_ROWS: Final = Sql(
    "DELETE FROM bulk_rows WHERE bulk_id = :bulk_id AND position IN "
    "(SELECT position FROM bulk_rows WHERE bulk_id = :bulk_id ORDER BY position LIMIT :places)"
)
_DELETE: Final = Sql(
    "DELETE FROM bulk_sends WHERE id = :id AND NOT EXISTS (SELECT 1 FROM bulk_rows WHERE bulk_id = :id)"
)


class PendingRow(NamedTuple):
    """A row that nothing has been done about; ``fields`` is a JSON object of texts."""

    position: int
    recipient: str
    fields: str


def list_running(tx: Tx, *, after: str = "", at_most: int) -> list[BulkRecord]:
    """Return the bulk sends of all accounts that are to be fed, oldest first, those behind the id ``after``."""
    return [BulkRecord(*row) for row in tx.rows(_RUNNING, after=after, at_most=at_most)]


def load_pending(tx: Tx, bulk_id: str, *, at_most: int) -> list[PendingRow]:
    """Return the next rows to be fed."""
    return [PendingRow(*row) for row in tx.rows(_PENDING, bulk_id=bulk_id, at_most=at_most)]


def measure_backlog(tx: Tx, bulk_id: str, *, at_most: int) -> int:
    """Return how many messages of a bulk send wait to be sent, counting no further than ``at_most``."""
    row = tx.one(_UNSENT, bulk_id=bulk_id, at_most=at_most)
    return 0 if row is None else int(row[0])


def hold_running(tx: Tx, bulk_id: str) -> bool:
    """Hold a bulk send until the transaction ends; False if it runs no longer, or somebody else feeds it now."""
    return tx.one(_HOLD_RUNNING, id=bulk_id) is not None


def find_still_pending(tx: Tx, bulk_id: str, *, first: int, last: int) -> set[int]:
    """Return the positions in this span that nothing has been done about; the bulk send must be held."""
    return {row[0] for row in tx.rows(_STILL_PENDING, bulk_id=bulk_id, first=first, last=last)}


def settle_rows(
    tx: Tx, bulk_id: str, *, accepted: Sequence[tuple[int, str]], refused: Sequence[tuple[int, str]], now_us: int
) -> None:
    """
    Write what became of pending rows: (position, message id) and (position, refusal); the bulk send must be held.

    With its last row the bulk send is done. Also right with no rows at all.
    """
    rows: list[tuple[int, str | None, str | None, str, int]] = [
        (RowState.ACCEPTED.value, message_id, None, bulk_id, position) for position, message_id in accepted
    ]
    rows += [(RowState.REFUSED.value, None, refusal, bulk_id, position) for position, refusal in refused]
    tx.write_many(_SETTLE_ROWS, rows)
    tx.run(_COUNT_SETTLED, id=bulk_id, accepted=len(accepted), refused=len(refused))
    tx.run(_END_IF_DONE, id=bulk_id, now_us=now_us)


def pause_all_bulks(tx: Tx) -> int:
    """Pause whatever runs, of all accounts; return how many. After a restore: rows may have been sent since."""
    return tx.run(_PAUSE_ALL)


def delete_oldest_bulk(tx: Tx, *, until_us: int, places: int) -> int:
    """
    Delete up to ``places`` rows of a bulk send that ended by then, or was never started; with its last rows itself.

    A draft can be started no more from then on: some of its rows are gone. Returns how many rows, counting the bulk
    send as one; 0 when there is nothing left to delete.
    """
    found = tx.one(_KEPT_LONG_ENOUGH, until_us=until_us)
    if found is None:
        return 0
    tx.run(_END_DRAFT, id=found[0])
    deleted = tx.run(_DELETE_ROWS, bulk_id=found[0], places=places)
    return deleted + tx.run(_DELETE, id=found[0])
