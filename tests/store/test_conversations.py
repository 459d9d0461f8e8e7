"""Conversations of an account, and one of them by time, on both databases."""

from typing import Any

import orjson
import pytest
from tests.store.rows import NOW_US, add

from waypost.domain.consent import ConsentAction, ConsentEvidence
from waypost.domain.ids import first_id_at
from waypost.domain.message import MessageState
from waypost.ports import UuidFactory
from waypost.store import conversations
from waypost.store.consents import ConsentWrite, record_consents
from waypost.store.conversations import Chat, describe_chat, find_chat, find_newest_id, list_conversations
from waypost.store.engine import Database
from waypost.store.receiving import widen_windows
from waypost.store.threads import page_thread
from waypost.store.transaction import Tx

ONE, TWO, THREE = "12025550143", "12025550144", "12025550145"
GROUP = "120363000000000001"


def _id(number: int) -> str:
    return first_id_at(NOW_US)[:-4] + f"{number:04d}"


def _inbound(text: str) -> str:
    return orjson.dumps({"profile_name": "Shopper", "payload": {"body": text}}).decode()


def _write(tx: Tx) -> None:
    add(tx, "sources", id="s", phone_number_id="1")
    add(tx, "sources", id="s2", phone_number_id="2", account_id="b")
    add(tx, "messages", id=_id(1), recipient=ONE)
    add(tx, "inbound_messages", id=_id(2), provider_id="w2", sender=TWO, chat=TWO, payload=_inbound("first"))
    add(tx, "messages", id=_id(3), recipient=TWO, state=200, failure="expired")
    add(tx, "inbound_messages", id=_id(4), provider_id="w4", sender=ONE, chat=ONE, payload=_inbound("is it ready?"))
    add(tx, "inbound_messages", id=_id(5), provider_id="w5", sender=ONE, chat=ONE, payload=_inbound("hello?"))
    add(tx, "messages", id=_id(6), recipient=GROUP, is_group=1)
    add(tx, "inbound_messages", id=_id(7), provider_id="w7", sender=ONE, chat=GROUP, payload=_inbound("to all"))
    add(tx, "messages", id=_id(8), recipient=THREE, content=orjson.dumps({"body": "x" * 500}).decode())
    add(tx, "messages", id=_id(9), recipient=ONE, account_id="b")
    add(tx, "inbound_messages", id=_id(10), provider_id="w10", sender="", chat="", payload=_inbound("nobody"))
    widen_windows(tx, [("s", ONE, NOW_US + 5, NOW_US), ("s2", ONE, NOW_US + 9, NOW_US), ("s", TWO, NOW_US, NOW_US)])
    write = ConsentWrite(
        account_id="a",
        action=ConsentAction.OPTOUT,
        evidence=(ConsentEvidence(recipient=TWO, source="WEB"),),
        now_us=NOW_US,
    )
    record_consents(tx, UuidFactory(), [write])


@pytest.fixture
async def talk(database: Database) -> Database:
    await database.write(_write)
    return database


async def _pages(database: Database, *, at_most: int) -> list[Any]:
    rows: list[Any] = []
    cursor: str | None = None
    while True:
        page = await database.read(
            lambda tx, cursor=cursor: list_conversations(tx, "a", cursor=cursor, at_most=at_most), account_id="a"
        )
        rows += page.rows
        cursor = page.next_cursor
        if cursor is None:
            return rows


@pytest.mark.parametrize("at_most", [1, 3, 50])
async def test_each_conversation_stands_once_where_its_newest_message_is(talk: Database, at_most: int) -> None:
    rows = await _pages(talk, at_most=at_most)

    assert [(THREE, _id(8)), (GROUP, _id(7)), (ONE, _id(5)), (TWO, _id(3))] == [
        (row.chat, row.newest_id) for row in rows
    ]
    assert [False, True, False, False] == [row.is_group for row in rows]
    assert [False, True, True, False] == [row.is_inbound for row in rows]
    assert [0, 1, 2, 0] == [row.unanswered for row in rows]
    assert ["x" * 199 + "…", "to all", "hello?", "hello"] == [row.text for row in rows]
    assert ["", "", "Shopper", "Shopper"] == [row.profile_name for row in rows]
    assert [(int(MessageState.QUEUED), None), (None, None), (None, None), (200, "expired")] == [
        (row.state, row.failure) for row in rows
    ]
    assert [[], [], [("s", NOW_US + 5, NOW_US)], [("s", NOW_US, NOW_US)]] == [list(row.windows) for row in rows]
    assert [None, None, None, "opted_out"] == [row.consent.state for row in rows]


async def test_a_page_that_looked_far_enough_says_so_and_goes_on(
    talk: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations, "SEARCHED_MAX", 2)
    monkeypatch.setattr(conversations, "_FIRST_STEP", 1)

    first = await talk.read(lambda tx: list_conversations(tx, "a", at_most=50))
    rows = await _pages(talk, at_most=50)

    assert first.looked_to_us == NOW_US // 1_000 * 1_000
    assert [THREE, GROUP, ONE, TWO] == [row.chat for row in rows]


async def test_a_conversation_is_found_by_the_id_of_any_of_its_messages(talk: Database) -> None:
    found = [
        await talk.read(lambda tx, id_=id_: find_chat(tx, "a", id_)) for id_ in (_id(1), _id(2), _id(6), _id(7), _id(9))
    ]
    newest = [await talk.read(lambda tx, key=key: find_newest_id(tx, "a", key)) for key in (ONE, GROUP, "12025550149")]

    assert [Chat(ONE, False), Chat(TWO, False), Chat(GROUP, True), Chat(GROUP, True), None] == found
    assert [_id(5), _id(7), None] == newest


async def test_a_conversation_is_shown_in_both_directions_by_time(talk: Database) -> None:
    first = await talk.read(lambda tx: page_thread(tx, "a", Chat(ONE, False), at_most=2), account_id="a")
    rest = await talk.read(lambda tx: page_thread(tx, "a", Chat(ONE, False), cursor=first.next_cursor, at_most=2))
    group = await talk.read(lambda tx: page_thread(tx, "a", Chat(GROUP, True), at_most=9))

    assert [(_id(5), 1, "hello?"), (_id(4), 1, "is it ready?")] == [(e.id, e.is_inbound, e.text) for e in first.rows]
    assert ([(_id(1), 0, "hello")], None) == ([(e.id, e.is_inbound, e.text) for e in rest.rows], rest.next_cursor)
    assert [(ONE, "to all"), (GROUP, "hello")] == [(e.person, e.text) for e in group.rows]


async def test_the_other_side_of_a_conversation_is_described(talk: Database) -> None:
    facts = await talk.read(lambda tx: describe_chat(tx, "a", Chat(ONE, False)), account_id="a")
    nobody = await talk.read(lambda tx: describe_chat(tx, "a", Chat("12025550149", False)))

    assert ("Shopper", _id(5), "s") == (facts.profile_name, facts.newest_id, facts.last_source_id)
    assert [NOW_US + 5] == [window.closes_at_us for window in facts.windows]
    assert ("", None, None, ()) == (nobody.profile_name, nobody.newest_id, nobody.last_source_id, nobody.windows)
