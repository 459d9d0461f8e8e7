"""A migrated database of each kind, a clock that is set by hand, and rows to grow old."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from waypost.domain.ids import first_id_at
from waypost.store.connections import connector_for
from waypost.store.directory import Directory
from waypost.store.engine import Database
from waypost.store.sealing import Sealer
from waypost.store.statements import InsertMany, Sql
from waypost.store.tables import METADATA
from waypost.store.transaction import Row, Tx

NOW_US = 1_930_000_000_000_000
SECOND_US = 1_000_000
HOUR_US = 3_600 * SECOND_US
DAY_US = 24 * HOUR_US


class HandClock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.us = NOW_US

    def now_us(self) -> int:
        return self.us

    def monotonic(self) -> float:
        return self.us / 1e6

    def forward(self, *, us: int) -> None:
        self.us += us


class CountedIds:
    """Ids of the hand clock's time, rising."""

    def __init__(self, clock: HandClock) -> None:
        self._clock = clock
        self._count = 0

    def new(self) -> str:
        self._count += 1
        return self.at(self._clock.now_us(), self._count)

    def at(self, us: int, number: int) -> str:
        """Return an id made at a time."""
        return first_id_at(us)[:-12] + f"{number:012x}"


class EveryShard:
    """Owns everything."""

    def owned(self) -> frozenset[int]:
        return frozenset(range(64))

    def epoch(self, shard: int) -> int:
        return 1

    def may_start(self, shard: int) -> bool:
        return True


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(connector_for(database_url))
    await database.start()
    yield database
    await database.stop()


@pytest.fixture
def sealer() -> Sealer:
    return Sealer([b"k" * 32])


@pytest.fixture
def directory(database: Database, sealer: Sealer) -> Directory:
    return Directory(database, sealer)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def ids(clock: HandClock) -> CountedIds:
    return CountedIds(clock)


class Rows:
    """Writes rows straight into the tables, and looks at what is left of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, table: str, **values: Any) -> None:
        statement = InsertMany(METADATA.tables[table], list(values))
        await self._database.write(lambda tx: tx.write_many(statement, [tuple(values.values())]))

    async def add_message(self, message_id: str, *, accepted_at_us: int, state: int = 30, **values: Any) -> None:
        row = {
            "id": message_id,
            "account_id": "a",
            "source_id": "s",
            "recipient": "12025550143",
            "kind": "text",
            "priority": 1,
            "state": state,
            "due_at_us": accepted_at_us,
            "accepted_at_us": accepted_at_us,
            "caller_data": "",
            "content": '{"body":"hello","preview_url":false}',
            **values,
        }
        await self.add("messages", **row)

    async def add_asset(self, media_id: str, *, created_at_us: int, digest: str, **values: Any) -> None:
        row = {
            "account_id": "a",
            "id": media_id,
            "origin": "upload",
            "state": "stored",
            "digest": digest,
            "mime_type": "image/png",
            "kind": "image",
            "size_bytes": 4,
            "created_at_us": created_at_us,
            **values,
        }
        await self.add("media_assets", **row)

    async def all(self, statement: str, **parameters: Any) -> list[Row]:
        sql = Sql(statement)
        read: Callable[[Tx], list[Row]] = lambda tx: tx.rows(sql, **parameters)  # noqa: E731
        return await self._database.read(read)

    async def column(self, table: str, column: str = "id") -> list[Any]:
        return sorted(row[0] for row in await self.all(f"SELECT {column} FROM {table}"))


@pytest.fixture
def rows(database: Database) -> Rows:
    return Rows(database)
