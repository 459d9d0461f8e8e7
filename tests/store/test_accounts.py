"""Accounts and keys, on both databases."""

from dataclasses import replace

from waypost.domain.policy import SourcePolicy
from waypost.store.accounts import (
    AccountSwitches,
    change_account,
    create_account,
    create_key,
    find_account,
    find_account_of_key,
    find_key,
    key_id_of,
    list_accounts,
    list_keys,
    mint_key,
    record_key_use,
    revoke_key,
)
from waypost.store.directory import Directory
from waypost.store.engine import Database
from waypost.store.sealing import Sealer

NOW_US = 1_930_000_000_000_000


async def _account(database: Database, account_id: str) -> None:
    await database.write(lambda tx: create_account(tx, account_id=account_id, name="A", now_us=NOW_US))


async def test_an_account_is_read_back_with_every_switch(database: Database) -> None:
    switches = AccountSwitches(
        skip_optin=True,
        implicit_optin=False,
        linktrack=True,
        at_most_once=True,
        source_policy=SourcePolicy.LENIENT,
        stop_words=("HALT",),
        requests_per_second_max=2.5,
        queued_messages_max=10,
    )

    created = await database.write(
        lambda tx: create_account(tx, account_id="a", name="Bicycles", now_us=NOW_US, switches=switches)
    )

    assert created == await database.read(lambda tx: find_account(tx, "a"))
    assert created.switches == switches


async def test_accounts_are_listed_in_pages(database: Database) -> None:
    for account_id in ("a", "b", "c"):
        await _account(database, account_id)

    first = await database.read(lambda tx: list_accounts(tx, at_most=2))
    second = await database.read(lambda tx: list_accounts(tx, after="b", at_most=2))

    assert [[one.id for one in page] for page in (first, second)] == [["a", "b"], ["c"]]


async def test_disabling_an_account_takes_its_keys_out_of_the_directory(database: Database, sealer: Sealer) -> None:
    await _account(database, "a")
    key = mint_key()
    await database.write(
        lambda tx: create_key(tx, account_id="a", key=key, name="k", scopes=frozenset({"x"}), now_us=NOW_US)
    )
    directory = Directory(database, sealer)
    await directory.refresh()
    assert key.id in directory.now.keys

    await database.write(lambda tx: change_account(tx, "a", lambda one: replace(one, disabled_at_us=NOW_US)))
    await directory.refresh()

    assert directory.now.keys == {}


async def test_an_account_that_does_not_exist_is_not_changed_nor_given_a_key(database: Database) -> None:
    changed = await database.write(lambda tx: change_account(tx, "nobody", lambda one: one))
    has_key = await database.write(
        lambda tx: create_key(tx, account_id="nobody", key=mint_key(), name="k", scopes=frozenset({"x"}), now_us=NOW_US)
    )

    assert changed is None
    assert has_key is False


async def test_a_key_is_stored_only_as_its_hash(database: Database, database_url: str) -> None:
    await _account(database, "a")
    key = mint_key()
    await database.write(
        lambda tx: create_key(
            tx, account_id="a", key=key, name="k", scopes=frozenset({"b", "a"}), now_us=NOW_US, expires_at_us=NOW_US + 1
        )
    )

    found = await database.read(lambda tx: find_key(tx, "a", key.id))

    assert found is not None
    assert (frozenset({"a", "b"}), NOW_US + 1, None) == (found.scopes, found.expires_at_us, found.last_used_at_us)
    assert key.token not in repr(key)
    assert await database.read(lambda tx: find_account_of_key(tx, key.id)) == "a"
    if database_url.startswith("sqlite"):
        from pathlib import Path

        stored = b"".join(
            file.read_bytes() for file in Path(database_url.removeprefix("sqlite:///")).parent.glob("waypost.db*")
        )
        assert key.id.encode() in stored
        assert key.token[-50:-7].encode() not in stored


async def test_a_revoked_key_leaves_the_directory_and_keeps_its_first_time(database: Database, sealer: Sealer) -> None:
    await _account(database, "a")
    key = mint_key()
    await database.write(
        lambda tx: create_key(tx, account_id="a", key=key, name="k", scopes=frozenset({"x"}), now_us=NOW_US)
    )
    directory = Directory(database, sealer)

    await database.write(lambda tx: revoke_key(tx, "a", key.id, now_us=NOW_US + 1))
    again = await database.write(lambda tx: revoke_key(tx, "a", key.id, now_us=NOW_US + 2))
    await directory.refresh()

    assert again is not None
    assert again.revoked_at_us == NOW_US + 1
    assert directory.now.keys == {}


async def test_another_account_cannot_see_or_revoke_a_key(database: Database, sealer: Sealer) -> None:
    await _account(database, "a")
    await _account(database, "b")
    key = mint_key()
    await database.write(
        lambda tx: create_key(tx, account_id="a", key=key, name="k", scopes=frozenset({"x"}), now_us=NOW_US)
    )

    revoked = await database.write(lambda tx: revoke_key(tx, "b", key.id, now_us=NOW_US + 1))
    seen = await database.read(lambda tx: (find_key(tx, "b", key.id), list_keys(tx, "b", at_most=10)))
    directory = Directory(database, sealer)
    await directory.refresh()

    assert revoked is None
    assert seen == (None, [])
    assert key.id in directory.now.keys


async def test_the_last_use_of_keys_is_recorded_in_one_write(database: Database) -> None:
    await _account(database, "a")
    keys = [mint_key(), mint_key()]
    for key in keys:
        await database.write(
            lambda tx, key=key: create_key(
                tx, account_id="a", key=key, name="k", scopes=frozenset({"x"}), now_us=NOW_US
            )
        )

    await database.write(lambda tx: record_key_use(tx, {("a", key.id): NOW_US + 5 for key in keys}))

    listed = await database.read(lambda tx: list_keys(tx, "a", at_most=10))
    assert [key.last_used_at_us for key in listed] == [NOW_US + 5] * 2


def test_a_key_names_its_id_and_carries_a_checksum() -> None:
    key = mint_key()

    assert key.id == key_id_of(key.token)
    assert len(key.token) == 64
    assert key_id_of(key.token[:-1] + ("0" if key.token[-1] != "0" else "1")) is None
    assert key_id_of("eyJhbGciOi.eyJzdWIi.c2ln") is None
    assert key_id_of("") is None
