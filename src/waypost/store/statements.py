"""
Statements that read the same on SQLite and PostgreSQL.

``Sql`` is text with ``:name`` parameters and three portable forms:

* ``column = ANY(:ids)`` takes a list;
* ``ROWS(:a text, :b bigint) AS v`` is a table of parallel lists, with columns named like the parameters;
* ``FOR UPDATE`` and ``FOR UPDATE SKIP LOCKED`` lock rows on PostgreSQL; on SQLite the one writer is alone.

``InsertMany`` and ``UpdateMany`` write many rows with one statement: ``VALUES`` of a power of two of rows on SQLite,
arrays through ``unnest`` on PostgreSQL. Each statement is translated once per dialect.
"""

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Final

from sqlalchemy import BigInteger, Column, Float, Integer, LargeBinary, SmallInteger, Table, Text


class Dialect(StrEnum):
    """The two databases."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


SQLITE_ROWS_MAX: Final = 128
"""One statement's rows: 64 columns of so many stay far below SQLite's 32,766 parameters."""
_PARAMETER: Final = re.compile(r"(?<![:\w]):([a-z_]+)")
_ANY: Final = re.compile(r"= ANY\(:([a-z_]+)\)")
_ROWS: Final = re.compile(r"ROWS\(([^)]*)\) AS ([a-z_]+)")
_LOCK: Final = re.compile(r"\s+FOR UPDATE(?: OF [a-z_]+)?(?: SKIP LOCKED)?")


class Sql:
    """
    One portable statement.

    ``lists`` names the parameters that take lists; ``row_sets`` names, per ``ROWS`` table, its parallel lists;
    ``arrays`` is all of these.
    """

    __slots__ = ("arrays", "lists", "postgresql", "row_sets", "sqlite")

    def __init__(self, statement: str) -> None:
        statement = " ".join(statement.split())
        self.lists = frozenset(_ANY.findall(statement))
        self.row_sets = {
            match[2]: tuple(name for name, _ in _row_columns(match)) for match in _ROWS.finditer(statement)
        }
        self.arrays = (*self.lists, *(name for names in self.row_sets.values() for name in names))
        self.sqlite = _ROWS.sub(
            _sqlite_rows, _ANY.sub(r"IN (SELECT value FROM json_each(:\1))", _LOCK.sub("", statement))
        )
        with_rows = _ROWS.sub(_postgresql_rows, statement.replace("%", "%%"))
        self.postgresql = _PARAMETER.sub(r"%(\1)s", with_rows)


def _row_columns(match: re.Match[str]) -> list[tuple[str, str]]:
    pairs = [part.split() for part in match[1].split(",")]
    return [(name.lstrip(":"), kind) for name, kind in pairs]


def _sqlite_rows(match: re.Match[str]) -> str:
    selected = ", ".join(f"value->>{place} AS {name}" for place, (name, _) in enumerate(_row_columns(match)))
    return f"(SELECT {selected} FROM json_each(:{match[2]})) AS {match[2]}"  # noqa: S608


def _postgresql_rows(match: re.Match[str]) -> str:
    columns = _row_columns(match)
    arrays = ", ".join(f":{name}::{kind}[]" for name, kind in columns)
    names = ", ".join(name for name, _ in columns)
    return f"unnest({arrays}) AS {match[2]}({names})"


def _array_type(column: "Column[object]") -> str:
    match column.type:
        case LargeBinary():
            return "bytea[]"
        case BigInteger():
            return "bigint[]"
        case SmallInteger():
            return "smallint[]"
        case Integer():
            return "integer[]"
        case Float():
            return "double precision[]"
        case Text():
            return "text[]"
        case other:
            raise TypeError(f"no array type for {other!r}: add it to _array_type")


class SqliteRows:
    """
    A statement over a table of rows, for SQLite.

    ``executemany`` gives up the interpreter at every row, and under a busy event loop waits for it as often; one
    statement for many rows gives it up once. Only powers of two of rows are written as text, so that a handful of
    prepared statements serves every number of rows.
    """

    __slots__ = ("_after", "_before", "_row", "_texts")

    def __init__(self, before: str, after: str, *, columns: int) -> None:
        self._before = before
        self._after = after
        self._row = f"({', '.join('?' * columns)})"
        self._texts: dict[int, str] = {}

    def text(self, rows: int) -> str:
        """Return the statement for so many rows."""
        found = self._texts.get(rows)
        if found is None:
            found = self._texts[rows] = f"{self._before} {', '.join([self._row] * rows)}{self._after}"
        return found


def pieces(rows: int) -> Iterator[tuple[int, int]]:
    """Cut ``rows`` into spans (start, end) of powers of two, none longer than ``SQLITE_ROWS_MAX``."""
    start = 0
    while start < rows:
        size = min(SQLITE_ROWS_MAX, 1 << (rows - start).bit_length() - 1)
        yield start, start + size
        start += size


class InsertMany:
    """
    Insert rows, given as tuples in the order of ``columns``.

    ``on_conflict`` is what follows ``ON CONFLICT``, such as ``DO NOTHING``; without it a duplicate key is an error.
    """

    __slots__ = ("postgresql", "sqlite")

    def __init__(self, table: Table, columns: Sequence[str], *, on_conflict: str | None = None) -> None:
        names = ", ".join(columns)
        arrays = ", ".join(f"%s::{_array_type(table.c[name])}" for name in columns)
        end = f" ON CONFLICT {on_conflict}" if on_conflict else ""
        self.sqlite = SqliteRows(f"INSERT INTO {table.name} ({names}) VALUES", end, columns=len(columns))
        self.postgresql = f"INSERT INTO {table.name} ({names}) SELECT * FROM unnest({arrays}){end}"  # noqa: S608


class UpdateMany:
    """
    Update rows found by ``keys``; each row is a tuple of the ``columns`` to set, then the keys.

    ``also`` is set besides, in SQL that may name the table's own columns (with the table's name before them). ``only``
    is a condition on the row as it stands. Of two rows with the same keys, one is written, no matter which.
    """

    __slots__ = ("postgresql", "sqlite")

    def __init__(
        self, table: Table, columns: Sequence[str], *, keys: Sequence[str], also: str = "", only: str = ""
    ) -> None:
        every = (*columns, *keys)
        arrays = ", ".join(f"%s::{_array_type(table.c[name])}" for name in every)
        others = [also] if also else []
        condition = f" AND {only}" if only else ""
        numbered = {name: f"v.column{place}" for place, name in enumerate(every, start=1)}
        set_numbered = ", ".join([f"{name} = {numbered[name]}" for name in columns] + others)
        key_numbered = " AND ".join(f"{table.name}.{name} = {numbered[name]}" for name in keys)
        set_rows = ", ".join([f"{name} = v.{name}" for name in columns] + others)
        key_rows = " AND ".join(f"{table.name}.{name} = v.{name}" for name in keys)
        self.sqlite = SqliteRows(
            f"UPDATE {table.name} SET {set_numbered} FROM (VALUES",  # noqa: S608
            f") AS v WHERE {key_numbered}{condition}",
            columns=len(every),
        )
        self.postgresql = (
            f"UPDATE {table.name} SET {set_rows} FROM unnest({arrays}) AS v({', '.join(every)}) "  # noqa: S608
            f"WHERE {key_rows}{condition}"
        )
