"""A load generator: so many connections, each with one request under way, for so long."""

import asyncio
import time
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.world.wire import ClientProtocol

_PATIENCE_SECONDS = 30
"""How long the last answers may take; more is a TimeoutError, which ends the process and the measuring."""


class Load:
    """Sends what `requests` yields; ends when the time is over, or the requests are."""

    def __init__(self, requests: Iterator[bytes], *, port: int, connections: int, seconds: float) -> None:
        self._requests = requests
        self._port = port
        self._connections = connections
        self._seconds = seconds
        self._latencies = array("d")
        self._answers: list[bytes] = []
        self._failed = 0
        self._open = 0
        self._until = 0.0
        self._done = asyncio.Event()

    async def run(self, answers_path: str | None) -> dict[str, Any]:
        """Return counts, the time from the first request to the last answer, and latencies in microseconds."""
        loop = asyncio.get_running_loop()
        clients: list[ClientProtocol] = []
        for _ in range(self._connections):
            _, client = await loop.create_connection(lambda: ClientProtocol(self._answered), "127.0.0.1", self._port)
            clients.append(client)
        started, cpu = time.perf_counter(), time.process_time()
        self._until = started + self._seconds
        self._open = len(clients)
        for client in clients:
            self._next(client)
        async with asyncio.timeout(self._seconds + _PATIENCE_SECONDS):
            await self._done.wait()
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        for client in clients:
            if client.transport is not None:
                client.transport.close()
        if answers_path is not None:
            await asyncio.to_thread(Path(answers_path).write_bytes, b"\n".join(self._answers))
        ordered = sorted(self._latencies)
        return {
            "count": len(ordered),
            "failed": self._failed,
            "seconds": seconds,
            "p50_us": ordered[len(ordered) // 2] * 1e6 if ordered else 0.0,
            "p99_us": ordered[len(ordered) * 99 // 100] * 1e6 if ordered else 0.0,
            "generator_share": cpu / seconds,
        }

    def _next(self, client: ClientProtocol) -> None:
        now = time.perf_counter()
        request = next(self._requests, None) if now < self._until and client.transport is not None else None
        if request is None:
            self._open -= 1
            if self._open == 0:
                self._done.set()
            return
        client.started = now
        client.send(request)

    def _answered(self, client: ClientProtocol, is_ok: bool, body: bytes) -> None:  # noqa: FBT001
        if is_ok:
            self._latencies.append(time.perf_counter() - client.started)
            self._answers.append(body)
        else:
            self._failed += 1
        self._next(client)
