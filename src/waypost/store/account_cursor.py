"""A cursor for work on one account's behalf, which PostgreSQL holds to that account's rows."""

from typing import Any, Final

import psycopg
from psycopg.pq import TransactionStatus

Row = tuple[Any, ...]

_ENTER: Final = "SELECT set_config('waypost.account_id', %s, true), set_config('role', %s, true)"
_LEAVE: Final = "SELECT set_config('role', 'none', true), set_config('waypost.account_id', '', true)"


class AccountCursor:
    """
    A cursor whose statements see and write one account's rows, and no other's.

    Each statement runs as the account role. Role and account travel in one packet with it: no round trip is added.
    Outside a transaction they are one transaction of their own with it, inside one they are taken back right behind
    it. Either way they end with the statement or with its transaction, so that nobody has to remember it.
    """

    __slots__ = ("_account_id", "_connection", "_role", "_setter", "beyond")

    def __init__(self, cursor: "psycopg.Cursor[Row]", *, role: str, account_id: str) -> None:
        self._account_id = account_id
        self._connection = cursor.connection
        self._role = role
        self._setter = cursor.connection.cursor()
        self.beyond = cursor

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
                    self._setter.execute(_ENTER, [self._account_id, self._role])
                    self.beyond.execute(statement, parameters)
                    if is_in_transaction:
                        self._setter.execute(_LEAVE)
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
