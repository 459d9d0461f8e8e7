"""Statements over many rows: every number of rows is written whole, exactly once, and counted."""

import pytest

from waypost.store.engine import Database
from waypost.store.statements import SQLITE_ROWS_MAX, InsertMany, Sql, UpdateMany
from waypost.store.tables import META
from waypost.store.transaction import Tx

_INSERT = InsertMany(META, ("name", "value"))
_INSERT_NEW = InsertMany(META, ("name", "value"), on_conflict="(name) DO NOTHING")
_UPDATE = UpdateMany(META, ("value",), keys=("name",), only="meta.value = 'old'")
_PACKED = Sql(
    "SELECT name, value, 9007199254740993, NULL, 0.5 FROM meta WHERE name LIKE 'row-%' ORDER BY name DESC", columns=5
)
_TEST_ROWS = Sql("SELECT name, value FROM meta WHERE name LIKE 'row-%' ORDER BY name")


@pytest.mark.parametrize("rows", [0, 1, 2, 3, SQLITE_ROWS_MAX - 1, SQLITE_ROWS_MAX, SQLITE_ROWS_MAX + 1, 700])
async def test_any_number_of_rows_is_inserted_updated_and_counted(database: Database, rows: int) -> None:
    names = [f"row-{place:03}" for place in range(rows)]

    def write(tx: Tx) -> tuple[int, int, int]:
        return (
            tx.write_many(_INSERT, [(name, "old") for name in names]),
            tx.write_many(_UPDATE, [(f"new {name}", name) for name in [*names, "row-absent"]]),
            tx.write_many(_UPDATE, [("never", name) for name in names]),
        )

    assert (rows, rows, 0) == await database.write(write)
    assert [(name, f"new {name}") for name in names] == await database.read(lambda tx: tx.rows(_TEST_ROWS))


async def test_rows_in_conflict_are_left_and_not_counted(database: Database) -> None:
    await database.write(lambda tx: tx.write_many(_INSERT, [("row-b", "first")]))

    written = await database.write(
        lambda tx: tx.write_many(_INSERT_NEW, [("row-a", "second"), ("row-b", "second"), ("row-c", "second")])
    )

    assert written == 2
    assert [("row-a", "second"), ("row-b", "first"), ("row-c", "second")] == await database.read(
        lambda tx: tx.rows(_TEST_ROWS)
    )


async def test_a_packed_select_returns_the_same_rows_in_the_same_order(database: Database) -> None:
    values = ["plain", 'with "quotes" \\ and \n lines', "\u2028 \U0001f600 \x7f", ""]
    rows = [(f"row-{place}", value) for place, value in enumerate(values)]

    empty = await database.read(lambda tx: tx.rows(_PACKED))
    await database.write(lambda tx: tx.write_many(_INSERT, rows))
    found = await database.read(lambda tx: tx.rows(_PACKED))

    assert empty == []
    assert [(*row, 9007199254740993, None, 0.5) for row in reversed(rows)] == found
