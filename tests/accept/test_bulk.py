"""Feeding bulk sends, on both databases: each row once, bounded, paused and cancelled where it stands."""

import asyncio
from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from tests.accept.conftest import RECIPIENT, House, open_to

from waypost.accept import bulk
from waypost.accept.acceptor import Acceptor
from waypost.accept.bulk import BulkFeeder, FeedLimits
from waypost.domain.bulk import BulkState, RowState
from waypost.domain.message import MessageDraft, Priority
from waypost.ports import SystemClock, UuidFactory
from waypost.store.accounts import AccountSwitches
from waypost.store.bulk import add_rows, change_state, create_bulk, find_bulk, hold_bulk, list_rows
from waypost.store.engine import Lane
from waypost.store.feeding import measure_backlog, pause_all_bulks
from waypost.store.statements import Sql

STRANGER = "12025550188"
ENTRY = {"message_type": "text", "source": "417-220", "type_text": [{"content": "Hello {{name}}"}]}
_MESSAGES = Sql("SELECT id, recipient, content, bulk_id, priority, state FROM messages ORDER BY id")
_SENT = Sql("UPDATE messages SET state = 70 WHERE state = 30")


class _Room:
    """What the gauges say; ``status`` is what they refuse with."""

    status: int | None = None

    def refuses(self, _account: Any) -> int | None:
        return self.status


class _Counts:
    def __init__(self) -> None:
        self.kept = 0
        self.codes: list[str] = []

    def accepted(self, drafts: list[MessageDraft]) -> None:
        self.kept += len(drafts)

    def refused(self, code: str) -> None:
        self.codes.append(code)


class _Desk:
    """One account's bulk sends and a feeder over them."""

    def __init__(self, house: House, *, chunk_rows: int = 10, backlog_max: int = 1000) -> None:
        self.house, self.room, self.counts, self.woken = house, _Room(), _Counts(), []
        self.limits = FeedLimits(chunk_rows=chunk_rows, backlog_max=backlog_max, poll_seconds=60.0)
        self.feeder = self.another_feeder()

    def another_feeder(self) -> BulkFeeder:
        house = self.house
        return BulkFeeder(
            database=house.database,
            directory=house.directory,
            clock=SystemClock(),
            acceptor=Acceptor(house.database, house.directory, SystemClock(), UuidFactory()),
            overload=self.room,
            observer=self.counts,
            limits=self.limits,
            on_accepted=self.woken.append,
        )

    async def draft(self, rows: Sequence[tuple[str, dict[str, str]]], *, entry: Any = ENTRY) -> str:
        bulk_id, account_id = UuidFactory().new(), self.house.account.id
        encoded = [(recipient, orjson.dumps(fields).decode()) for recipient, fields in rows]

        def make(tx):
            create_bulk(
                tx,
                bulk_id=bulk_id,
                account_id=account_id,
                name="Spring",
                digest=None,
                entry=orjson.dumps(entry).decode(),
                now_us=1,
            )
            held = hold_bulk(tx, account_id, bulk_id)
            assert held is not None
            add_rows(tx, held, first=0, rows=encoded)

        await self.house.database.write(make)
        return bulk_id

    async def becomes(self, bulk_id: str, state: BulkState) -> bool:
        return await self.house.database.write(
            lambda tx: change_state(tx, self.house.account.id, bulk_id, state, now_us=2)
        )

    async def running(self, count: int, **options: Any) -> str:
        bulk_id = await self.draft([(RECIPIENT, {"name": str(number)}) for number in range(count)], **options)
        assert await self.becomes(bulk_id, BulkState.RUNNING)
        return bulk_id

    async def record(self, bulk_id: str):
        return await self.house.database.read(lambda tx: find_bulk(tx, self.house.account.id, bulk_id))

    async def rows(self, bulk_id: str):
        account_id = self.house.account.id
        return await self.house.database.read(lambda tx: list_rows(tx, account_id, bulk_id, first=0, at_most=10_000))

    async def messages(self):
        return await self.house.database.read(lambda tx: tx.rows(_MESSAGES))

    async def send_all(self) -> None:
        """Play the dispatcher: whatever is queued goes out."""
        await self.house.database.write(lambda tx: tx.run(_SENT))


async def test_rows_become_messages_in_their_order_and_those_refused_say_why(house: House) -> None:
    desk = _Desk(house)
    rows = [(RECIPIENT, {"name": "Ann"}), (STRANGER, {"name": "Bob"}), (RECIPIENT, {"name": "{{name}}"})]
    bulk_id = await desk.draft([*rows, ("123", {"name": "Cid"}), (RECIPIENT, {"name": "x" * 5000})])
    assert (await desk.feeder.turn()).settled == 0, "a draft is not fed"

    await desk.becomes(bulk_id, BulkState.RUNNING)
    turn = await desk.feeder.turn()

    assert turn.settled == 5
    kept = await desk.messages()
    assert [orjson.loads(row[2])["body"] for row in kept] == ["Hello Ann", "Hello {{name}}"]
    assert {(row[1], row[3], row[4]) for row in kept} == {(RECIPIENT, bulk_id, Priority.LOW)}
    outcomes = await desk.rows(bulk_id)
    assert [row.state for row in outcomes] == [1, 2, 1, 2, 2]
    assert [row.message_id for row in outcomes if row.state == RowState.ACCEPTED] == [row[0] for row in kept]
    assert [row.refusal for row in outcomes if row.refusal] == [
        "8002 Phone number is not opted in",
        "8006 recipient_whatsapp cannot be less than 10 digits",
        "8006 content cannot be greater than 4096 characters",
    ]
    record = await desk.record(bulk_id)
    assert (record.state, record.rows_accepted, record.rows_refused) == (BulkState.DONE, 2, 3)
    assert (desk.counts.kept, sorted(desk.counts.codes)) == (2, ["8002", "8006", "8006"])
    assert desk.woken == [{house.source_id}]
    assert not (await desk.feeder.turn()).is_running


async def test_no_more_than_the_backlog_waits_however_many_rows_there_are(house: House) -> None:
    desk = _Desk(house, chunk_rows=10, backlog_max=25)
    bulk_id = await desk.running(70)
    waiting = []
    while (await desk.record(bulk_id)).state == BulkState.RUNNING:
        while (await desk.feeder.turn()).settled:
            pass
        waiting.append(await house.database.read(lambda tx: measure_backlog(tx, bulk_id, at_most=1000)))
        await desk.send_all()

    assert waiting == [25, 25, 20]
    assert len({row.message_id for row in await desk.rows(bulk_id)}) == 70


async def test_a_full_gateway_is_not_fed(house: House) -> None:
    desk = _Desk(house)
    await desk.running(3)

    desk.room.status = 429
    assert (await desk.feeder.turn()).settled == 0
    desk.room.status = None
    assert (await desk.feeder.turn()).settled == 3


async def test_many_bulk_sends_without_room_do_not_keep_those_behind_them_waiting(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "RUNNING_MAX", 2)
    desk = _Desk(house, chunk_rows=1, backlog_max=1)
    full = [await desk.running(3) for _ in range(4)]
    last = await desk.running(3)

    turns = [await desk.feeder.turn() for _ in range(4)]

    assert [turn.settled for turn in turns] == [2, 2, 1, 0]
    assert all(turn.is_running for turn in turns)
    assert [(await desk.record(one)).rows_accepted for one in (*full, last)] == [1] * 5


async def test_what_is_paused_or_cancelled_stands_still_and_only_what_is_paused_goes_on(house: House) -> None:
    desk = _Desk(house, chunk_rows=5)
    first, second = await desk.running(10), await desk.running(10)
    await desk.feeder.turn()

    assert await desk.becomes(first, BulkState.PAUSED)
    assert await desk.becomes(second, BulkState.CANCELLED)
    assert not (await desk.feeder.turn()).is_running
    assert len(await desk.messages()) == 10
    assert await desk.becomes(first, BulkState.RUNNING)
    assert not await desk.becomes(second, BulkState.RUNNING)
    while (await desk.feeder.turn()).settled:
        pass

    assert [(await desk.record(one)).rows_accepted for one in (first, second)] == [10, 5]
    assert [(await desk.record(one)).state for one in (first, second)] == [BulkState.DONE, BulkState.CANCELLED]


async def test_feeders_at_once_and_pauses_between_them_make_one_message_of_each_row(house: House) -> None:
    """Two nodes feed, a third hand pauses and resumes: whatever the order, every row is one message."""
    desk = _Desk(house, chunk_rows=7)
    bulk_id = await desk.running(300)
    other = desk.another_feeder()

    async def feed(feeder: BulkFeeder) -> None:
        while (await desk.record(bulk_id)).state != BulkState.DONE:
            await feeder.turn()

    async def meddle() -> None:
        for _ in range(20):
            await desk.becomes(bulk_id, BulkState.PAUSED)
            paused = await desk.record(bulk_id)
            if paused.state == BulkState.DONE:
                return
            before = await desk.messages()
            assert len(before) == paused.rows_accepted, "counts and messages are one transaction"
            assert len(await desk.messages()) == len(before), "paused is paused once it is acknowledged"
            await desk.becomes(bulk_id, BulkState.RUNNING)

    await asyncio.gather(feed(desk.feeder), feed(other), meddle())

    kept, rows = await desk.messages(), await desk.rows(bulk_id)
    assert len(kept) == 300
    assert {row[0] for row in kept} == {row.message_id for row in rows}
    assert sorted(int(orjson.loads(row[2])["body"].removeprefix("Hello ")) for row in kept) == list(range(300))
    assert (await desk.record(bulk_id)).rows_accepted == 300


async def test_a_cancel_beside_the_feeder_is_followed_by_no_message(house: House) -> None:
    desk = _Desk(house, chunk_rows=3)
    for _ in range(5):
        bulk_id = await desk.running(60)
        feeding = asyncio.create_task(_feed_until_idle(desk.feeder))
        await asyncio.sleep(0)
        cancelled = await desk.becomes(bulk_id, BulkState.CANCELLED)
        at_cancel = await desk.record(bulk_id)
        await feeding
        record = await desk.record(bulk_id)
        assert record.state == (BulkState.CANCELLED if cancelled else BulkState.DONE)
        assert record.rows_accepted == at_cancel.rows_accepted
        made = [row for row in await desk.messages() if row[3] == bulk_id]
        assert len(made) == record.rows_accepted


async def _feed_until_idle(feeder: BulkFeeder) -> None:
    while (await feeder.turn()).is_running:
        pass


async def test_a_row_that_cannot_be_written_costs_only_itself(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = _Desk(house, chunk_rows=16)
    bulk_id = await desk.running(20)
    prepare = Acceptor.prepare

    def prepare_badly(self, account, drafts, **options):
        request = prepare(self, account, drafts, **options)
        if "Hello 7" == drafts[0].content.body:
            row = list(request.rows[0])
            row[1] = None  # an account must be named: the database refuses
            return request._replace(rows=[tuple(row)])
        return request

    monkeypatch.setattr(Acceptor, "prepare", prepare_badly)
    while (await desk.feeder.turn()).is_running:
        pass

    record = await desk.record(bulk_id)
    assert (record.state, record.rows_accepted, record.rows_refused) == (BulkState.DONE, 19, 1)
    assert [row.refusal for row in await desk.rows(bulk_id) if row.refusal] == ["8015 Platform Error"]


async def test_the_service_feeds_when_it_is_woken_and_stops_after_its_chunk(house: House) -> None:
    desk = _Desk(house, chunk_rows=50)
    stopping = asyncio.Event()
    task = asyncio.create_task(desk.feeder.run(stopping))
    bulk_id = await desk.running(200)
    desk.feeder.wake()
    async with asyncio.timeout(30):
        while (await desk.record(bulk_id)).state != BulkState.DONE:
            pass
    stopping.set()
    async with asyncio.timeout(10):
        await task
    assert len(await desk.messages()) == 200


async def test_after_a_restore_nothing_is_fed_by_itself(house: House) -> None:
    desk = _Desk(house)
    bulk_id = await desk.running(3)

    assert await house.database.write(pause_all_bulks, lane=Lane.MANAGE) == 1
    assert not (await desk.feeder.turn()).is_running
    assert (await desk.record(bulk_id)).state == BulkState.PAUSED


async def test_the_source_of_the_entry_is_found_as_the_account_has_it(house: House) -> None:
    desk = _Desk(house)
    unknown = await desk.running(1, entry={**ENTRY, "source": "nowhere"})
    await house.database.write(lambda tx: open_to(tx, house.account.id, house.source_id, STRANGER))
    assert house.account.source_policy == AccountSwitches().source_policy
    await desk.feeder.turn()

    assert [row.refusal for row in await desk.rows(unknown)] == ["8004 Client details not found"]
