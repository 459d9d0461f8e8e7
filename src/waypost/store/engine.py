"""
Opening a database, and writing to it in groups.

A ``Step`` is one kind of write. Callers hand in items and await their results; whatever waits while a commit runs
becomes the next transaction (group commit, no added delay). SQLite has one writer thread for everything; PostgreSQL has
one per lane, so that accepting, dispatching, receiving and notifying commit side by side. Commits never run on the
event loop.
"""

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Generic, Protocol, TypeVar

from waypost.store.connections import Connection, ConnectionLost, Connector
from waypost.store.transaction import Tx

Item = TypeVar("Item")
Result = TypeVar("Result")

ITEMS_PER_COMMIT_MAX: Final = 1_000
CONFLICT_RETRIES_MAX: Final = 5
READERS: Final = 4


class StoreUnavailableError(Exception):
    """
    The database did not take a write or answer a read; nothing of it may be counted on.

    The contract's answer is 503: the caller may try again.
    """


class Lane(StrEnum):
    """Who writes; on PostgreSQL each lane has its own connection and thread."""

    ACCEPT = "accept"
    DISPATCH = "dispatch"
    RECEIVE = "receive"
    NOTIFY = "notify"
    MANAGE = "manage"


@dataclass(frozen=True, slots=True, eq=False)
class Step(Generic[Item, Result]):
    """
    One kind of write.

    ``apply`` gets the open transaction and the items of all callers that wait, and returns one result per item, in
    order; a result that is an exception is raised at its caller. If ``apply`` itself raises, what it did is rolled back
    and each item is tried alone, so that one bad item costs only itself.
    """

    name: str
    lane: Lane
    apply: Callable[[Tx, Sequence[Item]], Sequence[Result | Exception]]


@dataclass(frozen=True, slots=True, eq=False)
class _Call:
    operation: Callable[[Tx], Any]
    account_id: str | None


def _call_each(tx: Tx, calls: Sequence[_Call]) -> Sequence[Any]:
    return [call.operation(_behind_wall(tx, call.account_id)) for call in calls]


def _behind_wall(tx: Tx, account_id: str | None) -> Tx:
    return tx if account_id is None else tx.for_account(account_id)


class CommitObserver(Protocol):
    """Told of every commit; called on the writer's thread."""

    def committed(self, *, step: str, items: int, seconds: float) -> None:
        """One transaction is durable; ``step`` is the first kind of write in it."""

    def failed(self, *, step: str, items: int, error: str) -> None:
        """One transaction was not taken; its callers have been told."""


class _NoObserver:
    def committed(self, *, step: str, items: int, seconds: float) -> None:
        pass

    def failed(self, *, step: str, items: int, error: str) -> None:
        pass


_Entry = tuple[Step[Any, Any], Any, "asyncio.Future[Any]"]


class _Writer:
    """One thread, one connection: takes what waits, applies it, commits, answers."""

    def __init__(self, name: str, connector: Connector, observer: CommitObserver) -> None:
        self._connector = connector
        self._observer = observer
        self._queue: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=f"store-{name}", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self.commits = 0

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._thread.start()

    def stop(self) -> None:
        """Finish what waits, then end."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def put(self, entry: _Entry) -> None:
        self._queue.put(entry)

    def waiting(self) -> int:
        return self._queue.qsize()

    def _work(self) -> None:
        connection: Connection | None = None
        is_open = True
        while is_open:
            batch, is_open = self._take()
            if batch:
                connection = self._commit(connection, batch)
        if connection is not None:
            connection.close()

    def _take(self) -> tuple[list[_Entry], bool]:
        first = self._queue.get()
        if first is None:
            return [], False
        batch = [first]
        try:
            while len(batch) < ITEMS_PER_COMMIT_MAX:
                entry = self._queue.get_nowait()
                if entry is None:
                    return batch, False
                batch.append(entry)
        except queue.Empty:
            pass
        return batch, True

    def _commit(self, connection: Connection | None, batch: list[_Entry]) -> Connection | None:
        """
        Apply and commit one batch; return the connection to go on with.

        After an error of the connection or the disk the connection is dropped, and the next batch opens a new one, with
        all its checks: nothing is acknowledged over a connection that has failed once (DUR-6).
        """
        started = time.perf_counter()
        for tries_left in reversed(range(CONFLICT_RETRIES_MAX)):
            try:
                if connection is None:
                    connection = self._connector.open_writer()
                results = _apply(connection, batch)
                connection.commit()
                self.commits += 1
            except ConnectionLost as error:
                if connection is not None:
                    connection.close()
                connection = None
                if error.is_conflict and tries_left:
                    continue
                self._fail(batch, error)
                break
            except Exception as error:  # noqa: BLE001 - the writer must outlive any defect, and its callers be told
                if connection is not None:
                    connection.close()
                connection = None
                self._fail(batch, error)
                break
            self._answer(batch, results)
            seconds = time.perf_counter() - started
            self._observer.committed(step=batch[0][0].name, items=len(batch), seconds=seconds)
            break
        return connection

    def _fail(self, batch: list[_Entry], error: Exception) -> None:
        failure = StoreUnavailableError(f"the database did not take the write: {error}")
        self._answer(batch, [failure] * len(batch))
        self._observer.failed(step=batch[0][0].name, items=len(batch), error=str(error))

    def _answer(self, batch: list[_Entry], results: Sequence[Any]) -> None:
        assert self._loop is not None
        futures = [entry[2] for entry in batch]
        try:
            self._loop.call_soon_threadsafe(_resolve, futures, results)
        except RuntimeError:
            # The loop has closed: nobody is left to be told. The write itself stands.
            return


def _resolve(futures: Sequence["asyncio.Future[Any]"], results: Sequence[Any]) -> None:
    for future, result in zip(futures, results, strict=True):
        if future.done():
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)


def _apply(connection: Connection, batch: list[_Entry]) -> list[Any]:
    """
    Begin, and apply the batch; return the results in the batch's order. Nothing is committed yet.

    The usual case takes no savepoints. If anything raises, all is rolled back and done again with care: each step in a
    savepoint, and where that fails each item in one.
    """
    connection.begin()
    try:
        return _apply_steps(connection, batch, _apply_plainly)
    except ConnectionLost:
        raise
    except Exception as error:
        lost = connection.as_lost(error)
        if lost is not None:
            raise lost from error
    connection.rollback()
    connection.begin()
    return _apply_steps(connection, batch, _apply_carefully)


def _apply_steps(
    connection: Connection,
    batch: list[_Entry],
    apply: Callable[[Connection, Step[Any, Any], list[Any]], Sequence[Any]],
) -> list[Any]:
    places: dict[Step[Any, Any], list[int]] = {}
    for place, entry in enumerate(batch):
        places.setdefault(entry[0], []).append(place)
    if len(places) == 1:
        return list(apply(connection, batch[0][0], [entry[1] for entry in batch]))
    results: list[Any] = [None] * len(batch)
    for step, own in places.items():
        outcome = apply(connection, step, [batch[place][1] for place in own])
        for place, result in zip(own, outcome, strict=True):
            results[place] = result
    return results


def _apply_plainly(connection: Connection, step: Step[Any, Any], items: list[Any]) -> Sequence[Any]:
    return step.apply(connection.tx, items)


def _apply_carefully(connection: Connection, step: Step[Any, Any], items: list[Any]) -> Sequence[Any]:
    connection.savepoint()
    try:
        results = step.apply(connection.tx, items)
    except ConnectionLost:
        raise
    except Exception as error:
        lost = connection.as_lost(error)
        if lost is not None:
            raise lost from error
        connection.rollback_to_savepoint()
        if len(items) == 1:
            return [error]
        return [result for item in items for result in _apply_carefully(connection, step, [item])]
    connection.release_savepoint()
    return results


class Database:
    """The seam to the database: grouped writes, reads on threads of their own."""

    def __init__(self, connector: Connector, *, observer: CommitObserver | None = None) -> None:
        self.connector = connector
        self._observer = observer or _NoObserver()
        self._writers: dict[Lane, _Writer] = {}
        self._each_writer: tuple[_Writer, ...] = ()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-read")
        self._reading = threading.local()
        self._open_readers: list[Connection] = []
        self._calls = {lane: Step(f"{lane}.call", lane, _call_each) for lane in Lane}
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Check that the database keeps its promises (DUR-7), and start the writers. Raises what is wrong in words."""
        self._loop = asyncio.get_running_loop()
        await self._loop.run_in_executor(self._readers, self.connector.check)
        if self.connector.has_one_writer:
            writer = _Writer("writer", self.connector, self._observer)
            self._writers = dict.fromkeys(Lane, writer)
        else:
            self._writers = {lane: _Writer(lane, self.connector, self._observer) for lane in Lane}
        self._each_writer = tuple(set(self._writers.values()))
        for started in self._each_writer:
            started.start(self._loop)

    async def stop(self) -> None:
        """Commit what waits, then close. May be called before start, and twice."""
        for writer in self._each_writer:
            await asyncio.to_thread(writer.stop)
        self._writers, self._each_writer = {}, ()
        self._readers.shutdown(wait=True)
        for connection in self._open_readers:
            connection.close()
        self._open_readers.clear()

    def run(self, step: Step[Item, Result], item: Item) -> "asyncio.Future[Result]":
        """
        Hand one item to a step; the future ends when its transaction is durable.

        Raises (through the future) what the step raised for this item, or ``StoreUnavailableError``. Cancelling the
        wait does not take the item back.
        """
        assert self._loop is not None
        future: asyncio.Future[Result] = self._loop.create_future()
        writer = self._writers.get(step.lane)
        if writer is None:
            future.set_exception(StoreUnavailableError("the database is closed"))
        else:
            writer.put((step, item, future))
        return future

    @property
    def commits(self) -> int:
        """How many transactions this process has committed: by it one sees that something may have changed."""
        return sum([writer.commits for writer in self._each_writer])

    def waiting_items(self) -> int:
        """Return how many writes wait for their transaction now, those of the running commits left out."""
        return sum([writer.waiting() for writer in self._each_writer])

    async def write(
        self, operation: Callable[[Tx], Result], *, account_id: str | None = None, lane: Lane = Lane.MANAGE
    ) -> Result:
        """
        Run one operation in a transaction of the lane; durable when this returns. For what is not hot.

        ``account_id`` as in ``read``.
        """
        result: Result = await self.run(self._calls[lane], _Call(operation, account_id))
        return result

    async def read(self, operation: Callable[[Tx], Result], *, account_id: str | None = None) -> Result:
        """
        Run a read on a connection of its own; it sees everything committed before the call.

        Name in ``account_id`` the account it is made for: PostgreSQL then shows it no other's rows, whatever its
        statements say (``waypost.store.wall``). None is the gateway's own work, for all accounts.
        """
        assert self._loop is not None
        return await self._loop.run_in_executor(self._readers, self._read, operation, account_id)

    def _read(self, operation: Callable[[Tx], Result], account_id: str | None) -> Result:
        connection: Connection | None = getattr(self._reading, "connection", None)
        try:
            if connection is None:
                connection = self.connector.open_reader()
                self._reading.connection = connection
                self._open_readers.append(connection)
            connection.begin_read()
            result = operation(_behind_wall(connection.tx, account_id))
            connection.end_read()
        except Exception as error:
            lost = error if isinstance(error, ConnectionLost) else connection and connection.as_lost(error)
            if connection is not None:
                connection.end_read_after_error()
            if not lost:
                raise
            if connection is not None:
                self._reading.connection = None
                self._open_readers.remove(connection)
                connection.close()
            raise StoreUnavailableError(f"the database did not answer: {lost}") from error
        return result
