"""A gateway's receiving half over a migrated database of each kind."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.receive.gateway import Gateway, open_gateway

from waypost.store.connections import connector_for
from waypost.store.engine import Database
from waypost.store.migrate import migrate


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/waypost.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    migrate(database_url)
    database = Database(connector_for(database_url))
    await database.start()
    yield database
    await database.stop()


@pytest.fixture
async def gateway(database: Database) -> Gateway:
    return await open_gateway(database)
