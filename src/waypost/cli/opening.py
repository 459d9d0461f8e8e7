"""
The gateway's settings and database, opened for one command.

Commands work while the gateway runs: on SQLite each write is one short transaction that waits its turn, and a running
gateway sees changes to accounts, keys, sources and webhooks within half a second.
"""

import getpass
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

from waypost.cli.exits import CommandFailure, ExitCode
from waypost.cli.options import DEMO_DATA_DIR
from waypost.cli.printing import print_note
from waypost.master_key import open_sealer
from waypost.observe import log_warnings_only
from waypost.ports import SystemClock, UuidFactory
from waypost.settings import Settings
from waypost.store.accounts import list_accounts
from waypost.store.connections import Connection, ConnectionLost, Connector, SqliteConnector, connector_for
from waypost.store.directory import Directory, Snapshot
from waypost.store.engine import Database
from waypost.store.migrate import SCHEMA_VERSION, current_version
from waypost.store.sealing import Sealer
from waypost.store.transaction import Tx
from waypost.web.manage.editing import Editor

Result = TypeVar("Result")

_CONFLICT_TRIES: Final = 5


def load_settings(data_dir: Path | None, database_url: str | None) -> Settings:
    """
    Return the settings in force.

    Where nobody names a data directory and only the demo's exists, that one is meant, and said so. From now on what is
    logged goes to standard error.
    """
    log_warnings_only()
    settings = Settings.load(data_dir=data_dir, database_url=database_url)
    is_named = {"data_dir", "database_url"} & settings.model_fields_set
    if not is_named and not (settings.data_dir / "waypost.db").exists() and (DEMO_DATA_DIR / "waypost.db").exists():
        print_note(f"Using the demo's data in {DEMO_DATA_DIR}; name another with --data-dir.")
        return Settings.load(data_dir=DEMO_DATA_DIR)
    return settings


class DirectStore:
    """The database, one transaction at a time, without a running gateway."""

    def __init__(self, settings: Settings, connector: Connector) -> None:
        self.settings = settings
        self._connector = connector
        self._sealer: Sealer | None = None

    @property
    def sealer(self) -> Sealer:
        """What opens the secrets in the database; reads the master keys on first use."""
        if self._sealer is None:
            self._sealer = open_sealer(self.settings)
        return self._sealer

    def fresh_sealer(self) -> Sealer:
        """Return a sealer with the keys as they are set now; later calls get the same one by ``sealer``."""
        self._sealer = open_sealer(self.settings)
        return self._sealer

    def editor(self) -> Editor:
        """Return who changes things here: the person at the terminal."""
        return Editor(actor=f"cli:{_user()}", ids=UuidFactory(), clock=SystemClock(), sealer=self.sealer)

    def snapshot(self, tx: Tx) -> Snapshot:
        """Return accounts, sources and endpoints as this transaction sees them, with secrets opened."""
        return Directory(Database(self._connector), self.sealer).load(tx, 0)

    def write(self, operation: Callable[[Tx], Result]) -> Result:
        """Run one operation in a transaction; it is durable when this returns, and undone if it raises."""
        for tries_left in reversed(range(_CONFLICT_TRIES)):
            connection = self._connector.open_writer()
            try:
                return _commit(connection, operation)
            except ConnectionLost as error:
                if not (error.is_conflict and tries_left):
                    raise
            finally:
                connection.close()
        raise AssertionError("unreachable")

    def read(self, operation: Callable[[Tx], Result]) -> Result:
        """Run a read; it sees one state of things."""
        connection = self._connector.open_reader()
        try:
            connection.begin_read()
            result = operation(connection.tx)
            connection.end_read()
        except Exception as error:
            lost = None if isinstance(error, ConnectionLost) else connection.as_lost(error)
            if lost is None:
                raise
            raise lost from error
        else:
            return result
        finally:
            connection.close()

    def account_id(self, given: str | None) -> str:
        """Return the account a command is about: the one named, or the only one there is."""
        if given is not None:
            return given
        accounts = self.read(lambda tx: list_accounts(tx, at_most=2))
        if len(accounts) == 1:
            return accounts[0].id
        if not accounts:
            raise CommandFailure(
                ExitCode.NOT_FOUND, "There is no account yet.", hint="Make one: waypost accounts create NAME"
            )
        raise CommandFailure(
            ExitCode.USAGE,
            "There are several accounts: say which with --account.",
            hint="List them: waypost accounts list",
        )


def _commit(connection: Connection, operation: Callable[[Tx], Result]) -> Result:
    connection.begin()
    try:
        result = operation(connection.tx)
    except ConnectionLost:
        raise
    except Exception as error:
        lost = connection.as_lost(error)
        connection.rollback()
        if lost is None:
            raise
        raise lost from error
    connection.commit()
    return result


@contextmanager
def opened_store(data_dir: Path | None, database_url: str | None) -> Iterator[DirectStore]:
    """Open the database for one command; it must exist and be of this version."""
    settings = load_settings(data_dir, database_url)
    connector = connector_for(settings.database_url)
    if isinstance(connector, SqliteConnector) and not connector.path.exists():
        # Opening would make an empty file, and hide that the path is wrong.
        raise CommandFailure(
            ExitCode.UNAVAILABLE,
            f"There is no database at {connector.path}.",
            hint="Name the data directory with --data-dir, or make the database with: waypost migrate",
        )
    connector.open_reader().close()  # Whether it can be reached at all is better told in our own words.
    version = current_version(settings.database_url)
    if version != SCHEMA_VERSION:
        raise CommandFailure(
            ExitCode.UNAVAILABLE,
            f"The database is at schema {version or 'none'}, this Waypost needs {SCHEMA_VERSION}.",
            hint="Bring it up to date with: waypost migrate",
        )
    yield DirectStore(settings, connector)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
