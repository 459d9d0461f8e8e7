"""Bulk sends and their rows, as their account makes them, changes them and looks at them."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from waypost.domain.bulk import BULK_TRANSITIONS, BulkState
from waypost.store.statements import InsertMany, Sql
from waypost.store.tables import BULK_ROWS, BULK_SENDS
from waypost.store.transaction import Tx

BULK_COLUMNS: Final = (
    "b.id, b.account_id, b.name, b.digest, b.entry, b.state, b.rows_total, b.rows_accepted, b.rows_refused, "
    "b.created_at_us, b.ended_at_us"
)
_INSERT: Final = InsertMany(
    BULK_SENDS,
    ("id", "account_id", "name", "digest", "entry", "state", "created_at_us"),
    on_conflict="DO NOTHING",
)
_FIND: Final = Sql(f"SELECT {BULK_COLUMNS} FROM bulk_sends b WHERE b.account_id = :account_id AND b.id = :id")  # noqa: S608
_HOLD: Final = Sql(
    f"SELECT {BULK_COLUMNS} FROM bulk_sends b WHERE b.account_id = :account_id AND b.id = :id FOR UPDATE"  # noqa: S608
)
_FIND_BY_DIGEST: Final = Sql(
    f"SELECT {BULK_COLUMNS} FROM bulk_sends b WHERE b.account_id = :account_id AND b.digest = :digest"  # noqa: S608
)
_LIST: Final = Sql(
    f"SELECT {BULK_COLUMNS} FROM bulk_sends b WHERE b.account_id = :account_id AND b.id < :before "  # noqa: S608
    "ORDER BY b.id DESC LIMIT :at_most"
)
_INSERT_ROWS: Final = InsertMany(
    BULK_ROWS,
    ("bulk_id", "position", "account_id", "recipient", "fields"),
    on_conflict="(bulk_id, position) DO NOTHING",
)
_SET_TOTAL: Final = Sql(
    "UPDATE bulk_sends SET rows_total = :rows_total WHERE account_id = :account_id AND id = :id AND state = 'draft'"
)
_CHANGE_STATE: Final = Sql(
    "UPDATE bulk_sends SET state = :state, ended_at_us = :ended_at_us "
    "WHERE account_id = :account_id AND id = :id AND state = ANY(:states)"
)

_UNSENT: Final = Sql(
    "SELECT COUNT(*) FROM (SELECT 1 FROM messages WHERE account_id = :account_id AND bulk_id IS NOT NULL "
    "AND bulk_id = :bulk_id AND state IN (10, 20, 30) LIMIT :at_most) AS u"
)
_UNSENT_IDS: Final = Sql(
    "SELECT id FROM messages WHERE account_id = :account_id AND bulk_id IS NOT NULL AND bulk_id = :bulk_id "
    "AND state IN (10, 20, 30) LIMIT :at_most"
)
_ROWS: Final = Sql(
    """
    SELECT r.position, r.recipient, r.fields, r.state, r.message_id, r.refusal, m.state, m.failure
    FROM bulk_rows r LEFT JOIN messages m ON m.id = r.message_id AND m.account_id = r.account_id
    WHERE r.account_id = :account_id AND r.bulk_id = :bulk_id AND r.position >= :first
    ORDER BY r.position LIMIT :at_most
    """
)
_REFUSED: Final = Sql(
    """
    SELECT r.position, r.recipient, r.fields, r.state, r.message_id, r.refusal, NULL, NULL FROM bulk_rows r
    WHERE r.account_id = :account_id AND r.bulk_id = :bulk_id AND r.position >= :first AND r.position < :end
    AND r.state = 2 ORDER BY r.position LIMIT :at_most
    """
)
_OUTCOMES: Final = Sql(
    """
    SELECT r.state, m.state, COUNT(*)
    FROM bulk_rows r LEFT JOIN messages m ON m.id = r.message_id AND m.account_id = r.account_id
    WHERE r.account_id = :account_id AND r.bulk_id = :bulk_id
    GROUP BY r.state, m.state
    """
)


class BulkRecord(NamedTuple):
    """One bulk send. ``entry`` is the contract's entry without recipient, as JSON."""

    id: str
    account_id: str
    name: str
    digest: str | None
    entry: str
    state: str
    rows_total: int
    rows_accepted: int
    rows_refused: int
    created_at_us: int
    ended_at_us: int | None


class RowOutcome(NamedTuple):
    """
    A row and what became of it; ``message_state`` and ``failure`` are its message's.

    Both are None without a message, and once retention has taken it.
    """

    position: int
    recipient: str
    fields: str
    state: int
    message_id: str | None
    refusal: str | None
    message_state: int | None
    failure: str | None


def create_bulk(
    tx: Tx, *, bulk_id: str, account_id: str, name: str, digest: str | None, entry: str, now_us: int
) -> BulkRecord:
    """Keep a new bulk send as a draft without rows; if the account has one of this digest, return that one instead."""
    tx.write_many(_INSERT, [(bulk_id, account_id, name, digest, entry, BulkState.DRAFT.value, now_us)])
    made = find_bulk(tx, account_id, bulk_id)
    if made is None and digest is not None:
        row = tx.one(_FIND_BY_DIGEST, account_id=account_id, digest=digest)
        made = None if row is None else BulkRecord(*row)
    assert made is not None
    return made


def find_bulk(tx: Tx, account_id: str, bulk_id: str) -> BulkRecord | None:
    """Return one bulk send of the account."""
    row = tx.one(_FIND, account_id=account_id, id=bulk_id)
    return None if row is None else BulkRecord(*row)


def hold_bulk(tx: Tx, account_id: str, bulk_id: str) -> BulkRecord | None:
    """Return one bulk send of the account, which nobody else can change or feed until the transaction ends."""
    row = tx.one(_HOLD, account_id=account_id, id=bulk_id)
    return None if row is None else BulkRecord(*row)


def list_bulks(tx: Tx, account_id: str, *, before: str, at_most: int) -> list[BulkRecord]:
    """Return the account's bulk sends, newest first, older than the id ``before``."""
    return [BulkRecord(*row) for row in tx.rows(_LIST, account_id=account_id, before=before, at_most=at_most)]


def add_rows(tx: Tx, held: BulkRecord, *, first: int, rows: Sequence[tuple[str, str]]) -> BulkRecord:
    """
    Keep (recipient, fields) from position ``first`` on, and return the bulk send as it is then.

    ``held`` is a held draft, ``first`` at most its number of rows. A position that has a row keeps it: a repeated call
    changes nothing.
    """
    tx.write_many(
        _INSERT_ROWS,
        [(held.id, first + place, held.account_id, *row) for place, row in enumerate(rows)],
    )
    total = max(held.rows_total, first + len(rows))
    tx.run(_SET_TOTAL, account_id=held.account_id, id=held.id, rows_total=total)
    return held._replace(rows_total=total)


def change_state(tx: Tx, account_id: str, bulk_id: str, state: BulkState, *, now_us: int) -> bool:
    """Change a bulk send's state, if it may change from where it stands; waits for whoever feeds it."""
    froms = [one.value for one, to in BULK_TRANSITIONS.items() if state in to]
    ended_at_us = now_us if not BULK_TRANSITIONS[state] else None
    changed = tx.run(
        _CHANGE_STATE, account_id=account_id, id=bulk_id, state=state.value, states=froms, ended_at_us=ended_at_us
    )
    return changed > 0


def count_unsent(tx: Tx, account_id: str, bulk_id: str, *, at_most: int) -> int:
    """Return how many messages of a bulk send wait to be sent, counting no further than ``at_most``."""
    row = tx.one(_UNSENT, account_id=account_id, bulk_id=bulk_id, at_most=at_most)
    return 0 if row is None else int(row[0])


def find_unsent(tx: Tx, account_id: str, bulk_id: str, *, at_most: int) -> list[str]:
    """Return ids of messages of a bulk send that wait to be sent."""
    return [row[0] for row in tx.rows(_UNSENT_IDS, account_id=account_id, bulk_id=bulk_id, at_most=at_most)]


def list_rows(tx: Tx, account_id: str, bulk_id: str, *, first: int, at_most: int) -> list[RowOutcome]:
    """Return rows and what became of them, from a position on."""
    rows = tx.rows(_ROWS, account_id=account_id, bulk_id=bulk_id, first=first, at_most=at_most)
    return [RowOutcome(*row) for row in rows]


def list_refused(tx: Tx, account_id: str, bulk_id: str, *, first: int, end: int, at_most: int) -> list[RowOutcome]:
    """Return refused rows from position ``first`` up to, not including, ``end``."""
    rows = tx.rows(_REFUSED, account_id=account_id, bulk_id=bulk_id, first=first, end=end, at_most=at_most)
    return [RowOutcome(*row) for row in rows]


def count_outcomes(tx: Tx, account_id: str, bulk_id: str) -> dict[tuple[int, int | None], int]:
    """Return how many rows there are by (row state, message state); reads every row."""
    rows = tx.rows(_OUTCOMES, account_id=account_id, bulk_id=bulk_id)
    return {(state, message_state): count for state, message_state, count in rows}
