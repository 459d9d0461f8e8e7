"""
The process: takes one command a line on its standard input, writes one answer a line.

Commands are JSON objects with `do`; what each takes is in the functions below. The first line it writes holds the port
it listens on.
"""

import asyncio
import gc
import hashlib
import hmac
import itertools
import marshal
import sys
from pathlib import Path
from typing import Any

import orjson
import uvloop

from benchmarks.world.lives import Lives
from benchmarks.world.load import Load
from benchmarks.world.other_side import NO_TEMPLATES, OtherSide
from benchmarks.world.wire import ServerProtocol, post


class World:
    """Keeps what one command leaves for the next: requests that were made ready, and what is counted."""

    def __init__(self) -> None:
        self._other_side = OtherSide()
        self._lives: Lives | None = None
        self._requests: list[bytes] = []

    def handle(self, head: bytes, body: bytes) -> bytes:
        if head.startswith(b"GET "):
            return NO_TEMPLATES  # the gateway looks what templates there are; no figure counts it
        if self._lives is not None:
            return self._lives.handle(head, body)
        return self._other_side.handle(head, body)

    async def obey(self, command: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = await getattr(self, "do_" + command.pop("do"))(**command)
        return answer

    async def do_prepare(self, *, path: str, app_secret: str | None = None) -> dict[str, Any]:
        """Make requests ready from a file of (path, headers, body); with a secret the bodies are signed as by Meta."""
        entries = marshal.loads(await asyncio.to_thread(Path(path).read_bytes))
        self._requests = [
            post(to, body, headers + (_signature(app_secret, body) if app_secret else ""))
            for to, headers, body in entries
        ]
        gc.collect()
        gc.freeze()
        return {"count": len(self._requests)}

    async def do_load(
        self, *, port: int, connections: int, seconds: float, repeat: bool, answers_path: str | None = None
    ) -> dict[str, Any]:
        """Send the ready requests, again and again if they may be repeated, else each once."""
        requests = itertools.cycle(self._requests) if repeat else iter(self._requests)
        return await Load(requests, port=port, connections=connections, seconds=seconds).run(answers_path)

    async def do_expect(self, *, count: int) -> dict[str, Any]:
        """Begin to count what comes in."""
        self._other_side.expect(count)
        return {}

    async def do_wait(self, *, seconds: float) -> dict[str, Any]:
        """Wait for what is expected."""
        return await self._other_side.wait(seconds)

    async def do_windows(self, *, size: int) -> dict[str, Any]:
        """Return the rate of each so many arrivals in a row, of what has come so far."""
        arrivals = self._other_side.arrivals
        ends = range(size, len(arrivals), size)
        return {"rates": [size / (arrivals[end] - arrivals[end - size]) for end in ends]}

    async def do_live(
        self, *, port: int, seconds: float, under_way: int, hook_paths: dict[str, str], app_secret: str
    ) -> dict[str, Any]:
        """Run whole lives with the ready requests."""
        self._lives = Lives(self._requests, hook_paths=hook_paths, app_secret=app_secret, under_way=under_way)
        try:
            return await self._lives.run(port=port, seconds=seconds)
        finally:
            self._lives = None


def _signature(secret: str, body: bytes) -> str:
    return f"x-hub-signature-256: sha256={hmac.digest(secret.encode(), body, hashlib.sha256).hex()}\r\n"


async def _main() -> None:
    world = World()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: ServerProtocol(world.handle), "127.0.0.1", 0, backlog=2048)
    _write({"port": server.sockets[0].getsockname()[1]})
    reader = asyncio.StreamReader(limit=2**20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        _write(await world.obey(orjson.loads(line)))


def _write(answer: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(answer) + b"\n")
    sys.stdout.buffer.flush()


uvloop.run(_main())
