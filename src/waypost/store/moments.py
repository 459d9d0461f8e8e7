"""Reads of several statements that must see one state of the database."""

import contextlib
from collections.abc import Iterator
from typing import Final

import psycopg

from waypost.store.statements import Dialect, Sql
from waypost.store.transaction import Tx

_BEGIN: Final = Sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
_END: Final = Sql("ROLLBACK")


@contextlib.contextmanager
def at_one_moment(tx: Tx) -> Iterator[None]:
    """
    Let all statements inside see what was committed when the first of them ran, and nothing later.

    For the operation of a read (``Database.read``), at most one at a time. On PostgreSQL each statement of a read sees
    its own moment otherwise, since it needs no transaction then; this costs two round trips. On SQLite every read sees
    one moment anyway.
    """
    if tx.dialect is Dialect.SQLITE:
        yield
        return
    tx.run(_BEGIN)
    try:
        yield
    except BaseException:
        # The first error is the one to tell; if the connection is lost, so is its transaction.
        with contextlib.suppress(psycopg.Error):
            tx.run(_END)
        raise
    tx.run(_END)
