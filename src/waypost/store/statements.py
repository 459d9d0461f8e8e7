"""
Statements that read the same on SQLite and PostgreSQL.

``Sql`` is text with ``:name`` parameters and four portable forms:

* ``column = ANY(:ids)`` takes a list;
* ``ROWS(:a text, :b bigint) AS v`` is a table of parallel lists, with columns named like the parameters;
* ``FOR UPDATE`` and ``FOR UPDATE SKIP LOCKED`` lock rows on PostgreSQL; on SQLite the one writer is alone;
* ``INDEXED BY name`` behind a table says which index SQLite takes: without statistics it cannot tell a partial index
  from a full one of the same columns, and takes whichever was created last. PostgreSQL has statistics and decides.

``InsertMany`` and ``UpdateMany`` write many rows with one statement: ``VALUES`` on SQLite, arrays through ``unnest``
on PostgreSQL. Each statement is translated once per dialect.
"""

import re
from collections.abc import Sequence
from enum import StrEnum
from itertools import chain
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Float, Integer, LargeBinary, SmallInteger, Table, Text


class Dialect(StrEnum):
    """The two databases."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


SQLITE_ROWS_MAX: Final = 256
"""One statement's rows: 64 columns of so many stay far below SQLite's 32,766 parameters."""
_PARAMETER: Final = re.compile(r"(?<![:\w]):([a-z_][a-z0-9_]*)")
_ANY: Final = re.compile(r"= ANY\(:([a-z_]+)\)")
_ROWS: Final = re.compile(r"ROWS\(([^)]*)\) AS ([a-z_]+)")
_HINT: Final = re.compile(r"\s+INDEXED BY [a-z_0-9]+")
_LOCK: Final = re.compile(r"\s+FOR UPDATE(?: OF [a-z_]+)?(?: SKIP LOCKED)?")


class Sql:
    """
    One portable statement.

    ``lists`` names the parameters that take lists; ``row_sets`` names, per ``ROWS`` table, its parallel lists;
    ``arrays`` is all of these.

    ``columns``, the number of columns of a SELECT without binary ones, lets SQLite return all rows as one JSON text.
    The driver gives up the interpreter at every row, and under a busy event loop waits for it as often: 32 rows of
    four columns took 3.2 ms, 0.8 ms of them work (measured on Python 3.11). Worth it where every batch reads rows.
    """

    __slots__ = ("arrays", "is_packed", "lists", "postgresql", "row_sets", "sqlite")

    def __init__(self, statement: str, *, columns: int = 0) -> None:
        statement = " ".join(statement.split())
        self.lists = frozenset(_ANY.findall(statement))
        self.row_sets = {
            match[2]: tuple(name for name, _ in _row_columns(match)) for match in _ROWS.finditer(statement)
        }
        self.arrays = (*self.lists, *(name for names in self.row_sets.values() for name in names))
        self.sqlite = _ROWS.sub(
            _sqlite_rows, _ANY.sub(r"IN (SELECT value FROM json_each(:\1))", _LOCK.sub("", statement))
        )
        self.is_packed = columns > 0
        if columns:
            names = ", ".join(f"c{place}" for place in range(columns))
            self.sqlite = (
                f"WITH packed({names}) AS ({self.sqlite}) SELECT json_group_array(json_array({names})) FROM packed"  # noqa: S608
            )
        with_rows = _ROWS.sub(_postgresql_rows, _HINT.sub("", statement).replace("%", "%%"))
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
    prepared statements serves every number of rows; what is left over is filled with rows of nulls, which the
    statement must pass over.
    """

    __slots__ = ("_after", "_before", "_columns", "_texts")

    def __init__(self, before: str, after: str, *, columns: int) -> None:
        self._before = before
        self._after = after
        self._columns = columns
        self._texts: dict[int, str] = {}

    def filled(self, rows: Sequence[tuple[Any, ...]]) -> tuple[str, list[Any]]:
        """Return the statement for 1 to ``SQLITE_ROWS_MAX`` rows, and their values one after the other."""
        size = power_of_two(len(rows))
        text = self._texts.get(size)
        if text is None:
            row = f"({', '.join('?' * self._columns)})"
            text = self._texts[size] = f"{self._before} {', '.join([row] * size)}{self._after}"
        values = list(chain.from_iterable(rows))
        values += [None] * (self._columns * (size - len(rows)))
        return text, values


def power_of_two(count: int) -> int:
    """Return the least power of two that is no less than ``count``, which is at least 1."""
    return 1 << (count - 1).bit_length()


class InsertMany:
    """
    Insert rows, given as tuples in the order of ``columns``.

    The first column must be one that is never null. ``on_conflict`` is what follows ``ON CONFLICT``, such as
    ``DO NOTHING``; without it a duplicate key is an error.
    """

    __slots__ = ("postgresql", "sqlite")

    def __init__(self, table: Table, columns: Sequence[str], *, on_conflict: str | None = None) -> None:
        names = ", ".join(columns)
        arrays = ", ".join(f"%s::{_array_type(table.c[name])}" for name in columns)
        end = f" ON CONFLICT {on_conflict}" if on_conflict else ""
        assert not table.c[columns[0]].nullable
        self.sqlite = SqliteRows(
            f"INSERT INTO {table.name} ({names}) SELECT * FROM (VALUES",  # noqa: S608
            f") AS v WHERE v.column1 IS NOT NULL{end}",
            columns=len(columns),
        )
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
