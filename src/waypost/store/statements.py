"""
Statements that read the same on SQLite and PostgreSQL.

``Sql`` is text with ``:name`` parameters and three portable forms:

* ``column = ANY(:ids)`` takes a list;
* ``ROWS(:a text, :b bigint) AS v`` is a table of parallel lists, with columns named like the parameters;
* ``FOR UPDATE`` and ``FOR UPDATE SKIP LOCKED`` lock rows on PostgreSQL; on SQLite the one writer is alone.

``InsertMany`` and ``UpdateMany`` write any number of rows with one prepared statement: ``executemany`` on SQLite,
arrays through ``unnest`` on PostgreSQL. Each statement is translated once per dialect.
"""

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from sqlalchemy import BigInteger, Column, Float, Integer, LargeBinary, SmallInteger, Table, Text


class Dialect(StrEnum):
    """The two databases."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


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
        marks = ", ".join("?" * len(columns))
        self.sqlite = f"INSERT INTO {table.name} ({names}) VALUES ({marks}){end}"  # noqa: S608
        self.postgresql = f"INSERT INTO {table.name} ({names}) SELECT * FROM unnest({arrays}){end}"  # noqa: S608


class UpdateMany:
    """
    Update rows found by ``keys``; each row is a tuple of the ``columns`` to set, then the keys.

    ``also`` is set besides, in SQL that may name the table's own columns (with the table's name before them). ``only``
    is a condition on the row as it stands.
    """

    __slots__ = ("postgresql", "sqlite")

    def __init__(
        self, table: Table, columns: Sequence[str], *, keys: Sequence[str], also: str = "", only: str = ""
    ) -> None:
        every = (*columns, *keys)
        arrays = ", ".join(f"%s::{_array_type(table.c[name])}" for name in every)
        others = [also] if also else []
        condition = f" AND {only}" if only else ""
        set_marks = ", ".join([f"{name} = ?" for name in columns] + others)
        key_marks = " AND ".join(f"{name} = ?" for name in keys)
        set_rows = ", ".join([f"{name} = v.{name}" for name in columns] + others)
        key_rows = " AND ".join(f"{table.name}.{name} = v.{name}" for name in keys)
        self.sqlite = f"UPDATE {table.name} SET {set_marks} WHERE {key_marks}{condition}"  # noqa: S608
        self.postgresql = (
            f"UPDATE {table.name} SET {set_rows} FROM unnest({arrays}) AS v({', '.join(every)}) "  # noqa: S608
            f"WHERE {key_rows}{condition}"
        )
