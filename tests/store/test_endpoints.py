"""Webhook endpoints, on both databases."""

import base64
from dataclasses import replace

import pytest

from waypost.store.accounts import create_account
from waypost.store.directory import Directory, Endpoint
from waypost.store.endpoints import (
    SECRET_OVERLAP_US,
    EndpointRecord,
    NewEndpoint,
    change_endpoint,
    create_endpoint,
    delete_endpoint,
    disable_endpoint,
    enable_endpoint,
    find_endpoint,
    list_endpoints,
    new_webhook_secret,
    rotate_secret,
)
from waypost.store.engine import Database
from waypost.store.sealing import Sealer

NOW_US = 1_930_000_000_000_000


@pytest.fixture(autouse=True)
async def _accounts(database: Database) -> None:
    for account_id in ("a", "b"):
        await database.write(
            lambda tx, account_id=account_id: create_account(tx, account_id=account_id, name="A", now_us=NOW_US)
        )


async def _create(database: Database, sealer: Sealer, endpoint_id: str = "e") -> EndpointRecord:
    new = NewEndpoint(
        id=endpoint_id,
        account_id="a",
        name="Shop",
        url="https://hooks.example.org/in?x=1",
        kinds=frozenset({"event", "incoming"}),
        secret="whsec_first",
        headers={"X-Token": "hush"},
        max_batch=20,
        timestamps="unix",
        source_ids=frozenset({"s1"}),
        stickers=False,
    )
    return await database.write(lambda tx: create_endpoint(tx, sealer, new, now_us=NOW_US))


async def _in_directory(database: Database, sealer: Sealer, endpoint_id: str = "e") -> Endpoint:
    directory = Directory(database, sealer)
    await directory.refresh()
    return directory.now.endpoints[endpoint_id]


async def test_an_endpoint_is_read_back_without_its_secrets(database: Database, sealer: Sealer) -> None:
    created = await _create(database, sealer)

    opened = await _in_directory(database, sealer)

    assert created == await database.read(lambda tx: find_endpoint(tx, sealer, "a", "e"))
    assert created.header_names == ("X-Token",)
    assert not {"hush", "whsec_first"} & set(repr(created).replace("'", " ").split())
    assert ({"X-Token": "hush"}, "whsec_first", 20, "unix", frozenset({"s1"}), False) == (
        opened.headers,
        opened.secret,
        opened.max_batch,
        opened.timestamps,
        opened.source_ids,
        opened.stickers,
    )


async def test_a_change_leaves_what_it_does_not_name(database: Database, sealer: Sealer) -> None:
    created = await _create(database, sealer)

    changed = await database.write(
        lambda tx: change_endpoint(tx, sealer, "a", "e", lambda one: replace(one, source_ids=None, max_batch=1))
    )

    assert changed == replace(created, source_ids=None, max_batch=1)


async def test_headers_are_replaced_or_taken_away(database: Database, sealer: Sealer) -> None:
    await _create(database, sealer)

    await database.write(lambda tx: change_endpoint(tx, sealer, "a", "e", lambda one: one, headers={"X-New": "1"}))
    replaced = await _in_directory(database, sealer)
    await database.write(lambda tx: change_endpoint(tx, sealer, "a", "e", lambda one: one, headers={}))
    taken = await _in_directory(database, sealer)

    assert [replaced.headers, taken.headers] == [{"X-New": "1"}, {}]


async def test_both_secrets_are_there_for_a_day_after_a_rotation(database: Database, sealer: Sealer) -> None:
    await _create(database, sealer)

    await database.write(lambda tx: rotate_secret(tx, sealer, "a", "e", secret="whsec_second", now_us=NOW_US))

    opened = await _in_directory(database, sealer)
    assert (
        opened.secret,
        opened.secret_old,
        opened.secret_old_until_us,
    ) == ("whsec_second", "whsec_first", NOW_US + SECRET_OVERLAP_US)


async def test_an_endpoint_is_disabled_with_a_reason_and_enabled_with_a_clean_record(
    database: Database, sealer: Sealer
) -> None:
    created = await _create(database, sealer)

    disabled = await database.write(
        lambda tx: disable_endpoint(tx, sealer, "a", "e", reason="answered 410", now_us=NOW_US + 1)
    )
    again = await database.write(lambda tx: disable_endpoint(tx, sealer, "a", "e", reason="by hand", now_us=NOW_US + 2))
    enabled = await database.write(lambda tx: enable_endpoint(tx, sealer, "a", "e"))

    assert disabled == replace(created, disabled_reason="answered 410", disabled_at_us=NOW_US + 1)
    assert again == replace(created, disabled_reason="by hand", disabled_at_us=NOW_US + 1)
    assert enabled == created


async def test_a_deleted_endpoint_is_gone(database: Database, sealer: Sealer) -> None:
    await _create(database, sealer)

    assert await database.write(lambda tx: delete_endpoint(tx, "a", "e", now_us=NOW_US))
    assert not await database.write(lambda tx: delete_endpoint(tx, "a", "e", now_us=NOW_US))

    assert await database.read(lambda tx: list_endpoints(tx, sealer, "a", at_most=10)) == []


async def test_another_account_can_neither_see_nor_touch_an_endpoint(database: Database, sealer: Sealer) -> None:
    created = await _create(database, sealer)

    outcomes = [
        await database.read(lambda tx: find_endpoint(tx, sealer, "b", "e")),
        await database.write(
            lambda tx: change_endpoint(tx, sealer, "b", "e", lambda one: replace(one, name="x"), headers={})
        ),
        await database.write(lambda tx: rotate_secret(tx, sealer, "b", "e", secret="whsec_x", now_us=NOW_US)),
        await database.write(lambda tx: disable_endpoint(tx, sealer, "b", "e", reason="x", now_us=NOW_US)),
        await database.write(lambda tx: enable_endpoint(tx, sealer, "b", "e")),
        await database.write(lambda tx: delete_endpoint(tx, "b", "e", now_us=NOW_US)),
        (await database.read(lambda tx: list_endpoints(tx, sealer, "b", at_most=10))) != [],
    ]

    assert outcomes == [None, None, None, None, None, False, False]
    assert created == await database.read(lambda tx: find_endpoint(tx, sealer, "a", "e"))


def test_a_webhook_secret_is_32_random_bytes_in_the_standard_form() -> None:
    first, second = new_webhook_secret(), new_webhook_secret()

    assert first != second
    assert first.startswith("whsec_")
    assert len(base64.b64decode(first.removeprefix("whsec_"))) == 32
