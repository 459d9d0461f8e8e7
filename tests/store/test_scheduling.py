"""Moving scheduled messages against whoever queues, claims or cancels them, on both databases."""

import asyncio
from functools import partial
from typing import Any

import pytest
from tests.store.rows import NOW_US, add

from waypost.domain.message import MessageState
from waypost.store.cancellation import cancel_messages
from waypost.store.claiming import promote_due
from waypost.store.connections import connector_for
from waypost.store.engine import Database, Lane
from waypost.store.inspection import find_message
from waypost.store.quarantine import find_next_due, promote_one, promote_others
from waypost.store.scheduling import list_scheduled, move_scheduled
from waypost.store.statements import Sql
from waypost.store.transaction import Tx

SECOND_US = 1_000_000
ROUNDS = 30
_WAITING_FOR_LOCK = Sql(
    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)
_RESET = Sql("UPDATE messages SET state = 10, due_at_us = :due_at_us, failure = NULL, ended_at_us = NULL")


def _reset(tx, *, due_at_us):
    tx.run(_RESET, due_at_us=due_at_us)


async def _row(database, message_id="m"):
    found = await database.read(lambda tx: find_message(tx, "a", message_id))
    assert found is not None
    return found[0]


def _move(at_us, now_us=NOW_US, account_id="a"):
    return lambda tx: move_scheduled(tx, account_id, "m", at_us=at_us, now_us=now_us)


async def test_a_scheduled_message_is_moved_with_its_end_of_life_and_nothing_else_is(database: Database) -> None:
    due_us, later_us = NOW_US + SECOND_US, NOW_US + 50 * SECOND_US
    await database.write(
        lambda tx: add(tx, "messages", id="m", state=10, due_at_us=due_us, expires_at_us=due_us + 7 * SECOND_US)
    )

    foreign = await database.write(_move(later_us, account_id="b"))
    moved = await database.write(_move(later_us))
    row = await _row(database)
    assert (foreign, moved) == (None, "s")
    assert (row.state, row.due_at_us, row.scheduled_at_us) == (MessageState.SCHEDULED, later_us, later_us)
    assert row.expires_at_us == later_us + 7 * SECOND_US

    assert await database.write(_move(NOW_US - SECOND_US)) == "s"
    row = await _row(database)
    assert (row.state, row.due_at_us) == (MessageState.QUEUED, NOW_US)
    assert row.expires_at_us == NOW_US + 7 * SECOND_US

    assert await database.write(_move(later_us)) is None
    assert (await _row(database)).state == MessageState.QUEUED


async def test_scheduled_messages_are_listed_the_soonest_first_and_paged(database: Database) -> None:
    for number, due in enumerate((30, 10, 10, 20)):
        await database.write(
            lambda tx, number=number, due=due: add(tx, "messages", id=f"m{number}", state=10, due_at_us=due)
        )
    await database.write(lambda tx: add(tx, "messages", id="queued", state=30, due_at_us=5))
    await database.write(lambda tx: add(tx, "messages", id="foreign", state=10, due_at_us=5, account_id="b"))

    first = await database.read(lambda tx: list_scheduled(tx, "a", after=(0, ""), at_most=3))
    rest = await database.read(lambda tx: list_scheduled(tx, "a", after=(20, "m3"), at_most=3))

    assert [row.id for row in first] == ["m1", "m2", "m3"]
    assert [row.id for row in rest] == ["m0"]


async def test_a_moved_message_is_not_queued_at_its_old_time_however_close_the_race(database: Database) -> None:
    """On PostgreSQL the one who queues waits for the mover's lock, and must then look at the row's new time."""
    later_us = NOW_US + 3600 * SECOND_US
    queueing = [
        lambda tx: promote_due(tx, now_us=NOW_US, places=10),
        lambda tx: promote_others(tx, ["other"], now_us=NOW_US, places=10),
        lambda tx: promote_one(tx, "m", now_us=NOW_US),
    ]
    await database.write(lambda tx: add(tx, "messages", id="m", state=10, due_at_us=NOW_US))
    wins = 0
    for number in range(ROUNDS):
        await database.write(_move(NOW_US, now_us=NOW_US - 1))
        moving = database.write(_move(later_us), lane=Lane.MANAGE)
        moved, _ = await asyncio.gather(moving, database.write(queueing[number % 3], lane=Lane.DISPATCH))
        row = await _row(database)
        if moved is None:
            assert row.state == MessageState.QUEUED
            await database.write(partial(_reset, due_at_us=NOW_US))
        else:
            wins += 1
            assert (row.state, row.due_at_us) == (MessageState.SCHEDULED, later_us)
    assert 0 <= wins <= ROUNDS


@pytest.mark.parametrize("places", [{}, {"withheld": ["other"]}, {"one": "m"}])
async def test_who_queues_and_has_waited_for_a_move_looks_at_the_row_again(
    database: Database, database_url: str, places: dict[str, Any]
) -> None:
    """On PostgreSQL the row was found to be due before its lock was waited for."""
    later_us = NOW_US + 3600 * SECOND_US
    await database.write(lambda tx: add(tx, "messages", id="m", state=10, due_at_us=NOW_US))

    def queue(tx: Tx) -> None:
        if "one" in places:
            promote_one(tx, "m", now_us=NOW_US)
        elif "withheld" in places:
            promote_others(tx, places["withheld"], now_us=NOW_US, places=10)
        else:
            promote_due(tx, now_us=NOW_US, places=10)

    mover = await asyncio.to_thread(connector_for(database_url).open_writer)
    mover.begin()
    assert _move(later_us)(mover.tx) == "s"
    queueing = asyncio.ensure_future(database.write(queue, lane=Lane.DISPATCH))
    async with asyncio.timeout(30):
        while database_url.startswith("postgresql") and not await database.read(lambda tx: tx.one(_WAITING_FOR_LOCK)):
            pass
    mover.commit()
    mover.close()
    await queueing

    row = await _row(database)
    assert (row.state, row.due_at_us) == (MessageState.SCHEDULED, later_us)


async def test_of_a_move_and_a_cancel_at_once_the_cancel_stays(database: Database) -> None:
    later_us = NOW_US + 3600 * SECOND_US
    await database.write(lambda tx: add(tx, "messages", id="m", state=10, due_at_us=NOW_US + SECOND_US))
    for _ in range(ROUNDS):
        moved, cancelled = await asyncio.gather(
            database.write(_move(later_us), lane=Lane.MANAGE),
            database.write(lambda tx: cancel_messages(tx, "a", ["m"], now_us=NOW_US), lane=Lane.RECEIVE),
        )
        assert moved in {None, "s"}
        assert [one.id for one in cancelled] == ["m"]
        assert (await _row(database)).state == MessageState.CANCELLED
        await database.write(partial(_reset, due_at_us=NOW_US + SECOND_US))


async def test_the_next_due_time_leaves_out_what_is_withheld(database: Database) -> None:
    assert await database.read(lambda tx: find_next_due(tx, [])) is None
    await database.write(lambda tx: add(tx, "messages", id="m", state=10, due_at_us=NOW_US))
    await database.write(lambda tx: add(tx, "messages", id="n", state=20, due_at_us=NOW_US + 1))

    assert await database.read(lambda tx: find_next_due(tx, [])) == NOW_US
    assert await database.read(lambda tx: find_next_due(tx, ["m"])) == NOW_US + 1
