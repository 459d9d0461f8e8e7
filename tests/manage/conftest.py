"""The manage API behind a real server, with two accounts and an operator."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
import uvicorn
from fastapi import FastAPI

from waypost.outbound.aiohttp_client import AiohttpClient
from waypost.outbound.guard import OPERATOR_POLICY
from waypost.outbound.http import Timeouts
from waypost.ports import SystemClock, UuidFactory
from waypost.providers.cloud_api.calls import GraphCalls
from waypost.settings import Settings
from waypost.store.accounts import create_account, create_key, mint_key
from waypost.store.connections import connector_for
from waypost.store.directory import Directory
from waypost.store.engine import Database
from waypost.store.sealing import Sealer
from waypost.web.auth import ACCOUNT_SCOPES, Authenticator, Scope
from waypost.web.manage.app import build_manage_app
from waypost.web.manage.context import ManageContext
from waypost.web.manage.export_places import ExportPlaces

NOBODY = "http://127.0.0.1:9"
"""Where no provider answers."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass
class Api:
    """The API and what is behind it; calls are made with the key of account ``a`` unless told otherwise."""

    url: str
    session: aiohttp.ClientSession
    context: ManageContext
    keys: dict[str, str]
    woken: list[str] = field(default_factory=list)

    async def call(
        self,
        method: str,
        path: str,
        *,
        key: str | None = "a",
        json: Any = None,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        account: str | None = None,
    ) -> Answer:
        sent = dict(headers or {})
        if key is not None:
            sent["Authorization"] = f"Bearer {self.keys.get(key, key)}"
        if account is not None:
            sent["Waypost-Account"] = account
        if json is not None:
            body = orjson.dumps(json)
            sent.setdefault("Content-Type", "application/json")
        path = path if path.startswith(("/docs", "/openapi")) else f"/manage/v1{path}"
        async with self.session.request(method, self.url + path, data=body, headers=sent) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def get(self, path: str, **options: Any) -> Answer:
        return await self.call("GET", path, **options)

    async def post(self, path: str, **options: Any) -> Answer:
        return await self.call("POST", path, **options)

    async def key(self, *scopes: str, account_id: str = "a") -> str:
        minted = mint_key()
        await self.context.change(
            lambda tx: create_key(tx, account_id=account_id, key=minted, name="k", scopes=frozenset(scopes), now_us=1),
            account_id=None,
        )
        return minted.token


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """Serve an ASGI application on a free port of this machine."""
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, lifespan="off", log_config=None, ws="none", server_header=False)
    )
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup()
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await server.shutdown()


class Standing:
    """Stands in for the context of the test under way, so that one application does for all of them."""

    def __init__(self) -> None:
        self.now: ManageContext | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.now, name)


@pytest.fixture(scope="session")
def standing() -> Standing:
    return Standing()


@pytest.fixture(scope="session")
def app(standing: Standing) -> FastAPI:
    """The application, made once: making it takes longer than most tests, and it keeps nothing of a test."""
    return build_manage_app(standing)


@pytest.fixture
async def api(
    sqlite_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, standing: Standing, app: FastAPI
) -> AsyncIterator[Api]:
    monkeypatch.chdir(tmp_path)
    settings = Settings.load(data_dir=tmp_path)
    shutil.copyfile(sqlite_template, tmp_path / "waypost.db")
    database = Database(connector_for(settings.database_url))
    await database.start()
    sealer = Sealer([b"k" * 32])
    directory = Directory(database, sealer)
    clock = SystemClock()
    keys = {}
    for account_id, scopes in (("a", ACCOUNT_SCOPES), ("b", ACCOUNT_SCOPES), ("operator", {Scope.MANAGE})):
        minted = mint_key()
        keys[account_id] = minted.token
        await database.write(
            lambda tx, account_id=account_id: create_account(tx, account_id=account_id, name=account_id, now_us=1)
        )
        await database.write(
            lambda tx, account_id=account_id, minted=minted, scopes=scopes: create_key(
                tx, account_id=account_id, key=minted, name="k", scopes=frozenset(scopes), now_us=1
            )
        )
    await directory.refresh()
    woken: list[str] = []
    provider = AiohttpClient(policy=OPERATOR_POLICY, timeouts=Timeouts())
    context = ManageContext(
        database=database,
        directory=directory,
        sealer=sealer,
        authenticator=Authenticator(directory, clock),
        settings=settings,
        clock=clock,
        ids=UuidFactory(),
        calls=GraphCalls(provider, base_urls={"meta": NOBODY, "sandbox": NOBODY}, clock=clock),
        exports=ExportPlaces(at_most=3, at_most_of_account=2),
        notify_now=lambda: woken.append("notify"),
        dispatch_now=lambda: woken.append("dispatch"),
        lanes_ended=lambda lanes: woken.append("dispatch"),
    )
    standing.now = context
    async with (
        served(app) as url,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session,
    ):
        yield Api(url, session, context, keys, woken)
    standing.now = None
    await provider.close()
    await database.stop()
    await asyncio.sleep(0)  # lets the client's closed sockets be told
