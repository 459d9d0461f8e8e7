"""Group commit: what a step may rely on, on both databases."""

import asyncio
import random
import sqlite3
from pathlib import Path

import pytest

from waypost.store.connections import SqliteConnector, UnsafeDatabaseError, connector_for
from waypost.store.engine import Database, Lane, Step, StoreUnavailableError
from waypost.store.migrate import migrate
from waypost.store.statements import InsertMany, Sql, UpdateMany
from waypost.store.tables import INGRESS_GAPS, META
from waypost.store.transaction import Tx

_INSERT = InsertMany(META, ("name", "value"))
_UPDATE = UpdateMany(META, ("value",), keys=("name",))
_ALL = Sql("SELECT name, value FROM meta WHERE name = ANY(:names) ORDER BY name")
_JOINED = Sql(
    "SELECT v.place, m.value FROM ROWS(:place integer, :name text) AS v LEFT JOIN meta m ON m.name = v.name "
    "ORDER BY v.place"
)


def _insert_each(tx: Tx, items: list[tuple[str, str]]) -> list[str]:
    tx.write_many(_INSERT, items)
    return [name for name, _ in items]


_STEP: Step[tuple[str, str], str] = Step("insert", Lane.MANAGE, _insert_each)


async def test_concurrent_items_of_a_step_are_committed_and_answered_in_order(database: Database) -> None:
    names = [f"n{place:03}" for place in range(200)]

    answers = await asyncio.gather(*(database.run(_STEP, (name, "v")) for name in names))

    assert names == answers
    assert len(names) == len(await database.read(lambda tx: tx.rows(_ALL, names=names)))


async def test_one_bad_item_of_a_batch_fails_alone(database: Database) -> None:
    await database.run(_STEP, ("taken", "v"))

    answers = await asyncio.gather(
        *(database.run(_STEP, (name, "v")) for name in ("a", "taken", "b")), return_exceptions=True
    )

    assert answers[0] == "a"
    assert answers[2] == "b"
    assert isinstance(answers[1], Exception)
    assert not isinstance(answers[1], StoreUnavailableError)
    found = await database.read(lambda tx: tx.rows(_ALL, names=["a", "b"]))
    assert [("a", "v"), ("b", "v")] == found


@pytest.mark.parametrize("database_url", ["migrated_postgres_url"], ids=["postgresql"], indirect=True)
@pytest.mark.parametrize(
    "row",
    [
        pytest.param((random.Random(1).randbytes(4_000).hex(), "v"), id="too-long-for-its-index"),
        pytest.param(("nul", "\x00"), id="no-text"),
        pytest.param((None, "v"), id="no-name"),
    ],
)
async def test_a_row_that_postgresql_cannot_take_fails_alone_and_loses_no_connection(
    database: Database, row: tuple[str, str]
) -> None:
    before, refused, after = await asyncio.gather(
        *(database.run(_STEP, one) for one in (("a", "v"), row, ("b", "v"))), return_exceptions=True
    )

    assert ("a", "b") == (before, after)
    assert isinstance(refused, Exception)
    assert not isinstance(refused, StoreUnavailableError)
    assert [("a", "v"), ("b", "v")] == await database.read(lambda tx: tx.rows(_ALL, names=["a", "b"]))


async def test_what_a_failing_operation_wrote_is_rolled_back(database: Database) -> None:
    def write_then_fail(tx: Tx) -> None:
        tx.write_many(_INSERT, [("half", "done")])
        raise ValueError("after the write")

    with pytest.raises(ValueError, match="after the write"):
        await database.write(write_then_fail)

    assert [] == await database.read(lambda tx: tx.rows(_ALL, names=["half"]))


async def test_a_read_sees_every_write_that_was_answered_before(database: Database) -> None:
    for number in range(20):
        await database.write(lambda tx, number=number: tx.write_many(_INSERT, [(f"r{number}", "v")]))
        assert await database.read(lambda tx, number=number: tx.one(_ALL, names=[f"r{number}"])) is not None


async def test_rows_join_keeps_the_order_and_the_gaps(database: Database) -> None:
    await database.write(lambda tx: tx.write_many(_INSERT, [("x", "1"), ("y", "2")]))

    found = await database.read(lambda tx: tx.rows(_JOINED, place=[0, 1, 2], name=["y", "absent", "x"]))

    assert [(0, "2"), (1, None), (2, "1")] == found


async def test_an_update_of_many_rows_touches_only_the_named_ones(database: Database) -> None:
    def prepare(tx: Tx) -> None:
        tx.write_many(_INSERT, [("p", "1"), ("q", "1"), ("r", "1")])
        tx.write_many(_UPDATE, [("2", "p"), ("3", "r")])

    await database.write(prepare)

    found = await database.read(lambda tx: tx.rows(_ALL, names=["p", "q", "r"]))
    assert [("p", "2"), ("q", "1"), ("r", "3")] == found


async def test_a_batch_larger_than_one_statement_is_written_whole(database: Database) -> None:
    rows = [(number, number + 1) for number in range(12_345)]
    insert = InsertMany(INGRESS_GAPS, ("started_at_us", "ended_at_us"))
    await database.write(lambda tx: tx.write_many(insert, rows))

    count = await database.read(lambda tx: tx.one(Sql("SELECT COUNT(*) FROM ingress_gaps")))

    assert count == (len(rows),)


async def test_a_closed_database_refuses_writes(database_url: str) -> None:
    database = Database(connector_for(database_url))
    await database.start()
    await database.stop()

    with pytest.raises(StoreUnavailableError):
        await database.run(_STEP, ("late", "v"))


async def test_a_stop_commits_what_waits(database_url: str) -> None:
    database = Database(connector_for(database_url))
    await database.start()
    futures = [database.run(_STEP, (f"w{place}", "v")) for place in range(50)]
    await database.stop()
    await asyncio.gather(*futures)

    again = Database(connector_for(database_url))
    await again.start()
    try:
        found = await again.read(lambda tx: tx.rows(_ALL, names=[f"w{place}" for place in range(50)]))
    finally:
        await again.stop()

    assert len(futures) == len(found)


async def test_a_full_disk_is_told_to_the_caller_and_the_next_write_works(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/waypost.db"
    migrate(url)
    connector = _Cramped(tmp_path / "waypost.db")
    database = Database(connector)
    await database.start()
    try:
        await database.run(_STEP, ("before", "v"))
        connector.is_cramped = True
        connector.raws[-1].execute("PRAGMA max_page_count = 1")
        with pytest.raises(StoreUnavailableError, match="full"):
            await database.run(_STEP, ("lost", "v" * 2_000_000))
        connector.is_cramped = False

        await database.run(_STEP, ("after", "v"))

        found = await database.read(lambda tx: tx.rows(_ALL, names=["before", "lost", "after"]))
        assert ["after", "before"] == [name for name, _ in found]
    finally:
        await database.stop()


class _Cramped(SqliteConnector):
    """A file that cannot grow while ``is_cramped``."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.is_cramped = False
        self.raws: list[sqlite3.Connection] = []

    def _open(self) -> sqlite3.Connection:
        raw = super()._open()
        self.raws.append(raw)
        return raw


def test_a_database_that_does_not_flush_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "waypost.db"

    class Careless(SqliteConnector):
        def _open(self) -> sqlite3.Connection:
            raw = super()._open()
            raw.execute("PRAGMA synchronous = OFF")
            return raw

    with pytest.raises(UnsafeDatabaseError, match="FULL"):
        Careless(path).check()


def test_an_unknown_database_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="WAYPOST_DATABASE_URL"):
        connector_for("mysql://somewhere")
