"""The mark that our ingress is up, and the late match of what was parked too soon."""

import asyncio

import pytest
from tests.receive.gateway import NOW_US, SECOND_US, Gateway
from tests.receive.webhooks import failed, statuses

from waypost.domain.message import MessageState
from waypost.ports import UuidFactory
from waypost.receive.heartbeat import IngressHeartbeat
from waypost.store.doubt import was_ingress_healthy
from waypost.store.engine import StoreUnavailableError


def heartbeat(gateway: Gateway, **other) -> IngressHeartbeat:
    options = {"is_accepting": lambda: True, "on_told": lambda: gateway.told.append(None), **other}
    return IngressHeartbeat(gateway.database, gateway.directory, gateway.clock, UuidFactory(), **options)


async def is_healthy(gateway: Gateway, *, since_us: int = NOW_US) -> bool:
    return await gateway.database.read(
        lambda tx: was_ingress_healthy(
            tx, from_us=since_us, now_us=gateway.clock.at_us, gap_us=15 * SECOND_US
        )
    )  # fmt: skip


async def test_marks_close_together_leave_no_gap(gateway: Gateway):
    for _ in range(4):
        assert not await heartbeat(gateway).beat()
        gateway.clock.at_us += 5 * SECOND_US

    assert await gateway.rows("SELECT 1 FROM ingress_gaps") == []
    assert await is_healthy(gateway)


async def test_a_long_silence_is_a_gap_for_ever(gateway: Gateway):
    await heartbeat(gateway).beat()
    gateway.clock.at_us += 60 * SECOND_US
    assert not await is_healthy(gateway)

    assert await heartbeat(gateway).beat()

    assert await gateway.rows("SELECT started_at_us, ended_at_us FROM ingress_gaps") == [
        (NOW_US, NOW_US + 60 * SECOND_US)
    ]
    assert not await is_healthy(gateway)
    assert await is_healthy(gateway, since_us=NOW_US + 61 * SECOND_US)


async def test_a_clock_that_jumps_back_is_a_gap_and_the_marks_go_on(gateway: Gateway):
    await heartbeat(gateway).beat()
    gateway.clock.at_us -= 3600 * SECOND_US

    assert await heartbeat(gateway).beat()
    gateway.clock.at_us += 5 * SECOND_US
    assert not await heartbeat(gateway).beat()

    [(value,)] = await gateway.rows("SELECT value FROM meta WHERE name = 'ingress_beat_at_us'")
    assert int(value) == gateway.clock.at_us


async def test_a_node_whose_clock_is_a_little_behind_does_not_move_the_mark_back(gateway: Gateway):
    await heartbeat(gateway).beat()
    gateway.clock.at_us -= 2 * SECOND_US

    assert not await heartbeat(gateway).beat()

    [(value,)] = await gateway.rows("SELECT value FROM meta WHERE name = 'ingress_beat_at_us'")
    assert int(value) == NOW_US


async def test_the_service_beats_while_requests_are_taken_and_ends_when_asked(gateway: Gateway):
    asked = asyncio.Event()
    stop = asyncio.Event()
    answers = iter([True, False, False])

    def is_accepting() -> bool:
        answer = next(answers, None)
        if answer is None:
            asked.set()
        return bool(answer)

    service = heartbeat(gateway, is_accepting=is_accepting, beat_seconds=0.001)
    running = asyncio.create_task(service.run(stop))
    async with asyncio.timeout(20):
        await asked.wait()
        stop.set()
        await running

    assert len(await gateway.rows("SELECT 1 FROM meta WHERE name = 'ingress_beat_at_us'")) == 1


async def test_a_database_that_is_away_stops_no_service(gateway: Gateway):
    await gateway.database.stop()
    stop = asyncio.Event()
    tried = asyncio.Event()

    def is_accepting() -> bool:
        tried.set()
        return True

    service = heartbeat(gateway, is_accepting=is_accepting, beat_seconds=0.001)
    running = asyncio.create_task(service.run(stop))
    async with asyncio.timeout(20):
        await tried.wait()
        stop.set()
        await running

    with pytest.raises(StoreUnavailableError):
        await service.beat()


async def test_a_status_parked_beside_the_commit_that_would_have_known_it_is_matched_late(gateway: Gateway):
    message_id = await gateway.message()
    await gateway.ingester.ingest(statuses(failed("wamid.1", 131026)), gateway.scope)
    await gateway.bind(message_id, "wamid.1")

    await heartbeat(gateway).beat()

    assert await gateway.state(message_id) is MessageState.FAILED
    assert await gateway.posted(message_id) == ["failed"]
    assert await gateway.rows("SELECT 1 FROM parked_statuses") == []
    assert len(gateway.told) == 1


async def test_what_matches_nothing_stays_parked(gateway: Gateway):
    await gateway.ingester.ingest(statuses(failed("wamid.1", 131026)), gateway.scope)

    await heartbeat(gateway).beat()

    assert len(await gateway.rows("SELECT 1 FROM parked_statuses")) == 1
