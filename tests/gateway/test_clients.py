"""Who shares connections, and who must not."""

import asyncio

from aiohttp import web
from tests.gateway.conftest import settings_for

from waypost.app.clients import open_clients
from waypost.app.demo import demo_settings
from waypost.app.foundation import open_foundation
from waypost.media.fetcher import Fetched
from waypost.notify.notifier import SLOW_SLOTS_FACTOR


async def test_files_are_fetched_while_every_delivery_hangs(tmp_path):
    hanging, arrived, released = 1 + SLOW_SLOTS_FACTOR, asyncio.Semaphore(0), asyncio.Event()

    async def hang(_):
        arrived.release()
        await released.wait()
        return web.Response()

    async def serve(_):
        return web.Response(body=b"a file")

    app = web.Application()
    app.router.add_post("/hook", hang)
    app.router.add_get("/file", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    settings = settings_for(
        tmp_path,
        f"sqlite:///{tmp_path}/waypost.db",
        # Far longer than a fetch waits for a connection, which a slow machine must not be taken for.
        notify={"concurrency_max": 1, "endpoint_concurrency_max": 1, "timeout_seconds": 120.0},
    )
    foundation = await open_foundation(demo_settings(settings))
    clients = open_clients(foundation)
    deliveries = [
        asyncio.create_task(clients.customers.request("POST", f"{url}/hook", headers={}, body=b"", body_bytes_max=10))
        for _ in range(hanging)
    ]
    for _ in range(hanging):
        await arrived.acquire()

    fetched = await clients.fetcher.fetch(f"{url}/file", account_id="a", bytes_max=100)

    released.set()
    await asyncio.gather(*deliveries)
    await clients.close()
    await foundation.database.stop()
    await runner.cleanup()
    assert isinstance(fetched, Fetched), fetched
