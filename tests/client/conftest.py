"""A running demo beside the tests, for both clients: the one that blocks and the one that does not."""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.client.loopback import Loopback, loopback
from tests.docs.demo_thread import running_demo

from waypost.client import AsyncClient, Client, Retries

PATIENCE_SECONDS = 60.0
AT_ONCE = Retries(first_wait_seconds=0.0)


@dataclass
class Stage:
    """A demo in a thread of its own, and the hands of those who use it: its operator, its customers' phones."""

    data_dir: Path
    base_url: str
    api_key: str = field(repr=False)
    source_id: str
    source_phone: str
    sandbox_url: str
    http: httpx.Client = field(repr=False)
    numbers: Iterator[str] = field(default_factory=lambda: (f"1202555{place:04}" for place in range(1000, 9999)))

    def sandbox(self, method: str, path: str, **request: Any) -> Any:
        response = self.http.request(method, self.sandbox_url + path, **request)
        assert response.status_code < 300, response.text
        return response.json()

    def manage(self, method: str, path: str, **request: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.api_key}"}
        response = self.http.request(method, f"{self.base_url}/manage/v1{path}", headers=headers, **request)
        assert response.status_code < 300, response.text
        return response.json() if response.content else None

    def writes(self, number: str, text: str = "hello") -> None:
        """Let a phone write to the shop, and wait until the gateway has heard it."""
        message = {"to": self.source_phone, "type": "text", "text": {"body": text}}
        self.sandbox("POST", f"/sandbox/phones/{number}/messages", json=message)
        with Client(self.base_url, self.api_key) as client:
            self.eventually(lambda: client.consent.check(number) is not None)

    def received(self, number: str) -> list[dict[str, Any]]:
        """Return what a phone was sent, in the Cloud API's words, oldest first."""
        found = self.sandbox("GET", f"/sandbox/phones/{number}/messages?direction=received")
        return [message["message"] for message in found["messages"]]

    @staticmethod
    def eventually(condition: Callable[[], Any], *, seconds: float = PATIENCE_SECONDS) -> Any:
        ends_at = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < ends_at, "it never came true"
            threading.Event().wait(0.05)
        return found


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with running_demo(tmp_path_factory.mktemp("demo")) as demo, httpx.Client(trust_env=False, timeout=30) as http:
        facts = json.loads((demo.data_dir / "demo.json").read_text(encoding="utf-8"))
        yield Stage(
            data_dir=demo.data_dir,
            base_url=demo.base_url,
            api_key=demo.api_key,
            source_id=facts["source_id"],
            source_phone=demo.source_phone,
            sandbox_url=demo.sandbox_url,
            http=http,
        )


@pytest.fixture
def numbers(stage: Stage) -> list[str]:
    """Four numbers of this test's own, so that tests of one stage do not meet."""
    return [next(stage.numbers) for _ in range(4)]


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as one:
        yield one


class Face:
    """One of the two clients, used in one way: `await face(client.send(...))`."""

    def __init__(self, kind: type[Client] | type[AsyncClient]) -> None:
        self.kind = kind
        self._made: list[Any] = []

    def client(self, base_url: str, api_key: str = "key", **options: Any) -> Any:
        made = self.kind(base_url, api_key, **{"retries": AT_ONCE, **options})
        self._made.append(made)
        return made

    async def __call__(self, result: Any) -> Any:
        return await result if asyncio.iscoroutine(result) else result

    async def close(self) -> None:
        for client in self._made:
            await self(client.close())


@pytest.fixture(params=[Client, AsyncClient], ids=["blocking", "async"])
async def face(request: pytest.FixtureRequest) -> Any:
    one = Face(request.param)
    with contextlib.suppress(GeneratorExit):
        yield one
    await one.close()
