"""Nothing is missing and nothing out of order, whatever the receivers do and however often the sender dies."""

import asyncio
import random
import time
from collections import defaultdict

import pytest
from standardwebhooks import Webhook
from tests.notify.conftest import Answer, House, Receiver, VirtualClock

from waypost.notify.notifier import Notifier
from waypost.settings import NotifySettings


def start(house: House, **settings: object) -> "asyncio.Task[None]":
    options = {"jitter_share": 0.0, "timeout_seconds": 5.0, "poll_seconds": 0.02, **settings}
    notifier = Notifier(
        house.database,
        house.directory,
        house.client,
        house.clock,
        house.ids,
        settings=NotifySettings(**options),
        metrics=house.metrics,
    )
    return asyncio.create_task(notifier.run(asyncio.Event()))


async def kill(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait([task])


def check_order(receiver: Receiver, acknowledged: list[str]) -> None:
    """Per message, event k+1 is acknowledged for the first time only after k was."""
    seen: defaultdict[str, list[int]] = defaultdict(list)
    for word in acknowledged:
        subject, number = word.split(":")
        if int(number) not in seen[subject]:
            seen[subject].append(int(number))
    for numbers in seen.values():
        assert numbers == sorted(numbers)


@pytest.mark.parametrize("max_batch", [1, 5])
@pytest.mark.parametrize("seed", [1, 2])
async def test_scripted_failures_and_kills_lose_nothing_and_break_no_order(
    house: House, receiver: Receiver, seed: int, max_batch: int
):
    chance = random.Random(seed)
    endpoint = await house.add_endpoint(receiver.url, max_batch=max_batch)
    bodies: dict[str, set[bytes]] = defaultdict(set)
    acknowledged: list[str] = []

    def script(request):
        bodies[request.id].add(request.body)
        fate = chance.random()
        if fate < 0.15:
            return Answer(500)
        if fate < 0.25:
            return Answer(is_reset=True)
        acknowledged.extend(request.words)
        # What is acknowledged may still be lost on its way.
        return Answer(is_reset=fate < 0.3)

    receiver.script = script
    words = [f"m{subject}:{number}" for number in range(3) for subject in range(30)]
    for word in words:
        await house.add(endpoint, word, subject=word.partition(":")[0])

    # A schedule without waits, and long, so that the test is about order and not about time.
    schedule = {"schedule_seconds": (0.0,) * 30, "batch_max": 10}
    async with asyncio.timeout(60):
        for _ in range(6):
            task = start(house, **schedule)
            goal = len(receiver.requests) + (15 if max_batch == 1 else 3)
            await receiver.until(lambda: len(receiver.requests) >= goal or set(acknowledged) == set(words))  # noqa: B023
            await kill(task)
        task = start(house, **schedule)
        await house.until(lambda states: all(state.state == 1 for state in states.values()))
        await kill(task)

    assert set(acknowledged) == set(words)
    check_order(receiver, acknowledged)
    assert {len(found) for found in bodies.values()} == {1}


async def test_what_was_under_way_when_the_sender_died_goes_out_again_under_the_same_id(
    house: House, receiver: Receiver
):
    endpoint = await house.add_endpoint(receiver.url)
    never = asyncio.Event()
    receiver.script = lambda _: Answer(before=never)
    [first] = await house.add(endpoint, "one")
    task = start(house)
    await receiver.until_count(1)
    await kill(task)
    receiver.script = lambda _: Answer()

    task = start(house)
    await house.until(lambda states: states[first].state == 1)
    await kill(task)

    assert [request.id for request in receiver.requests] == [first, first]
    assert receiver.requests[0].body == receiver.requests[1].body


async def test_a_stop_lets_deliveries_end_and_writes_their_results(house: House, receiver: Receiver):
    endpoint = await house.add_endpoint(receiver.url)
    gate = asyncio.Event()
    receiver.script = lambda _: Answer(before=gate)
    [first] = await house.add(endpoint, "one")
    [late] = await house.add(endpoint, "late", subject="one")

    async with house.notifying():
        await receiver.until_count(1)
        asyncio.get_running_loop().call_later(0.05, gate.set)

    states = await house.states()
    assert states[first].state == 1
    assert states[late].state == 0


async def test_signatures_verify_with_both_secrets_while_the_old_one_is_valid(house: House, receiver: Receiver):
    house.clock = RealClock()
    endpoint = await house.add_endpoint(receiver.url)
    before = house.directory.now.endpoints[endpoint].secret
    async with house.notifying():
        await house.add(endpoint, "one")
        await receiver.until_count(1)
        after = await house.rotate(endpoint)
        await house.add(endpoint, "two")
        await receiver.until_count(2)
        house.clock.ahead_us = 86_400_000_000
        await house.add(endpoint, "three")
        await receiver.until_count(3)

    one, two, three = receiver.requests
    Webhook(before).verify(one.body, one.headers)
    Webhook(before).verify(two.body, two.headers)
    Webhook(after).verify(two.body, two.headers)
    assert len(two.headers["webhook-signature"].split(" ")) == 2
    assert len(three.headers["webhook-signature"].split(" ")) == 1


class RealClock(VirtualClock):
    """The real time, which the reference library compares timestamps with."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead_us = 0
        self.now_us()

    def now_us(self) -> int:
        self.at_us = time.time_ns() // 1000 + self.ahead_us
        return self.at_us
