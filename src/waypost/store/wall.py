"""
The second wall between accounts: row-level security in PostgreSQL.

The first wall is the statement: whatever works for one account names it. The second stands in the database. A policy on
every table that has an account lets a row pass if the setting ``waypost.account_id`` is empty, which it is for the
gateway's own work, or names the row's account. ``AccountCursor`` runs each statement with the setting made, and leaves
nothing of it behind. SQLite has no such thing: there the first wall stands alone.
"""

from typing import Any, Final

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import DDL, Table, event

Row = tuple[Any, ...]

POLICY: Final = "account_wall"
_SET: Final = "SELECT set_config('waypost.account_id', %s, true)"


def account_column(table: Table) -> str | None:
    """Return the column that says whose a row is, or None for a table that belongs to no account."""
    if table.name == "accounts":
        return "id"
    return "account_id" if "account_id" in table.c else None


def policy_statements(table: str, column: str) -> tuple[str, ...]:
    """
    Return the statements that raise the wall around a table (PostgreSQL).

    ``FORCE`` holds it against the table's owner too, who is the gateway itself in most installations. The condition is
    odd for the planner's sake: it must guess how many rows pass, and takes nearly all for ``IS NOT NULL``, but one in
    two hundred for a plain comparison, and then chooses other indexes for the gateway's own work (see decision 20).
    """
    condition = f"CASE WHEN coalesce(current_setting('waypost.account_id', true), '') IN ('', {column}) THEN 1 END"
    return (
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY {POLICY} ON {table} USING (({condition}) IS NOT NULL)",
    )


def raise_wall(table: Table) -> None:
    """Let the wall come with the table whenever it is created on PostgreSQL."""
    column = account_column(table)
    if column is not None:
        for statement in policy_statements(table.name, column):
            ddl = DDL(statement)  # type: ignore[no-untyped-call]
            event.listen(table, "after_create", ddl.execute_if(dialect="postgresql"))


class AccountCursor:
    """
    A cursor whose statements see and write one account's rows, and no other's.

    The setting travels in one packet with the statement: no round trip is added. Outside a transaction the two are one
    transaction of their own, inside one the setting is emptied right behind the statement. Either way it ends with the
    statement or its transaction, so that nothing on the connection can forget to take it back.
    """

    __slots__ = ("_account_id", "_connection", "_setter", "beyond")

    def __init__(self, cursor: "psycopg.Cursor[Row]", account_id: str) -> None:
        """Raise ValueError for an empty account, which would open the wall."""
        if not account_id:
            raise ValueError("an account's work needs the account's id")
        self._account_id = account_id
        self._connection = cursor.connection
        self.beyond = cursor
        self._setter = cursor.connection.cursor()

    @property
    def rowcount(self) -> int:
        return self.beyond.rowcount

    def execute(self, statement: str, parameters: Any = None) -> None:
        """Run one statement behind the wall."""
        is_in_transaction = self._connection.info.transaction_status == TransactionStatus.INTRANS
        fault: psycopg.Error | None = None
        try:
            with self._connection.pipeline():
                try:
                    self._setter.execute(_SET, [self._account_id])
                    self.beyond.execute(statement, parameters)
                    if is_in_transaction:
                        self._setter.execute(_SET, [""])
                except psycopg.Error as error:
                    fault = error
        except psycopg.Error as error:
            # What ends the pipeline after a fault says only that it was aborted; the fault itself is what to tell.
            raise fault or error from None
        if fault is not None:
            raise fault

    def fetchall(self) -> list[Row]:
        """Return all rows of the last statement."""
        return self.beyond.fetchall()
