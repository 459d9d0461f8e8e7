"""A migrated database of each kind, opened, for the store's tests."""

from collections.abc import AsyncIterator

import pytest

from waypost.store.connections import connector_for
from waypost.store.engine import Database
from waypost.store.sealing import Sealer


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(connector_for(database_url))
    await database.start()
    yield database
    await database.stop()


@pytest.fixture
def sealer() -> Sealer:
    return Sealer([b"k" * 32])
