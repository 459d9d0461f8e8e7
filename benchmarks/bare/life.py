"""
A whole life, bare: accept, send, be told three times, tell three times, each step's rows committed in groups.

The queue is in memory and nothing is ever looked up in the database: what a step needs to know, the one before hands
on. On PostgreSQL each step has a writer of its own, as in the gateway.
"""

import asyncio
import time
from typing import Any

import aiohttp
import orjson
from pyreqwest.client import Client, ClientBuilder

from benchmarks.bare.parsing import (
    Report,
    accepted_answer,
    is_signed,
    message_row,
    notification_row,
    read_report,
    send_body,
    write_reports,
)
from benchmarks.bare.server import CONFIG, Scope, serve
from benchmarks.bare.writer import GroupWriter
from benchmarks.bare.writing import write_deliveries, write_ends, write_starts
from waypost.store.acceptance import insert_messages
from waypost.store.transaction import Row

IN_FLIGHT = 256
DELIVERIES = 64


class Life:
    """All of it in one process, as the gateway is."""

    def __init__(self) -> None:
        url = CONFIG["database_url"]
        self.accepting = GroupWriter(url)
        is_one = url.startswith("sqlite")
        self.dispatching, self.receiving, self.notifying = (
            (self.accepting,) * 3 if is_one else tuple(GroupWriter(url) for _ in range(3))
        )
        self.by_source: dict[str, dict[str, Any]] = CONFIG["tenants"]
        self.secret = CONFIG["app_secret"].encode()
        self.sends: Client = (
            ClientBuilder().http1_only().tcp_nodelay(True).no_proxy().pool_max_idle_per_host(1024).build()
        )
        self.hooks = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar())
        self.in_flight = asyncio.Semaphore(IN_FLIGHT)
        self.deliveries = asyncio.Semaphore(DELIVERIES)
        self.tasks: set[asyncio.Task[None]] = set()
        self.messages: dict[str, Row] = {}

    def begin(self, work: Any) -> None:
        """Run something beside the request that caused it."""
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def handle(self, scope: Scope, body: bytes) -> bytes:
        if scope["path"].startswith("/api/"):
            return await self.accept(body)
        assert is_signed(body, scope["headers"], self.secret)
        report = read_report(body)
        message = self.messages[report.message_id]
        tenant = self.by_source[message[2]]
        row = notification_row(
            report,
            account_id=tenant["account_id"],
            endpoint_id=tenant["endpoint_id"],
            recipient=message[4],
            source_id=message[2],
        )
        await self.receiving.write(write_reports, (report, row, message[2]))
        self.begin(self.notify(tenant, row, report))
        return b""

    async def accept(self, body: bytes) -> bytes:
        row = message_row(body, account_id="")
        tenant = self.by_source[row[2]]
        row = (row[0], tenant["account_id"], *row[2:])
        await self.accepting.write(insert_messages, row)
        self.messages[row[0]] = row
        self.begin(self.send(tenant, row))
        return accepted_answer(row[0])

    async def send(self, tenant: dict[str, Any], row: Row) -> None:
        async with self.in_flight:
            await self.dispatching.write(write_starts, row)
            token = f"v1.{row[0].replace('-', '')}01.0123456789abcdef"
            request = (
                self.sends.post(f"{CONFIG['sandbox_url']}/{tenant['phone_number_id']}/messages")
                .header("authorization", "Bearer benchmark-access-token")
                .header("content-type", "application/json")
                .body_bytes(send_body(row[4], row[14], token))
                .build()
            )
            answer = await request.send()
            wamid = orjson.loads(bytes(await answer.bytes()))["messages"][0]["id"]
        await self.dispatching.write(write_ends, (row[0], wamid))

    async def notify(self, tenant: dict[str, Any], row: Row, report: Report) -> None:
        async with self.deliveries:
            body = b'{"delivery_status":[' + row[5].encode() + b"]}"
            headers = {
                "content-type": "application/json",
                "webhook-id": row[0],
                "webhook-timestamp": str(report.at_us // 1_000_000),
                "webhook-signature": "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            }
            async with self.hooks.post(tenant["hook"], data=body, headers=headers) as answer:
                await answer.read()
                assert answer.status == 200
        await self.notifying.write(write_deliveries, (time.time_ns() // 1000, row[0]))
        if report.status == "read":
            del self.messages[report.message_id]


_lives: list[Life] = []


async def _handle(scope: Scope, body: bytes) -> bytes:
    return await _lives[0].handle(scope, body)


serve(_handle, start=lambda: _lives.append(Life()))
