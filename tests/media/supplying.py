"""A database with a source, a blob store, a pretend provider and a web server with files: what media tests stand on."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable
from ipaddress import ip_network
from pathlib import Path

import pytest
from aiohttp import web
from tests.commits import CommitSignal

from waypost.blobs import LocalBlobStore
from waypost.media.collector import Collector
from waypost.media.fetcher import Fetcher
from waypost.media.supplier import Supplier
from waypost.observe.metrics import Metrics
from waypost.outbound.aiohttp_client import AiohttpClient
from waypost.outbound.guard import OutboundPolicy
from waypost.providers.cloud_api.client import CloudApiClient
from waypost.settings import MediaSettings
from waypost.store.accounts import create_account
from waypost.store.connections import connector_for
from waypost.store.directory import Directory, Source, shard_of
from waypost.store.engine import Database
from waypost.store.sealing import Sealer
from waypost.store.statements import Sql

NOW_US = 1_900_000_000_000_000
DAY_US = 86_400_000_000
LOOPBACK = OutboundPolicy(allow_http=True, allowed_networks=(ip_network("127.0.0.0/8"),))

_INSERT_SOURCE = Sql(
    "INSERT INTO sources (id, account_id, name, phone_number, phone_number_id, waba_id, provider, "
    "access_token_sealed, verify_token_sealed, shard, created_at_us) "
    "VALUES (:id, :account_id, 'n', '12025550199', :phone_number_id, 'w', 'meta', :token, :verify, :shard, :now_us)"
)
_INSERT_INBOUND = Sql(
    "INSERT INTO media_assets (account_id, id, origin, state, mime_type, kind, source_id, created_at_us, due_at_us) "
    "VALUES (:account_id, :id, 'inbound', 'pending', 'image/jpeg', 'image', :source_id, :now_us, :now_us)"
)


class StoppedClock:
    def __init__(self) -> None:
        self.at_us = NOW_US

    def now_us(self) -> int:
        return self.at_us

    def monotonic(self) -> float:
        return self.at_us / 1e6

    def move(self, seconds: float) -> None:
        self.at_us += int(seconds * 1e6)


class WebServer:
    """A customer's files under ``/files/``, and the provider's media calls under ``/graph/``."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.held: dict[str, bytes] = {}
        self.fetches: list[tuple[str, int]] = []
        self.uploads: list[tuple[str, str, bytes]] = []
        self.downloads: list[str] = []
        self.upload_errors: list[tuple[int, int]] = []
        self.download_errors: list[tuple[int, int]] = []
        self.gate: asyncio.Event | None = None
        self.arrived = asyncio.Event()
        self.base = ""

    def url(self, name: str) -> str:
        return f"{self.base}/files/{name}"

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["WebServer"]:
        app = web.Application(client_max_size=200 << 20)
        app.router.add_get("/files/{name}", self._file)
        app.router.add_post("/graph/{phone}/media", self._upload)
        app.router.add_get("/graph/{media_id}", self._describe)
        app.router.add_get("/graph/bytes/{media_id}", self._bytes)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        [address] = runner.addresses
        self.base = f"http://127.0.0.1:{address[1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _pass_gate(self) -> None:
        self.arrived.set()
        if self.gate is not None:
            await self.gate.wait()

    async def _file(self, request: web.Request) -> web.Response:
        await self._pass_gate()
        name = request.match_info["name"]
        content = self.files.get(name)
        status = 404 if content is None else 200
        etag = f'"{hashlib.sha256(content or b"").hexdigest()[:8]}"'
        if content is not None and request.headers.get("If-None-Match") == etag:
            status = 304
        self.fetches.append((name, status))
        if status != 200:
            return web.Response(status=status)
        return web.Response(body=content, headers={"ETag": etag})

    async def _upload(self, request: web.Request) -> web.Response:
        await self._pass_gate()
        form = await request.post()
        part = form["file"]
        assert isinstance(part, web.FileField)
        if self.upload_errors:
            return self._error(*self.upload_errors.pop(0))
        content = part.file.read()
        self.uploads.append((request.match_info["phone"], part.content_type, content))
        return web.json_response({"id": str(1000 + len(self.uploads))})

    async def _describe(self, request: web.Request) -> web.Response:
        media_id = request.match_info["media_id"]
        if self.download_errors:
            return self._error(*self.download_errors.pop(0))
        if media_id not in self.held:
            return self._error(400, 100)
        return web.json_response(
            {"url": f"{self.base}/graph/bytes/{media_id}", "mime_type": "image/jpeg", "id": media_id}
        )

    async def _bytes(self, request: web.Request) -> web.Response:
        await self._pass_gate()
        media_id = request.match_info["media_id"]
        self.downloads.append(media_id)
        return web.Response(body=self.held[media_id])

    def _error(self, status: int, code: int) -> web.Response:
        return web.json_response({"error": {"message": "no", "type": "OAuthException", "code": code}}, status=status)


class MediaHouse:
    """The parts, wired."""

    def __init__(
        self, database: Database, commits: CommitSignal, server: WebServer, client: AiohttpClient, data_dir: Path
    ) -> None:
        self.database = database
        self.commits = commits
        self.server = server
        self.client = client
        self.clock = StoppedClock()
        self.sealer = Sealer([b"k" * 32])
        self.directory = Directory(database, self.sealer)
        self.blobs = LocalBlobStore(data_dir / "blobs")
        self.metrics = Metrics()
        self.fetcher = Fetcher(client, data_dir / "fetching")
        self.provider = CloudApiClient(client, base_urls={"meta": f"{server.base}/graph"}, clock=self.clock)
        self.collector = Collector(
            database, self.directory, self.blobs, self.provider, self.clock, metrics=self.metrics, poll_seconds=0.05
        )
        self.supplier = self.make_supplier()

    def make_supplier(self, *, collect: Callable | None = None) -> Supplier:
        return Supplier(
            self.database,
            self.blobs,
            self.fetcher,
            self.provider,
            self.clock,
            settings=MediaSettings(),
            metrics=self.metrics,
            collect=collect,
        )

    async def add_source(self, source_id: str, *, account_id: str = "a") -> Source:
        sealer = self.sealer
        await self.database.write(
            lambda tx: tx.run(
                _INSERT_SOURCE,
                id=source_id,
                account_id=account_id,
                phone_number_id=f"phone-{source_id}",
                token=sealer.seal("token", place=f"sources/{source_id}/access_token"),
                verify=sealer.seal("verify", place=f"sources/{source_id}/verify_token"),
                shard=shard_of(source_id),
                now_us=NOW_US,
            )
        )
        await self.database.write(lambda tx: tx.run(_BUMP))
        await self.directory.refresh()
        return self.directory.now.sources[source_id]

    async def add_inbound(self, media_id: str, content: bytes | None, *, source_id: str = "s1") -> None:
        if content is not None:
            self.server.held[media_id] = content
        await self.database.write(
            lambda tx: tx.run(_INSERT_INBOUND, account_id="a", id=media_id, source_id=source_id, now_us=NOW_US)
        )


_BUMP = Sql("UPDATE meta SET value = CAST(CAST(value AS BIGINT) + 1 AS TEXT) WHERE name = 'directory_version'")


@pytest.fixture
async def media_house(database_url: str, tmp_path: Path) -> AsyncIterator[MediaHouse]:
    commits = CommitSignal()
    database = Database(connector_for(database_url), observer=commits)
    await database.start()
    async with WebServer().running() as server:
        client = AiohttpClient(policy=LOOPBACK)
        await database.write(lambda tx: create_account(tx, account_id="a", name="A", now_us=NOW_US))
        await database.write(lambda tx: create_account(tx, account_id="b", name="B", now_us=NOW_US))
        house = MediaHouse(database, commits, server, client, tmp_path)
        await house.add_source("s1")
        yield house
        await house.supplier.close()
        await house.collector.stop()
        await client.close()
    await database.stop()
