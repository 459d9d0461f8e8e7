"""A notifier over each database, and receivers that answer by script."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from typing import Any

import orjson
import pytest
from tests.commits import CommitSignal

from waypost.notify.notifier import Notifier
from waypost.observe.metrics import Metrics
from waypost.outbound.aiohttp_client import AiohttpClient
from waypost.outbound.guard import OutboundPolicy
from waypost.ports import UuidFactory
from waypost.settings import NotifySettings
from waypost.store.accounts import create_account
from waypost.store.connections import connector_for
from waypost.store.directory import Directory
from waypost.store.endpoints import NewEndpoint, change_endpoint, create_endpoint, new_webhook_secret, rotate_secret
from waypost.store.engine import Database
from waypost.store.notifications import insert_notifications
from waypost.store.sealing import Sealer
from waypost.store.statements import Sql

LOOPBACK = OutboundPolicy(allow_http=True, allowed_networks=(ip_network("127.0.0.0/8"),))
NOW_US = 1_900_000_000_000_000
ACCOUNT = "acc"
WAIT_SECONDS = 60.0

_STATES = Sql("SELECT id, state, attempts, due_at_us, batch_id, last_status, last_error FROM notifications ORDER BY id")


@dataclass
class Request:
    headers: dict[str, str]
    body: bytes
    path: str

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def entries(self) -> list[dict[str, object]]:
        [entries] = orjson.loads(self.body).values()
        return entries

    @property
    def words(self) -> list[str]:
        return [str(entry["n"]) for entry in self.entries]


@dataclass
class Answer:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"ok"
    before: asyncio.Event | None = None
    is_reset: bool = False


class Receiver:
    """Answers requests by ``script(request)``, by default 200; keeps all that it read."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.script: Callable[[Request], Answer] = lambda _: Answer()
        self.open = 0
        self.open_max = 0
        self.changed = asyncio.Condition()
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?a=b"

    @property
    def words(self) -> list[str]:
        return [word for request in self.requests for word in request.words]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Receiver"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 22)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in list(self._tasks):
                task.cancel()
            while self._tasks:
                await asyncio.wait(self._tasks)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_SECONDS), self.changed:
            await self.changed.wait_for(condition)

    async def until_count(self, count: int) -> None:
        await self.until(lambda: len(self.requests) >= count)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            while True:
                await self._answer_one(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    async def _answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        request = Request(headers, await reader.readexactly(int(headers["content-length"])), head[0].split()[1])
        self.open += 1
        self.open_max = max(self.open_max, self.open)
        self.requests.append(request)
        answer = self.script(request)
        async with self.changed:
            self.changed.notify_all()
        try:
            if answer.before is not None:
                await answer.before.wait()
            if answer.is_reset:
                raise ConnectionResetError
        finally:
            self.open -= 1
        lines = [f"HTTP/1.1 {answer.status} X", f"Content-Length: {len(answer.body)}"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + answer.body)
        await writer.drain()


class VirtualClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.at_us = NOW_US

    def now_us(self) -> int:
        return self.at_us

    def monotonic(self) -> float:
        return self.at_us / 1e6

    def move(self, seconds: float) -> None:
        self.at_us += int(seconds * 1e6)


@dataclass(frozen=True)
class State:
    id: str
    state: int
    attempts: int
    due_in_seconds: float
    batch_id: str | None
    last_status: int | None
    last_error: str | None


class House:
    """A database with an account, its directory, and as many notifiers as a test starts."""

    def __init__(self, database: Database, commits: CommitSignal, client: AiohttpClient) -> None:
        self.database = database
        self.commits = commits
        self.client = client
        self.sealer = Sealer([b"k" * 32])
        self.directory = Directory(database, self.sealer)
        self.clock = VirtualClock()
        self.ids = UuidFactory()
        self.metrics = Metrics()
        self.notifier: Notifier | None = None
        self._endpoints = 0

    async def add_endpoint(self, url: str, *, kinds: tuple[str, ...] = ("event",), **options: object) -> str:
        self._endpoints += 1
        new = NewEndpoint(
            id=f"endpoint-{self._endpoints}",
            account_id=ACCOUNT,
            name=f"hook {self._endpoints}",
            url=url,
            kinds=frozenset(kinds),
            secret=new_webhook_secret(),
            **options,  # type: ignore[arg-type]
        )
        await self.database.write(lambda tx: create_endpoint(tx, self.sealer, new, now_us=self.clock.at_us))
        await self.directory.refresh()
        return new.id

    async def change(self, endpoint_id: str, **changes: Any) -> None:
        await self.database.write(
            lambda tx: change_endpoint(tx, self.sealer, ACCOUNT, endpoint_id, lambda one: replace(one, **changes))
        )
        await self.directory.refresh()

    async def rotate(self, endpoint_id: str) -> str:
        secret, now_us = new_webhook_secret(), self.clock.now_us()
        await self.database.write(
            lambda tx: rotate_secret(tx, self.sealer, ACCOUNT, endpoint_id, secret=secret, now_us=now_us)
        )
        await self.directory.refresh()
        return secret

    async def add(self, endpoint_id: str, *words: str, subject: str | None = None, kind: str = "event") -> list[str]:
        """Add one notification per word; a word is its entry, and its subject unless told."""
        rows = [
            (
                self.ids.new(),
                ACCOUNT,
                endpoint_id,
                subject or word,
                kind,
                orjson.dumps({"n": word}).decode(),
                self.clock.at_us,
                self.clock.at_us,
            )
            for word in words
        ]
        await self.database.write(lambda tx: insert_notifications(tx, rows))
        if self.notifier is not None:
            self.notifier.wake()
        return [row[0] for row in rows]

    async def states(self) -> dict[str, State]:
        rows = await self.database.read(lambda tx: tx.rows(_STATES))
        return {row[0]: State(row[0], row[1], row[2], (row[3] - self.clock.at_us) / 1e6, *row[4:]) for row in rows}

    async def settle_down(self) -> None:
        """Let the notifier look for due work twice: what it would do by now it has done."""
        assert self.notifier is not None
        self.notifier.wake()
        await self.commits.until_more(3)

    async def until(self, condition: Callable[[dict[str, State]], bool]) -> dict[str, State]:
        """Wait until what is stored meets the condition; looked at after every commit."""
        return await self.commits.until(self.states, condition)

    @contextlib.asynccontextmanager
    async def notifying(self, **settings: object) -> AsyncIterator[Notifier]:
        """Run a notifier; leaving the block stops it in order."""
        options = {"jitter_share": 0.0, "timeout_seconds": 5.0, "poll_seconds": 0.05, **settings}
        owns = options.pop("owns", lambda _: True)
        chance = options.pop("chance", lambda: 0.5)
        notifier = Notifier(
            self.database,
            self.directory,
            self.client,
            self.clock,
            self.ids,
            settings=NotifySettings(**options),
            metrics=self.metrics,
            owns=owns,
            chance=chance,
        )
        stopping = asyncio.Event()
        self.notifier = notifier
        task = asyncio.create_task(notifier.run(stopping))
        try:
            yield notifier
        finally:
            stopping.set()
            await task
            self.notifier = None


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    commits = CommitSignal()
    database = Database(connector_for(database_url), observer=commits)
    await database.start()
    client = AiohttpClient(policy=LOOPBACK, connections_max=1000)
    house = House(database, commits, client)
    await database.write(lambda tx: create_account(tx, account_id=ACCOUNT, name="A", now_us=NOW_US))
    await house.directory.refresh()
    yield house
    await client.close()
    await database.stop()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver().running() as receiver:
        yield receiver
