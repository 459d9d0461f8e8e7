"""A migrated database of each kind, opened, for the store's tests."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tools.postgres import PostgresCluster

from waypost.store.connections import connector_for
from waypost.store.engine import Database
from waypost.store.migrate import migrate
from waypost.store.sealing import Sealer


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy: migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("template") / "waypost.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres_cluster: PostgresCluster) -> str:
    """The name of a migrated PostgreSQL database to copy."""
    name = postgres_cluster.create_database()
    migrate(postgres_cluster.url(name))
    return name


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        shutil.copyfile(request.getfixturevalue("sqlite_template"), tmp_path / "waypost.db")
        yield f"sqlite:///{tmp_path}/waypost.db"
        return
    cluster: PostgresCluster = request.getfixturevalue("postgres_cluster")
    name = cluster.create_database(template=request.getfixturevalue("postgres_template"))
    yield cluster.url(name)
    cluster.drop_database(name)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(connector_for(database_url))
    await database.start()
    yield database
    await database.stop()


@pytest.fixture
def sealer() -> Sealer:
    return Sealer([b"k" * 32])
