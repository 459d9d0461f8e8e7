"""Small questions to the database about itself, for ``waypost doctor``."""

from typing import Final

from waypost.store.statements import Dialect, Sql
from waypost.store.transaction import Tx
from waypost.store.wall import ACCOUNT_ROLE

_TOUCH: Final = Sql(
    "INSERT INTO meta (name, value) VALUES ('doctor_checked_at_us', :value) "
    "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
_TIME: Final = Sql("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)")
_ACCOUNT_ROLE: Final = Sql(f"SELECT session_user, {ACCOUNT_ROLE}")


def touch(tx: Tx, *, now_us: int) -> None:
    """Write one small row, so that the commit has something to flush."""
    tx.run(_TOUCH, value=str(now_us))


def read_database_time_us(tx: Tx) -> int | None:
    """Return the database server's time; None on SQLite, which has no clock of its own."""
    if tx.dialect is Dialect.SQLITE:
        return None
    row = tx.one(_TIME)
    assert row is not None
    return int(row[0])


def find_missing_wall(tx: Tx) -> str | None:
    """
    Return the statements for an administrator that make PostgreSQL hold accounts apart; None: it does, or cannot.

    They are followed by ``waypost migrate`` or a start of the gateway, which grant the rights.
    """
    if tx.dialect is Dialect.SQLITE or tx.has_wall:
        return None
    row = tx.one(_ACCOUNT_ROLE)
    assert row is not None
    login, role = row
    return f'CREATE ROLE "{role}" NOLOGIN; GRANT "{role}" TO "{login}";'
