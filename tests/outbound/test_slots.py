"""Places in a client: bounded, in order, and never lost to a timeout or a cancelled call."""

import asyncio

import pytest

from waypost.outbound.http import EndKind, OutboundError
from waypost.outbound.slots import Slots


async def test_no_more_places_are_given_than_there_are():
    slots = Slots(2)

    assert [slots.take_now() for _ in range(3)] == [True, True, False]
    slots.free()
    assert slots.take_now()


async def test_places_are_given_in_the_order_asked():
    slots, order = Slots(1), []
    await slots.take(1)

    async def ask(number: int) -> None:
        await slots.take(5)
        order.append(number)
        slots.free()

    async with asyncio.TaskGroup() as tasks:
        for number in range(5):
            tasks.create_task(ask(number))
        await asyncio.sleep(0)
        assert not slots.take_now()
        slots.free()

    assert order == [0, 1, 2, 3, 4]
    assert slots.take_now()


async def test_waiting_in_vain_ends_in_time_and_takes_nothing():
    slots = Slots(1)
    await slots.take(1)

    with pytest.raises(OutboundError) as caught:
        await slots.take(0.01)
    slots.free()

    assert (caught.value.kind, caught.value.request_started) == (EndKind.POOL_WAIT, False)
    assert [slots.take_now(), slots.take_now()] == [True, False]


@pytest.mark.parametrize("is_given_first", [True, False])
async def test_a_cancelled_wait_loses_no_place(is_given_first: bool):
    slots = Slots(1)
    await slots.take(1)
    waiting = asyncio.create_task(slots.take(5))
    await asyncio.sleep(0)

    if is_given_first:
        slots.free()
        waiting.cancel()
    else:
        waiting.cancel()
        slots.free()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert [slots.take_now(), slots.take_now()] == [True, False]
