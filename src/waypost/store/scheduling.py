"""Messages that wait for their time: to be listed, and moved."""

from typing import Final

from waypost.store.inspection import MESSAGE_ROW_COLUMNS, MessageRow
from waypost.store.statements import Sql
from waypost.store.transaction import Tx

_LIST: Final = Sql(
    f"SELECT {MESSAGE_ROW_COLUMNS} FROM messages m INDEXED BY messages_scheduled "  # noqa: S608
    "WHERE m.account_id = :account_id AND m.state = 10 "
    "AND (m.due_at_us > :after_us OR (m.due_at_us = :after_us AND m.id > :after_id)) "
    "ORDER BY m.due_at_us, m.id LIMIT :at_most"
)
_MOVE: Final = Sql(
    "UPDATE messages SET state = :state, due_at_us = :at_us, scheduled_at_us = :at_us, "
    "expires_at_us = expires_at_us - due_at_us + :at_us "
    "WHERE account_id = :account_id AND id = :id AND state = 10 RETURNING source_id"
)


def list_scheduled(tx: Tx, account_id: str, *, after: tuple[int, str], at_most: int) -> list[MessageRow]:
    """Return scheduled messages, the soonest first, those behind (time, id)."""
    rows = tx.rows(_LIST, account_id=account_id, after_us=after[0], after_id=after[1], at_most=at_most)
    return [MessageRow(*row) for row in rows]


def move_scheduled(tx: Tx, account_id: str, message_id: str, *, at_us: int, now_us: int) -> str | None:
    """
    Move a scheduled message to another time, and its end of life with it; return its source.

    A time that has passed queues it at once. None: there is no such message, or it is scheduled no longer. Once this is
    durable it is not sent before the new time: who queues due messages asks for the row's own time, under its lock.
    """
    is_later = at_us > now_us
    row = tx.one(
        _MOVE,
        account_id=account_id,
        id=message_id,
        state=10 if is_later else 30,
        at_us=at_us if is_later else now_us,
    )
    return None if row is None else str(row[0])
