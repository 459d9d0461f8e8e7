"""A gateway's receiving half over a migrated database of each kind."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from tests.receive.gateway import Gateway, open_gateway
from tools.postgres import PostgresCluster

from waypost.store.connections import connector_for
from waypost.store.engine import Database
from waypost.store.migrate import migrate
from waypost.store.tables import METADATA


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to be copied: migrating takes a hundred times as long."""
    path = tmp_path_factory.mktemp("migrated") / "waypost.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres_cluster: PostgresCluster) -> Iterator[str]:
    """A migrated PostgreSQL database, to be emptied after each test."""
    name = postgres_cluster.create_database()
    url = postgres_cluster.url(name)
    migrate(url)
    yield url
    postgres_cluster.drop_database(name)


@pytest.fixture
def sqlite_url(migrated_file: Path, tmp_path: Path) -> str:
    shutil.copy(migrated_file, tmp_path / "waypost.db")
    return f"sqlite:///{tmp_path}/waypost.db"


@pytest.fixture
def emptied_postgres_url(migrated_postgres: str) -> Iterator[str]:
    yield migrated_postgres
    with psycopg.connect(migrated_postgres) as connection:
        for table in METADATA.tables:
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))


@pytest.fixture(params=["sqlite_url", "emptied_postgres_url"], ids=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(request.param)
    return url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(connector_for(database_url))
    await database.start()
    yield database
    await database.stop()


@pytest.fixture
async def gateway(database: Database) -> Gateway:
    return await open_gateway(database)
