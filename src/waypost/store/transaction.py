"""One open transaction, the same for SQLite and PostgreSQL."""

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, cast

import orjson

from waypost.store.account_cursor import AccountCursor
from waypost.store.arrays import array_literal
from waypost.store.statements import SQLITE_ROWS_MAX, Dialect, InsertMany, Sql, UpdateMany

Row = tuple[Any, ...]

ROWS_PER_STATEMENT_MAX: Final = 5_000
"""Larger writes to PostgreSQL are cut, so that no statement carries arrays without bound."""


class Cursor(Protocol):
    """What both drivers' cursors share."""

    @property
    def rowcount(self) -> int:
        """How many rows the last statement returned or changed."""

    def execute(self, statement: str, parameters: Any = ..., /) -> Any:
        """Run one statement."""

    def fetchall(self) -> list[Row]:
        """Return all rows of the last statement."""


class Tx:
    """
    What a store operation is given: statements run in the transaction that the group commit has opened.

    Not for use outside the operation it was given to, nor from another thread.
    """

    __slots__ = ("_cursor", "_wall", "account_id", "dialect")

    def __init__(
        self,
        dialect: Dialect,
        cursor: Cursor,
        *,
        wall: Callable[[str], Cursor] | None = None,
        account_id: str | None = None,
    ) -> None:
        """
        ``wall`` makes the cursor that is held to one account's rows, None where the database has no such thing.

        ``account_id``: on whose behalf this is, None for the gateway's own work.
        """
        self.dialect = dialect
        self.account_id = account_id
        self._cursor = cursor
        self._wall = wall

    @property
    def has_wall(self) -> bool:
        """Whether the database itself holds work for an account to that account's rows."""
        return self._wall is not None

    def for_account(self, account_id: str) -> "Tx":
        """
        Return the same transaction for work on one account's behalf.

        Where there is a wall its statements see and write that account's rows only, and only in tables whose rows
        belong to accounts. Take the id from the caller's key, never from input.
        """
        cursor = self._cursor if self._wall is None else self._wall(account_id)
        return Tx(self.dialect, cursor, account_id=account_id)

    def for_all_accounts(self) -> "Tx":
        """Return the same transaction without the wall, for what is about all accounts by its nature."""
        cursor = self._cursor
        return Tx(self.dialect, cast("Cursor", cursor.beyond) if isinstance(cursor, AccountCursor) else cursor)

    def rows(self, sql: Sql, **parameters: Any) -> list[Row]:
        """Run a statement that returns rows (also ``… RETURNING``), and return them all."""
        self._execute(sql, parameters)
        if sql.is_packed and self.dialect is Dialect.SQLITE:
            return list(map(tuple, orjson.loads(self._cursor.fetchall()[0][0])))
        return self._cursor.fetchall()

    def one(self, sql: Sql, **parameters: Any) -> Row | None:
        """Return the first row, or None."""
        found = self.rows(sql, **parameters)
        return found[0] if found else None

    def run(self, sql: Sql, **parameters: Any) -> int:
        """Run a statement that changes rows; return how many."""
        self._execute(sql, parameters)
        return self._cursor.rowcount

    def write_many(self, statement: InsertMany | UpdateMany, rows: Sequence[Row]) -> int:
        """Write rows of tuples, none is fine; return how many were written, which a conflict or a guard may lessen."""
        written = 0
        if self.dialect is Dialect.SQLITE:
            for start in range(0, len(rows), SQLITE_ROWS_MAX):
                self._cursor.execute(*statement.sqlite.filled(rows[start : start + SQLITE_ROWS_MAX]))
                written += self._cursor.rowcount
        else:
            for start in range(0, len(rows), ROWS_PER_STATEMENT_MAX):
                columns = zip(*rows[start : start + ROWS_PER_STATEMENT_MAX], strict=True)
                self._cursor.execute(statement.postgresql, [array_literal(column) for column in columns])
                written += self._cursor.rowcount
        return written

    def _execute(self, sql: Sql, parameters: dict[str, Any]) -> None:
        if self.dialect is Dialect.SQLITE:
            for name in sql.lists:
                parameters[name] = orjson.dumps(parameters[name]).decode()
            for table, names in sql.row_sets.items():
                columns = [parameters.pop(name) for name in names]
                parameters[table] = orjson.dumps(list(zip(*columns, strict=True))).decode()
            self._cursor.execute(sql.sqlite, parameters)
        else:
            for name in sql.arrays:
                parameters[name] = array_literal(parameters[name])
            self._cursor.execute(sql.postgresql, parameters)
