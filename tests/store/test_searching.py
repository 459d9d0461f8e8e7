"""Looking for messages: by everything there is, in both orders, forward and back, on both databases."""

from typing import Any

import pytest
from tests.store.rows import NOW_US, add

from waypost.domain.ids import first_id_at
from waypost.domain.message import MessageState
from waypost.store import paging
from waypost.store.engine import Database
from waypost.store.inspection import MessageRow
from waypost.store.paging import Order, Page
from waypost.store.searching import MessageFilter, search_messages

HOUR_US = 3_600_000_000
OTHER = "12025550144"


def _id(number: int, *, at_us: int = NOW_US) -> str:
    return first_id_at(at_us)[:-4] + f"{number:04d}"


async def _search(database: Database, wanted: MessageFilter, **page: Any) -> Page[MessageRow]:
    page.setdefault("at_most", 10)
    return await database.read(lambda tx: search_messages(tx, "a", wanted, **page), account_id="a")


@pytest.fixture
async def five(database: Database) -> list[str]:
    """Five messages, of different kinds and times; the fifth is another account's."""
    earlier_us = NOW_US - 3 * HOUR_US
    rows: list[dict[str, Any]] = [
        {"id": _id(1, at_us=earlier_us), "accepted_at_us": earlier_us, "state": 90, "wamid": "w1"},
        {"id": _id(2), "recipient": OTHER, "caller_data": "ticket-1"},
        {"id": _id(3), "state": 200, "source_id": "s2", "failure": "bad_media", "failure_code": 131_053},
        {"id": _id(4), "caller_data": "ticket-1", "priority": 0},
        {"id": _id(5), "account_id": "b", "wamid": "w5", "recipient": OTHER, "failure": "bad_media"},
    ]
    await database.write(lambda tx: [add(tx, "messages", **row) for row in rows])
    return [row["id"] for row in rows]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (MessageFilter(), [4, 3, 2, 1]),
        (MessageFilter(id=_id(2)), [2]),
        (MessageFilter(id=_id(5)), []),
        (MessageFilter(id=_id(2), recipient="12025550143"), []),
        (MessageFilter(recipient=OTHER), [2]),
        (MessageFilter(caller_data="ticket-1"), [4, 2]),
        (MessageFilter(caller_data=""), [3, 1]),
        (MessageFilter(states=[MessageState.QUEUED, MessageState.READ]), [4, 2, 1]),
        (MessageFilter(states=[MessageState.FAILED]), [3]),
        (MessageFilter(states=[MessageState.FAILED, MessageState.READ]), [3, 1]),
        (MessageFilter(states=[]), []),
        (MessageFilter(source_id="s2"), [3]),
        (MessageFilter(failures=["bad_media", "expired"]), [3]),
        (MessageFilter(failures=["expired"]), []),
        (MessageFilter(failure_codes=[131_053]), [3]),
        (MessageFilter(failure_codes=[131_053], source_id="s"), []),
        (MessageFilter(wamid="w1"), [1]),
        (MessageFilter(wamid="w5"), []),
        (MessageFilter(wamid="w1", recipient=OTHER), []),
        (MessageFilter(since_us=NOW_US - HOUR_US), [4, 3, 2]),
        (MessageFilter(until_us=NOW_US - HOUR_US), [1]),
        (MessageFilter(since_us=NOW_US - HOUR_US, until_us=NOW_US), []),
        (MessageFilter(recipient=OTHER, caller_data="ticket-1"), [2]),
    ],
)
async def test_messages_are_found_by_everything_that_is_asked_for(
    database: Database, five: list[str], wanted: MessageFilter, expected: list[int]
) -> None:
    newest = await _search(database, wanted)
    oldest = await _search(database, wanted, order=Order.OLDEST)

    assert [five[number - 1] for number in expected] == [row.id for row in newest.rows]
    assert [five[number - 1] for number in reversed(expected)] == [row.id for row in oldest.rows]


@pytest.mark.parametrize("order", list(Order))
@pytest.mark.parametrize(
    "wanted",
    [MessageFilter(), MessageFilter(states=[MessageState.QUEUED, MessageState.FAILED, MessageState.READ])],
    ids=["all", "bounded"],
)
async def test_pages_follow_each_other_forward_and_back_without_gap_or_overlap(
    database: Database, five: list[str], order: Order, wanted: MessageFilter
) -> None:
    expected = list(reversed(five[:4])) if order is Order.NEWEST else five[:4]
    first = await _search(database, wanted, order=order, at_most=3)
    second = await _search(database, wanted, order=order, cursor=first.next_cursor, at_most=3)
    back = await _search(database, wanted, order=order, cursor=second.previous_cursor, at_most=3)
    start = await _search(database, wanted, order=order, cursor=back.previous_cursor, at_most=3)

    assert expected == [row.id for row in (*first.rows, *second.rows)]
    assert (first.previous_cursor, second.next_cursor) == (None, None)
    assert first.rows == back.rows == start.rows
    assert back.next_cursor == first.next_cursor


async def test_an_empty_page_at_the_end_leads_back_to_the_last_rows(database: Database, five: list[str]) -> None:
    for order, last in ((Order.NEWEST, five[0]), (Order.OLDEST, five[3])):
        end = await _search(database, MessageFilter(), order=order, cursor=last)
        back = await _search(database, MessageFilter(), order=order, cursor=end.previous_cursor, at_most=2)

        assert end.rows == []
        assert back.rows[-1].id == last


async def test_a_search_for_something_rare_ends_its_page_early_and_says_how_far_it_has_looked(
    database: Database, five: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "ROWS_SEARCHED_MAX", 2)
    wanted = MessageFilter(states=[MessageState.READ])

    first = await _search(database, wanted)
    second = await _search(database, wanted, cursor=first.next_cursor)
    back = await _search(database, wanted, cursor=second.previous_cursor)

    assert ([], NOW_US // 1_000 * 1_000) == (first.rows, first.looked_to_us)
    assert [row.id for row in second.rows] == [five[0]]
    assert (second.looked_to_us, second.next_cursor) == (NOW_US // 1_000 * 1_000 - 3 * HOUR_US, five[0])
    assert back.rows == []
