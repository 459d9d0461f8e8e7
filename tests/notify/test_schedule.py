"""When deliveries are tried: the schedule by a virtual clock, recovery, and the end of an endpoint."""

import orjson
import pytest
from tests.notify.conftest import ACCOUNT, Answer, House, Receiver

from waypost.settings import NotifySettings
from waypost.store.endpoints import enable_endpoint
from waypost.store.statements import Sql

SCHEDULE = NotifySettings().schedule_seconds
_ATTEMPTS = Sql("SELECT notification_id, http_status, error, answer FROM delivery_attempts ORDER BY id")
_ENDPOINTS = Sql("SELECT id, failing_since_us, disabled_reason FROM webhook_endpoints ORDER BY id")


async def attempts_of(house: House) -> list[tuple[object, ...]]:
    return await house.database.read(lambda tx: tx.rows(_ATTEMPTS))


async def failing_since(house: House, endpoint_id: str) -> int | None:
    rows = await house.database.read(lambda tx: tx.rows(_ENDPOINTS))
    return {row[0]: row[1] for row in rows}[endpoint_id]


async def test_ten_tries_by_the_schedule_never_early_and_then_dead(house: House, receiver: Receiver):
    endpoint = await house.add_endpoint(receiver.url)
    receiver.script = lambda _: Answer(500, body=b"out of \x00order")
    [first] = await house.add(endpoint, "one")

    async with house.notifying(jitter_share=0.2, chance=lambda: 0.5):
        for tries in range(1, 10):
            states = await house.until(lambda states: states[first].attempts == tries)  # noqa: B023
            wait = SCHEDULE[tries] * 1.1
            assert states[first].due_in_seconds == pytest.approx(wait)
            house.clock.move(wait - 0.001)
            await house.settle_down()
            assert len(receiver.requests) == tries
            house.clock.move(0.002)
            house.notifier.wake()
        states = await house.until(lambda states: states[first].state == 2)

    assert states[first].attempts == 10
    assert [request.id for request in receiver.requests] == [first] * 10
    assert len({request.body for request in receiver.requests}) == 1
    assert len({request.headers["webhook-timestamp"] for request in receiver.requests}) == 10
    assert await attempts_of(house) == [(first, 500, "status 500", "out of  order")] * 10


async def test_retry_after_wins_over_the_schedule_but_not_over_a_day(house: House, receiver: Receiver):
    endpoint = await house.add_endpoint(receiver.url)
    asked = iter(["100", "1", "999999"])
    receiver.script = lambda _: Answer(429, headers={"Retry-After": next(asked)})
    [first] = await house.add(endpoint, "one")

    waits = []
    async with house.notifying():
        for tries in range(1, 4):
            states = await house.until(lambda states: states[first].attempts == tries)  # noqa: B023
            waits.append(states[first].due_in_seconds)
            house.clock.move(waits[-1])
            house.notifier.wake()
        await receiver.until_count(3)

    assert waits == [100, 300, 86_400]


async def test_a_success_releases_what_waits_on_the_endpoint_at_once(house: House, receiver: Receiver):
    endpoint = await house.add_endpoint(receiver.url)
    receiver.script = lambda _: Answer(is_reset=True)
    waiting = await house.add(endpoint, "a", "b", "c")
    async with house.notifying():
        await house.until(lambda states: all(states[one].attempts == 1 for one in waiting))
        assert await failing_since(house, endpoint) == house.clock.at_us
        house.clock.move(5)
        house.notifier.wake()
        await house.until(lambda states: all(states[one].attempts == 2 for one in waiting))
        receiver.script = lambda _: Answer()

        await house.add(endpoint, "d")

        await house.until(lambda states: all(state.state == 1 for state in states.values()))
    assert sorted(receiver.words[-4:]) == ["a", "b", "c", "d"]
    assert await failing_since(house, endpoint) is None


async def test_successes_of_others_do_not_use_up_the_schedule_of_one_that_fails(house: House, receiver: Receiver):
    endpoint = await house.add_endpoint(receiver.url)
    receiver.script = lambda request: Answer(500 if request.words == ["bad"] else 200)
    [bad] = await house.add(endpoint, "bad")
    async with house.notifying():
        states = await house.until(lambda states: states[bad].attempts == 1)
        for number in range(20):
            [good] = await house.add(endpoint, f"good{number}")
            await house.until(lambda states: states[good].state == 1)  # noqa: B023
        await house.settle_down()
        states = await house.states()

    assert receiver.words.count("bad") == 2
    assert (states[bad].attempts, states[bad].due_in_seconds) == (1, 5)


async def test_a_success_releases_nothing_while_the_endpoint_asked_to_wait(house: House, receiver: Receiver):
    endpoint = await house.add_endpoint(receiver.url)
    receiver.script = lambda request: Answer(429, {"Retry-After": "60"}) if request.words == ["slow"] else Answer()
    [slow] = await house.add(endpoint, "slow")
    async with house.notifying():
        await house.until(lambda states: states[slow].attempts == 1)
        [other] = await house.add(endpoint, "other")
        await house.until(lambda states: states[other].state == 1)
        await house.settle_down()
        states = await house.states()

    assert receiver.words.count("slow") == 1
    assert states[slow].due_in_seconds == 60


@pytest.mark.parametrize("source_ids", [None, frozenset({"s1"})])
async def test_an_endpoint_that_fails_for_five_days_is_disabled_and_the_others_are_told(
    house: House, receiver: Receiver, source_ids: frozenset[str] | None
):
    dead = await house.add_endpoint("http://127.0.0.1:1/")
    await house.add_endpoint(receiver.url, kinds=("notice",), source_ids=source_ids)
    [first] = await house.add(dead, "one")

    async with house.notifying():
        await house.until(lambda states: states[first].attempts == 1)
        house.clock.move(5 * 86_400 - 1)
        house.notifier.wake()
        await house.until(lambda states: states[first].attempts == 2)
        assert house.directory.now.endpoints[dead].disabled_reason is None
        house.clock.move(300)
        house.notifier.wake()
        await receiver.until_count(1)
        await house.until(lambda _: house.directory.now.endpoints[dead].disabled_reason is not None)

    assert house.directory.now.endpoints[dead].disabled_reason == "No delivery has succeeded for 5 days."
    [notice] = orjson.loads(receiver.requests[0].body)["notice"]
    assert notice["type"] == "endpoint.disabled"
    assert notice["endpoint_id"] == dead
    assert notice["reason"] == "No delivery has succeeded for 5 days."
    assert (await house.states())[first].state == 0


async def test_what_is_pending_goes_out_once_the_endpoint_is_enabled_again(house: House, receiver: Receiver):
    endpoint = await house.add_endpoint(receiver.url)
    receiver.script = lambda _: Answer(410)
    [first] = await house.add(endpoint, "one")
    async with house.notifying():
        await house.until(lambda _: house.directory.now.endpoints[endpoint].disabled_reason is not None)
        receiver.script = lambda _: Answer()
        house.clock.move(86_400)
        await house.settle_down()
        assert len(receiver.requests) == 1

        await house.database.write(lambda tx: enable_endpoint(tx, house.sealer, ACCOUNT, endpoint))
        await house.directory.refresh()

        await house.until(lambda states: states[first].state == 1)
    assert [request.id for request in receiver.requests] == [first, first]
