"""Sealing everything anew with another master key, on both databases."""

import pytest

from waypost.store.accounts import create_account
from waypost.store.directory import Directory
from waypost.store.endpoints import NewEndpoint, create_endpoint, new_webhook_secret, rotate_secret
from waypost.store.installation import load_token_key
from waypost.store.resealing import SEALED_TABLES, count_sealed, reseal_installation, reseal_rows
from waypost.store.sealing import Sealer, key_id
from waypost.store.sources import NewSecrets, NewSource, change_source, create_source, delete_source

OLD, NEW, LOST = b"o" * 32, b"n" * 32, b"l" * 32
NOW_US = 1_930_000_000_000_000


def fill(tx, sealer):
    create_account(tx, account_id="a", name="A", now_us=NOW_US)
    for number in range(5):
        source = NewSource(
            id=f"s{number}",
            account_id="a",
            name="Shop",
            phone_number="12025550199",
            phone_number_id=f"p{number}",
            waba_id="w",
            provider="sandbox",
            access_token=f"token {number}",
            verify_token="v",
            app_secret="first" if number else None,
        )
        create_source(tx, sealer, source, now_us=NOW_US)
    change_source(tx, sealer, "a", "s1", lambda one: one, secrets=NewSecrets(app_secret="second"), now_us=NOW_US)
    delete_source(tx, "a", "s4", now_us=NOW_US)
    hook = NewEndpoint(
        id="e",
        account_id="a",
        name="Hook",
        url="https://hooks.example.org/",
        kinds=frozenset({"event"}),
        headers={"X-Key": "k"},
        secret=new_webhook_secret(),
    )
    create_endpoint(tx, sealer, hook, now_us=NOW_US)
    rotate_secret(tx, sealer, "a", "e", secret=new_webhook_secret(), now_us=NOW_US)
    load_token_key(tx, sealer)


def reseal(tx, sealer, *, places=2):
    values, broken = 0, []
    for table in SEALED_TABLES:
        after = ""
        while after is not None:
            done = reseal_rows(tx, sealer, table, after=after, places=places)
            values, after = values + done.values, done.last_id
            broken += done.broken
    done = reseal_installation(tx, sealer)
    return values + done.values, [*broken, *done.broken]


def opened(snapshot):
    return {**snapshot.sources, **snapshot.endpoints}


async def test_every_secret_is_sealed_anew_and_opens_as_before(database):
    former, both = Sealer([OLD]), Sealer([NEW, OLD])
    await database.write(lambda tx: fill(tx, former))
    before = opened(await database.read(lambda tx: Directory(database, former).load(tx, 0)))
    token_key = await database.write(lambda tx: load_token_key(tx, former))
    counts = await database.read(count_sealed)

    values, broken = await database.write(lambda tx: reseal(tx, both))

    assert [key_id(OLD)] == list(counts)
    # Of five numbers token and verify token each, four app secrets and one former; three of the webhook; the token key.
    assert 5 * 2 + 4 + 1 + 3 + 1 == counts.total() == values
    assert [] == broken
    assert {key_id(NEW): values} == await database.read(count_sealed)
    alone = Sealer([NEW])
    assert before == opened(await database.read(lambda tx: Directory(database, alone).load(tx, 0)))
    assert token_key == await database.write(lambda tx: load_token_key(tx, alone))


async def test_a_second_run_has_nothing_to_do_and_an_interrupted_one_is_gone_on_with(database):
    both = Sealer([NEW, OLD])
    await database.write(lambda tx: fill(tx, Sealer([OLD])))
    first = await database.write(lambda tx: reseal_rows(tx, both, "sources", after="", places=2))

    rest, _ = await database.write(lambda tx: reseal(tx, both))

    assert first.last_id == "s1"
    assert 19 == first.values + rest
    assert (0, []) == await database.write(lambda tx: reseal(tx, both))


async def test_what_does_not_open_is_named_and_left_while_the_rest_is_sealed(database):
    await database.write(lambda tx: fill(tx, Sealer([OLD])))
    await database.write(
        lambda tx: change_source(
            tx,
            Sealer([LOST]),
            "a",
            "s2",
            lambda one: one,
            secrets=NewSecrets(access_token="t"),
            now_us=NOW_US,
        )
    )

    values, broken = await database.write(lambda tx: reseal(tx, Sealer([NEW, OLD])))

    assert 18 == values
    assert ["sources/s2/access_token"] == [fault.split()[0] for fault in broken]
    assert key_id(LOST) in broken[0]


@pytest.mark.parametrize("column", ["app_secret", "secret"])
async def test_a_secret_whose_key_is_lost_can_be_replaced(database, column):
    both, lost = Sealer([NEW]), Sealer([LOST])
    await database.write(lambda tx: fill(tx, lost))

    def replace(tx):
        if column == "secret":
            return rotate_secret(tx, both, "a", "e", secret=new_webhook_secret(), now_us=NOW_US)
        return change_source(
            tx, both, "a", "s1", lambda one: one, secrets=NewSecrets(app_secret="third"), now_us=NOW_US
        )

    if column == "secret":
        # Headers are sealed too; they are shown with the webhook, so they must open.
        await database.write(lambda tx: reseal(tx, Sealer([NEW, LOST])))
        await database.write(lambda tx: rotate_secret(tx, Sealer([LOST, NEW]), "a", "e", secret="x", now_us=NOW_US))
    changed = await database.write(replace)

    assert changed is not None
    if column == "app_secret":
        assert changed.app_secret_old_until_us is None
