"""The throw-away PostgreSQL server that the tests and benchmarks use."""

import psycopg
import pytest
from tools.postgres import PostgresCluster


def test_each_database_is_empty_and_durable(postgres_url: str):
    with psycopg.connect(postgres_url) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
        durable = [
            connection.execute(f"SHOW {name}").fetchone()
            for name in ("fsync", "full_page_writes", "synchronous_commit")
        ]

    assert tables == (0,)
    assert durable == [("on",), ("on",), ("on",)]


def test_committed_rows_survive_an_immediate_stop(postgres_cluster: PostgresCluster, postgres_url: str):
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE kept (number integer)")
        connection.execute("INSERT INTO kept VALUES (7)")

    postgres_cluster.stop(how="immediate")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(postgres_url, connect_timeout=2)
    postgres_cluster.start()

    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)


def test_a_stopped_server_may_be_stopped_again_and_a_running_one_started_again(postgres_cluster: PostgresCluster):
    postgres_cluster.stop()
    postgres_cluster.stop()
    postgres_cluster.start()
    postgres_cluster.start()

    psycopg.connect(postgres_cluster.url()).close()
