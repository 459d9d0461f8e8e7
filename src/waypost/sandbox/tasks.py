"""The owner of the sandbox's background work."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

_log = logging.getLogger("waypost.sandbox")


class BackgroundWork:
    """Run coroutines and timers in one task group between `start` and `stop`; outside of that, nothing starts."""

    def __init__(self) -> None:
        self._group: asyncio.TaskGroup | None = None
        self._runner: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._timers: set[asyncio.TimerHandle] = set()

    @property
    def is_running(self) -> bool:
        return self._group is not None

    async def start(self) -> None:
        if self._runner is not None:
            return
        self._stopping = asyncio.Event()
        opened = asyncio.Event()
        self._runner = asyncio.create_task(self._run(opened), name="sandbox")
        await opened.wait()

    async def _run(self, opened: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            self._group = group
            opened.set()
            await self._stopping.wait()
            self._group = None
            for task in list(group._tasks):  # noqa: SLF001 - a group has no other way to cancel its children
                task.cancel()

    async def stop(self) -> None:
        """Cancel what runs and wait for its end; a second call does nothing."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        runner, self._runner = self._runner, None
        self._stopping.set()
        if runner is not None:
            await runner

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` in the group; when stopped, drop it."""
        if self._group is None:
            work.close()
            return
        task = self._group.create_task(_guarded(work))
        # A task cancelled before its first step never comes to await it; closing one that has ended does nothing.
        task.add_done_callback(lambda _: work.close())

    def call_later(self, delay_seconds: float, function: Callable[[], None]) -> None:
        """Call `function` after a delay, unless stopped before."""
        if self._group is None:
            return

        def fire() -> None:
            self._timers.discard(handle)
            function()

        handle = asyncio.get_running_loop().call_later(delay_seconds, fire)
        self._timers.add(handle)


async def _guarded(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception:  # noqa: BLE001 - the outer edge of a task: one defect must not end its siblings
        _log.exception("sandbox task failed")
