"""
The HTTP client alone, towards customers' webhooks: POST a body that is ready, read the answer.

Commands: `{"do": "send", "count": n}`, and `{"do": "send_durably"}`, which sends what is pending in a database and
commits each result, in groups: what the storage costs on top of the client.
"""

import asyncio
import sys
import time
from collections.abc import Iterator
from typing import Any

import aiohttp
import orjson
import uvloop

from benchmarks.bare.commands import obey
from benchmarks.bare.writer import GroupWriter
from benchmarks.bare.writing import write_deliveries
from benchmarks.rows import notice_entry
from waypost.store.connections import connector_for
from waypost.store.statements import Sql
from waypost.store.transaction import Row

CONFIG = orjson.loads(sys.argv[1])
HOOKS = 16
HEADERS = {
    "content-type": "application/json",
    "webhook-id": "0190aaaa-aaaa-7aaa-8aaa-aaaaaaaaaaaa",
    "webhook-timestamp": "1788000000",
    "webhook-signature": "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
}
PENDING = Sql("SELECT id, entry FROM notifications WHERE state = 0 ORDER BY id")


async def _post(session: aiohttp.ClientSession, number: int, body: bytes, webhook_id: str) -> None:
    url = f"http://127.0.0.1:{CONFIG['world_port']}/hook/{number % HOOKS}"
    async with session.post(url, data=body, headers={**HEADERS, "webhook-id": webhook_id}) as answer:
        await answer.read()
        assert answer.status == 200


async def _worker(session: aiohttp.ClientSession, body: bytes, numbers: Iterator[int]) -> None:
    for number in numbers:
        await _post(session, number, body, HEADERS["webhook-id"])


async def _send(session: aiohttp.ClientSession, count: int) -> None:
    entry = notice_entry(HEADERS["webhook-id"], "12025550143", HEADERS["webhook-id"], time.time_ns() // 1000)
    body = b'{"delivery_status":[' + entry + b"]}"
    numbers = iter(range(count))
    await asyncio.gather(*(_worker(session, body, numbers) for _ in range(CONFIG["concurrency"])))


async def _send_durably(session: aiohttp.ClientSession, writer: GroupWriter, rows: list[Row]) -> None:
    pending = iter(enumerate(rows))
    ends: list[Any] = []

    async def worker() -> None:
        for number, (notification_id, entry) in pending:
            await _post(session, number, b'{"delivery_status":[' + entry.encode() + b"]}", notification_id)
            ends.append(writer.write(write_deliveries, (time.time_ns() // 1000, notification_id)))

    await asyncio.gather(*(worker() for _ in range(CONFIG["concurrency"])))
    await asyncio.gather(*ends)


async def _main() -> None:
    connector = aiohttp.TCPConnector(limit=0)
    reader = connector_for(CONFIG["database_url"]).open_reader()
    writer = GroupWriter(CONFIG["database_url"])
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
        await obey(
            {
                "send": lambda count: _send(session, count),
                "send_durably": lambda: _send_durably(session, writer, reader.tx.rows(PENDING)),
            }
        )


uvloop.run(_main())
