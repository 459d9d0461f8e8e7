"""A sandbox on a real socket, a gateway's webhook receiver on another, and the words tests use for both."""

import asyncio
import hashlib
import hmac
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from waypost.sandbox import Sandbox, SandboxSettings, build_sandbox, serve

NUMBER_ID = "110000000000001"
NUMBER = "12025550100"
WABA = "120000000000001"
TOKEN = "sandbox-token"
SECRET = "sandbox-app-secret"
PHONE = "12025550143"


class Receiver:
    """A webhook receiver: keeps bodies, answers what `statuses` says (200 when it is empty)."""

    def __init__(self) -> None:
        self.posts: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.verify_token = "verify-me"
        self.url = ""
        self._changed = asyncio.Event()

    async def handle_post(self, request: web.Request) -> web.Response:
        body = await request.read()
        status = self.answers.pop(0) if self.answers else 200
        self.posts.append((dict(request.headers), body))
        self._changed.set()
        return web.Response(status=status)

    async def handle_get(self, request: web.Request) -> web.Response:
        if request.query.get("hub.verify_token") != self.verify_token:
            return web.Response(status=403)
        return web.Response(text=request.query["hub.challenge"])

    def values(self) -> list[dict[str, Any]]:
        envelopes = [json.loads(body) for _, body in self.posts]
        return [c["value"] for e in envelopes for entry in e["entry"] for c in entry["changes"]]

    def statuses(self, wamid: str | None = None) -> list[dict[str, Any]]:
        found = [status for value in self.values() for status in value.get("statuses", [])]
        return [status for status in found if wamid in (None, status["id"])]

    def words(self, wamid: str | None = None) -> list[str]:
        return [status["status"] for status in self.statuses(wamid)]

    def messages(self) -> list[dict[str, Any]]:
        return [message for value in self.values() for message in value.get("messages", [])]

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait until a condition on what was received is true."""
        async with asyncio.timeout(20):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


class World:
    """One running sandbox with its number registered, and HTTP words for it."""

    def __init__(self, sandbox: Sandbox, url: str, http: aiohttp.ClientSession, receiver: Receiver) -> None:
        self.sandbox = sandbox
        self.url = url
        self.http = http
        self.receiver = receiver

    async def call(self, method: str, path: str, body: Any = None, *, token: str | None = TOKEN) -> tuple[int, Any]:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        async with self.http.request(method, self.url + path, json=body, headers=headers) as response:
            raw = await response.read()
            return response.status, json.loads(raw) if raw else None

    async def send(self, body: dict[str, Any] | None = None, **more: Any) -> tuple[int, Any]:
        message = {"messaging_product": "whatsapp", "to": f"+{PHONE}", **(body or text()), **more}
        return await self.call("POST", f"/v23.0/{NUMBER_ID}/messages", message)

    async def send_wamid(self, body: dict[str, Any] | None = None, **more: Any) -> str:
        status, answer = await self.send(body, **more)
        assert status == 200, answer
        return str(answer["messages"][0]["id"])

    async def phone_writes(self, body: dict[str, Any] | None = None, *, phone: str = PHONE) -> dict[str, Any]:
        content = {"to": NUMBER, **(body or text("hello"))}
        status, answer = await self.call("POST", f"/sandbox/phones/{phone}/messages", content)
        assert status == 201, answer
        return dict(answer)

    async def set_phone(self, *, phone: str = PHONE, **settings: Any) -> dict[str, Any]:
        status, answer = await self.call("PUT", f"/sandbox/phones/{phone}", settings)
        assert status == 200, answer
        return dict(answer)

    async def phone_messages(self, query: str = "", *, phone: str = PHONE) -> list[dict[str, Any]]:
        status, answer = await self.call("GET", f"/sandbox/phones/{phone}/messages{query}")
        assert status == 200, answer
        return list(answer["messages"])

    async def add_fault(self, kind: str, **rule: Any) -> str:
        status, answer = await self.call("POST", "/sandbox/faults", {"kind": kind, **rule})
        assert status == 201, answer
        return str(answer["id"])

    async def upload(self, data: bytes, mime_type: str, name: str = "file", **fields: str) -> tuple[int, Any]:
        form = aiohttp.FormData()
        for field, value in {"messaging_product": "whatsapp", "type": mime_type, **fields}.items():
            form.add_field(field, value)
        form.add_field("file", io.BytesIO(data), filename=name, content_type=mime_type)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with self.http.post(f"{self.url}/v23.0/{NUMBER_ID}/media", data=form, headers=headers) as response:
            return response.status, await response.json()


def text(body: str = "hi") -> dict[str, Any]:
    return {"type": "text", "text": {"body": body}}


def signature(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@asynccontextmanager
async def running(sandbox: Sandbox) -> AsyncIterator[str]:
    """Serve a sandbox on a free port for a while."""
    url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(sandbox, "127.0.0.1", 0, url.set_result))
    try:
        await asyncio.wait({task, asyncio.ensure_future(asyncio.shield(url))}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        yield await url
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application(client_max_size=16 * 1024 * 1024)
    app.router.add_post("/{path:.*}", receiver.handle_post)
    app.router.add_get("/{path:.*}", receiver.handle_get)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield receiver
    await runner.cleanup()


Build = Callable[..., Awaitable[World]]


@pytest.fixture
async def build(receiver: Receiver) -> AsyncIterator[Build]:
    """Build worlds with settings of their own; all end with the test."""
    contexts = []
    async with aiohttp.ClientSession() as http:

        async def make(**settings: Any) -> World:
            number = settings.pop("number", {})
            sandbox = build_sandbox(SandboxSettings(**{"webhook_retry_first_seconds": 0.01, **settings}))
            sandbox.network.register_number(
                phone_number_id=NUMBER_ID,
                display_phone_number=f"+{NUMBER}",
                waba_id=WABA,
                access_token=TOKEN,
                app_secret=SECRET,
                callback_url=receiver.url,
                **number,
            )
            context = running(sandbox)
            contexts.append(context)
            return World(sandbox, await context.__aenter__(), http, receiver)

        yield make
        for context in contexts:
            await context.__aexit__(None, None, None)


@pytest.fixture
async def world(build: Build) -> World:
    return await build()


@pytest.fixture
async def open_world(world: World) -> World:
    """A world whose phone has just written, so that anything may be sent to it."""
    await world.phone_writes()
    await world.receiver.until(world.receiver.messages)
    return world
