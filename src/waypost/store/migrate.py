"""Bringing a database to the schema this version needs."""

from pathlib import Path
from typing import Final

import psycopg
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.pool import NullPool

from waypost.store.connections import connector_for
from waypost.store.statements import Dialect
from waypost.store.tables import METADATA
from waypost.store.wall import ensure_account_role, policy_statements

_LOCATION: Final = Path(__file__).parent / "migrations"

SCHEMA_VERSION: Final = "0003"
"""The revision this code needs; a test holds it to the newest file in ``migrations/versions``."""


class SchemaTooNewError(Exception):
    """The database was migrated by a newer version of Waypost than this one."""


def current_version(database_url: str) -> str | None:
    """Return the revision a database stands at, or None if it is empty."""
    engine = _engine(database_url)
    try:
        with engine.connect() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            return str(found) if found is not None else None
    finally:
        engine.dispose()


def migrate(database_url: str) -> bool:
    """
    Bring the database to ``SCHEMA_VERSION``; return whether it was not there yet. A second call does nothing.

    On PostgreSQL it also makes the account role, if it may and it is missing.

    Several nodes may call this at once: on PostgreSQL one migrates and the others wait. Raises ``SchemaTooNewError``
    if the database is ahead of this code.
    """
    version = current_version(database_url)
    if version is not None and version > SCHEMA_VERSION:
        raise SchemaTooNewError(
            f"the database is at schema {version}, this Waypost knows up to {SCHEMA_VERSION}: install a newer Waypost"
        )
    is_postgresql = connector_for(database_url).dialect is Dialect.POSTGRESQL
    if version == SCHEMA_VERSION and not is_postgresql:
        return False
    engine = _engine(database_url)
    try:
        with engine.connect() as lock:
            if is_postgresql:
                lock.execute(text("SELECT pg_advisory_lock(7238911)"))
            _upgrade(engine, current_version(database_url))
            if is_postgresql:
                with psycopg.connect(database_url, autocommit=True) as connection:
                    ensure_account_role(connection)
    finally:
        engine.dispose()
    return version != SCHEMA_VERSION


def _upgrade(engine: Engine, version: str | None) -> None:
    if version is None:
        _create(engine)
    elif version != SCHEMA_VERSION:
        # Imported late: it takes a good part of a second, and a database is rarely out of date.
        from alembic import command  # noqa: PLC0415
        from alembic.config import Config  # noqa: PLC0415

        config = Config()
        config.set_main_option("script_location", str(_LOCATION))
        config.attributes["connection"] = engine
        command.upgrade(config, "head")


def _create(engine: Engine) -> None:
    """
    Make the schema of today at once; a test holds it equal to all migrations one after the other.

    The version is written last: a start that dies before finds what is there and goes on.
    """
    with engine.begin() as connection:
        METADATA.create_all(connection)
        if engine.dialect.name == "postgresql":
            for statement in policy_statements(METADATA.sorted_tables):
                connection.execute(text(statement))
        connection.execute(text("CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) PRIMARY KEY)"))
        connection.execute(
            text("INSERT INTO alembic_version (version_num) VALUES (:version)"), {"version": SCHEMA_VERSION}
        )


def _engine(database_url: str) -> Engine:
    url = database_url.replace("postgresql://", "postgresql+psycopg://", 1).replace(
        "postgres://", "postgresql+psycopg://", 1
    )
    return create_engine(url, poolclass=NullPool)
