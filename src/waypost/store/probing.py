"""Small questions to the database about itself, for ``waypost doctor``."""

from typing import Final

from waypost.store.statements import Dialect, Sql
from waypost.store.transaction import Tx

_TOUCH: Final = Sql(
    "INSERT INTO meta (name, value) VALUES ('doctor_checked_at_us', :value) "
    "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
_TIME: Final = Sql("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)")


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
