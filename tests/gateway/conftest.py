"""The whole gateway with its sandbox, in this process, over real HTTP: on SQLite and on PostgreSQL."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.outbound.tracing import _trace, connects

from waypost.app.demo import Demo, build_demo, demo_settings
from waypost.app.foundation import open_foundation
from waypost.service import run_services
from waypost.settings import Settings
from waypost.store.statements import Sql

__all__ = ["_trace", "connects"]

PATIENCE_SECONDS = 60.0
_LOOK_AGAIN_SECONDS = 0.02
QUICK = {
    "dispatch": {
        "hold_seconds": 1.0,
        "sweep_seconds": 0.2,
        "soft_refusal_wait_seconds": 0.5,
        "request_timeout_seconds": 2.0,
        "poll_seconds": 0.2,
        "ingress_gap_seconds": 15.0,
    },
    "receive": {"heartbeat_seconds": 0.5},
    "drain_seconds": 10.0,
}
_WAITING = Sql("SELECT state, wait_reason, due_at_us - :now_us, failure FROM messages WHERE id = :id")


@dataclass
class House:
    """A running demo and the hands to use it with."""

    demo: Demo
    http: aiohttp.ClientSession
    base_url: str
    sandbox_url: str
    api_key: str = field(repr=False)

    @property
    def source_id(self) -> str:
        return self.demo.account.source_id

    @property
    def source_phone(self) -> str:
        return self.demo.account.source_phone

    async def call(self, method: str, path: str, *, key: str | None = None, **request: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {key or self.api_key}", **request.pop("headers", {})}
        async with self.http.request(method, self.base_url + path, headers=headers, **request) as response:
            body = await response.read()
            return response.status, json.loads(body) if body[:1] in (b"{", b"[") else body

    async def sandbox(self, method: str, path: str, **request: Any) -> Any:
        async with self.http.request(method, self.sandbox_url + path, **request) as response:
            assert response.status < 300, await response.text()
            return await response.json()

    async def writes_first(self, *numbers: str) -> None:
        """Let phones write to the shop, and wait until the gateway has heard them."""
        for number in numbers:
            message = {"to": self.source_phone, "type": "text", "text": {"body": "hello"}}
            await self.sandbox("POST", f"/sandbox/phones/{number}/messages", json=message)

        waiting = list(numbers)

        async def all_opted_in() -> bool:
            while waiting:
                _, answer = await self.call("POST", "/api/v2/consent/", json={"phone_number": waiting[-1]})
                if answer["status"] != "success":
                    return False
                waiting.pop()
            return True

        await self.eventually(all_opted_in)

    def entry(self, recipient: str, content: str = "Your bicycle is ready.", **changes: Any) -> dict[str, Any]:
        entry = {
            "recipient_whatsapp": recipient,
            "message_type": "text",
            "source": self.source_id,
            "type_text": [{"content": content}],
        }
        return entry | changes

    async def send(self, *entries: dict[str, Any], path: str = "/api/v2/message/", **request: Any) -> list[str]:
        """Send and return the ids; anything but an acceptance fails the test."""
        status, answer = await self.call("POST", path, json={"message": list(entries)}, **request)
        assert (200, "success") == (status, answer["status"]), answer
        return answer["data"].get("ids", [answer["data"]["id"]])

    async def status_of(self, message_id: str) -> str:
        _, answer = await self.call("GET", f"/api/v2/message/{message_id}")
        return answer["data"]["status"]

    async def becomes(self, status: str, *message_ids: str) -> None:
        waiting = list(message_ids)

        async def all_are() -> bool:
            while waiting and await self.status_of(waiting[-1]) == status:
                waiting.pop()
            return not waiting

        try:
            await self.eventually(all_are)
        except TimeoutError:
            found = await self.demo.gateway.foundation.database.read(
                lambda tx: tx.one(_WAITING, id=waiting[-1], now_us=time.time_ns() // 1000)
            )
            pytest.fail(f"{waiting[-1]} is not {status}: (state, waits for, due in us, failure) = {found}")

    async def fault(self, kind: str, **rule: Any) -> str:
        answer = await self.sandbox("POST", "/sandbox/faults", json={"kind": kind, **rule})
        return answer["id"]

    async def ledger(self) -> list[dict[str, Any]]:
        return (await self.sandbox("GET", "/sandbox/ledger?limit=1000"))["entries"]

    async def webhooks(self, message_id: str) -> list[dict[str, Any]]:
        """Return the delivery statuses the inspector was told of a message, in the order they came."""
        found = await self.sandbox("GET", f"/inspector/events?ncmessage_id={message_id}&limit=1000")
        return [
            entry
            for event in found["events"]
            for entry in event["body"].get("delivery_status", [])
            if entry["ncmessage_id"] == message_id
        ]

    async def told(self, message_id: str) -> list[str]:
        return [entry["status"] for entry in await self.webhooks(message_id)]

    async def eventually(self, condition: Callable[[], Awaitable[bool]], *, seconds: float = PATIENCE_SECONDS) -> None:
        never = asyncio.Event()
        async with asyncio.timeout(seconds):
            while not await condition():
                try:
                    await asyncio.wait_for(never.wait(), _LOOK_AGAIN_SECONDS)
                except TimeoutError:
                    continue

    async def is_told(self, message_id: str, *statuses: str) -> None:
        async def all_told() -> bool:
            return await self.told(message_id) == list(statuses)

        await self.eventually(all_told)


@dataclass
class Running:
    """A demo's services under way; ``stop`` drains them."""

    house: House
    task: "asyncio.Task[int]"
    stopping: asyncio.Event

    async def stop(self) -> int:
        self.stopping.set()
        code = await self.task
        await self.house.http.close()
        return code


async def start(settings: Settings, *, allowed_networks: Sequence[str] | None = None) -> Running:
    """Start a demo; `allowed_networks` takes the place of the demo's own, which are all of loopback."""
    changed = demo_settings(settings)
    if allowed_networks is not None:
        networks = tuple(ip_network(text) for text in allowed_networks)
        changed = changed.model_copy(update={"allowed_networks": networks})
    demo = await build_demo(await open_foundation(changed))
    ready, stopping = asyncio.Event(), asyncio.Event()

    def announce() -> None:
        demo.gateway.is_ready = True
        ready.set()

    task = asyncio.create_task(
        run_services(demo.services, drain_seconds=10, on_ready=announce, stop=stopping, handle_signals=False)
    )
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    assert not task.done(), "the demo ended before it was ready"
    base_url = f"http://127.0.0.1:{demo.gateway.server.port}"
    sandbox_url = demo.gateway.foundation.settings.sandbox_url or ""
    http = aiohttp.ClientSession()
    return Running(House(demo, http, base_url, sandbox_url, demo.account.api_key), task, stopping)


def settings_for(data_dir: Path, database_url: str, **changes: Any) -> Settings:
    groups = {
        name: {**value, **changes.pop(name, {})} if isinstance(value, dict) else value for name, value in QUICK.items()
    }
    return Settings.load(env_file=None, data_dir=data_dir, database_url=database_url, port=0, **groups, **changes)


@pytest.fixture
def settings_changes(request: pytest.FixtureRequest) -> dict[str, Any]:
    marker = request.node.get_closest_marker("settings")
    return dict(marker.kwargs) if marker else {}


@pytest.fixture
async def house(tmp_path: Path, database_url: str, settings_changes: dict[str, Any]) -> AsyncIterator[House]:
    running = await start(settings_for(tmp_path, database_url, **settings_changes))
    yield running.house
    assert 0 == await running.stop()
