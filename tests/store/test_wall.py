"""The second wall: what PostgreSQL itself keeps from work on one account's behalf, and what it leaves alone."""

from collections.abc import AsyncIterator

import psycopg
import pytest
from tests.store.rows import add
from tools.postgres import OWNER, SUPERUSER, PostgresCluster

from waypost.store.connections import PostgresConnector, UnsafeDatabaseError
from waypost.store.engine import Database
from waypost.store.migrate import migrate
from waypost.store.statements import Dialect, InsertMany, Sql
from waypost.store.tables import CONSENTS, METADATA
from waypost.store.wall import belongs

ALL_MESSAGES = Sql("SELECT id FROM messages ORDER BY id")
OPEN_WINDOW = Sql("INSERT INTO windows VALUES (:source_id, '12025550143', 1, 1)")
WHOSE = Sql("SELECT current_user, COALESCE(current_setting('waypost.account_id', true), '')")


@pytest.fixture
async def walled(postgres_url: str) -> AsyncIterator[Database]:
    """A database on PostgreSQL, opened by an ordinary role, with a message of ``a`` and two of ``b``."""
    migrate(postgres_url)
    database = Database(PostgresConnector(postgres_url))
    await database.start()
    await fill(database)
    yield database
    await database.stop()


async def fill(database: Database) -> None:
    def rows(tx):
        for message_id, account_id in (("1", "a"), ("2", "b"), ("3", "b")):
            add(tx, "messages", id=message_id, account_id=account_id, source_id=f"s{account_id}")
        for account_id in ("a", "b"):
            add(tx, "sources", id=f"s{account_id}", account_id=account_id, phone_number_id=f"pn{account_id}")
            tx.run(OPEN_WINDOW, source_id=f"s{account_id}")

    await database.write(rows)


def ids(tx):
    return [row[0] for row in tx.rows(ALL_MESSAGES)]


async def test_a_statement_that_forgets_the_account_finds_only_its_rows(walled: Database):
    assert await walled.read(ids, account_id="a") == ["1"]
    assert await walled.read(ids, account_id="b") == ["2", "3"]
    assert await walled.read(ids, account_id="nobody") == []
    assert await walled.read(ids) == ["1", "2", "3"]


async def test_rows_that_belong_to_a_source_are_its_accounts(walled: Database):
    windows = Sql("SELECT source_id FROM windows")

    assert await walled.read(lambda tx: tx.rows(windows), account_id="a") == [("sa",)]


async def test_sqlite_has_only_the_first_wall(database: Database):
    if database.connector.dialect is Dialect.SQLITE:
        await fill(database)
        assert await database.read(ids, account_id="a") == ["1", "2", "3"]
        assert not await database.read(lambda tx: tx.has_wall)
    else:
        assert await database.read(lambda tx: tx.has_wall)


async def test_every_statement_of_a_read_is_behind_the_wall_and_the_next_read_is_not(walled: Database):
    def look(tx):
        return [ids(tx), ids(tx), tx.one(WHOSE)]

    for _ in range(5):  # past the point from which statements are prepared
        connection = walled.connector.open_reader()
        assert look(connection.tx.for_account("a")) == [["1"], ["1"], (f"{OWNER}_account", "a")]
        assert look(connection.tx) == [["1", "2", "3"], ["1", "2", "3"], (OWNER, "")]
        assert look(connection.tx.for_account("b")) == [["2", "3"], ["2", "3"], (f"{OWNER}_account", "b")]
        connection.close()


async def test_a_read_that_fails_leaves_nothing_on_the_connection(walled: Database):
    connection = walled.connector.open_reader()
    behind = connection.tx.for_account("a")

    with pytest.raises(psycopg.errors.UndefinedTable):
        behind.rows(Sql("SELECT * FROM no_such_table"))

    assert connection.tx.one(WHOSE) == (OWNER, "")
    assert ids(behind) == ["1"]
    connection.close()


async def test_a_change_cannot_reach_or_make_a_row_of_another_account(walled: Database):
    rename = Sql("UPDATE messages SET kind = 'changed'")
    steal = Sql("UPDATE messages SET account_id = 'b' WHERE id = '1'")

    assert await walled.write(lambda tx: tx.run(rename), account_id="a") == 1
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await walled.write(lambda tx: tx.run(steal), account_id="a")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await walled.write(lambda tx: add(tx, "messages", id="9", account_id="b"), account_id="a")

    kinds = await walled.read(lambda tx: tx.rows(Sql("SELECT id FROM messages WHERE kind = 'changed'")))
    assert kinds == [("1",)]
    assert await walled.read(ids) == ["1", "2", "3"]


async def test_changes_of_several_accounts_share_a_transaction_each_behind_its_own_wall(walled: Database):
    write = InsertMany(CONSENTS, ["account_id", "recipient", "changed_at_us"])
    connection = walled.connector.open_writer()
    connection.begin()

    for account_id in ("a", "b"):
        connection.tx.for_account(account_id).write_many(write, [(account_id, "12025550143", 1)])
    between = connection.tx.one(WHOSE)
    seen = [connection.tx.for_account(one).rows(Sql("SELECT account_id FROM consents")) for one in ("a", "b")]
    connection.commit()

    assert between == (OWNER, "")
    assert seen == [[("a",)], [("b",)]]
    assert connection.tx.one(WHOSE) == (OWNER, "")
    connection.close()


async def test_work_for_an_account_cannot_touch_what_belongs_to_no_account(walled: Database):
    for table in ("meta", "raw_webhooks", "shard_leases"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await walled.read(lambda tx, table=table: tx.rows(Sql(f"SELECT * FROM {table}")), account_id="a")


async def test_an_account_without_a_setting_sees_nothing(walled: Database, postgres_url: str):
    with psycopg.connect(postgres_url) as connection:
        connection.execute(f"SET ROLE {OWNER}_account")
        assert connection.execute("SELECT count(*) FROM messages").fetchone() == (0,)


async def test_the_gateways_own_statements_are_planned_as_without_a_wall(walled: Database):
    plan = await walled.read(lambda tx: tx.rows(Sql("EXPLAIN SELECT id FROM messages WHERE id = '1'")))

    assert "account_id" not in str(plan)


async def test_the_wall_stands_even_for_a_superuser(postgres_cluster: PostgresCluster):
    name = postgres_cluster.create_database()
    url = postgres_cluster.url(name, role=SUPERUSER)
    migrate(url)
    database = Database(PostgresConnector(url))
    await database.start()
    await fill(database)

    assert await database.read(ids, account_id="a") == ["1"]

    await database.stop()
    postgres_cluster.drop_database(name)


def test_every_table_that_has_an_account_or_a_source_is_walled():
    without = {table.name for table in METADATA.sorted_tables if belongs(table) is None}

    assert without == {
        "console_failures",
        "console_sessions",
        "ingress_gaps",
        "meta",
        "nodes",
        "raw_webhooks",
        "shard_leases",
    }


async def test_a_login_that_the_wall_would_blind_is_refused_at_start(
    postgres_cluster: PostgresCluster, postgres_url: str
):
    migrate(postgres_url)
    with psycopg.connect(postgres_url, autocommit=True) as owner:
        owner.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO PUBLIC")
    url = postgres_url.replace(f"{OWNER}@", f"{stranger(postgres_cluster)}@")

    with pytest.raises(UnsafeDatabaseError, match="does not own"):
        PostgresConnector(url).check()


def stranger(cluster: PostgresCluster) -> str:
    """A role that owns nothing."""
    with psycopg.connect(cluster.url(role=SUPERUSER), autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS stranger")
        connection.execute("CREATE ROLE stranger LOGIN")
    return "stranger"
