"""Each fault, seen from the client."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from .conftest import NUMBER, NUMBER_ID, PHONE, TOKEN, Build, World, text

RESETS = (ConnectionResetError, aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)


async def raw_send(world: World) -> tuple[int, bytes, Any]:
    body = {"messaging_product": "whatsapp", "to": f"+{PHONE}", **text()}
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with world.http.post(f"{world.url}/{NUMBER_ID}/messages", json=body, headers=headers) as response:
        return response.status, await response.read(), response.headers


async def ledger(world: World) -> list[dict[str, Any]]:
    return list((await world.call("GET", "/sandbox/ledger"))[1]["entries"])


async def outcomes(world: World) -> list[str]:
    return [start["outcome"] for start in (await world.call("GET", "/sandbox/ledger/starts"))[1]["starts"]]


async def test_a_reset_before_accepting_leaves_nothing(world: World) -> None:
    await world.add_fault("reset_before", count=1)

    with pytest.raises(RESETS):
        await world.send()

    assert await ledger(world) == []
    assert await outcomes(world) == ["reset_before"]
    assert (await world.send())[0] == 200


async def test_a_reset_is_a_real_one(world: World) -> None:
    await world.add_fault("reset_before", count=1)
    host, port = world.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    body = json.dumps({"messaging_product": "whatsapp", "to": PHONE, **text()}).encode()
    head = f"POST /{NUMBER_ID}/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()


@pytest.mark.parametrize(
    ("kind", "more"), [("reset_after", {}), ("lost_answer", {"then": "close"}), ("lost_answer", {"seconds": 0.01})]
)
async def test_a_lost_answer_leaves_an_accepted_message_with_its_statuses(
    open_world: World, kind: str, more: dict[str, Any]
) -> None:
    await open_world.add_fault(kind, count=1, **more)

    with pytest.raises(RESETS):
        await open_world.send(biz_opaque_callback_data="lost")

    (entry,) = await ledger(open_world)
    assert entry["biz_opaque_callback_data"] == "lost"
    assert entry["answered"] is False
    await open_world.receiver.until(lambda: "read" in open_world.receiver.words(entry["wamid"]))
    assert open_world.receiver.statuses()[0]["biz_opaque_callback_data"] == "lost"


@pytest.mark.parametrize(("kind", "accepted"), [("hang", 0), ("lost_answer", 1)])
async def test_a_hang_lasts_until_the_client_gives_up(world: World, kind: str, accepted: int) -> None:
    await world.add_fault(kind, count=1)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await world.send()

    assert len(await ledger(world)) == accepted
    assert (await world.send())[0] == 200


async def test_a_slow_answer_is_late_but_good(world: World) -> None:
    await world.add_fault("slow", seconds=0.2, count=1)
    loop = asyncio.get_running_loop()

    before = loop.time()
    status, _ = await world.send()

    assert status == 200
    assert loop.time() - before >= 0.2


@pytest.mark.parametrize("body", ["none", "json", "html"])
async def test_a_server_error_comes_with_any_body(world: World, body: str) -> None:
    await world.add_fault("http_5xx", status=503, body=body, code=2, count=1)

    status, raw, _ = await raw_send(world)

    assert status == 503
    assert {"none": raw == b"", "json": b'"code":2' in raw, "html": b"<html>" in raw}[body]
    assert await outcomes(world) == ["http_5xx"]


async def test_any_graph_error_can_be_answered(world: World) -> None:
    await world.add_fault("graph_error", code=131031, status=403, details="locked", subcode=7, count=1)

    status, answer = await world.send()

    assert status == 403
    assert (answer["error"]["code"], answer["error"]["error_subcode"]) == (131031, 7)
    assert answer["error"]["error_data"]["details"] == "locked"


@pytest.mark.parametrize(("wait", "header"), [(None, None), (2, "2")])
async def test_a_throttle_answers_429(world: World, wait: int | None, header: str | None) -> None:
    await world.add_fault("throttle", count=1, **({} if wait is None else {"retry_after": wait}))

    status, raw, headers = await raw_send(world)

    assert status == 429
    assert headers.get("Retry-After") == header
    assert json.loads(raw)["error"]["code"] == 130429


@pytest.mark.parametrize("body", ["cut", "empty", "no_messages"])
async def test_a_truncated_answer_is_a_200_without_an_id(world: World, body: str) -> None:
    await world.add_fault("truncated", body=body, count=1)

    status, raw, _ = await raw_send(world)

    assert status == 200
    assert b"wamid" not in raw
    assert len(await ledger(world)) == 1


@pytest.mark.parametrize(("after", "words"), [("accepted", ["failed"]), ("sent", ["sent", "failed"])])
async def test_any_code_can_come_later_as_failed(open_world: World, after: str, words: list[str]) -> None:
    await open_world.add_fault("failed_status", code=131049, after=after, count=1)
    receiver = open_world.receiver

    wamid = await open_world.send_wamid()

    await receiver.until(lambda: "failed" in receiver.words(wamid))
    assert receiver.words(wamid) == words
    assert receiver.statuses(wamid)[-1]["errors"][0]["code"] == 131049


@pytest.mark.parametrize(
    ("kind", "more", "words"),
    [
        ("duplicate_status", {}, ["sent", "sent", "delivered", "delivered", "read", "read"]),
        ("reordered_statuses", {}, ["read", "delivered", "sent"]),
        ("reordered_statuses", {"order": ["delivered", "sent"]}, ["delivered", "sent", "read"]),
        ("skipped_statuses", {"statuses": ["delivered"]}, ["sent", "read"]),
    ],
)
async def test_statuses_can_be_bent(open_world: World, kind: str, more: dict[str, Any], words: list[str]) -> None:
    await open_world.add_fault(kind, count=1, **more)
    receiver = open_world.receiver

    wamid = await open_world.send_wamid()

    await receiver.until(lambda: len(receiver.words(wamid)) == len(words))
    assert receiver.words(wamid) == words


async def test_a_skipped_status_still_shows_on_the_phone(open_world: World) -> None:
    await open_world.add_fault("skipped_statuses", statuses=["sent", "delivered"], count=1)

    wamid = await open_world.send_wamid()

    await open_world.receiver.until(lambda: "read" in open_world.receiver.words(wamid))
    (message,) = await open_world.phone_messages("?direction=received")
    assert message["ticks"]["delivered"]


async def test_delayed_statuses_come_late(open_world: World) -> None:
    await open_world.add_fault("delayed_statuses", seconds=0.1, count=1)

    wamid = await open_world.send_wamid()
    await open_world.receiver.until(lambda: "read" in open_world.receiver.words(wamid))

    entry = open_world.sandbox.ledger.by_wamid[wamid]
    assert entry.read_us - entry.arrival_us >= 300_000


async def test_statuses_can_come_before_the_answer(open_world: World) -> None:
    await open_world.add_fault("statuses_before_answer", count=1)

    wamid = await open_world.send_wamid()

    assert open_world.receiver.words(wamid) == ["sent", "delivered", "read"]


async def test_a_lost_webhook_is_never_posted(open_world: World) -> None:
    await open_world.add_fault("webhook_loss", of="statuses", count=3)

    lost = await open_world.send_wamid()
    found = await open_world.send_wamid()

    await open_world.receiver.until(lambda: "read" in open_world.receiver.words(found))
    assert len(open_world.receiver.words(lost)) + len(open_world.receiver.words(found)) == 3
    _, status = await open_world.call("GET", "/sandbox/status")
    assert status["unsettled"] == 0


async def test_a_rule_is_for_one_number_only(world: World) -> None:
    rule = await world.add_fault("graph_error", code=2, number="+1 202 555 0144")

    assert (await world.send())[0] == 200
    assert (await world.send(to="+12025550144"))[0] == 503

    _, shown = await world.call("GET", f"/sandbox/faults/{rule}")
    assert (shown["hits"], shown["is_spent"]) == (1, False)


@pytest.mark.parametrize("number", [NUMBER, NUMBER_ID])
async def test_a_rule_may_name_the_business(world: World, number: str) -> None:
    await world.add_fault("graph_error", code=2, number=number)

    assert (await world.send())[0] == 503


async def test_a_share_hits_about_its_part(build: Build) -> None:
    world = await build(number_rate=0, pair_interval_seconds=0)
    await world.add_fault("graph_error", code=2, share=0.3)

    statuses = [(await world.send())[0] for _ in range(200)]

    assert 35 <= statuses.count(503) <= 90


async def test_a_count_is_used_up_and_rules_can_be_deleted(world: World) -> None:
    spent = await world.add_fault("graph_error", code=2, count=2)
    assert [(await world.send())[0] for _ in range(3)] == [503, 503, 200]
    endless = await world.add_fault("graph_error", code=2)
    assert (await world.send())[0] == 503

    await world.call("DELETE", f"/sandbox/faults/{endless}")

    assert (await world.send())[0] == 200
    _, listed = await world.call("GET", "/sandbox/faults")
    assert [(rule["id"], rule["hits"]) for rule in listed["faults"]] == [(spent, 2)]
    await world.add_fault("hang")
    await world.add_fault("slow", seconds=0)
    assert (await world.call("DELETE", "/sandbox/faults?kind=wrong"))[0] == 400
    _, left = await world.call("DELETE", "/sandbox/faults?kind=hang")
    assert [rule["kind"] for rule in left["faults"]] == ["graph_error", "slow"]
    assert (await world.call("DELETE", "/sandbox/faults"))[1] == {"faults": []}
    assert (await world.call("DELETE", f"/sandbox/faults/{spent}"))[0] == 404


async def test_uploads_can_fail_too(world: World) -> None:
    await world.add_fault("http_5xx", target="media", count=1)

    assert (await world.send())[0] == 200
    status, _ = await world.upload(b"words", "text/plain")
    assert status == 500
    assert (await world.upload(b"words", "text/plain"))[0] == 200


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "gremlins"},
        {"kind": "slow"},
        {"kind": "slow", "seconds": -1},
        {"kind": "slow", "seconds": 1, "colour": "red"},
        {"kind": "hang", "count": 0},
        {"kind": "hang", "share": 2},
        {"kind": "hang", "number": "nobody"},
        {"kind": "http_5xx", "status": 200},
        {"kind": "skipped_statuses", "statuses": ["eaten"]},
        {"kind": "truncated", "target": "media"},
        {"kind": "hang", "target": "moon"},
    ],
)
async def test_a_rule_that_cannot_be_is_refused_in_words(world: World, rule: dict[str, Any]) -> None:
    status, answer = await world.call("POST", "/sandbox/faults", rule)

    assert (status, set(answer)) == (400, {"error", "message", "hint"})


async def test_stopping_lets_go_of_hanging_requests(build: Build) -> None:
    world = await build()
    await world.add_fault("hang")
    hanging = asyncio.create_task(world.send())
    await wait_for_hit(world)

    await world.sandbox.stop()

    with pytest.raises(RESETS):
        await hanging


async def wait_for_hit(world: World) -> None:
    async with asyncio.timeout(10):
        while (await world.call("GET", "/sandbox/faults"))[1]["faults"][0]["hits"] == 0:
            pass
