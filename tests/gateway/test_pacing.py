"""Pacing and fairness as the provider sees them."""

import time

import pytest

from waypost.store.statements import Sql

_BEGUN = Sql("SELECT started_at_us FROM attempts")


def worst_excess(times_us, *, rate, burst):
    """Return by how much any sliding window holds more starts than rate·w + burst; at most 0 is well."""
    worst = float("-inf")
    times = [at_us / 1e6 for at_us in sorted(times_us)]
    for first in range(len(times)):
        for last in range(first, len(times)):
            starts = last - first + 1
            worst = max(worst, starts - (rate * (times[last] - times[first]) + burst))
    return worst


def test_the_checker_finds_a_burst_that_is_too_large():
    assert worst_excess([0, 0, 0], rate=1, burst=2) == 1
    assert worst_excess([0, 1_000_000, 2_000_000], rate=1, burst=1) <= 0


@pytest.mark.settings(dispatch={"number_rate_per_second": 40.0, "number_burst": 8})
async def test_no_window_holds_more_starts_than_the_pace_allows(house):
    phones = [f"1202555{number:04}" for number in range(1000, 1120)]
    await house.writes_first(*phones)

    ids = await house.send(*(house.entry(phone) for phone in phones))
    await house.becomes("read", *ids)

    starts = (await house.sandbox("GET", "/sandbox/ledger/starts?limit=1000"))["starts"]
    times = [start["arrival_monotonic_us"] for start in starts]
    assert worst_excess(times, rate=40.0, burst=8) <= 0


@pytest.mark.settings(dispatch={"number_rate_per_second": 4.0, "number_burst": 3})
async def test_a_backlog_goes_out_at_the_pace_of_its_number(house):
    """The pace is far below what a busy machine can do, and what a late wake-up misses the burst makes up for."""
    rate, burst = 4.0, 3
    phones = [f"1202555{number:04}" for number in range(1000, 1040)]
    await house.writes_first(*phones)

    ids = await house.send(*(house.entry(phone) for phone in phones))
    await house.becomes("read", *ids)

    starts = (await house.sandbox("GET", "/sandbox/ledger/starts?limit=1000"))["starts"]
    times_us = sorted(start["arrival_monotonic_us"] for start in starts)
    begun = await house.demo.gateway.foundation.database.read(lambda tx: tx.rows(_BEGUN))
    assert len(times_us) == len(begun) == 40
    assert worst_excess([started_at_us for (started_at_us,) in begun], rate=rate, burst=burst) <= 0
    # One that comes in late on a busy machine is close to the next; never by as much as a whole one.
    assert worst_excess(times_us, rate=rate, burst=burst) < 1
    # The burst goes out at once, less the one that is kept in hand for what the wire delays.
    assert (len(times_us) - (burst - 1)) / (times_us[-1] - times_us[0]) * 1e6 >= 0.95 * rate


@pytest.mark.settings(dispatch={"pair_interval_seconds": 0.5, "pair_burst": 3})
async def test_a_pair_is_paced_by_itself_and_keeps_its_order(house):
    await house.writes_first("12025550143", "12025550144")

    ids = await house.send(*(house.entry("12025550143", str(place)) for place in range(7)))
    [other] = await house.send(house.entry("12025550144"))
    await house.becomes("read", other)
    await house.becomes("read", *ids)

    entries = [entry for entry in await house.ledger() if entry["to"] == "12025550143"]
    assert worst_excess([entry["arrival_monotonic_us"] for entry in entries], rate=2.0, burst=3) <= 0
    found = await house.sandbox("GET", "/sandbox/phones/12025550143/messages?direction=received")
    bodies = [message["message"]["text"]["body"] for message in found["messages"]]
    assert [str(place) for place in range(7)] == bodies


@pytest.mark.settings(dispatch={"number_rate_per_second": 30.0, "number_burst": 2})
async def test_high_priority_goes_before_what_waits(house):
    phones = [f"1202555{number:04}" for number in range(1000, 1060)]
    await house.writes_first(*phones, "12025550143")

    ids = await house.send(*(house.entry(phone) for phone in phones))
    [urgent] = await house.send(house.entry("12025550143"), path="/api/v2/message/nc/priority")
    await house.becomes("read", urgent)
    await house.becomes("read", *ids)

    places = [entry["to"] for entry in await house.ledger()]
    assert places.index("12025550143") < 40


@pytest.mark.settings(dispatch={"number_rate_per_second": 1000.0, "number_burst": 100, "in_flight_max": 8})
async def test_a_backlog_of_one_source_does_not_hold_up_another(house):
    phones = [f"1202555{number:04}" for number in range(1000, 1300)]
    await house.writes_first(*phones)
    await house.fault("slow", seconds=0.05)
    second = {
        "name": "second",
        "phone_number": "12025550198",
        "phone_number_id": "777000111",
        "waba_id": "888",
        "access_token": "second-token",
    }
    number = {
        "display_phone_number": "12025550198",
        "waba_id": "888",
        "access_token": "second-token",
        "app_secret": "second-secret",
    }
    await house.sandbox("PUT", "/sandbox/numbers/777000111", json=number)
    _, answer = await house.call("POST", "/api/v2/source/", json={**second, "app_secret": "second-secret"})
    other_source = answer["data"]["id"]
    database = house.demo.gateway.foundation.database
    opened = Sql(
        "INSERT INTO windows (source_id, recipient, closes_at_us, last_inbound_at_us) "
        "VALUES (:source_id, '12025550143', :closes_at_us, 1)"
    )
    closes_at_us = int((time.time() + 3600) * 1e6)
    await house.writes_first("12025550143")
    await database.write(lambda tx: tx.run(opened, source_id=other_source, closes_at_us=closes_at_us))

    await house.send(*(house.entry(phone) for phone in phones))
    [message_id] = await house.send(house.entry("12025550143") | {"source": other_source})

    async def has_started() -> bool:
        return any(entry["phone_number_id"] == "777000111" for entry in await house.ledger())

    await house.eventually(has_started)
    before = len(await house.ledger())
    assert before < 150, "the other source's message came only after most of the backlog"
    assert message_id
