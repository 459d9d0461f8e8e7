"""Load on a demo from several clients at a time, each with its own habits; it goes on while the demo is killed."""

import asyncio
import contextlib
import random
import secrets
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import aiohttp
from tests.crash.client_ledger import Asked, ClientLedger
from tests.crash.demo_process import DemoProcess

JsonObject = dict[str, Any]

PHONES_PER_SOURCE = 120
BROKEN_PAUSE_SECONDS = 0.1
PATIENCE_SECONDS = 30.0
"""How long a client with an Idempotency-Key repeats a request before that counts as a finding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """One of our numbers and the phones that have written to it."""

    source_id: str
    source_phone: str
    phones: tuple[str, ...]


class Load:
    """
    The clients. `start` and `stop` can be called in turn; every request and answer is in `ledger`.

    Each message carries its label: in its content, which upstream keeps, and as `x-apiheader`, which the gateway keeps.
    """

    def __init__(self, demo: DemoProcess, ledger: ClientLedger, *, seed: int, rate_per_second: float) -> None:
        self._demo = demo
        self.ledger = ledger
        self._seed = seed
        self._rate = rate_per_second
        self._session: aiohttp.ClientSession | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self._rounds = 0
        self.senders: list[Sender] = []
        self.sent_by_phones = 0

    @property
    def session(self) -> aiohttp.ClientSession:
        assert self._session is not None
        return self._session

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        await self.session.close()

    async def prepare(self, *, more_sources: int) -> None:
        """Make phones write to the demo's number and to more numbers like it, so that all can be written to."""
        facts = self._demo.facts()
        sources = [(facts["source_id"], facts["source_phone"])]
        sources += [await self._add_source(f"120255501{number:02d}") for number in range(more_sources)]
        for index, (source_id, source_phone) in enumerate(sources):
            first = 2_000_000 + index * PHONES_PER_SOURCE
            phones = tuple(f"1202{first + one}" for one in range(PHONES_PER_SOURCE))
            self.senders.append(Sender(source_id=source_id, source_phone=source_phone, phones=phones))
            for start in range(0, len(phones), 20):
                await asyncio.gather(*(self._write_from(phone, source_phone) for phone in phones[start : start + 20]))
        await self._upload(random.Random(self._seed))

    def start(self) -> None:
        """Let the clients go on."""
        self._stopping = False
        self._rounds += 1
        habits: dict[str, Callable[[str, random.Random], Any]] = {
            "single-a": self._send_single,
            "single-b": self._send_single,
            "array": self._send_array,
            "keyed-a": self._send_keyed,
            "keyed-b": self._send_keyed,
            "media": self._send_media,
            "phone": self._write_as_phone,
        }
        for name, habit in habits.items():
            chance = random.Random(f"{self._seed} {name} {self._rounds}")
            pause = len(habits) / self._rate
            self._tasks.append(asyncio.create_task(self._repeat(f"{name}-{self._rounds}", habit, chance, pause)))

    async def stop(self) -> None:
        """Let each client end the request it is at; a keyed one repeats it until it has an answer."""
        self._stopping = True
        tasks, self._tasks = self._tasks, []
        await asyncio.gather(*tasks)

    async def _repeat(
        self, name: str, habit: Callable[[str, random.Random], Any], chance: random.Random, pause: float
    ) -> None:
        number = 0
        while not self._stopping:
            number += 1
            await habit(f"{name}-{number}", chance)
            await asyncio.sleep(chance.expovariate(1 / pause))

    async def _send_single(self, label: str, chance: random.Random) -> None:
        await self._post(self.ledger.new_request([label], key=None), [self._entry(label, chance)])

    async def _send_array(self, label: str, chance: random.Random) -> None:
        labels = [f"{label}.{index}" for index in range(chance.randint(2, 12))]
        entries = [self._entry(one, chance) for one in labels]
        await self._post(self.ledger.new_request(labels, key=None), entries)
        await asyncio.sleep(len(labels) / self._rate)

    async def _send_keyed(self, label: str, chance: random.Random) -> None:
        """Send with a key and repeat until there is an answer; sometimes ask twice at once, or once more afterwards."""
        labels = [f"{label}.{index}" for index in range(chance.randint(1, 3))]
        entries = [self._entry(one, chance) for one in labels]
        asked = self.ledger.new_request(labels, key=f"key-{label}")
        if chance.random() < 0.2:
            await asyncio.gather(self._post_until_answered(asked, entries), self._post_until_answered(asked, entries))
        else:
            await self._post_until_answered(asked, entries)
        if chance.random() < 0.3:
            await self._post_until_answered(asked, entries)

    async def _send_media(self, label: str, chance: random.Random) -> None:
        if chance.random() < 0.15:
            await self._upload(chance)
        sender = chance.choice(self.senders)
        attachment = {"attachment_id": chance.choice(self.ledger.media_ids), "caption": label}
        entry = {
            **_frame(label, sender, chance),
            "message_type": "media",
            "type_media": [{"attachments": [attachment]}],
        }
        await self._post(self.ledger.new_request([label], key=None), [entry])

    async def _write_as_phone(self, label: str, chance: random.Random) -> None:
        sender = chance.choice(self.senders)
        await self._write_from(chance.choice(sender.phones), sender.source_phone)

    def _entry(self, label: str, chance: random.Random) -> JsonObject:
        frame = _frame(label, chance.choice(self.senders), chance)
        if chance.random() < 0.1:
            place = {"longitude": "-77.03", "latitude": "38.89", "name": label, "address": "The Mall"}
            return {**frame, "message_type": "location", "type_location": [place]}
        return {**frame, "message_type": "text", "type_text": [{"preview_url": "false", "content": label}]}

    async def _post_until_answered(self, asked: Asked, entries: Sequence[JsonObject]) -> None:
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while not await self._post(asked, entries):
            if asyncio.get_running_loop().time() > deadline:
                raise AssertionError(f"request {asked.number} had no answer for {PATIENCE_SECONDS} s")

    async def _post(self, asked: Asked, entries: Sequence[JsonObject]) -> bool:
        """Send once; return whether there was an answer that settles it."""
        await self.ledger.about_to_send(asked)
        headers = {"Authorization": f"Bearer {self._demo.facts()['api_key']}"}
        if asked.key is not None:
            headers["Idempotency-Key"] = asked.key
        message = entries[0] if len(entries) == 1 else list(entries)
        try:
            async with self.session.post(
                f"{self._demo.base_url}/api/v2/message/", json={"message": message}, headers=headers
            ) as response:
                body = await response.text()
                answer = await response.json(content_type=None)
        except (aiohttp.ClientError, OSError, TimeoutError):
            await self.ledger.broke(asked)
            await asyncio.sleep(BROKEN_PAUSE_SECONDS)
            return False
        if answer["status"] == "success":
            await self.ledger.answered(asked, answer["data"].get("ids") or [answer["data"]["id"]])
            return True
        await self.ledger.refused(asked, f"{response.status} {body}")
        await asyncio.sleep(BROKEN_PAUSE_SECONDS)
        return response.status not in {429, 503}

    async def _upload(self, chance: random.Random) -> None:
        form = aiohttp.FormData()
        form.add_field("file", draw_png(chance), filename="crash.png", content_type="image/png")
        headers = {"Authorization": f"Bearer {self._demo.facts()['api_key']}"}
        with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
            async with self.session.post(
                f"{self._demo.base_url}/api/v2/media/upload/", data=form, headers=headers
            ) as response:
                answer = await response.json(content_type=None)
                if answer["status"] == "success":
                    await self.ledger.uploaded(answer["data"]["mediaId"])

    async def _write_from(self, phone: str, to: str) -> None:
        message = {"to": to, "type": "text", "text": {"body": "Is it ready?"}}
        with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
            async with self.session.post(
                f"{self._demo.sandbox_url}/sandbox/phones/{phone}/messages", json=message
            ) as response:
                self.sent_by_phones += response.status == 201

    async def _add_source(self, phone: str) -> tuple[str, str]:
        number = {
            "phone_number_id": f"1{secrets.randbelow(10**14):014d}",
            "waba_id": f"2{secrets.randbelow(10**14):014d}",
        }
        number |= {"access_token": f"EAA{secrets.token_hex(24)}", "app_secret": secrets.token_hex(16)}
        headers = {"Authorization": f"Bearer {self._demo.facts()['api_key']}"}
        source = {"name": f"Shop {phone[-2:]}", "phone_number": phone, **number}
        async with self.session.post(f"{self._demo.base_url}/api/v2/source/", json=source, headers=headers) as response:
            answer = await response.json(content_type=None)
            assert answer["status"] == "success", answer
            source_id: str = answer["data"]["id"]
        number_id = number.pop("phone_number_id")
        number |= {"display_phone_number": phone}
        number |= {"callback_url": f"{self._demo.base_url}/webhooks/cloud_api/{source_id}"}
        async with self.session.put(f"{self._demo.sandbox_url}/sandbox/numbers/{number_id}", json=number) as response:
            assert response.status == 201, await response.text()
        return source_id, phone


def _frame(label: str, sender: Sender, chance: random.Random) -> JsonObject:
    return {
        "recipient_whatsapp": chance.choice(sender.phones),
        "recipient_type": "individual",
        "source": sender.source_id,
        "x-apiheader": label,
    }


def draw_png(chance: random.Random) -> bytes:
    """Return a picture of 8 by 8 pixels that no other call has drawn."""
    rows = b"".join(b"\x00" + chance.randbytes(24) for _ in range(8))
    header = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
