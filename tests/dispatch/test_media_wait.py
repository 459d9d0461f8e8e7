"""Messages that wait for a file are woken when it is ready, whenever they began to wait."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from tests.maintenance.conftest import NOW_US, CountedIds, HandClock
from tests.store.rows import add

from waypost.dispatch.media_wait import MediaWait
from waypost.store.claiming import Candidate, load_media_waiting, park_messages
from waypost.store.connections import connector_for
from waypost.store.directory import Directory
from waypost.store.engine import Database
from waypost.store.sealing import Sealer
from waypost.store.statements import Sql
from waypost.store.transaction import Tx

KEY = "the file"
STATE = Sql("SELECT state FROM messages WHERE id = :id")


class ReadySupplier:
    """Has every file."""

    async def supply(self, *_: Any, **__: Any) -> None:
        return None


def parked(tx: Tx, message_id: str) -> Candidate:
    """Add a message that waits for the file, as the round leaves it."""
    add(tx, "messages", id=message_id, kind="text", media_key=KEY)
    park_messages(tx, [(NOW_US + 60_000_000, "media", message_id)])
    return next(one for one in load_media_waiting(tx, source_id="s", media_key=KEY) if one.id == message_id)


def media_wait(database: Database, on_ready: Callable[[str], None]) -> MediaWait:
    clock = HandClock()
    return MediaWait(
        database=database,
        directory=Directory(database, Sealer([b"k" * 32])),
        supplier=ReadySupplier(),
        clock=clock,
        ids=CountedIds(clock),
        on_ready=on_ready,
        on_ended=lambda _lane: None,
        on_told=lambda: None,
    )


async def test_a_message_parked_while_those_before_it_are_woken_is_woken_too(migrated_sqlite_url: str):
    connector = connector_for(migrated_sqlite_url)
    database = Database(connector)
    await database.start()
    beside = connector.open_writer()
    source: Any = SimpleNamespace(id="s")
    is_over = asyncio.Event()
    late: list[Candidate] = []

    def on_ready(_source_id: str) -> None:
        # The messages that waited have been woken, and the task is not over: a round's commit may fall just here.
        if late:
            is_over.set()
            return
        beside.begin()
        late.append(parked(beside.tx, "late"))
        beside.commit()
        waiting.prepare(source, late[0])

    waiting = media_wait(database, on_ready)
    try:
        waiting.prepare(source, await database.write(lambda tx: parked(tx, "early")))
        async with asyncio.timeout(10):
            await is_over.wait()

        states = [await database.read(lambda tx, one=one: tx.one(STATE, id=one)) for one in ("early", "late")]
        assert [(30,), (30,)] == states
    finally:
        await waiting.stop()
        beside.close()
        await database.stop()
