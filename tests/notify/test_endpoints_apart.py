"""Endpoints do not hold each other up, and memory does not grow with the backlog."""

import asyncio

from tests.notify.conftest import ACCOUNT, Answer, House, Receiver

from waypost.notify import notifier as notifier_module
from waypost.store.endpoints import disable_endpoint


async def test_hanging_endpoints_hold_only_their_own_slots(house: House, receiver: Receiver, monkeypatch):
    monkeypatch.setattr(notifier_module, "SLOW_SECONDS", 0.1)
    never = asyncio.Event()
    async with Receiver().running() as hanging:
        hanging.script = lambda _: Answer(before=never)
        # More hanging endpoints than there are shared slots.
        for number in range(6):
            endpoint = await house.add_endpoint(f"http://127.0.0.1:{hanging.port}/{number}")
            await house.add(endpoint, *[f"h{number}.{entry}" for entry in range(50)])
        healthy = await house.add_endpoint(receiver.url)
        good = await house.add(healthy, *[f"g{entry}" for entry in range(100)])

        async with house.notifying(concurrency_max=8, endpoint_concurrency_max=2):
            await house.until(lambda states: all(states[one].state == 1 for one in good))
            assert hanging.open == 12
            assert hanging.open_max == 12
            never.set()
        assert receiver.open_max <= 2


async def test_an_endpoint_gets_no_more_requests_at_once_than_its_limit(house: House, receiver: Receiver):
    endpoint = await house.add_endpoint(receiver.url)
    gate = asyncio.Event()
    receiver.script = lambda _: Answer(before=gate)
    await house.add(endpoint, *[f"w{number}" for number in range(30)])

    async with house.notifying(endpoint_concurrency_max=3):
        await receiver.until(lambda: receiver.open == 3)
        await house.settle_down()
        assert receiver.open_max == 3
        gate.set()
        await house.until(lambda states: all(state.state == 1 for state in states.values()))

    assert receiver.open_max == 3
    assert len(receiver.requests) == 30


async def test_a_backlog_is_loaded_in_pieces(house: House, receiver: Receiver):
    endpoint = await house.add_endpoint(receiver.url)
    await house.add(endpoint, *[f"w{number}" for number in range(1_000)])
    held: list[int] = []

    async with house.notifying(batch_max=10) as notifier:
        receiver.script = lambda _: (held.append(len(notifier._holdings.units)), Answer())[1]
        await house.until(lambda states: all(state.state == 1 for state in states.values()))

    assert max(held) <= 40
    assert len(receiver.requests) == len(set(receiver.words)) == 1_000


async def test_only_the_owner_of_an_endpoint_delivers_to_it(house: House, receiver: Receiver):
    mine = await house.add_endpoint(receiver.url)
    other = await house.add_endpoint(receiver.url)
    [own] = await house.add(mine, "mine")
    [foreign] = await house.add(other, "other")

    async with house.notifying(owns=lambda endpoint_id: endpoint_id == mine):
        await house.until(lambda states: states[own].state == 1)
        await house.settle_down()

    assert receiver.words == ["mine"]
    assert (await house.states())[foreign].state == 0


async def test_an_endpoint_disabled_meanwhile_gets_nothing_more(house: House, receiver: Receiver):
    endpoint = await house.add_endpoint(receiver.url)
    gate = asyncio.Event()
    receiver.script = lambda _: Answer(before=gate)
    await house.add(endpoint, *[f"w{number}" for number in range(10)])

    async with house.notifying(endpoint_concurrency_max=2):
        await receiver.until(lambda: receiver.open == 2)
        await house.database.write(
            lambda tx: disable_endpoint(tx, house.sealer, ACCOUNT, endpoint, reason="by hand", now_us=1)
        )
        await house.directory.refresh()
        gate.set()
        await house.until(lambda states: sum(state.state == 1 for state in states.values()) == 2)
        await house.settle_down()

    assert len(receiver.requests) == 2


async def test_a_2xx_with_a_long_body_acknowledges_and_a_redirect_does_not(house: House, receiver: Receiver):
    endpoint = await house.add_endpoint(receiver.url)
    receiver.script = lambda request: (
        Answer(200, body=b"x" * 100_000)
        if request.words == ["long"]
        else Answer(302, headers={"Location": f"http://127.0.0.1:{receiver.port}/elsewhere"})
    )
    [long] = await house.add(endpoint, "long")
    [moved] = await house.add(endpoint, "moved")

    async with house.notifying():
        states = await house.until(lambda states: states[long].state == 1 and states[moved].attempts == 1)

    assert states[moved].last_error == "status 302"
    assert {request.path for request in receiver.requests} == {"/hook?a=b"}


async def test_an_address_that_is_not_permitted_is_a_failure_like_any_other(house: House):
    endpoint = await house.add_endpoint("http://169.254.169.254/latest")
    [first] = await house.add(endpoint, "one")

    async with house.notifying():
        states = await house.until(lambda states: states[first].attempts == 1)

    assert (states[first].last_status, states[first].last_error) == (None, "invalid_url")
