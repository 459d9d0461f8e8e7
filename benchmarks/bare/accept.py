"""Accepting, bare: parse, commit the row in a group, answer."""

from benchmarks.bare.parsing import accepted_answer, message_row
from benchmarks.bare.server import CONFIG, Scope, serve
from benchmarks.bare.writer import GroupWriter
from waypost.store.acceptance import insert_messages

_writers: list[GroupWriter] = []


async def _accept(_scope: Scope, body: bytes) -> bytes:
    row = message_row(body, account_id=CONFIG["account_id"])
    await _writers[0].write(insert_messages, row)
    return accepted_answer(row[0])


serve(_accept, start=lambda: _writers.append(GroupWriter(CONFIG["database_url"])))
