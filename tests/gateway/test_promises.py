"""Promises about when a request may start, kept under load."""

import asyncio
from collections import deque

import pytest
from tests.gateway.conftest import settings_for, start
from tests.gateway.test_pacing import worst_excess

from waypost.domain.token import parse_token
from waypost.store.statements import Sql

_ATTEMPTS = Sql("SELECT message_id, number, started_at_us, ended_at_us FROM attempts")
_TRIES = Sql("SELECT COUNT(*) FROM attempts WHERE message_id = :id")


def phones(count):
    return [f"1202555{number:04}" for number in range(1000, 1000 + count)]


def database_of(house):
    return house.demo.gateway.foundation.database


async def so_many_have_started(house, wanted):
    async def have_started():
        return len(await house.ledger()) >= wanted

    await house.eventually(have_started)


@pytest.mark.settings(dispatch={"number_rate_per_second": 1000.0, "number_burst": 100})
async def test_what_reaches_the_provider_has_the_token_of_an_attempt_that_is_stored(house):
    recipients = phones(40)
    await house.writes_first(*recipients)
    await house.fault("lost_answer", then="hang", share=0.3)
    await house.fault("slow", seconds=0.05, share=0.3)

    ids = await house.send(*(house.entry(recipient) for recipient in recipients))
    seen = {}

    async def all_have_arrived():
        # The ledger first: what it has must be stored by now, also while the answer is held back.
        entries = await house.ledger()
        rows = await database_of(house).read(lambda tx: tx.rows(_ATTEMPTS))
        stored = {(message_id, number): started_at_us for message_id, number, started_at_us, _ in rows}
        for entry in entries:
            token = parse_token(entry["biz_opaque_callback_data"])
            assert stored[token.message_id, token.number] <= entry["arrival_us"]
            seen[token.message_id] = entry
        return len(seen) == len(ids)

    await house.eventually(all_have_arrived)
    assert set(seen) == set(ids)


@pytest.mark.settings(dispatch={"number_rate_per_second": 1000.0, "number_burst": 100})
async def test_the_next_attempt_starts_only_when_the_one_before_has_ended(house):
    recipients = phones(40)
    await house.writes_first(*recipients)
    await house.fault("reset_before", count=3)
    await house.fault("http_5xx", count=20, status=503, body="json", code=131016)

    ids = await house.send(*(house.entry(recipient) for recipient in recipients))
    await house.becomes("read", *ids)

    rows = await database_of(house).read(lambda tx: tx.rows(_ATTEMPTS))
    ends = {(message_id, number): ended_at_us for message_id, number, _, ended_at_us in rows}
    later = [row for row in rows if row[1] > 1]
    assert len(later) == 23
    for message_id, number, started_at_us, _ in later:
        assert ends[message_id, number - 1] <= started_at_us


async def test_a_new_owner_keeps_the_pace_of_the_one_before(tmp_path, database_url):
    pace = {"number_rate_per_second": 20.0, "number_burst": 10, "pair_interval_seconds": 0.01}
    recipients = phones(120)
    running = await start(settings_for(tmp_path, database_url, dispatch=pace))
    await running.house.writes_first(*recipients)
    ids = await running.house.send(*(running.house.entry(recipient) for recipient in recipients))

    for wanted in (25, 50, 75):
        await so_many_have_started(running.house, wanted)
        assert await running.stop() == 0
        running = await start(settings_for(tmp_path, database_url, dispatch=pace))
    await running.house.becomes("read", *ids)

    rows = await database_of(running.house).read(lambda tx: tx.rows(_ATTEMPTS))
    arrivals = (await running.house.sandbox("GET", "/sandbox/ledger/starts?limit=1000"))["starts"]
    assert await running.stop() == 0
    assert len(rows) == len(arrivals) == 120
    assert worst_excess([started_at_us for _, _, started_at_us, _ in rows], rate=20.0, burst=10) <= 0
    # What a fresh process begins with comes late on a busy machine, while connections are made. A second burst is 10.
    assert worst_excess([one["arrival_monotonic_us"] for one in arrivals], rate=20.0, burst=10) < 5


@pytest.mark.settings(dispatch={"number_rate_per_second": 60.0, "number_burst": 4})
async def test_after_an_acknowledged_opt_out_no_attempt_is_begun(house):
    recipients = phones(160)
    await house.writes_first(*recipients)
    ids = await house.send(*(house.entry(recipient) for recipient in recipients))
    by_recipient = dict(zip(recipients, ids, strict=True))
    begun = {}
    left = deque(recipients)

    await so_many_have_started(house, 10)

    async def opt_out(take):
        while left:
            recipient = take()
            consent = {"type": "optout", "recipients": [{"recipient": recipient, "source": "WEB"}]}
            _, answer = await house.call("POST", "/api/v2/consent/manage/", json=consent)
            assert answer["status"] == "success"
            message_id = by_recipient[recipient]
            begun[message_id] = (await database_of(house).read(lambda tx, one=message_id: tx.one(_TRIES, id=one)))[0]

    # From the front, where attempts are begun, and from the back, where none is yet: they meet in the middle of it.
    await asyncio.gather(*(opt_out(take) for take in (left.popleft, left.pop) * 2))

    async def all_have_ended():
        states = [await house.status_of(message_id) for message_id in ids]
        return all(state in {"read", "failed"} for state in states)

    await house.eventually(all_have_ended)
    for message_id in ids:
        found = await database_of(house).read(lambda tx, one=message_id: tx.one(_TRIES, id=one))
        assert found[0] == begun[message_id]
    assert set(begun.values()) == {0, 1}, "both must have happened for the race to have been one"
    assert len(await house.ledger()) == sum(begun.values())


async def test_what_was_claimed_on_a_lease_that_ran_short_is_sent_under_the_next_attempt(house, monkeypatch):
    recipient = phones(1)[0]
    await house.writes_first(recipient)
    dispatcher, leases = house.demo.gateway.dispatcher, house.demo.gateway.leases
    take_result, settlement = dispatcher._take_result, dispatcher._settlement
    moments = []

    def note_claims(result, round_):
        if result.claims:
            moments.append("claimed")
        take_result(result, round_)

    def note_end(claim, end):
        moments.append("ended")
        return settlement(claim, end)

    # As if the process had stood still between the first claim and its start.
    monkeypatch.setattr(dispatcher._quarantine, "_take_result", note_claims)
    monkeypatch.setattr(dispatcher, "_settlement", note_end)
    monkeypatch.setattr(type(leases), "may_start", lambda _, shard: moments != ["claimed"])

    [message_id] = await house.send(house.entry(recipient))
    await house.becomes("read", message_id)

    tries = await database_of(house).read(
        lambda tx: tx.rows(
            Sql("SELECT number, outcome FROM attempts WHERE message_id = :id ORDER BY number"), id=message_id
        )
    )
    assert tries == [(1, "transient"), (2, "accepted")]
    [entry] = await house.ledger()
    assert parse_token(entry["biz_opaque_callback_data"]).number == 2
