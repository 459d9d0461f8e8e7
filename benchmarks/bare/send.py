"""
The HTTP client alone, towards the provider: make a body, POST it, read the id in the answer.

Commands: `{"do": "send", "count": n}`.
"""

import asyncio
import sys
from collections.abc import Iterator

import orjson
import uvloop
from pyreqwest.client import Client, ClientBuilder

from benchmarks.bare.commands import obey
from benchmarks.bare.parsing import send_body
from benchmarks.rows import TEXT

CONFIG = orjson.loads(sys.argv[1])
URL = f"http://127.0.0.1:{CONFIG['world_port']}/v25.0/100000000000001/messages"
TOKEN = "v1.0190aaaaaaaa7aaa8aaaaaaaaaaaaaaa01.0123456789abcdef"
CONTENT = orjson.dumps({"body": TEXT, "preview_url": False}).decode()


async def _worker(client: Client, numbers: Iterator[int]) -> None:
    for number in numbers:
        body = send_body(f"1202555{number % 100_000:07d}", CONTENT, TOKEN)
        request = (
            client.post(URL)
            .header("authorization", "Bearer benchmark-access-token")
            .header("content-type", "application/json")
            .body_bytes(body)
            .build()
        )
        answer = await request.send()
        found = orjson.loads(bytes(await answer.bytes()))
        assert found["messages"][0]["id"]


async def _send(client: Client, count: int) -> None:
    numbers = iter(range(count))
    await asyncio.gather(*(_worker(client, numbers) for _ in range(CONFIG["concurrency"])))


async def _main() -> None:
    client = ClientBuilder().http1_only().tcp_nodelay(True).no_proxy().pool_max_idle_per_host(1024).build()
    async with client:
        await obey({"send": lambda count: _send(client, count)})


uvloop.run(_main())
