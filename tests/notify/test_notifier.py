"""Notifications end to end: over both databases, to real servers that answer by script."""

import asyncio

import pytest
from tests.notify.conftest import Answer, House, Receiver

from waypost.notify.outcome import DISABLED_GONE


async def test_a_due_notification_is_posted_as_the_contract_has_it_and_signed(house: House, receiver: Receiver):
    endpoint = await house.add_endpoint(receiver.url, headers={"X-Key": "abc"})
    [first] = await house.add(endpoint, "one")

    async with house.notifying():
        await house.until(lambda states: states[first].state == 1)

    [request] = receiver.requests
    assert request.body == b'{"delivery_status":[{"n":"one"}]}'
    assert request.path == "/hook?a=b"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-key"] == "abc"
    assert request.id == first
    assert request.headers["webhook-timestamp"] == str(house.clock.at_us // 1_000_000)
    assert (await house.states())[first].last_status == 200


async def test_events_of_one_message_go_out_one_after_the_other_in_order(house: House, receiver: Receiver):
    endpoint = await house.add_endpoint(receiver.url)
    gate = asyncio.Event()
    receiver.script = lambda _: Answer(before=gate)
    await house.add(endpoint, "sent", "delivered", "read", subject="m1")
    await house.add(endpoint, "other")

    async with house.notifying():
        await receiver.until_count(2)
        assert sorted(receiver.words) == ["other", "sent"]
        gate.set()
        await house.until(lambda states: all(state.state == 1 for state in states.values()))

    assert [word for word in receiver.words if word != "other"] == ["sent", "delivered", "read"]


async def test_a_failing_event_delays_only_later_events_of_its_own_message(house: House, receiver: Receiver):
    endpoint = await house.add_endpoint(receiver.url)
    receiver.script = lambda request: Answer(500 if request.words == ["a1"] else 200)
    [a1, a2] = await house.add(endpoint, "a1", "a2", subject="a")
    async with house.notifying():
        await house.until(lambda states: states[a1].attempts >= 1)
        [b1] = await house.add(endpoint, "b1", subject="b")
        await house.until(lambda states: states[b1].state == 1)
        # The success has released a1 for one try before its time; it fails too.
        await receiver.until(lambda: receiver.words.count("a1") == 2)
        states = await house.until(lambda states: states[a1].due_in_seconds > 0)
        assert states[a2].state == 0
        assert "a2" not in receiver.words
        receiver.script = lambda _: Answer()
        house.clock.move(400)
        house.notifier.wake()
        await house.until(lambda states: states[a2].state == 1)

    assert receiver.words[-2:] == ["a1", "a2"]


async def test_410_disables_the_endpoint_and_keeps_what_is_pending(house: House, receiver: Receiver):
    endpoint = await house.add_endpoint(receiver.url)
    receiver.script = lambda _: Answer(410)
    [first] = await house.add(endpoint, "one")

    async with house.notifying():
        await house.until(lambda states: states[first].attempts == 1)
        await receiver.until_count(1)
        await house.until(lambda _: house.directory.now.endpoints[endpoint].disabled_reason is not None)
        await house.add(endpoint, "two")
        house.clock.move(100_000)
        states = await house.states()

    assert house.directory.now.endpoints[endpoint].disabled_reason == DISABLED_GONE
    assert [state.state for state in states.values()] == [0, 0]
    assert receiver.words == ["one"]


@pytest.mark.parametrize("status", [301, 404, 500, 503])
async def test_any_other_status_is_tried_again(house: House, receiver: Receiver, status: int):
    endpoint = await house.add_endpoint(receiver.url)
    answers = iter([status, 200])
    receiver.script = lambda _: Answer(next(answers))
    [first] = await house.add(endpoint, "one")

    async with house.notifying():
        states = await house.until(lambda states: states[first].attempts == 1)
        assert states[first].state == 0
        assert states[first].due_in_seconds == 5
        house.clock.move(5)
        house.notifier.wake()
        await house.until(lambda states: states[first].state == 1)

    assert [request.id for request in receiver.requests] == [first, first]
    assert receiver.requests[0].body == receiver.requests[1].body
