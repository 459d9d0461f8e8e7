"""The schema: the same by creating it at once and by all migrations, made once, refused when it is too new."""

import concurrent.futures

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, text

from waypost.store import migrate as migrating
from waypost.store.migrate import SCHEMA_VERSION, SchemaTooNewError, current_version, migrate
from waypost.store.tables import METADATA


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, tmp_path):
    """An empty database: not the migrated one that the other tests of the store get."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/empty.db"
    return request.getfixturevalue("postgres_url")


def engine_of(database_url):
    return create_engine(database_url.replace("postgresql://", "postgresql+psycopg://", 1))


def indexes_of(engine):
    inspector = inspect(engine)
    return {
        (table, index["name"], tuple(index["column_names"]), bool(index["unique"]))
        for table in METADATA.tables
        for index in inspector.get_indexes(table)
    }


def policies_of(engine):
    if engine.dialect.name != "postgresql":
        return set()
    with engine.connect() as connection:
        return set(
            connection.execute(
                text(
                    "SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity, p.policyname, p.permissive, "
                    "p.roles::text, p.cmd, p.qual, p.with_check FROM pg_class c LEFT JOIN pg_policies p "
                    "ON p.tablename = c.relname WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace"
                )
            ).all()
        )


def test_a_second_migration_does_nothing(database_url):
    assert current_version(database_url) is None
    assert migrate(database_url)
    assert not migrate(database_url)
    assert SCHEMA_VERSION == current_version(database_url)


def test_all_migrations_together_make_the_schema_of_today(database_url):
    engine = engine_of(database_url)
    config = Config()
    config.set_main_option("script_location", str(migrating._LOCATION))
    config.attributes["connection"] = engine
    command.upgrade(config, "head")

    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), METADATA)
    migrated = indexes_of(engine), policies_of(engine)
    version = current_version(database_url)
    with engine.begin() as connection:
        for table in [*METADATA.tables, "alembic_version"]:
            # The walls of some tables rest on another table.
            connection.execute(text(f"DROP TABLE {table}" + (" CASCADE" if engine.name == "postgresql" else "")))
    migrate(database_url)
    engine.dispose()  # SQLite's first PRAGMA on a connection from before answers by the schema it had read then
    created = indexes_of(engine), policies_of(engine)
    engine.dispose()

    assert [] == differences
    assert created == migrated
    assert SCHEMA_VERSION == version


def test_a_creation_that_died_half_way_goes_on(database_url):
    engine = engine_of(database_url)
    half = list(METADATA.sorted_tables)[:5]
    METADATA.create_all(engine, tables=half)
    engine.dispose()

    assert migrate(database_url)
    assert SCHEMA_VERSION == current_version(database_url)


def test_nodes_that_start_together_migrate_once(postgres_url):
    with concurrent.futures.ThreadPoolExecutor(4) as nodes:
        list(nodes.map(migrate, [postgres_url] * 4))

    engine = engine_of(postgres_url)
    with engine.connect() as connection:
        assert [(SCHEMA_VERSION,)] == list(connection.execute(text("SELECT version_num FROM alembic_version")))
    engine.dispose()


def test_a_database_of_a_newer_version_is_refused(database_url):
    migrate(database_url)
    engine = engine_of(database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()

    with pytest.raises(SchemaTooNewError, match="9999"):
        migrate(database_url)
