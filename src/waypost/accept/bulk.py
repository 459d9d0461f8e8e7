"""
Feeding bulk sends: pending rows become messages, chunk by chunk.

A chunk is one transaction: its messages, what became of its rows, and the counts. So each row becomes a message once,
whatever is killed when. A bulk send never has more than a bounded number of messages waiting to be sent, however many
rows it has: what is sent one by one finds a short queue, and a pause or a cancel takes effect soon.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, NamedTuple, Protocol

import orjson

from waypost.accept.acceptor import Acceptance, Acceptor, keep_prepared, sources_of
from waypost.accept.judging import Request
from waypost.contract.errors import ContractRefusal, refusal_of
from waypost.contract.requests import parse_entry
from waypost.domain.bulk import fill
from waypost.domain.errors import FailureReason, PolicyRefusal
from waypost.domain.message import MessageDraft, Priority
from waypost.domain.value import value
from waypost.observe import get_logger
from waypost.ports import Clock
from waypost.store.bulk import BulkRecord
from waypost.store.directory import Account, Directory
from waypost.store.engine import Database, Lane, Step, StoreUnavailableError
from waypost.store.feeding import (
    PendingRow,
    find_still_pending,
    hold_running,
    list_running,
    load_pending,
    measure_backlog,
    settle_rows,
)
from waypost.store.transaction import Tx

RUNNING_MAX: Final = 100
"""Bulk sends looked at in one turn, of all accounts; the next turn looks at those behind them."""
ROOM_LOOK_SECONDS: Final = 0.2
STORE_RETRY_SECONDS: Final = 1.0
_ROWS_PER_SLICE: Final = 50
"""Rows read between two looks at what else the event loop has to do."""


class Overload(Protocol):
    """Knows how full the gateway is."""

    def refuses(self, account: Account) -> int | None:
        """Return the HTTP status that a send request would be refused with, or None while there is room."""


class FeedObserver(Protocol):
    """Told of what became of rows; for metrics."""

    def accepted(self, drafts: list[MessageDraft]) -> None: ...
    def refused(self, code: str) -> None: ...


@value
class FeedLimits:
    """How much is fed at a time, how many messages of a bulk send may wait, and how often to look for new ones."""

    chunk_rows: int
    backlog_max: int
    poll_seconds: float


@value
class Turn:
    """What one turn did: rows settled, and whether any bulk send is still to be fed."""

    settled: int = 0
    is_running: bool = False


class _Ready(NamedTuple):
    """A row that can be judged."""

    position: int
    draft: MessageDraft
    request: Request


class _Refused(NamedTuple):
    position: int
    code: str
    remark: str


class _Chunk(NamedTuple):
    """Rows of one bulk send, in the order of their positions."""

    bulk_id: str
    ready: Sequence[_Ready]
    refused: Sequence[_Refused]
    first: int
    last: int
    now_us: int


class _Settled(NamedTuple):
    accepted: Sequence[_Ready]
    refused: Sequence[_Refused]


class BulkFeeder:
    """Feeds the bulk sends of all accounts; a service. Several nodes may run it: one at a time feeds a bulk send."""

    name = "bulk"

    def __init__(
        self,
        *,
        database: Database,
        directory: Directory,
        clock: Clock,
        acceptor: Acceptor,
        overload: Overload,
        observer: FeedObserver,
        limits: FeedLimits,
        on_accepted: Callable[[Collection[str]], None],
    ) -> None:
        """``on_accepted`` is called with the sources of messages just kept, once they are durable."""
        self._database = database
        self._directory = directory
        self._clock = clock
        self._acceptor = acceptor
        self._overload = overload
        self._observer = observer
        self._limits = limits
        self._on_accepted = on_accepted
        self._step: Step[_Chunk, _Settled | None] = Step("bulk", Lane.ACCEPT, _settle)
        self._chunk_rows: dict[str, int] = {}
        self._after = ""
        self._woken = asyncio.Event()
        self._log = get_logger("bulk")

    def wake(self) -> None:
        """Look at once: a bulk send was started. Called on the event loop."""
        self._woken.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Feed until stopped; stop after the chunk that is under way."""
        stop_wait = asyncio.ensure_future(stopping.wait())
        stop_wait.add_done_callback(lambda _: self._woken.set())
        try:
            while not stopping.is_set():
                self._woken.clear()
                seconds = self._limits.poll_seconds
                try:
                    turn = await self.turn()
                    if turn.is_running:
                        seconds = 0.0 if turn.settled else ROOM_LOOK_SECONDS
                except StoreUnavailableError as error:
                    self._log.warning("bulk.store_unavailable", error=str(error))
                    seconds = STORE_RETRY_SECONDS
                if seconds:
                    await self._rest(seconds)
        finally:
            stop_wait.cancel()

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            pass

    async def turn(self) -> Turn:
        """Feed at most one chunk of each of the next running bulk sends. Raises StoreUnavailableError."""
        after = self._after
        running = await self._database.read(lambda tx: list_running(tx, after=after, at_most=RUNNING_MAX))
        # However many there is no room for, those behind them have their turn.
        self._after = running[-1].id if len(running) == RUNNING_MAX else ""
        settled = 0
        for bulk in running:
            account = self._directory.now.accounts.get(bulk.account_id)
            if account is not None and self._overload.refuses(account) is None:
                settled += await self._feed(bulk, account)
        return Turn(settled=settled, is_running=bool(running or after))

    async def _feed(self, bulk: BulkRecord, account: Account) -> int:
        """Feed the next rows, if there is room for them; return how many were settled."""
        at_most = min(self._chunk_rows.get(bulk.id, self._limits.chunk_rows), self._limits.backlog_max)
        # Not every place that comes free: a transaction for a handful of rows costs what one for hundreds does.
        room_min = min(at_most, max(1, self._limits.chunk_rows // 4))

        def look(tx: Tx) -> list[PendingRow] | None:
            room = self._limits.backlog_max - measure_backlog(tx, bulk.id, at_most=self._limits.backlog_max)
            return load_pending(tx, bulk.id, at_most=min(room, at_most)) if room >= room_min else None

        rows = await self._database.read(look)
        if rows is None:
            return 0
        chunk = await self._read_rows(bulk, account, rows)
        try:
            settled = await self._database.run(self._step, chunk)
        except StoreUnavailableError:
            raise
        except Exception:  # noqa: BLE001 - what is wrong with one row costs only that row
            return await self._feed_less(bulk, rows)
        if len(rows) == at_most and bulk.id in self._chunk_rows:
            self._chunk_rows[bulk.id] = min(at_most * 2, self._limits.chunk_rows)
        return 0 if settled is None else self._tell(bulk, settled)

    def _tell(self, bulk: BulkRecord, settled: _Settled) -> int:
        if settled.accepted:
            self._observer.accepted([row.draft for row in settled.accepted])
            self._on_accepted(set[str]().union(*(sources_of(row.request) for row in settled.accepted)))
        for row in settled.refused:
            self._observer.refused(row.code)
        self._log.info("bulk.fed", bulk_id=bulk.id, accepted=len(settled.accepted), refused=len(settled.refused))
        return len(settled.accepted) + len(settled.refused)

    async def _feed_less(self, bulk: BulkRecord, rows: Sequence[PendingRow]) -> int:
        """After a chunk that cannot be written: go on with half as many, and refuse the one row that cannot be."""
        self._chunk_rows[bulk.id] = max(1, len(rows) // 2)
        if len(rows) > 1:
            self._log.warning("bulk.chunk_refused", bulk_id=bulk.id, rows=len(rows))
            return 0
        self._log.exception("bulk.row_refused", bulk_id=bulk.id, positions=[row.position for row in rows])
        refused = [_refusal(row.position, PolicyRefusal(FailureReason.PLATFORM_ERROR)) for row in rows]
        settled = await self._database.run(self._step, _chunk(bulk.id, [], refused, rows, self._clock.now_us()))
        return 0 if settled is None else self._tell(bulk, settled)

    async def _read_rows(self, bulk: BulkRecord, account: Account, rows: Sequence[PendingRow]) -> _Chunk:
        """Make drafts of rows, in slices, so that the event loop is never held up for long."""
        entry = orjson.loads(bulk.entry)
        now_us = self._clock.now_us()
        ready: list[_Ready] = []
        refused: list[_Refused] = []
        for place, row in enumerate(rows, start=1):
            draft = _draft_of(entry, account, row, now_us)
            if isinstance(draft, MessageDraft):
                request = self._acceptor.prepare(account, [draft], bulk_id=bulk.id)
                ready.append(_Ready(row.position, draft, request))
            else:
                refused.append(_refusal(row.position, draft))
            if place % _ROWS_PER_SLICE == 0:
                await asyncio.sleep(0)
        return _chunk(bulk.id, ready, refused, rows, now_us)


def _chunk(
    bulk_id: str, ready: Sequence[_Ready], refused: Sequence[_Refused], rows: Sequence[PendingRow], now_us: int
) -> _Chunk:
    first, last = (rows[0].position, rows[-1].position) if rows else (0, -1)
    return _Chunk(bulk_id, ready, refused, first, last, now_us)


def _draft_of(
    entry: Any, account: Account, row: PendingRow, now_us: int
) -> MessageDraft | ContractRefusal | PolicyRefusal:
    try:
        filled = fill(entry, orjson.loads(row.fields))
    except KeyError:
        # Rows are checked for their columns when they come in: somebody has changed the database by hand.
        return PolicyRefusal(FailureReason.PLATFORM_ERROR)
    filled["recipient_whatsapp"] = row.recipient
    return parse_entry(filled, source_policy=account.source_policy, now_us=now_us, priority=Priority.LOW)


def _refusal(position: int, refusal: ContractRefusal | PolicyRefusal) -> _Refused:
    error = (refusal_of(refusal) if isinstance(refusal, PolicyRefusal) else refusal).error
    return _Refused(position, error.code or "none", f"{error.code} {error.text}")


def _settle(tx: Tx, chunks: Sequence[_Chunk]) -> Sequence[_Settled | None]:
    return [_settle_one(tx, chunk) for chunk in chunks]


def _settle_one(tx: Tx, chunk: _Chunk) -> _Settled | None:
    """Accept or refuse the rows that are still pending; None if the bulk send runs no longer, or elsewhere."""
    if not hold_running(tx, chunk.bulk_id):
        return None
    pending = find_still_pending(tx, chunk.bulk_id, first=chunk.first, last=chunk.last)
    ready = [row for row in chunk.ready if row.position in pending]
    refused = [row for row in chunk.refused if row.position in pending]
    accepted: list[_Ready] = []
    kept: list[tuple[int, str]] = []
    for row, answer in zip(ready, keep_prepared(tx, [row.request for row in ready]), strict=True):
        if isinstance(answer, Acceptance):
            accepted.append(row)
            kept.append((row.position, answer.ids[0]))
        else:
            refused.append(_refusal(row.position, answer))
    settle_rows(
        tx,
        chunk.bulk_id,
        accepted=kept,
        refused=[(row.position, row.remark) for row in refused],
        now_us=chunk.now_us,
    )
    return _Settled(accepted, refused)
