"""
Every statement behind a page of the console goes along an index, on both databases.

The statements are gathered from the modules' own lists (``PLANNED``) and from the walks; a module of the store that has
statements for pages and is not listed here fails the last test.
"""

import contextlib
import importlib
import itertools
import pkgutil
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest

import waypost.store
from waypost.app.demo import demo_settings
from waypost.app.demo_account import DemoAccount, provide_account
from waypost.app.foundation import Foundation, open_foundation
from waypost.app.seeding import Bar, SeedOrder, seed_account
from waypost.settings import Settings
from waypost.store import (
    audit,
    consent_search,
    conversations,
    inspecting_webhooks,
    inspection,
    latencies,
    message_facts,
    paging,
    replaying,
    searching,
    tallies,
    threads,
)
from waypost.store.arrays import array_literal
from waypost.store.statements import Sql

LARGE = (
    "messages",
    "inbound_messages",
    "notifications",
    "attempts",
    "consents",
    "delivery_attempts",
    "media_assets",
    "windows",
    "tallies",
    "audit_log",
    "consent_history",
)
PLANNED_MODULES = (
    audit,
    consent_search,
    conversations,
    inspecting_webhooks,
    inspection,
    latencies,
    message_facts,
    replaying,
    searching,
    tallies,
    threads,
)
STATEMENTS: list[tuple[str, Sql]] = [
    (f"{module.__name__.rpartition('.')[2]} {place}", statement)
    for module in PLANNED_MODULES
    for place, statement in enumerate(searching.planned() if module is searching else module.PLANNED)
]


class _Silent:
    def show(self, done: int, *, note: str = "") -> None:
        """Show nothing."""


@contextlib.contextmanager
def _no_bar(_total: int) -> Iterator[Bar]:
    yield _Silent()


async def _seed(data_dir: Path, database_url: str) -> str:
    settings = demo_settings(
        Settings.load(defaults={"default_provider": "sandbox"}, data_dir=data_dir, database_url=database_url)
    )
    foundation: Foundation = await open_foundation(settings)
    assert settings.sandbox_url is not None
    account: DemoAccount = await provide_account(foundation, sandbox_url=settings.sandbox_url)
    await seed_account(foundation, account, SeedOrder(messages=4_000, say=lambda _: None, open_bar=_no_bar))
    await foundation.database.stop()
    return account.account_id


def _order_indexes(connection: sqlite3.Connection, *, is_reverse: bool) -> None:
    """Create all indexes anew, in the order of their names or the other way round."""
    found = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    ).fetchall()
    for name, sql in sorted(found, reverse=is_reverse):
        connection.execute(f"DROP INDEX {name}")
        connection.execute(sql)


def _values(sql: Sql, text: str, *, account_id: str) -> dict[str, Any]:
    """Return a value for each parameter that a statement has."""
    names = set(re.findall(r"(?<![:\w]):([a-z_]+)", text)) | set(re.findall(r"%\(([a-z_]+)\)s", text))
    values: dict[str, Any] = {}
    for name in names:
        number = name.endswith("_us") or name in {"at_most", "skipped", "searched"}
        values[name] = (
            account_id
            if name == "account_id"
            else 2**50
            if name in {"until_us", "before_us"}
            else 3_600_000_000
            if name in {"unit_us", "minute_us"}
            else 1
            if number
            else "f" * 36
            if name in {"before", "start", "ceiling"}
            else ""
        )
    for name in sql.arrays:
        if name in values or name in itertools.chain.from_iterable(sql.row_sets.values()):
            is_number = name in {"states", "failure_codes"} or name.endswith("_us")
            values[name] = array_literal([30] if is_number else [account_id])
    return values


async def test_no_page_of_the_console_walks_a_large_table_of_sqlite(migrated_sqlite_url: str, tmp_path: Path) -> None:
    account_id = await _seed(tmp_path, migrated_sqlite_url)
    walks: dict[str, list[str]] = {}
    with contextlib.closing(sqlite3.connect(tmp_path / "waypost.db")) as connection:
        # Between indexes that look alike to it SQLite takes the one that was created last.
        for is_reverse, (name, statement) in itertools.product((False, True), STATEMENTS):
            if (name, statement) == STATEMENTS[0]:
                _order_indexes(connection, is_reverse=is_reverse)
            values = _values(statement, statement.sqlite, account_id=account_id)
            for parameter in statement.lists:
                values[parameter] = '["x"]'
            for parameter, columns in statement.row_sets.items():
                values[parameter] = orjson.dumps([["x"] * len(columns)]).decode()
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement.sqlite}", values)]
            aliases = {
                alias: table for table, alias in re.findall(r"(?:FROM|JOIN) ([a-z_]+) ([a-z]+)\b", statement.sqlite)
            }
            for line in plan:
                # All of an account's rows are no better than all rows: most installations have one account.
                scan = re.match(
                    r"SCAN (\w+)|SEARCH (\w+) USING (?:COVERING )?INDEX \w+_account \(account_id=\?\)", line
                )
                if scan is not None and aliases.get(walked := scan[1] or scan[2], walked) in LARGE:
                    walks[name] = [statement.sqlite, *plan]

    assert {} == walks


@pytest.mark.parametrize(
    ("path", "index"),
    [
        ("id", "sqlite_autoindex_messages_1"),
        ("wamid", "messages_wamid"),
        ("recipient", "messages_recipient"),
        ("caller_data", "messages_tag"),
        ("failed", "messages_failed"),
        ("account", "messages_account"),
    ],
)
def test_a_search_goes_along_the_index_that_narrows_it_most(migrated_sqlite_url: str, path: str, index: str) -> None:
    usual = ("source_id", "states", "since_us", "until_us")
    with contextlib.closing(sqlite3.connect(migrated_sqlite_url.removeprefix("sqlite:///"))) as connection:
        walks = (searching.walk_along(path, ()), searching.walk_along(path, usual))
        for is_reverse, walk, place in itertools.product((False, True), walks, range(4)):
            _order_indexes(connection, is_reverse=is_reverse)
            statement = walk.statements[place]
            values = _values(statement, statement.sqlite, account_id="a")
            values |= dict.fromkeys(statement.lists, "[]")
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement.sqlite}", values)]

            assert f"INDEX {index} (" in plan[0]


def test_no_page_of_the_console_bounds_ids_twice_on_one_side() -> None:
    """Of two bounds SQLite takes one for the index and reads on to it, with the other as a condition on each row."""
    for name, statement in STATEMENTS:
        bounds = re.findall(r"(\w+\.id [<>])=? :", statement.sqlite)

        assert len(bounds) == len(set(bounds)), name


def test_figures_over_time_read_no_count_but_those_they_add_up(migrated_sqlite_url: str) -> None:
    reads = "USING COVERING INDEX tallies_totals (account_id=? AND event=? AND hour_us>? AND hour_us<?)"
    with contextlib.closing(sqlite3.connect(migrated_sqlite_url.removeprefix("sqlite:///"))) as connection:
        for statement in tallies.PLANNED[1:]:
            values = _values(statement, statement.sqlite, account_id="a")
            values |= {
                table: orjson.dumps([["x"] * len(names)]).decode() for table, names in statement.row_sets.items()
            }
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement.sqlite}", values)]

            assert any(line.endswith(reads) for line in plan), plan


async def test_no_page_of_the_console_walks_a_large_table_of_postgresql(
    migrated_postgres_url: str, tmp_path: Path
) -> None:
    account_id = await _seed(tmp_path, migrated_postgres_url)
    walks: dict[str, list[Any]] = {}
    with psycopg.connect(migrated_postgres_url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute("ANALYZE")
        # What is small is better read as a whole: the question is whether an index can serve.
        connection.execute("SET enable_seqscan = off")
        for name, statement in STATEMENTS:
            values = _values(statement, statement.postgresql, account_id=account_id)
            plan = [line for (line,) in connection.execute(f"EXPLAIN {statement.postgresql}", values)]
            for line in plan:
                scan = re.search(r"Seq Scan on (\w+)", line)
                if scan is not None and scan[1] in LARGE:
                    walks[name] = [statement.postgresql, *plan]

    assert {} == walks


def test_every_module_with_statements_for_pages_is_planned() -> None:
    modules = [
        importlib.import_module(f"waypost.store.{found.name}") for found in pkgutil.iter_modules(waypost.store.__path__)
    ]
    with_pages = {
        module.__name__
        for module in modules
        if module is not paging and (hasattr(module, "PLANNED") or "Page[" in Path(str(module.__file__)).read_text())
    }

    assert {module.__name__ for module in PLANNED_MODULES} == with_pages
