"""The rows of sending and telling, written by the group."""

import time
from collections.abc import Sequence
from typing import Any

from benchmarks.bare import statements
from waypost.store.transaction import Row, Tx


def write_starts(tx: Tx, rows: Sequence[Row]) -> None:
    """Write the intents to send; rows begin with the message's id, account and source."""
    now_us = time.time_ns() // 1000
    tx.write_many(statements.INSERT_ATTEMPTS, [(row[0], 1, row[1], row[2], "node", 1, now_us) for row in rows])
    tx.write_many(statements.START_MESSAGES, [(now_us, row[0]) for row in rows])


def write_ends(tx: Tx, ends: Sequence[tuple[str, str]]) -> None:
    """Write that messages were accepted: (id, the provider's id)."""
    now_us = time.time_ns() // 1000
    tx.write_many(
        statements.END_ATTEMPTS, [(now_us, "accepted", 200, wamid, message_id, 1) for message_id, wamid in ends]
    )
    tx.write_many(statements.ACCEPT_MESSAGES, [(wamid, message_id) for message_id, wamid in ends])


def write_deliveries(tx: Tx, rows: Sequence[Any]) -> None:
    """Write that notifications were delivered: (time, id)."""
    tx.write_many(statements.DELIVER_NOTIFICATIONS, rows)
