"""Waiting for what is stored: a condition is looked at again after each commit, without polling."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

Found = TypeVar("Found")
WAIT_SECONDS = 60.0


class CommitSignal:
    """A ``CommitObserver`` that wakes waiting tests; made inside the running loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._committed = asyncio.Event()
        self.count = 0

    def committed(self, *, step: str, items: int, seconds: float) -> None:
        self._loop.call_soon_threadsafe(self._note)

    def _note(self) -> None:
        self.count += 1
        self._committed.set()

    async def until_more(self, count: int) -> None:
        """Wait for so many further commits: what was to happen by now has happened."""
        goal = self.count + count

        async def read() -> int:
            return self.count

        await self.until(read, lambda found: found >= goal)

    async def until(self, read: Callable[[], Awaitable[Found]], condition: Callable[[Found], bool]) -> Found:
        """Return what ``read`` gives as soon as it meets the condition."""
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                self._committed.clear()
                found = await read()
                if condition(found):
                    return found
                await self._committed.wait()
