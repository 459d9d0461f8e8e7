"""What the page of one message reads, and what replaying its webhooks changes; on both databases."""

from typing import Any

import pytest
from tests.store.rows import NOW_US, add

from waypost.store.bulk import list_refused
from waypost.store.engine import Database
from waypost.store.message_facts import Named, find_inbound, find_message_facts, find_named, load_entries
from waypost.store.notifying import DEAD, DELIVERED, PENDING
from waypost.store.replaying import replay_subject
from waypost.store.transaction import Tx


def _notifications(tx: Tx) -> None:
    add(tx, "notifications", id="n1", subject_id="m", state=DELIVERED, entry='{"status":"sent"}')
    add(tx, "notifications", id="n2", subject_id="m", state=DELIVERED, batch_id="batch", entry='{"status":"delivered"}')
    add(tx, "notifications", id="n3", subject_id="m", state=DEAD, batch_id="dead", entry='{"status":"read"}')
    add(tx, "notifications", id="n4", subject_id="other", state=DEAD, batch_id="dead", entry='{"status":"read"}')
    add(tx, "notifications", id="n5", subject_id="m", state=PENDING, entry='{"status":"played"}')
    add(tx, "notifications", id="n6", subject_id="m", state=DELIVERED, endpoint_id="off", entry="{}")
    add(tx, "notifications", id="n7", subject_id="m", state=DELIVERED, account_id="b", entry="{}")


async def _states(database: Database) -> dict[str, tuple[Any, ...]]:
    def look(tx: Tx) -> dict[str, tuple[Any, ...]]:
        from waypost.store.statements import Sql

        rows = tx.rows(Sql("SELECT id, state, batch_id, attempts, due_at_us, entry FROM notifications ORDER BY id"))
        return {row[0]: tuple(row[1:]) for row in rows}

    return await database.read(look)


async def test_replaying_a_message_never_lets_a_webhook_id_carry_another_body(database: Database) -> None:
    await database.write(_notifications)
    ids = iter(["new1", "new2"])

    def replay(tx: Tx, **more: Any) -> int:
        return replay_subject(
            tx,
            "a",
            "m",
            endpoint_ids={"e"},
            new_id=lambda: next(ids),
            now_us=NOW_US + 5,
            at_most=100,
            **more,
        )

    assert 4 == await database.write(replay, account_id="a")
    states = await _states(database)

    assert (PENDING, "n1", 0, NOW_US + 5, '{"status":"sent"}') == states["n1"], "alone: the same id again"
    assert (DELIVERED, "batch") == states["n2"][:2], "its batch stays as it was"
    assert (PENDING, None, 0, NOW_US + 5, '{"status":"delivered"}') == states["new1"], "and it goes alone, anew"
    assert (PENDING, "dead") == states["n3"][:2] == states["n4"][:2], "a dead one comes back with its whole batch"
    assert PENDING == states["n5"][0]
    assert DELIVERED == states["n6"][0] == states["n7"][0], "no endpoint that is off, no other account"
    assert 1 == await database.write(lambda tx: replay(tx, only="n2"), account_id="a")
    assert 0 == await database.write(lambda tx: replay(tx, only="n7"), account_id="a")


async def test_a_message_is_found_by_our_id_and_by_the_providers_in_both_directions(database: Database) -> None:
    def write(tx: Tx) -> None:
        add(tx, "sources", id="s", phone_number_id="p")
        add(tx, "messages", id="m", wamid="wamid.1")
        add(tx, "inbound_messages", id="i", provider_id="wamid.2", payload='{"kind":"text"}')
        add(tx, "notifications", id="n", subject_id="m", entry='{"status":"sent"}')

    await database.write(write)

    async def read(operation: Any) -> Any:
        return await database.read(operation, account_id="a")

    for named, found in (("m", Named("m", False)), ("wamid.1", Named("m", False)), ("wamid.2", Named("i", True))):
        assert found == await read(lambda tx, named=named: find_named(tx, "a", named))
        assert await read(lambda tx, named=named: find_named(tx, "b", named)) is None
    assert 0 == (await read(lambda tx: find_message_facts(tx, "a", "m"))).clicks
    assert "wamid.2" == (await read(lambda tx: find_inbound(tx, "a", "i"))).provider_id
    assert {"n": '{"status":"sent"}'} == await read(lambda tx: load_entries(tx, "a", "m", at_most=9))
    for read_one in (find_message_facts, find_inbound):
        assert await read(lambda tx, read_one=read_one: read_one(tx, "b", "m")) is None
    assert [] == await read(lambda tx: list_refused(tx, "a", "b", first=0, end=10, at_most=5))


@pytest.mark.parametrize("named", ["", "x'; --", "\u202e"])
async def test_a_name_that_means_nothing_finds_nothing(database: Database, named: str) -> None:
    assert await database.read(lambda tx: find_named(tx, "a", named), account_id="a") is None
