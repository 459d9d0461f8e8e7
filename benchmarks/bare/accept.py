"""Accepting, bare: parse, commit the row in a group, answer."""

from collections.abc import Sequence

from benchmarks.bare.parsing import accepted_answer, message_row
from benchmarks.bare.server import CONFIG, Scope, serve
from benchmarks.bare.statements import INSERT_MESSAGES
from benchmarks.bare.writer import GroupWriter
from waypost.store.transaction import Row, Tx

_writers: list[GroupWriter] = []


def _insert(tx: Tx, rows: Sequence[Row]) -> None:
    tx.write_many(INSERT_MESSAGES, rows)


async def _accept(_scope: Scope, body: bytes) -> bytes:
    row = message_row(body, account_id=CONFIG["account_id"])
    await _writers[0].write(_insert, row)
    return accepted_answer(row[0])


serve(_accept, start=lambda: _writers.append(GroupWriter(CONFIG["database_url"])))
