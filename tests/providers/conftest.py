"""The client over a real HTTP client, against a server that answers what a test says, and against the sandbox."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from waypost.outbound.pyreqwest_client import PyreqwestClient
from waypost.ports import ProviderSource, SystemClock
from waypost.providers.cloud_api.client import CloudApiClient
from waypost.sandbox import Sandbox, SandboxSettings, build_sandbox, serve

NUMBER_ID, NUMBER, WABA = "110000000000001", "12025550100", "120000000000001"
TOKEN = "sandbox-token"
PHONE = "12025550143"


class Upstream:
    """A server that keeps what it is asked and answers from a list: (status, headers, body)."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answers: list[tuple[int, dict[str, str], bytes]] = []

    def will_answer(self, status: int, body: Any = b"", **headers: str) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers.append((status, headers, raw))

    async def handle(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append((request.method, request.path_qs, headers, await request.read()))
        status, answer_headers, body = self.answers.pop(0)
        return web.Response(status=status, headers=answer_headers, body=body)


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    upstream = Upstream()
    app = web.Application(client_max_size=1 << 27)
    app.router.add_route("*", "/{path:.*}", upstream.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    upstream.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield upstream
    await runner.cleanup()


@pytest.fixture
async def http() -> AsyncIterator[PyreqwestClient]:
    client = PyreqwestClient()
    yield client
    await client.close()


@pytest.fixture
def source() -> ProviderSource:
    return ProviderSource(source_id="source-1", provider="sandbox", phone_number_id=NUMBER_ID, access_token=TOKEN)


@pytest.fixture
def client(http: PyreqwestClient, upstream: Upstream) -> CloudApiClient:
    base_urls = {"meta": "http://127.0.0.1:1/v25.0", "sandbox": f"{upstream.url}/v25.0/"}
    return CloudApiClient(http, base_urls=base_urls, clock=SystemClock())


@pytest.fixture
async def sandbox() -> AsyncIterator[tuple[Sandbox, str]]:
    """A running sandbox with one number, and its base URL."""
    sandbox = build_sandbox(SandboxSettings())
    sandbox.network.register_number(
        phone_number_id=NUMBER_ID,
        display_phone_number=f"+{NUMBER}",
        waba_id=WABA,
        access_token=TOKEN,
        app_secret="secret",
        callback_url="",
    )
    url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(sandbox, "127.0.0.1", 0, url.set_result))
    yield sandbox, await url
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def sandbox_client(http: PyreqwestClient, sandbox: tuple[Sandbox, str]) -> CloudApiClient:
    return CloudApiClient(http, base_urls={"sandbox": f"{sandbox[1]}/v25.0"}, clock=SystemClock())
