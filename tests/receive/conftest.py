"""A gateway's receiving half over a migrated database of each kind."""

from collections.abc import AsyncIterator

import pytest
from tests.receive.gateway import Gateway, open_gateway

from waypost.store.connections import connector_for
from waypost.store.engine import Database


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(connector_for(database_url))
    await database.start()
    yield database
    await database.stop()


@pytest.fixture
async def gateway(database: Database) -> Gateway:
    return await open_gateway(database)
