"""What happens when two things that belong to one message, or to one lane, cross each other."""

import asyncio

import pytest

from waypost.domain.token import parse_token
from waypost.store.statements import Sql

_ATTEMPTS = Sql("SELECT number, outcome, wamid FROM attempts WHERE message_id = :id ORDER BY number")
_WAIT_REASON = Sql("SELECT wait_reason FROM messages WHERE id = :id")


async def test_an_attempt_proven_by_a_status_stays_proven_when_its_connection_breaks_afterwards(house):
    await house.writes_first("12025550143")
    await house.fault("statuses_before_answer")
    await house.fault("lost_answer", then="close")

    [message_id] = await house.send(house.entry("12025550143"))
    await house.becomes("read", message_id)

    database = house.demo.gateway.foundation.database
    [entry] = await house.ledger()

    async def has_ended():
        return (await database.read(lambda tx: tx.rows(_ATTEMPTS, id=message_id)))[0][1] is not None

    await house.eventually(has_ended)
    attempts = await database.read(lambda tx: tx.rows(_ATTEMPTS, id=message_id))
    assert [tuple(row) for row in attempts] == [(1, "resolved", entry["wamid"])]


@pytest.mark.settings(dispatch={"pair_burst": 40})
async def test_a_message_parked_while_the_one_before_it_ends_does_not_wait_for_the_fallback(house):
    phones = [f"1202555{number:04}" for number in range(1000, 1020)]
    await house.writes_first(*phones)
    await house.fault("slow", seconds=0.01, share=0.5)

    # One at a time per phone, all phones at once: over and over a message is parked just as the one before it ends.
    async with asyncio.timeout(40):
        ids = await house.send(*(house.entry(phone, str(place)) for place in range(8) for phone in phones))
        await house.becomes("read", *ids)


async def test_a_source_deleted_while_its_message_is_claimed_does_not_end_the_process(house, monkeypatch):
    await house.writes_first("12025550143")
    database = house.demo.gateway.foundation.database
    run, deleted = database.run, []

    async def run_then_delete(step, item):
        result = await run(step, item)
        if step.name == "dispatch" and result.claims and not deleted:
            deleted.append(await house.call("DELETE", f"/api/v2/source/{house.source_id}"))
        return result

    monkeypatch.setattr(database, "run", lambda step, item: asyncio.ensure_future(run_then_delete(step, item)))
    [message_id] = await house.send(house.entry("12025550143"))

    async def is_settled():
        rows = await database.read(lambda tx: tx.rows(_ATTEMPTS, id=message_id))
        return [row[1] for row in rows] == ["accepted"]

    await house.eventually(is_settled, seconds=20)
    assert [200] == [status for status, _ in deleted]


@pytest.mark.settings(dispatch={"soft_refusal_wait_seconds": 600.0})
@pytest.mark.parametrize("end", ["cancelled", "expired"])
async def test_what_waits_behind_a_message_that_is_ended_goes_on_at_once(house, end):
    await house.writes_first("12025550143")
    await house.fault("http_5xx", count=1, status=503, body="json", code=131016)
    database = house.demo.gateway.foundation.database

    async def waits_for(message_id, reason):
        async def does_it():
            rows = await database.read(lambda tx: tx.rows(_WAIT_REASON, id=message_id))
            return [row[0] for row in rows] == [reason]

        await house.eventually(does_it)

    [head] = await house.send(house.entry("12025550143", **({"ttl": 0.0001} if end == "expired" else {})))
    await waits_for(head, "retry")
    [behind] = await house.send(house.entry("12025550143"))
    await waits_for(behind, "lane")
    if end == "cancelled":
        status, _ = await house.call("POST", f"/manage/v1/messages/{head}/cancel")
        assert 200 == status

    async with asyncio.timeout(30):
        await house.becomes("failed", head)
        await house.becomes("read", behind)


async def test_a_message_does_not_overtake_the_one_before_it_that_is_refused_during_the_round(house, monkeypatch):
    phone = "12025550143"
    await house.writes_first(phone)
    await house.fault("slow", seconds=0.3, count=1)
    await house.fault("http_5xx", count=1, status=503, body="json", code=131016)
    dispatcher, database = house.demo.gateway.dispatcher, house.demo.gateway.foundation.database
    run, crossed = database.run, []

    async def has_ended():
        return bool(dispatcher._finished)

    async def run_when_the_first_has_ended(step, item):
        if step.name == "dispatch" and item.places and dispatcher.in_flight():
            await house.eventually(has_ended)
            crossed.append(item)
        return await run(step, item)

    monkeypatch.setattr(
        database, "run", lambda step, item: asyncio.ensure_future(run_when_the_first_has_ended(step, item))
    )

    async def is_under_way():
        return dispatcher.in_flight() == 1

    [first] = await house.send(house.entry(phone, "first"))
    await house.eventually(is_under_way)
    [second] = await house.send(house.entry(phone, "second"))
    await house.becomes("read", first, second)

    order = [parse_token(entry["biz_opaque_callback_data"]).message_id for entry in await house.ledger()]
    assert order == [first, second]
    assert crossed, "the end must have fallen into a round for the race to have been one"
