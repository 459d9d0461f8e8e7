"""The ledger, and what of the sandbox survives the end of its process."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from waypost.sandbox import SandboxSettings, build_sandbox
from waypost.sandbox.journal import Journal

from .conftest import NUMBER, NUMBER_ID, PHONE, SECRET, TOKEN, WABA, Build, World, text

_SERVER = """
import asyncio, sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from waypost.sandbox import SandboxSettings, build_sandbox, serve

sandbox = build_sandbox(SandboxSettings(data_dir=Path(sys.argv[1]), number_rate=0, pair_interval_seconds=0))
asyncio.run(serve(sandbox, "127.0.0.1", 0, lambda url: print(url, flush=True)))
"""


async def test_every_acceptance_is_listed_with_what_a_checker_needs(open_world: World) -> None:
    wamid = await open_world.send_wamid(text(), biz_opaque_callback_data="token-1")

    _, answer = await open_world.call("GET", "/sandbox/ledger")

    (entry,) = answer["entries"]
    assert entry["wamid"] == wamid
    assert (entry["phone_number_id"], entry["to"], entry["type"]) == (NUMBER_ID, PHONE, "text")
    assert entry["biz_opaque_callback_data"] == "token-1"
    assert entry["answered"] is True
    assert entry["arrival_us"] > 1_700_000_000_000_000
    assert len(entry["body_sha256"]) == 64


async def test_the_ledger_is_paged_and_cleared(build: Build) -> None:
    world = await build(pair_interval_seconds=0)
    wamids = [await world.send_wamid() for _ in range(5)]
    seen: list[str] = []
    after = 0
    while after is not None:
        _, page = await world.call("GET", f"/sandbox/ledger?limit=2&after={after}")
        seen += [entry["wamid"] for entry in page["entries"]]
        after = page["next_after"]
    assert seen == wamids

    await world.call("DELETE", "/sandbox/ledger")

    assert (await world.call("GET", "/sandbox/ledger"))[1]["total"] == 0
    assert len(await world.phone_messages()) == 5
    await world.send_wamid()
    assert (await world.call("GET", "/sandbox/ledger"))[1]["entries"][0]["sequence"] == 6


async def test_refused_arrivals_are_starts_too(build: Build) -> None:
    world = await build(pair_burst=1)
    await world.send()
    await world.send()

    _, answer = await world.call("GET", "/sandbox/ledger/starts")

    assert [(start["outcome"], start["code"]) for start in answer["starts"]] == [
        ("accepted", None),
        ("refused", 131056),
    ]
    assert {start["to"] for start in answer["starts"]} == {PHONE}
    first, second = (start["arrival_monotonic_us"] for start in answer["starts"])
    assert first < second


async def test_everything_is_still_there_after_a_restart(build: Build, tmp_path: Path) -> None:
    world = await build(data_dir=tmp_path)
    receiver = world.receiver
    await world.set_phone(name="Ann", reads="manual")
    await world.phone_writes()
    _, uploaded = await world.upload(b"words", "text/plain", "a.txt")
    wamid = await world.send_wamid({"type": "document", "document": {"id": uploaded["id"]}})
    await receiver.until(lambda: receiver.words(wamid) == ["sent", "delivered"])
    await world.call("POST", f"/sandbox/phones/{PHONE}/read")
    await receiver.until(lambda: "read" in receiver.words(wamid))
    await world.call("PUT", "/sandbox/tokens/old", {"expired": True})
    thread = await world.phone_messages()
    before = (await world.call("GET", "/sandbox/ledger"))[1]
    await world.sandbox.stop()

    again = await build(data_dir=tmp_path)

    after = (await again.call("GET", "/sandbox/ledger"))[1]
    assert after == before
    restored = await again.phone_messages()
    host = {"media_url": None}
    assert [{**m, **host} for m in restored] == [{**m, **host} for m in thread]
    async with again.http.get(restored[1]["media_url"]) as response:
        assert await response.read() == b"words"
    assert again.sandbox.network.is_expired("old")
    assert (await again.call("GET", f"/sandbox/phones/{PHONE}"))[1]["name"] == "Ann"
    second = await again.send_wamid()
    await receiver.until(lambda: "delivered" in receiver.words(second))


async def test_statuses_that_nobody_acknowledged_come_again_after_a_restart(build: Build, tmp_path: Path) -> None:
    world = await build(data_dir=tmp_path, webhook_retry_first_seconds=60)
    receiver = world.receiver
    receiver.answers = [500, 500]
    await world.phone_writes()
    await receiver.until(lambda: len(receiver.posts) == 1)
    wamid = await world.send_wamid(biz_opaque_callback_data="kept")
    await receiver.until(lambda: len(receiver.posts) == 2)
    await world.sandbox.stop()

    await build(data_dir=tmp_path)

    await receiver.until(lambda: "read" in receiver.words(wamid))
    assert receiver.words(wamid) == ["sent", "sent", "delivered", "read"]
    assert len(receiver.messages()) == 2
    assert receiver.messages()[0] == receiver.messages()[1]


async def test_a_torn_last_line_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"n":1}\n{"n":2}\n{"n"')

    assert [record["n"] for record in Journal(path).replay()] == [1, 2]
    journal = Journal(path)
    journal.write({"n": 3})
    journal.close()

    assert [record["n"] for record in Journal(path).replay()] == [1, 2, 3]


async def test_an_answer_never_outlives_its_ledger_entry_over_kill_9(tmp_path: Path) -> None:
    answered: set[str] = set()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as http:
        for life in range(3):
            process = await asyncio.to_thread(
                subprocess.Popen, [sys.executable, "-c", _SERVER, str(tmp_path)], stdout=subprocess.PIPE
            )
            assert process.stdout is not None
            url = (await asyncio.to_thread(process.stdout.readline)).decode().strip()
            number = {"display_phone_number": NUMBER, "waba_id": WABA, "access_token": TOKEN, "app_secret": SECRET}
            await http.put(f"{url}/sandbox/numbers/{NUMBER_ID}", json=number)
            enough = asyncio.Event()
            senders = [
                asyncio.create_task(_send_until_it_breaks(http, url, answered, 150 * (life + 1), enough))
                for _ in range(8)
            ]
            await asyncio.wait_for(enough.wait(), 20)
            os.kill(process.pid, signal.SIGKILL)
            await asyncio.gather(*senders)
            await asyncio.to_thread(process.wait)
            process.stdout.close()

    sandbox = build_sandbox(SandboxSettings(data_dir=tmp_path))
    assert answered <= {entry.wamid for entry in sandbox.ledger.accepted}
    sequences = [entry.sequence for entry in sandbox.ledger.starts]
    assert sequences == sorted(set(sequences))
    assert len(sandbox.network.phone(PHONE).thread) == len(sandbox.ledger.accepted)


async def _send_until_it_breaks(
    http: aiohttp.ClientSession, url: str, answered: set[str], goal: int, enough: asyncio.Event
) -> None:
    body: dict[str, Any] = {"messaging_product": "whatsapp", "to": f"+{PHONE}", **text("line\nfeed")}
    raw = json.dumps(body, indent=1).encode()
    headers = {"Authorization": f"Bearer {TOKEN}"}
    while True:
        try:
            async with http.post(f"{url}/v23.0/{NUMBER_ID}/messages", data=raw, headers=headers) as response:
                answered.add((await response.json())["messages"][0]["id"])
                if len(answered) >= goal:
                    enough.set()
        except (aiohttp.ClientError, OSError):
            return


async def test_stop_is_tolerated_before_start_and_twice(tmp_path: Path) -> None:
    sandbox = build_sandbox(SandboxSettings(data_dir=tmp_path))

    await sandbox.stop()
    await sandbox.start()
    await sandbox.start()
    await sandbox.stop()
    await sandbox.stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowPicture:
    """A picture that is served only once `go_on` is set."""

    url: str
    asked: asyncio.Event
    go_on: asyncio.Event


@pytest.fixture
async def slow_picture() -> AsyncIterator[SlowPicture]:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        asked.set()
        await go_on.wait()
        return web.Response(body=b"\xff\xd8\xff\xe0" + bytes(50), content_type="image/jpeg")

    app = web.Application()
    app.router.add_get("/a.jpg", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield SlowPicture(url=f"http://127.0.0.1:{runner.addresses[0][1]}/a.jpg", asked=asked, go_on=go_on)
    await runner.cleanup()


async def settled(world: World) -> None:
    """Wait until every status has been acknowledged."""
    async with asyncio.timeout(10):
        while (await world.call("GET", "/sandbox/status"))[1]["unsettled"]:
            pass


async def test_what_was_undecided_is_decided_after_a_restart(
    build: Build, tmp_path: Path, slow_picture: SlowPicture
) -> None:
    world = await build(data_dir=tmp_path, template_review_seconds=3600)
    receiver = world.receiver
    await world.phone_writes()
    wamid = await world.send_wamid({"type": "image", "image": {"link": slow_picture.url}})
    template = {"name": "a", "language": "en", "category": "UTILITY", "components": [{"type": "BODY", "text": "Hi"}]}
    await world.call("POST", f"/{WABA}/message_templates", template)
    await slow_picture.asked.wait()
    await world.sandbox.stop()
    slow_picture.go_on.set()

    again = await build(data_dir=tmp_path)

    await receiver.until(lambda: "read" in receiver.words(wamid))
    await receiver.until(lambda: [v for v in receiver.values() if v.get("event") == "APPROVED"])
    await settled(again)
    await again.sandbox.stop()
    third = await build(data_dir=tmp_path)
    message = (await third.phone_messages("?direction=received"))[0]
    assert (message["status"], message["size"]) == ("read", 54)
    assert receiver.words(wamid) == ["sent", "delivered", "read"]


async def test_what_people_did_survives_a_restart(build: Build, tmp_path: Path) -> None:
    world = await build(data_dir=tmp_path)
    receiver = world.receiver
    first = await world.phone_writes()
    await world.call("POST", f"/{NUMBER_ID}/messages", _receipt(first["wamid"]))
    await world.set_phone(online=False)
    wamid = await world.send_wamid()
    await receiver.until(lambda: receiver.words(wamid))
    await world.set_phone(reads="manual")
    other = await world.phone_writes(phone="12025550144")
    await world.call("DELETE", "/sandbox/phones/12025550144/windows")
    _, uploaded = await world.upload(b"words", "text/plain")
    await world.call("DELETE", f"/{uploaded['id']}")
    await world.call("DELETE", f"/{WABA}/subscribed_apps")
    await world.call("POST", f"/{WABA}/subscribed_apps")
    await world.call("DELETE", "/sandbox/ledger")
    await world.sandbox.stop()

    again = await build(data_dir=tmp_path)

    thread = await again.phone_messages()
    assert [message["status"] for message in thread] == ["read", "sent"]
    assert (await again.call("GET", "/sandbox/ledger"))[1]["total"] == 0
    assert (await again.call("GET", f"/{uploaded['id']}"))[0] == 400
    closed = await again.send_wamid(to="+12025550144", context={"message_id": other["wamid"]})
    await receiver.until(lambda: receiver.words(closed) == ["failed"])
    await again.set_phone(online=True)
    await receiver.until(lambda: "delivered" in receiver.words(wamid))
    assert receiver.words(wamid) == ["sent", "delivered"]


def _receipt(wamid: str) -> dict[str, Any]:
    return {"messaging_product": "whatsapp", "status": "read", "message_id": wamid}


async def test_arrivals_are_paged_from_the_newest_too(build: Build) -> None:
    world = await build(pair_burst=3)
    for _ in range(4):
        await world.send()

    _, first = await world.call("GET", "/sandbox/ledger/starts?before=0&limit=3")
    _, second = await world.call("GET", f"/sandbox/ledger/starts?before={first['next_before']}&limit=3")
    status, wrong = await world.call("GET", "/sandbox/ledger/starts?before=x")

    assert [(start["sequence"], start["outcome"]) for start in first["starts"]] == [
        (4, "refused"),
        (3, "accepted"),
        (2, "accepted"),
    ]
    assert first["starts"][1]["type"] == "text"
    assert ([start["sequence"] for start in second["starts"]], second["next_before"]) == ([1], None)
    assert (status, wrong["message"]) == (400, "before is not a sequence.")
