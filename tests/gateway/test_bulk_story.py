"""A bulk send from its rows to the phones, over the manage API; and scheduled messages moved and cancelled."""

import csv
import io
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.gateway.conftest import House, settings_for, start

PHONES = [f"1202555{number:04}" for number in range(100, 130)]
STRANGER = "12025559999"
LONG = {"name": "x" * 8_192, "more": "x" * 8_192}
ENTRY = {"message_type": "text", "type_text": [{"content": "Hello {{name}}"}], "x-apiheader": "spring {{name}}"}
FAST = {"bulk": {"chunk_rows": 7, "backlog_max": 20}, "dispatch": {"number_rate_per_second": 1000.0}}


def _rows(names):
    return [{"recipient": phone, "fields": {"name": name}} for phone, name in names]


@pytest.mark.settings(**FAST)
async def test_a_bulk_send_is_uploaded_in_parts_sent_once_each_and_told_row_by_row(house: House) -> None:
    await house.writes_first(*PHONES)
    bulks = "/manage/v1/bulk-sends"
    digest = "a" * 64
    entry = {**ENTRY, "source": house.source_id}

    status, made = await house.call("POST", bulks, json={"name": "Spring", "entry": entry, "digest": digest})
    assert (status, made["state"], made["rows_total"]) == (200, "draft", 0), made
    one = f"{bulks}/{made['id']}"
    names = [(phone, f"guest {number}") for number, phone in enumerate(PHONES)] + [(STRANGER, "nobody")]

    refusals = [
        await house.call("POST", f"{one}/start"),
        await house.call("POST", f"{one}/pause"),
        await house.call("PUT", f"{one}/rows?from=1", json={"rows": _rows(names[:1])}),
        await house.call("PUT", f"{one}/rows", json={"rows": [{"recipient": STRANGER}]}),
        await house.call("PUT", f"{one}/rows", json={"rows": [{"recipient": STRANGER, "fields": LONG}]}),
        await house.call("POST", bulks, json={"name": "x", "entry": {"message_type": "smoke"}}),
        await house.call("POST", bulks, json={"name": "x", "entry": {**entry, "recipient_whatsapp": "1"}}),
        await house.call("POST", bulks, json={"name": "x", "entry": {**entry, "x-apiheader": "{{name}}" * 500}}),
    ]
    assert [status for status, _ in refusals] == [409, 409, 409, 422, 422, 422, 422, 422]
    assert refusals[3][1]["detail"] == "body.rows.0.fields: lacks name"

    assert (await house.call("PUT", f"{one}/rows", json={"rows": _rows(names[:20])}))[1]["rows_total"] == 20
    assert (await house.call("POST", bulks, json={"name": "other", "entry": entry, "digest": digest}))[1]["id"] == (
        made["id"]
    )
    again = [("12025550000", "never"), *names[11:]]  # position 10 has a row already, and keeps it
    assert (await house.call("PUT", f"{one}/rows?from=10", json={"rows": _rows(again)}))[1]["rows_total"] == 31
    assert (await house.call("POST", f"{one}/start"))[1]["state"] in {"running", "done"}
    assert (await house.call("PUT", f"{one}/rows?from=31", json={"rows": _rows(names[:1])}))[0] == 409

    async def all_sent() -> bool:
        _, found = await house.call("GET", one)
        return found["state"] == "done" and not found["messages_unsent"]

    await house.eventually(all_sent)

    async def all_delivered() -> bool:
        _, found = await house.call("GET", f"{one}/outcomes")
        ends = {(item["outcome"], item["status"]): item["rows"] for item in found["items"]}
        delivered = sum(count for (_, end), count in ends.items() if end in {"delivered", "read"})
        return delivered == 30 and ends["refused", None] == 1

    await house.eventually(all_delivered)
    _, listed = await house.call("GET", bulks)
    assert [(item["rows_accepted"], item["rows_refused"]) for item in listed["items"]] == [(30, 1)]
    assert sorted(line["to"] for line in await house.ledger()) == PHONES

    _, first = await house.call("GET", f"{one}/rows?limit=30")
    _, rest = await house.call("GET", f"{one}/rows?cursor={first['next_cursor']}")
    assert [(row["recipient"], row["fields"]["name"]) for row in first["items"] + rest["items"]] == names
    assert (rest["items"][0]["outcome"], rest["items"][0]["remark"]) == (
        "refused",
        "8002 Phone number is not opted in",
    )
    status, text = await house.call("GET", f"{one}/result.csv")
    result = list(csv.DictReader(io.StringIO(text.decode())))
    assert status == 200
    assert [(row["recipient"], row["outcome"]) for row in result] == [
        *((phone, "accepted") for phone in PHONES),
        (STRANGER, "refused"),
    ]
    _, message = await house.call("GET", f"/manage/v1/messages/{result[0]['message_id']}")
    assert (message["x-apiheader"], message["priority"]) == ("spring guest 0", "low")


@pytest.mark.settings(
    bulk={"chunk_rows": 5, "backlog_max": 5}, dispatch={"number_rate_per_second": 0.001, "number_burst": 1}
)
async def test_a_cancelled_bulk_send_takes_its_messages_back_and_what_is_sent_by_hand_goes_first(house: House) -> None:
    """The number's pace lets one message go: the rest waits, and is there to be taken back."""
    await house.writes_first(*PHONES[:10])
    entry = {**ENTRY, "source": house.source_id}
    _, made = await house.call("POST", "/manage/v1/bulk-sends", json={"name": "Spring", "entry": entry})
    one = f"/manage/v1/bulk-sends/{made['id']}"
    await house.call("PUT", f"{one}/rows", json={"rows": _rows((phone, "x") for phone in PHONES[:10])})
    await house.call("POST", f"{one}/start")

    async def is_full() -> bool:
        _, found = await house.call("GET", one)
        return found["rows_accepted"] >= 5 and found["messages_unsent"] >= 4

    await house.eventually(is_full)
    _, paused = await house.call("POST", f"{one}/pause")
    status, cancelled = await house.call("POST", f"{one}/cancel", json={"messages": True})

    assert (paused["state"], status, cancelled["state"], cancelled["messages_unsent"]) == (
        "paused",
        200,
        "cancelled",
        0,
    )
    assert cancelled["rows_pending"] == 10 - cancelled["rows_accepted"]
    _, rows = await house.call("GET", f"{one}/rows")
    ends = [(row["outcome"], row["status"]) for row in rows["items"]]
    assert ends.count(("cancelled", None)) == cancelled["rows_pending"]
    taken_back = [row["message_id"] for row in rows["items"] if row["status"] == "cancelled"]
    assert len(taken_back) >= 4
    await house.is_told(taken_back[0], "failed")
    assert (await house.call("POST", f"{one}/start"))[0] == 409


async def _is_there(house: House, *message_ids: str) -> None:
    async def all_are() -> bool:
        found = [await house.status_of(one) for one in message_ids]
        return set(found) <= {"delivered", "read"}

    await house.eventually(all_are, seconds=20)


def _at(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


async def test_scheduled_messages_go_out_at_their_time_moved_or_not_and_over_a_restart(
    tmp_path: Path, database_url: str
) -> None:
    """On the second, although the gateway is down when two of them are moved by another process' hand."""
    settings = settings_for(tmp_path, database_url, dispatch={"poll_seconds": 1.0})
    running = await start(settings)
    house = running.house
    await house.writes_first(*PHONES[:6])
    begun = time.time()
    kept, sooner, later, cancelled, at_once, never = [
        (await house.send(house.entry(phone, scheduled_at=_at(seconds), ttl=1 / 8640)))[0]
        for phone, seconds in zip(PHONES, (16, 600, 10, 12, 900, 1200), strict=False)
    ]

    async def move(message_id: str, seconds: float) -> int:
        when = (datetime.fromtimestamp(begun, UTC) + timedelta(seconds=seconds)).isoformat()
        path = f"/manage/v1/messages/{message_id}/reschedule"
        return (await house.call("POST", path, json={"scheduled_at": when}))[0]

    _, listed = await house.call("GET", "/manage/v1/scheduled-messages?limit=2")
    _, further = await house.call("GET", f"/manage/v1/scheduled-messages?cursor={listed['next_cursor']}")
    assert [item["id"] for item in listed["items"] + further["items"]] == [
        later,
        cancelled,
        kept,
        sooner,
        at_once,
        never,
    ]
    assert [await move(sooner, 17), await move(later, 18), await move(at_once, -60)] == [200] * 3
    assert (await house.call("POST", f"/manage/v1/messages/{cancelled}/cancel"))[0] == 200
    assert await move(cancelled, 5) == 409
    assert await move(never, 86_400 * 31) == 422
    assert await move("01c17ac6-a3d0-7000-8000-0000000000ff", 5) == 404
    await _is_there(house, at_once)
    assert await move(at_once, 5) == 409
    assert 0 == await running.stop()

    running = await start(settings)
    house = running.house
    try:
        await _is_there(house, kept, sooner, later)
        starts = {
            message_id: (await house.call("GET", f"/manage/v1/messages/{message_id}"))[1]["tries"][0]["started_at"]
            for message_id in (kept, sooner, later)
        }
        late = {
            message_id: datetime.fromisoformat(starts[message_id]).timestamp() - begun - seconds
            for message_id, seconds in ((kept, 16), (sooner, 17), (later, 18))
        }
        assert all(-0.001 <= seconds <= 1.0 for seconds in late.values()), late
        assert [await house.status_of(one) for one in (cancelled, never)] == ["failed", "scheduled"]
        assert not [one for one in await house.ledger() if one["to"] == PHONES[3]]
    finally:
        assert 0 == await running.stop()


async def test_a_message_scheduled_or_moved_by_another_process_is_sent_at_its_time(house: House) -> None:
    """Nobody wakes the dispatcher for it: it finds the row itself, and then waits for the very time."""
    from waypost.store.scheduling import move_scheduled

    await house.writes_first(*PHONES[:1])
    [message_id] = await house.send(house.entry(PHONES[0], scheduled_at=_at(3600)))
    foundation = house.demo.gateway.foundation
    account_id = next(iter(foundation.directory.now.accounts))
    now_us = foundation.clock.now_us()
    due_us = now_us + 1_500_000
    moved = await foundation.database.write(
        lambda tx: move_scheduled(tx, account_id, message_id, at_us=due_us, now_us=now_us)
    )
    assert moved == house.source_id

    await _is_there(house, message_id)

    _, shown = await house.call("GET", f"/manage/v1/messages/{message_id}")
    late_us = datetime.fromisoformat(shown["tries"][0]["started_at"]).timestamp() * 1e6 - due_us
    assert 0 <= late_us + 1 <= 1_000_000
