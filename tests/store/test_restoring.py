"""Being alone on a database before it is changed as a whole."""

import psycopg
import pytest

from waypost.maintenance.restoration import GatewayRunsError, require_alone
from waypost.store.connections import connector_for
from waypost.store.migrate import migrate
from waypost.store.statements import Sql


def test_postgresql_tells_who_else_is_connected_and_keeps_him_from_claiming(postgres_url: str):
    migrate(postgres_url)
    connector = connector_for(postgres_url)
    ours, theirs = connector.open_writer(), connector.open_writer()

    ours.begin()
    with pytest.raises(GatewayRunsError, match="1 connections"):
        require_alone(ours.tx)
    theirs.begin()
    with pytest.raises(psycopg.errors.LockNotAvailable):
        theirs.tx.run(Sql("LOCK TABLE messages IN ROW EXCLUSIVE MODE NOWAIT"))
    theirs.rollback()
    ours.rollback()

    theirs.close()
    ours.close()
