"""Group commit in its shortest form: what waits while a commit runs is the next commit."""

import asyncio
import os
import queue
import threading
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from psycopg.errors import DeadlockDetected

from waypost.store.connections import connector_for
from waypost.store.transaction import Tx

GROUP_MAX = 1_000

Apply = Callable[[Tx, Sequence[Any]], None]


class GroupWriter:
    """One thread with one connection; opened with the gateway's own guarantees (WAL, FULL; synchronous commit)."""

    def __init__(self, database_url: str) -> None:
        self._connection = connector_for(database_url).open_writer()
        self._queue: queue.SimpleQueue[tuple[Apply, Any, asyncio.Future[None]]] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._work, daemon=True).start()

    def write(self, apply: Apply, item: Any) -> "asyncio.Future[None]":
        """Write an item, together with all others that wait with the same function; done when it is durable."""
        future: asyncio.Future[None] = self._loop.create_future()
        self._queue.put((apply, item, future))
        return future

    def _work(self) -> None:
        try:
            self._commit_for_ever()
        except BaseException:  # noqa: BLE001 - printed, and the end of the process
            # Its futures would wait for ever, and whoever measures with them.
            traceback.print_exc()
            os._exit(1)

    def _commit_for_ever(self) -> None:
        while True:
            entries = [self._queue.get()]
            try:
                while len(entries) < GROUP_MAX:
                    entries.append(self._queue.get_nowait())
            except queue.Empty:
                pass
            groups: dict[Apply, list[Any]] = {}
            for apply, item, _ in entries:
                groups.setdefault(apply, []).append(item)
            while not self._committed(groups):
                continue
            self._loop.call_soon_threadsafe(_resolve, [future for _, _, future in entries])

    def _committed(self, groups: dict[Apply, list[Any]]) -> bool:
        """Write all of it; False if PostgreSQL chose this writer as the one of two that must begin again."""
        self._connection.begin()
        try:
            for apply, items in groups.items():
                apply(self._connection.tx, items)
            self._connection.commit()
        except DeadlockDetected:
            self._connection.rollback()
            return False
        return True


def _resolve(futures: Sequence["asyncio.Future[None]"]) -> None:
    for future in futures:
        future.set_result(None)
