"""
Connections to SQLite and PostgreSQL, opened with the guarantees that acceptance rests on.

The two classes differ only here: how to open, what to refuse at start-up, how a transaction begins, and which of the
driver's errors mean that the connection (not the statement) has failed.
"""

import contextlib
import sqlite3
from pathlib import Path
from typing import Any, Final, Protocol, cast

import psycopg
from psycopg import errors as pg_errors

from waypost.store.account_cursor import AccountCursor
from waypost.store.statements import Dialect
from waypost.store.transaction import Cursor, Tx
from waypost.store.wall import find_account_role, is_shut_out

BUSY_TIMEOUT_SECONDS: Final = 10.0
WAL_CHECKPOINT_PAGES: Final = 4_000
CACHE_KIBIBYTES: Final = 65_536
READER_CACHE_KIBIBYTES: Final = 4_096
"""Each connection has a cache of its own, and counting a long backlog fills it: memory must not follow the backlog."""


class ConnectionLost(Exception):  # noqa: N818 - it is an event, and callers read it as one
    """The connection or the disk under it failed. ``is_conflict``: the same work may simply be tried again."""

    def __init__(self, message: str, *, is_conflict: bool = False) -> None:
        super().__init__(message)
        self.is_conflict = is_conflict


class UnsafeDatabaseError(Exception):
    """The database is set up so that a success answer could be lost; the text says what to change."""


class Connection(Protocol):
    """One open connection; used by one thread at a time."""

    tx: Tx

    def begin(self) -> None: ...
    def commit(self) -> None: ...
    def rollback(self) -> None: ...
    def savepoint(self) -> None: ...
    def release_savepoint(self) -> None: ...
    def rollback_to_savepoint(self) -> None: ...
    def begin_read(self) -> None: ...
    def end_read(self) -> None: ...
    def end_read_after_error(self) -> None: ...
    def close(self) -> None: ...
    def as_lost(self, error: Exception) -> ConnectionLost | None:
        """Return the loss that a driver's error means, or None if it is the statement's own fault."""


class Connector(Protocol):
    """Opens connections to one database."""

    dialect: Dialect
    has_one_writer: bool

    def check(self) -> None:
        """Raise ``UnsafeDatabaseError`` if a flush would not be a flush."""

    def open_writer(self) -> Connection: ...
    def open_reader(self) -> Connection: ...


class _OpenConnection:
    """What both kinds do alike: transactions and savepoints, in the SQL that both speak."""

    def __init__(self, tx: Tx, cursor: Cursor, *, failures: type[Exception]) -> None:
        """``failures``: the base of the driver's errors."""
        self.tx = tx
        self._cursor = cursor
        self._failures = failures

    def commit(self) -> None:
        self._run("COMMIT")

    def rollback(self) -> None:
        self._run("ROLLBACK")

    def savepoint(self) -> None:
        self._run("SAVEPOINT step")

    def release_savepoint(self) -> None:
        self._run("RELEASE step")

    def rollback_to_savepoint(self) -> None:
        self._run("ROLLBACK TO step")
        self._run("RELEASE step")

    def _run(self, statement: str) -> None:
        try:
            self._cursor.execute(statement)
        except self._failures as error:
            raise ConnectionLost(str(error)) from error


class _SqliteConnection(_OpenConnection):
    def __init__(self, raw: sqlite3.Connection) -> None:
        self._raw = raw
        self._raw_cursor = raw.cursor()
        cursor = cast("Cursor", self._raw_cursor)
        super().__init__(Tx(Dialect.SQLITE, cursor), cursor, failures=sqlite3.Error)

    def begin(self) -> None:
        self._run("BEGIN IMMEDIATE")

    def begin_read(self) -> None:
        self._run("BEGIN")

    def end_read(self) -> None:
        self._run("COMMIT")

    def end_read_after_error(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._raw.rollback()

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            # A statement that has failed half-way would keep the file locked after the connection is closed.
            self._raw.rollback()
        with contextlib.suppress(sqlite3.Error):
            self._raw_cursor.close()
            self._raw.close()

    def as_lost(self, error: Exception) -> ConnectionLost | None:
        # A broken constraint is the row's fault; everything operational (disk full, I/O error, lock) is the file's.
        if isinstance(error, sqlite3.OperationalError) and not _is_statement_fault(error):
            return ConnectionLost(str(error), is_conflict=getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_BUSY)
        return None


def _is_statement_fault(error: sqlite3.OperationalError) -> bool:
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) == sqlite3.SQLITE_ERROR


class SqliteConnector:
    """One file, WAL, every commit flushed."""

    dialect = Dialect.SQLITE
    has_one_writer = True

    def __init__(self, path: Path) -> None:
        self.path = path

    def check(self) -> None:
        """Refuse a file that is not in WAL mode with FULL flushing (DUR-7)."""
        raw = self._open()
        try:
            mode = raw.execute("PRAGMA journal_mode").fetchone()[0]
            flush = raw.execute("PRAGMA synchronous").fetchone()[0]
        finally:
            raw.close()
        if str(mode).lower() != "wal" or int(flush) < 2:
            raise UnsafeDatabaseError(
                f"{self.path}: SQLite runs with journal_mode={mode}, synchronous={flush}; Waypost needs WAL and FULL. "
                "Put the file on a local disk that supports shared memory and locks."
            )

    def open_writer(self) -> Connection:
        return _SqliteConnection(self._guarded_open())

    def open_reader(self) -> Connection:
        raw = self._guarded_open()
        raw.execute("PRAGMA query_only = ON")
        raw.execute(f"PRAGMA cache_size = -{READER_CACHE_KIBIBYTES}")
        return _SqliteConnection(raw)

    def _guarded_open(self) -> sqlite3.Connection:
        try:
            return self._open()
        except sqlite3.Error as error:
            raise ConnectionLost(f"{self.path} cannot be opened: {error}") from error

    def _open(self) -> sqlite3.Connection:
        raw = sqlite3.connect(
            self.path,
            timeout=BUSY_TIMEOUT_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=512,
        )
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            f"wal_autocheckpoint = {WAL_CHECKPOINT_PAGES}",
            f"cache_size = -{CACHE_KIBIBYTES}",
            "temp_store = MEMORY",
            "foreign_keys = ON",
            "secure_delete = FAST",
        ):
            raw.execute(f"PRAGMA {pragma}")
        return raw


class _PostgresConnection(_OpenConnection):
    def __init__(self, raw: "psycopg.Connection[Any]", *, account_role: str | None) -> None:
        """``account_role``: as what work on one account's behalf is done, None if there is no such role."""
        self._raw = raw
        raw_cursor = raw.cursor()

        def wall(account_id: str) -> Cursor:
            assert account_role is not None
            return AccountCursor(raw_cursor, role=account_role, account_id=account_id)

        cursor = cast("Cursor", raw_cursor)
        tx = Tx(Dialect.POSTGRESQL, cursor, wall=None if account_role is None else wall)
        super().__init__(tx, cursor, failures=psycopg.Error)

    def begin(self) -> None:
        self._run("BEGIN")

    def begin_read(self) -> None:
        pass  # each read is one statement of its own in autocommit

    def end_read(self) -> None:
        pass

    def end_read_after_error(self) -> None:
        pass

    def close(self) -> None:
        with contextlib.suppress(psycopg.Error):
            self._raw.close()

    def as_lost(self, error: Exception) -> ConnectionLost | None:
        if isinstance(error, pg_errors.DeadlockDetected | pg_errors.SerializationFailure):
            return ConnectionLost(str(error), is_conflict=True)
        if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) and not _is_row_fault(error):
            return ConnectionLost(str(error))
        return None


def _is_row_fault(error: psycopg.Error) -> bool:
    # Class 54, "program limit exceeded": a value too long for an index and the like. The driver calls it operational,
    # but it would fail again over any connection. Bad data and broken constraints (22, 23) are no operational errors.
    return error.sqlstate is not None and error.sqlstate.startswith("54")


class PostgresConnector:
    """A PostgreSQL 14 or newer; commits are synchronous whatever the server's default."""

    dialect = Dialect.POSTGRESQL
    has_one_writer = False

    def __init__(self, url: str) -> None:
        self.url = url

    def check(self) -> None:
        """Refuse a server that does not flush, or is older than 14 (DUR-7), or that would hide rows from us."""
        with psycopg.connect(self.url, autocommit=True) as raw:
            if raw.info.server_version < 140000:
                raise UnsafeDatabaseError("Waypost needs PostgreSQL 14 or newer: upgrade the server.")
            for name in ("fsync", "full_page_writes"):
                row = raw.execute(f"SHOW {name}".encode()).fetchone()
                if row is None or row[0] != "on":
                    raise UnsafeDatabaseError(
                        f"PostgreSQL runs with {name} = off, so an acknowledged message could be lost. "
                        f"Set {name} = on in postgresql.conf and reload."
                    )
            if is_shut_out(raw):
                raise UnsafeDatabaseError(
                    f"The role {raw.info.user} does not own Waypost's tables, and no policy lets it see their rows. "
                    "docs/database-roles.md has the statements that let it in."
                )

    def open_writer(self) -> Connection:
        return self._opened(self._open())

    def open_reader(self) -> Connection:
        raw = self._open()
        raw.execute("SET default_transaction_read_only = on")
        return self._opened(raw)

    def _opened(self, raw: "psycopg.Connection[Any]") -> Connection:
        try:
            return _PostgresConnection(raw, account_role=find_account_role(raw))
        except psycopg.Error as error:
            raise ConnectionLost(f"PostgreSQL did not answer: {error}") from error

    def _open(self) -> "psycopg.Connection[Any]":
        try:
            raw = psycopg.connect(self.url, autocommit=True, prepare_threshold=3, application_name="waypost")
            raw.execute("SET synchronous_commit = on")
            # Every statement of ours touches few rows; over a long backlog the planner thinks otherwise, and compiling
            # took 20 to 40 ms a statement (measured on PostgreSQL 15 with a million queued messages).
            raw.execute("SET jit = off")
        except psycopg.Error as error:
            raise ConnectionLost(f"PostgreSQL cannot be reached: {error}") from error
        return raw


def connector_for(database_url: str) -> SqliteConnector | PostgresConnector:
    """Return the connector for ``sqlite:///path`` or ``postgresql://…``; raises ValueError for anything else."""
    if database_url.startswith("sqlite:///"):
        return SqliteConnector(Path(database_url.removeprefix("sqlite:///")))
    if database_url.startswith(("postgresql://", "postgres://")):
        return PostgresConnector(database_url)
    raise ValueError("WAYPOST_DATABASE_URL must start with sqlite:/// or postgresql://")
