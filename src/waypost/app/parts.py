"""Small services made of what the parts already have: a loop to run, something to open, something to close."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


async def _nothing() -> None:
    pass


async def _until_stopped(stopping: asyncio.Event) -> None:
    await stopping.wait()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A ``Service`` from functions; what is not given does nothing."""

    name: str
    opening: Callable[[], Awaitable[None]] = _nothing
    running: Callable[[asyncio.Event], Awaitable[None]] = _until_stopped
    closing: Callable[[], Awaitable[None]] = _nothing

    async def start(self) -> None:
        """See ``Service``."""
        await self.opening()

    async def run(self, stopping: asyncio.Event) -> None:
        """See ``Service``."""
        await self.running(stopping)

    async def stop(self) -> None:
        """See ``Service``."""
        await self.closing()
