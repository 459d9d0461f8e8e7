"""
The HTTP client alone, towards the provider: make a body, POST it, read the id in the answer.

Commands: `{"do": "send", "count": n}`, and `{"do": "send_durably"}`, which sends what is queued in a database and
commits each intent before and each result after, in groups: what the storage costs on top of the client.
"""

import asyncio
import sys
from collections.abc import Iterator
from typing import Any

import orjson
import uvloop
from pyreqwest.client import Client, ClientBuilder

from benchmarks.bare.commands import obey
from benchmarks.bare.parsing import send_body
from benchmarks.bare.writer import GroupWriter
from benchmarks.bare.writing import write_ends, write_starts
from benchmarks.rows import TEXT
from waypost.store.connections import connector_for
from waypost.store.statements import Sql
from waypost.store.transaction import Row

CONFIG = orjson.loads(sys.argv[1])
URL = f"http://127.0.0.1:{CONFIG['world_port']}/v25.0/100000000000001/messages"
TOKEN = "v1.0190aaaaaaaa7aaa8aaaaaaaaaaaaaaa01.0123456789abcdef"
CONTENT = orjson.dumps({"body": TEXT, "preview_url": False}).decode()
QUEUED = Sql(
    "SELECT id, account_id, source_id, recipient, content FROM messages WHERE state = 30 ORDER BY source_id, id"
)


async def _post(client: Client, recipient: str, content: str, token: str) -> str:
    request = (
        client.post(URL)
        .header("authorization", "Bearer benchmark-access-token")
        .header("content-type", "application/json")
        .body_bytes(send_body(recipient, content, token))
        .build()
    )
    answer = await request.send()
    wamid: str = orjson.loads(bytes(await answer.bytes()))["messages"][0]["id"]
    return wamid


async def _worker(client: Client, numbers: Iterator[int]) -> None:
    for number in numbers:
        await _post(client, f"1202555{number % 100_000:07d}", CONTENT, TOKEN)


async def _send(client: Client, count: int) -> None:
    numbers = iter(range(count))
    await asyncio.gather(*(_worker(client, numbers) for _ in range(CONFIG["concurrency"])))


class _Durable:
    """Claims ahead of the places there are, as the gateway does, so that no place waits for a commit."""

    def __init__(self, client: Client, writer: GroupWriter) -> None:
        self._client = client
        self._writer = writer
        self._places = asyncio.Semaphore(CONFIG["concurrency"])

    async def run(self, rows: list[Row]) -> None:
        pending = iter(rows)
        ends = await asyncio.gather(*(self._worker(pending) for _ in range(2 * CONFIG["concurrency"])))
        await asyncio.gather(*(end for some in ends for end in some))

    async def _worker(self, rows: Iterator[Row]) -> list[Any]:
        ends = []
        for row in rows:
            await self._writer.write(write_starts, row)
            async with self._places:
                wamid = await _post(self._client, row[3], row[4], f"v1.{row[0].replace('-', '')}01.0123456789abcdef")
            ends.append(self._writer.write(write_ends, (row[0], wamid)))
        return ends


async def _main() -> None:
    client = ClientBuilder().http1_only().tcp_nodelay(True).no_proxy().pool_max_idle_per_host(1024).build()
    reader = connector_for(CONFIG["database_url"]).open_reader()
    writer = GroupWriter(CONFIG["database_url"])
    async with client:
        await obey(
            {
                "send": lambda count: _send(client, count),
                "send_durably": lambda: _Durable(client, writer).run(reader.tx.rows(QUEUED)),
            }
        )


uvloop.run(_main())
