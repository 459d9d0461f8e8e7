"""Stops that ask first, and kills at the places where a message waits for something that only memory knows."""

import asyncio
import hashlib
import random
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.crash.checker import check
from tests.crash.client_ledger import ClientLedger
from tests.crash.demo_process import DemoProcess
from tests.crash.evidence import collect, count_unfinished
from tests.crash.load import Load, draw_png
from tests.crash.trial import drain, look_up

CAMPAIGN_MESSAGES = 240
SECONDS_MAX = 60.0


class Gateway:
    """A demo with clients ready to load it."""

    def __init__(self, demo: DemoProcess, load: Load) -> None:
        self.demo = demo
        self.load = load

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        database = sqlite3.connect(f"file:{self.demo.data_dir / 'waypost.db'}?mode=ro", uri=True, timeout=30)
        with closing(database):
            return database.execute(statement).fetchall()

    def count(self, statement: str) -> int:
        return int(self.rows(statement)[0][0])

    async def until(self, holds: Callable[[], bool], what: str, *, seconds_max: float = SECONDS_MAX) -> float:
        """Wait for a condition on the database; return how long that took."""
        began = time.monotonic()
        while not await asyncio.to_thread(holds):
            assert time.monotonic() - began < seconds_max, f"{what}: not in {seconds_max} s"
            await asyncio.sleep(0.02)
        return time.monotonic() - began

    async def start_again(self) -> None:
        self.demo.start()
        await self.demo.ready(self.load.session)

    async def send(self, entries: list[dict[str, Any]]) -> list[str]:
        headers = {"Authorization": f"Bearer {self.demo.facts()['api_key']}"}
        url, body = f"{self.demo.base_url}/api/v2/message/", {"message": entries}
        async with self.load.session.post(url, json=body, headers=headers) as response:
            answer = await response.json()
            assert answer["status"] == "success", answer
            ids: list[str] = answer["data"].get("ids") or [answer["data"]["id"]]
            return ids

    async def upload(self, picture: bytes) -> str:
        form = aiohttp.FormData()
        form.add_field("file", picture, filename="picture.png", content_type="image/png")
        headers = {"Authorization": f"Bearer {self.demo.facts()['api_key']}"}
        url = f"{self.demo.base_url}/api/v2/media/upload/"
        async with self.load.session.post(url, data=form, headers=headers) as response:
            media_id: str = (await response.json())["data"]["mediaId"]
            return media_id

    def media_entry(self, recipient: str, media_id: str, label: str) -> dict[str, Any]:
        return {
            **self._entry(recipient, label),
            "message_type": "media",
            "type_media": [{"attachments": [{"attachment_id": media_id, "caption": label}]}],
        }

    def text_entry(self, recipient: str, label: str) -> dict[str, Any]:
        content = [{"preview_url": "false", "content": label}]
        return {**self._entry(recipient, label), "message_type": "text", "type_text": content}

    def _entry(self, recipient: str, label: str) -> dict[str, Any]:
        return {
            "recipient_whatsapp": recipient,
            "recipient_type": "individual",
            "source": self.load.senders[0].source_id,
            "x-apiheader": label,
        }


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    demo = DemoProcess(tmp_path)
    ledger = ClientLedger(tmp_path / "clients.jsonl")
    try:
        async with Load(demo, ledger, seed=20, rate_per_second=80.0) as load:
            demo.start()
            await demo.ready(load.session)
            await load.prepare(more_sources=1)
            yield Gateway(demo, load)
    finally:
        demo.kill()
        ledger.close()


async def test_a_stop_under_load_leaves_nothing_in_doubt_and_the_next_start_goes_on(gateway: Gateway) -> None:
    demo, load = gateway.demo, gateway.load
    load.start()
    for turn in range(3):
        wanted = 60 * (turn + 1)
        await gateway.until(
            lambda wanted=wanted: gateway.count("SELECT COUNT(*) FROM attempts") >= wanted, f"{wanted} attempts"
        )
        assert await demo.terminate() == 0, demo.output[-2000:]
        open_ones = gateway.rows("SELECT id, state FROM messages WHERE state IN (40, 50)")
        unended = gateway.rows("SELECT message_id, number FROM attempts WHERE outcome IS NULL OR outcome = 'in_doubt'")
        assert (open_ones, unended) == ([], [])
        await gateway.start_again()
    await load.stop()
    left = await drain(demo, load.session, seconds_max=SECONDS_MAX)
    answers = await look_up(demo, load)
    findings, figures = check(load.ledger.asked.values(), answers, collect(demo.data_dir))
    assert (findings.violations(), left) == ({}, {})
    assert (figures.released, figures.unknown, figures.in_doubt_resolved) == (0, 0, 0)
    assert figures.answered >= 180


async def test_a_media_campaign_survives_kills_and_every_phone_has_the_picture(gateway: Gateway) -> None:
    demo, load = gateway.demo, gateway.load
    pictures = [draw_png(random.Random(number)) for number in range(3)]
    media_ids = [await gateway.upload(picture) for picture in pictures]
    phones = load.senders[0].phones
    labels = [f"campaign-{number}" for number in range(CAMPAIGN_MESSAGES)]
    asked = load.ledger.new_request(labels, key=None)
    entries = [
        gateway.media_entry(phones[number % len(phones)], media_ids[number % 3], label)
        for number, label in enumerate(labels)
    ]
    await load.ledger.about_to_send(asked)
    await load.ledger.answered(asked, await gateway.send(entries))
    for attempts in (0, 40, 100, 180):
        await gateway.until(
            lambda wanted=attempts: gateway.count("SELECT COUNT(*) FROM attempts") >= wanted, f"{attempts} attempts"
        )
        demo.kill()
        await gateway.start_again()
    left = await drain(demo, load.session, seconds_max=SECONDS_MAX)
    answers = await look_up(demo, load)
    findings, figures = check(load.ledger.asked.values(), answers, collect(demo.data_dir))
    assert (findings.violations(), left) == ({}, {})
    assert figures.upstream + figures.unknown == CAMPAIGN_MESSAGES
    digests = {label: hashlib.sha256(pictures[number % 3]).hexdigest() for number, label in enumerate(labels)}
    received: dict[str, str] = {}
    for phone in phones:
        url = f"{demo.sandbox_url}/sandbox/phones/{phone}/messages?direction=received"
        async with load.session.get(url) as response:
            for message in (await response.json())["messages"]:
                received[message["message"]["image"]["caption"]] = message["sha256"]
    assert received == {label: digests[label] for label in received}
    assert len(received) == figures.upstream


async def test_what_waited_for_a_file_goes_on_at_once_after_a_kill(gateway: Gateway) -> None:
    demo, load = gateway.demo, gateway.load
    phone = load.senders[0].phones[0]
    media_id = await gateway.upload(draw_png(random.Random(4)))
    hang = {"kind": "hang", "target": "media"}
    async with load.session.post(f"{demo.sandbox_url}/sandbox/faults", json=hang) as response:
        assert response.status == 201, await response.text()
    await gateway.send([gateway.media_entry(phone, media_id, "picture"), gateway.text_entry(phone, "words")])
    reasons = "SELECT wait_reason FROM messages WHERE state = 20 ORDER BY id"
    await gateway.until(lambda: gateway.rows(reasons) == [("media",), ("lane",)], "both wait")
    demo.kill()
    await gateway.start_again()
    took_seconds = await gateway.until(lambda: count_unfinished(demo.data_dir) == {}, "both sent")
    assert took_seconds < 20.0
    assert [
        row[0] for row in gateway.rows("SELECT caller_data FROM messages WHERE state = 90 ORDER BY sent_at_us, id")
    ] == [
        "picture",
        "words",
    ]
