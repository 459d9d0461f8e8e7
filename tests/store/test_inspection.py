"""Looking at messages, files, queues and notifications, on both databases."""

from typing import Any

import pytest
from tests.store.rows import NOW_US, add

from waypost.domain.ids import first_id_at
from waypost.domain.message import MessageState
from waypost.store.engine import Database
from waypost.store.inspecting_webhooks import (
    find_notification,
    list_dead,
    list_deliveries,
    list_of_subject,
    list_pending,
    measure_endpoints,
    replay_one,
    replay_span,
)
from waypost.store.inspection import (
    count_recent,
    count_scheduled,
    find_message,
    list_attempts,
    list_inbound,
    measure_queues,
    search_media,
)

SECOND_US = 1_000_000
HOUR_US = 3_600 * SECOND_US


def _id(number: int, *, at_us: int = NOW_US) -> str:
    return first_id_at(at_us)[:-4] + f"{number:04d}"


async def _add(database: Database, table: str, *rows: dict[str, Any]) -> None:
    await database.write(lambda tx: [add(tx, table, **row) for row in rows])


@pytest.fixture
async def five(database: Database) -> list[str]:
    """Five messages, of different kinds and times; the fifth is another account's."""
    rows = [
        {"id": _id(1, at_us=NOW_US - 3 * HOUR_US), "accepted_at_us": NOW_US - 3 * HOUR_US, "state": 90, "wamid": "w1"},
        {"id": _id(2), "recipient": "12025550144", "caller_data": "ticket-1"},
        {"id": _id(3), "state": 200, "source_id": "s2"},
        {"id": _id(4), "caller_data": "ticket-1", "priority": 0},
        {"id": _id(5), "account_id": "b", "wamid": "w5", "recipient": "12025550144"},
    ]
    await _add(database, "messages", *rows)
    return [row["id"] for row in rows]


async def test_a_message_is_shown_with_its_content_and_attempts(database: Database, five: list[str]) -> None:
    await _add(
        database,
        "attempts",
        {"message_id": five[1], "number": 2, "started_at_us": NOW_US + 1},
        {"message_id": five[1], "number": 1, "outcome": "transient", "http_status": 500, "ended_at_us": NOW_US},
    )

    found = await database.read(lambda tx: find_message(tx, "a", five[1]))
    attempts = await database.read(lambda tx: list_attempts(tx, "a", five[1]))

    assert found is not None
    assert (found[0].caller_data, found[1]) == ("ticket-1", '{"body":"hello","preview_url":false}')
    assert [(one.number, one.outcome, one.http_status) for one in attempts] == [(1, "transient", 500), (2, None, None)]


async def test_another_accounts_message_is_not_there(database: Database, five: list[str]) -> None:
    await _add(database, "attempts", {"message_id": five[1], "number": 1})

    assert await database.read(lambda tx: find_message(tx, "b", five[1])) is None
    assert await database.read(lambda tx: list_attempts(tx, "b", five[1])) == []


async def test_files_are_listed_newest_first_without_deleted_and_foreign_ones(database: Database) -> None:
    await _add(
        database,
        "media_assets",
        {"id": "m1", "created_at_us": NOW_US},
        {"id": "840011", "created_at_us": NOW_US + 1},
        {"id": "m2", "created_at_us": NOW_US},
        {"id": "gone", "deleted_at_us": NOW_US},
        {"id": "m1", "account_id": "b"},
    )

    first = await database.read(lambda tx: search_media(tx, "a", at_most=2))
    second = await database.read(lambda tx: search_media(tx, "a", cursor=first.next_cursor, at_most=2))

    assert [[row.id for row in page.rows] for page in (first, second)] == [["840011", "m2"], ["m1"]]
    assert second.next_cursor is None


async def test_what_came_in_is_listed_newest_first(database: Database) -> None:
    await _add(
        database,
        "inbound_messages",
        {"id": _id(1), "provider_id": "w1"},
        {"id": _id(2), "provider_id": "w2"},
        {"id": _id(3), "provider_id": "w3", "account_id": "b"},
    )

    rows = await database.read(lambda tx: list_inbound(tx, "a", at_most=10))

    assert [row.provider_id for row in rows] == ["w2", "w1"]


async def test_queues_are_measured_by_source_with_the_age_of_the_oldest(database: Database) -> None:
    await _add(
        database,
        "sources",
        {"id": "s1", "phone_number_id": "1", "paused_reason": "token expired"},
        {"id": "s2", "phone_number_id": "2", "deleted_at_us": NOW_US},
        {"id": "s3", "phone_number_id": "3", "account_id": "b"},
    )
    states = [
        (30, "s1"),
        (30, "s1"),
        (20, "s1"),
        (40, "s1"),
        (50, "s1"),
        (50, "s1"),
        (10, "s1"),
        (90, "s1"),
        (30, "s2"),
    ]
    await _add(
        database,
        "messages",
        *(
            {"id": _id(n), "state": state, "source_id": source_id, "accepted_at_us": NOW_US + n, "priority": n % 2}
            for n, (state, source_id) in enumerate(states)
        ),
        {"id": _id(99), "state": 30, "source_id": "s3", "account_id": "b"},
    )

    queues, of_one, scheduled = await database.read(
        lambda tx: (measure_queues(tx, "a"), measure_queues(tx, "a", source_id="s2"), count_scheduled(tx, "a"))
    )

    assert [
        (q.source_id, q.paused_reason, q.queued, q.waiting, q.dispatching, q.in_doubt, q.oldest_queued_at_us)
        for q in queues
    ] == [
        ("s1", "token expired", 2, 1, 1, 2, NOW_US),
        ("s2", None, 1, 0, 0, 0, NOW_US + 8),
    ]
    assert (of_one, scheduled) == (queues[1:], 1)


async def test_recent_messages_are_counted_by_state(database: Database, five: list[str]) -> None:
    counts = await database.read(lambda tx: count_recent(tx, "a", since_us=NOW_US - HOUR_US))

    assert counts == {MessageState.QUEUED: 2, MessageState.FAILED: 1}


async def _notifications(database: Database) -> None:
    await _add(database, "webhook_endpoints", {"id": "e"}, {"id": "e2"}, {"id": "f", "account_id": "b"})
    await _add(
        database,
        "notifications",
        {"id": _id(1), "state": 2, "attempts": 10, "batch_id": _id(1), "ended_at_us": NOW_US},
        {"id": _id(2), "state": 2, "attempts": 10, "batch_id": "batch", "ended_at_us": NOW_US},
        {"id": _id(3), "state": 2, "attempts": 10, "batch_id": "batch", "created_at_us": NOW_US + 5},
        {"id": _id(4), "state": 0},
        {"id": _id(5), "state": 1},
        {"id": _id(6), "state": 2, "endpoint_id": "f", "account_id": "b"},
        {"id": _id(7), "state": 2, "attempts": 10, "created_at_us": NOW_US + 50},
    )


async def test_notifications_are_listed_by_endpoint_state_and_subject(database: Database) -> None:
    await _notifications(database)

    dead = await database.read(lambda tx: list_dead(tx, "a", "e", at_most=10))
    page = await database.read(lambda tx: list_dead(tx, "a", "e", before=_id(3), at_most=1))
    pending = await database.read(lambda tx: list_pending(tx, "a", "e", at_most=10))
    told = await database.read(lambda tx: list_of_subject(tx, "a", "m", at_most=10))
    foreign = await database.read(lambda tx: (list_dead(tx, "a", "f", at_most=10), find_notification(tx, "a", _id(6))))

    assert [_id(7), _id(3), _id(2), _id(1)] == [row.id for row in dead]
    assert [_id(2)] == [row.id for row in page]
    assert [_id(4)] == [row.id for row in pending]
    assert [_id(n) for n in (1, 2, 3, 4, 5, 7)] == [row.id for row in told]
    assert foreign == ([], None)


async def test_failed_tries_of_a_batch_stand_for_each_of_it(database: Database) -> None:
    await _notifications(database)
    await _add(
        database,
        "delivery_attempts",
        {"id": "d1", "notification_id": "batch"},
        {"id": "d2", "notification_id": _id(1), "started_at_us": NOW_US + 1},
        {"id": "d3", "notification_id": "batch", "account_id": "b"},
    )
    found = await database.read(lambda tx: find_notification(tx, "a", _id(2)))
    assert found is not None

    tries = await database.read(lambda tx: list_deliveries(tx, "a", [found[0]], at_most=10))

    assert [(one.notification_id, one.http_status, one.error) for one in tries] == [("batch", 500, "answered 500")]


async def test_a_dead_letter_comes_back_with_the_rest_of_its_batch(database: Database) -> None:
    await _notifications(database)

    replayed = await database.write(lambda tx: replay_one(tx, "a", "e", _id(2), now_us=NOW_US + 9))

    pending = await database.read(lambda tx: list_pending(tx, "a", "e", at_most=10))
    assert replayed == 2
    assert [(_id(4), NOW_US, 0), (_id(3), NOW_US + 9, 0), (_id(2), NOW_US + 9, 0)] == [
        (row.id, row.due_at_us, row.attempts) for row in pending
    ]
    assert pending[-1].batch_id == "batch"


async def test_only_ones_own_dead_letters_come_back(database: Database) -> None:
    await _notifications(database)

    outcomes = [
        await database.write(lambda tx, pair=pair: replay_one(tx, pair[0], pair[1], pair[2], now_us=NOW_US))
        for pair in (("a", "e", _id(4)), ("a", "e", _id(5)), ("a", "e", _id(6)), ("a", "f", _id(6)), ("b", "e", _id(1)))
    ]
    span = await database.write(lambda tx: replay_span(tx, "a", "f", since_us=0, until_us=2**60, now_us=NOW_US))

    assert [*outcomes, span] == [0, 0, 0, 0, 0, 0]


async def test_dead_letters_come_back_by_time_span_with_whole_batches(database: Database) -> None:
    await _notifications(database)

    replayed = await database.write(
        lambda tx: replay_span(tx, "a", "e", since_us=NOW_US + 5, until_us=NOW_US + 50, now_us=NOW_US + 99)
    )

    dead = await database.read(lambda tx: list_dead(tx, "a", "e", at_most=10))
    assert replayed == 2
    assert [_id(7), _id(1)] == [row.id for row in dead]


async def test_endpoints_are_measured(database: Database) -> None:
    await _notifications(database)

    loads, of_one, of_another = await database.read(
        lambda tx: [measure_endpoints(tx, "a", endpoint_id=one) for one in (None, "e2", "f")]
    )

    assert [(load.endpoint_id, load.pending, load.dead) for load in loads] == [("e", 1, 4), ("e2", 0, 0)]
    assert [load.oldest_pending_at_us is None for load in loads] == [False, True]
    assert (of_one, of_another) == (loads[1:], [])


def test_an_id_of_a_time_stands_before_every_id_made_then() -> None:
    from waypost.ports import SystemClock, UuidFactory

    before = first_id_at(SystemClock().now_us() - 1_000)
    made = UuidFactory().new()
    after = first_id_at(SystemClock().now_us() + 2_000)

    assert before < made < after
