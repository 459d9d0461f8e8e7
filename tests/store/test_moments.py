"""What a read of several statements sees while others write, on both databases."""

import pytest

from waypost.store.connections import connector_for
from waypost.store.engine import Database
from waypost.store.moments import at_one_moment
from waypost.store.statements import InsertMany, Sql
from waypost.store.tables import META
from waypost.store.transaction import Tx

_INSERT = InsertMany(META, ("name", "value"))
_COUNT = Sql("SELECT COUNT(*) FROM meta WHERE name = 'late'")


def _write_elsewhere(database_url: str) -> None:
    connection = connector_for(database_url).open_writer()
    connection.begin()
    connection.tx.write_many(_INSERT, [("late", "v")])
    connection.commit()
    connection.close()


def _count(tx: Tx) -> int:
    row = tx.one(_COUNT)
    assert row is not None
    return int(row[0])


async def test_what_is_read_at_one_moment_sees_nothing_written_since(database: Database, database_url: str) -> None:
    def read(tx: Tx) -> tuple[int, int]:
        with at_one_moment(tx):
            before = _count(tx)
            _write_elsewhere(database_url)
            return before, _count(tx)

    assert (0, 0) == await database.read(read)
    assert 1 == await database.read(_count)


async def test_a_reader_that_failed_at_its_moment_reads_on_and_sees_what_is_new(
    database: Database, database_url: str
) -> None:
    def fail(tx: Tx) -> None:
        with at_one_moment(tx):
            _count(tx)
            raise ValueError("in the middle")

    # More often than there are readers: each has failed once.
    for _ in range(8):
        with pytest.raises(ValueError, match="in the middle"):
            await database.read(fail)
    _write_elsewhere(database_url)

    assert [1] * 8 == [await database.read(_count) for _ in range(8)]
