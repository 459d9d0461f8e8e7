"""A process that takes one command a line and answers each with a line."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping

import orjson


async def obey(commands: Mapping[str, Callable[..., Awaitable[None]]]) -> None:
    """Say that we are there, and do what is asked until the input ends."""
    _write({"port": 0})
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        command = orjson.loads(line)
        await commands[command.pop("do")](**command)
        _write({})


def _write(answer: dict[str, int]) -> None:
    sys.stdout.buffer.write(orjson.dumps(answer) + b"\n")
    sys.stdout.buffer.flush()
