"""
The HTTP client alone, towards customers' webhooks: POST a body that is ready, read the answer.

Commands: `{"do": "send", "count": n}`.
"""

import asyncio
import sys
import time
from collections.abc import Iterator

import aiohttp
import orjson
import uvloop

from benchmarks.bare.commands import obey
from benchmarks.rows import notice_entry

CONFIG = orjson.loads(sys.argv[1])
HOOKS = 16
HEADERS = {
    "content-type": "application/json",
    "webhook-id": "0190aaaa-aaaa-7aaa-8aaa-aaaaaaaaaaaa",
    "webhook-timestamp": "1788000000",
    "webhook-signature": "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
}


async def _worker(session: aiohttp.ClientSession, body: bytes, numbers: Iterator[int]) -> None:
    for number in numbers:
        url = f"http://127.0.0.1:{CONFIG['world_port']}/hook/{number % HOOKS}"
        async with session.post(url, data=body, headers=HEADERS) as answer:
            await answer.read()
            assert answer.status == 200


async def _send(session: aiohttp.ClientSession, count: int) -> None:
    entry = notice_entry(HEADERS["webhook-id"], "12025550143", HEADERS["webhook-id"], time.time_ns() // 1000)
    body = b'{"delivery_status":[' + entry + b"]}"
    numbers = iter(range(count))
    await asyncio.gather(*(_worker(session, body, numbers) for _ in range(CONFIG["concurrency"])))


async def _main() -> None:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
        await obey({"send": lambda count: _send(session, count)})


uvloop.run(_main())
