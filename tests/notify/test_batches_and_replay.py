"""Batches keep their composition, and dead letters come back as they were."""

import asyncio

import orjson
from tests.notify.conftest import ACCOUNT, Answer, House, Receiver

from waypost.store.inspecting_webhooks import replay_one, replay_span

ONE_TRY = {"schedule_seconds": (0.0,)}


async def test_a_batch_has_entries_of_one_kind_in_order_up_to_its_size(house: House, receiver: Receiver):
    endpoint = await house.add_endpoint(receiver.url, kinds=("event", "incoming"), max_batch=4)
    await house.add(endpoint, "s", "d", "r", subject="m1")
    await house.add(endpoint, "a", "b", "c", kind="event")
    await house.add(endpoint, "i", "j", kind="incoming")

    async with house.notifying():
        await house.until(lambda states: all(state.state == 1 for state in states.values()))

    assert sorted(map(len, (request.words for request in receiver.requests))) == [2, 2, 4]
    assert [word for word in receiver.words if word in "sdr"] == ["s", "d", "r"]
    assert {tuple(orjson.loads(request.body)) for request in receiver.requests} == {
        ("delivery_status",),
        ("incoming_message",),
    }


async def test_a_batch_is_the_same_after_a_failure_and_after_a_crash(house: House, receiver: Receiver):
    endpoint = await house.add_endpoint(receiver.url, max_batch=10)
    never = asyncio.Event()
    receiver.script = lambda _: Answer(before=never)
    await house.add(endpoint, "a", "b", "c")
    async with house.notifying(timeout_seconds=0.5):
        await receiver.until_count(1)
        # The sender is stopped, and another comes back to more notifications and the unfinished batch.
        never.set()
        receiver.script = lambda _: Answer(503)
    await house.add(endpoint, "d", "e")
    receiver.requests.clear()
    async with house.notifying():
        await receiver.until_count(1)
        await house.until(lambda states: any(state.attempts for state in states.values()))
        receiver.script = lambda _: Answer()
        house.clock.move(400)
        house.notifier.wake()
        await house.until(lambda states: all(state.state == 1 for state in states.values()))

    by_id: dict[str, set[bytes]] = {}
    for request in receiver.requests:
        by_id.setdefault(request.id, set()).add(request.body)
    assert all(len(bodies) == 1 for bodies in by_id.values())


async def test_a_batch_loaded_after_a_crash_is_whole_and_has_the_same_id(house: House, receiver: Receiver):
    endpoint = await house.add_endpoint(receiver.url, max_batch=10)
    receiver.script = lambda _: Answer(500)
    await house.add(endpoint, "a", "b", "c")
    async with house.notifying():
        await house.until(lambda states: all(state.attempts == 1 for state in states.values()))
    await house.add(endpoint, "d")
    await house.change(endpoint, max_batch=1)
    receiver.script = lambda _: Answer()
    house.clock.move(5)

    async with house.notifying():
        await house.until(lambda states: all(state.state == 1 for state in states.values()))

    first, *others = receiver.requests
    assert first.words == ["a", "b", "c"]
    [again] = [request for request in others if request.words == ["a", "b", "c"]]
    assert (again.id, again.body) == (first.id, first.body)
    assert ["d"] in [request.words for request in others]


async def test_a_dead_notification_is_replayed_with_the_same_id_and_bytes(house: House, receiver: Receiver):
    endpoint = await house.add_endpoint(receiver.url)
    receiver.script = lambda _: Answer(500)
    [first, second] = await house.add(endpoint, "one", "two")
    async with house.notifying(**ONE_TRY):
        await house.until(lambda states: all(state.state == 2 for state in states.values()))
        receiver.script = lambda _: Answer()
        now_us = house.clock.at_us

        # With batches from now on: what went out alone stays alone.
        await house.change(endpoint, max_batch=10)

        assert await house.database.write(lambda tx: replay_one(tx, ACCOUNT, endpoint, first, now_us=now_us)) == 1

        states = await house.until(lambda states: states[first].state == 1)

    assert states[second].state == 2
    before, after = [request for request in receiver.requests if request.words == ["one"]]
    assert (before.id, before.body) == (after.id, after.body) == (first, before.body)


async def test_dead_notifications_of_a_span_are_replayed_batches_whole(house: House, receiver: Receiver):
    batched = await house.add_endpoint(receiver.url, max_batch=5)
    single = await house.add_endpoint(receiver.url)
    receiver.script = lambda _: Answer(500)
    start_us = house.clock.at_us
    await house.add(batched, "a", "b")
    await house.add(single, "early")
    house.clock.move(10)
    await house.add(batched, "c")
    await house.add(single, "late")
    async with house.notifying(**ONE_TRY):
        await house.until(lambda states: all(state.state == 2 for state in states.values()))
        receiver.script = lambda _: Answer()
        failed = list(receiver.requests)
        receiver.requests.clear()

        def replay(endpoint_id: str):
            span = {"since_us": start_us, "until_us": start_us + 1, "now_us": house.clock.at_us}
            return house.database.write(lambda tx: replay_span(tx, ACCOUNT, endpoint_id, **span))

        counts = [await replay(batched), await replay(single), await replay(batched)]
        await house.until(lambda states: sum(state.state == 1 for state in states.values()) == 4)

    # All three of the batched endpoint went out in one batch, and so they come back.
    assert counts == [3, 1, 0]
    known = {request.id: request.body for request in failed}
    assert all(known[request.id] == request.body for request in receiver.requests)
    assert "early" in receiver.words
