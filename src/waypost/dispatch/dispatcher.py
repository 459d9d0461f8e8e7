"""
The loop that sends: plan by pace and fairness, write intents, hand messages upstream, write how it ended.

One owner per source runs one loop: at most one round is under way, so what the pacing allows when a round is planned is
still allowed when it has committed. Memory holds only what is under way, never the backlog.
"""

import asyncio
import random
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Final

from waypost.dispatch.interfaces import DispatchLimits, DispatchObserver, MediaPreparer
from waypost.dispatch.lanes import Lanes, SourceLane
from waypost.dispatch.outcome import LEASE_TOO_SHORT, SOURCE_SILENT, decide
from waypost.dispatch.plan import next_start, plan_places
from waypost.dispatch.quarantine import Quarantine
from waypost.dispatch.round import Claim, MediaKey, Round, RoundResult, Settlement, Work
from waypost.dispatch.round_step import RoundStep
from waypost.dispatch.sender import Sender
from waypost.dispatch.takeover import take_over
from waypost.domain.errors import SendFailure
from waypost.domain.message import MessageState
from waypost.observe import get_logger
from waypost.ports import Accepted, Clock, IdFactory, ShardLeases
from waypost.store.claiming import Candidate, LaneKey, find_sources_with_work
from waypost.store.directory import Directory, Source
from waypost.store.engine import Database, Lane, Step, StoreUnavailableError
from waypost.store.quarantine import find_next_due

IDLE_FORGET_SECONDS: Final = 10.0
STORE_RETRY_SECONDS: Final = 0.5
FOREIGN_WORK_SECONDS: Final = 0.1
PAUSE_KNOWN_SECONDS: Final = 1.0
GATHER_SECONDS: Final = 0.01


class Dispatcher:
    """Sends the messages of all sources whose shards this node owns."""

    name = "dispatcher"

    def __init__(
        self,
        *,
        database: Database,
        directory: Directory,
        sender: Sender,
        leases: ShardLeases,
        media: MediaPreparer,
        clock: Clock,
        ids: IdFactory,
        node: str,
        limits: DispatchLimits,
        observer: DispatchObserver,
        on_told: Callable[[], None],
    ) -> None:
        self._database = database
        self._directory = directory
        self._sender = sender
        self._leases = leases
        self._media = media
        self._clock = clock
        self._ids = ids
        self._node = node
        self._limits = limits
        self._observer = observer
        self._on_told = on_told
        self._step: Step[Round, RoundResult] = Step(
            "dispatch", Lane.DISPATCH, RoundStep(ids, url_fresh_seconds=limits.url_fresh_seconds).apply
        )
        self._quarantine = Quarantine(
            database,
            directory,
            clock,
            ids,
            run_round=self._run_round,
            take_result=self._take_result,
            may_start=lambda source_id: self._plan().get(source_id, 0) > 0,
            on_ended=self.release,
            on_told=on_told,
        )
        self._lanes = Lanes()
        self._active: set[str] = set()
        self._finished: list[Settlement] = []
        self._crowd: dict[LaneKey, int] = {}
        self._released: set[LaneKey] = set()
        self._ended_meanwhile: set[LaneKey] = set()
        self._in_flight: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._has_enough = asyncio.Event()
        self._ends_enough = max(1, limits.in_flight_max // 2)
        self._next_due_us: int | None = 0
        self._next_poll = 0.0
        self._next_forget = 0.0
        self._log = get_logger("dispatch")

    def wake(self, source_ids: Collection[str] = ()) -> None:
        """Look for work at once: of these sources, or with none named of all. Called on the event loop."""
        if source_ids and self._lanes.sources.keys() >= set(source_ids):
            self._active.update(source_ids)
        else:
            self._next_poll = 0.0
        self._wake.set()

    def in_flight(self) -> int:
        """Return how many requests are under way."""
        return len(self._in_flight)

    async def run(self, stopping: asyncio.Event) -> None:
        """Send until stopped; then start nothing more, wait for what is under way, and write how it ended."""
        stop_wait = asyncio.ensure_future(stopping.wait())
        stop_wait.add_done_callback(lambda _: self._wake.set())
        try:
            while not stopping.is_set():
                await self._wait()
                await self._gather()
                try:
                    await self._round(starts_allowed=not stopping.is_set())
                except StoreUnavailableError as error:
                    self._log.warning("dispatch.store_unavailable", error=str(error))
                    await asyncio.wait([stop_wait], timeout=STORE_RETRY_SECONDS)
            await self._drain()
        finally:
            stop_wait.cancel()

    async def _drain(self) -> None:
        while self._in_flight or self._finished:
            if self._in_flight:
                await asyncio.wait(self._in_flight)
            try:
                await self._round(starts_allowed=False)
            except StoreUnavailableError as error:
                # What was sent stays an open intent: the next owner holds it in doubt, it is never sent blindly.
                self._log.error("dispatch.unsettled_at_stop", attempts=len(self._finished), error=str(error))
                return

    async def _wait(self) -> None:
        """Sleep until there is something to do: an end, new work, a place in the pacing, a due time, or the poll."""
        timeout = self._seconds_until_next()
        if timeout > 0:
            try:
                async with asyncio.timeout(timeout):
                    await self._wake.wait()
            except TimeoutError:
                pass
        self._wake.clear()

    async def _gather(self) -> None:
        """
        While most places are taken, let some ends come together.

        Each round costs a flush and hands the interpreter to and fro; with a round for every few ends that is most of
        the work there is.
        """
        if len(self._in_flight) * 2 < self._limits.in_flight_max or len(self._finished) >= self._ends_enough:
            return
        self._has_enough.clear()
        try:
            async with asyncio.timeout(GATHER_SECONDS):
                await self._has_enough.wait()
        except TimeoutError:
            pass

    def _seconds_until_next(self) -> float:
        now = self._clock.monotonic()
        moments = [self._next_poll]
        if self._next_due_us is not None:
            moments.append(now + (self._next_due_us - self._clock.now_us()) / 1_000_000)
        if len(self._in_flight) < self._limits.in_flight_max:
            first = next_start(
                self._directory.now.sources,
                self._lanes.sources,
                self._active,
                self._leases,
                now=now,
                in_flight_max=self._limits.in_flight_max,
            )
            if first is not None:
                moments.append(first)
        return max(0.0, min(moments) - now)

    async def _round(self, *, starts_allowed: bool) -> None:
        now = self._clock.monotonic()
        if now >= self._next_poll:
            await self._poll(now)
        places = self._plan() if starts_allowed else {}
        settlements, self._finished = self._finished, []
        is_due = self._next_due_us is not None and self._next_due_us <= self._clock.now_us()
        if not (places or settlements or self._released or is_due):
            return
        released, self._released = self._released, set()
        try:
            self._active -= await self._quarantine.run(settlements, places, released)
        except StoreUnavailableError:
            self._finished = settlements + self._finished
            self._released |= released
            self._next_poll = 0.0
            raise
        if is_due:
            # Another node may have queued it, for a source of ours. Not at once: under load something is always due.
            self._next_poll = min(self._next_poll, now + FOREIGN_WORK_SECONDS)

    async def _run_round(self, work: Work) -> tuple[Round, RoundResult]:
        self._ended_meanwhile.clear()
        round_ = self._build_round(work)
        return round_, await self._database.run(self._step, round_)

    def _build_round(self, work: Work) -> Round:
        now = self._clock.monotonic()
        sources = self._lanes.sources

        def pair_wait_seconds(source_id: str, recipient: str) -> float:
            return max(0.0, sources[source_id].pair_next_start(recipient, now) - now)

        snapshot, places = self._directory.now, work.places
        return Round(
            now_us=self._clock.now_us(),
            policy_now_us=self._clock.policy_now_us(),
            node=self._node,
            snapshot=snapshot,
            settlements=work.settlements,
            places=places,
            epochs={source_id: self._leases.epoch(snapshot.sources[source_id].shard) for source_id in places},
            # As of now: of an attempt that ends while the round is under way, the round writes no end, and what is
            # behind it in its lane must not overtake it.
            occupied={source_id: frozenset(sources[source_id].in_flight) for source_id in places},
            pair_wait_seconds=pair_wait_seconds,
            pair_interval_seconds=1.0 / self._limits.pair_pace.rate,
            crowd=self._crowd,
            released={lane: pair_wait_seconds(*lane) for lane in work.released if lane[0] in sources},
            chosen=work.chosen,
            promotions=work.promotions,
            withheld=self._quarantine.withheld,
        )

    def _plan(self) -> dict[str, int]:
        # As many as have ended since the last round will have ended when this one has committed: claimed ahead of the
        # place they need, no place waits for a commit. Where nothing ends, nothing is claimed ahead.
        places_max = self._limits.in_flight_max + len(self._finished)
        return plan_places(
            self._directory.now.sources,
            self._lanes.sources,
            self._active,
            self._leases,
            now=self._clock.monotonic(),
            free=min(places_max - len(self._in_flight), self._limits.batch_max),
            in_flight_max=places_max,
        )

    async def _poll(self, now: float) -> None:
        """See which sources are ours, which have work, and when the next is due; take over what is new to us."""
        self._next_poll = now + self._limits.poll_seconds
        snapshot = self._directory.now
        owned_shards = self._leases.owned()
        owned = {source_id: s for source_id, s in snapshot.sources.items() if s.shard in owned_shards}
        self._lanes.keep_only(frozenset(owned))
        self._active &= owned.keys()
        fresh = [source for source_id, source in owned.items() if source_id not in self._lanes.sources]
        if fresh:
            await self._take_over(fresh)
        for source_id, source in owned.items():
            self._lanes.sources[source_id].bucket.set_pace(source.pace or self._limits.number_pace)
        idle = [source_id for source_id in owned if source_id not in self._active]
        # Another process may have scheduled, moved or queued something: nobody wakes us for that.
        with_work, self._next_due_us = await self._database.read(
            lambda tx: (find_sources_with_work(tx, idle), find_next_due(tx, self._quarantine.withheld))
        )
        self._active |= set(with_work)
        if now >= self._next_forget:
            self._next_forget = now + IDLE_FORGET_SECONDS
            self._lanes.forget_idle(now)

    async def _take_over(self, sources: list[Source]) -> None:
        """Hold in doubt what a former owner left open, and go on from what it had started."""
        epochs = {source.id: self._leases.epoch(source.shard) for source in sources}
        taken = await take_over(
            self._database,
            self._directory.now,
            self._ids,
            epochs=epochs,
            now_us=self._clock.now_us(),
        )
        now, now_us = self._clock.monotonic(), self._clock.now_us()
        for source in sources:
            lane = SourceLane(pace=source.pace or self._limits.number_pace, pair_pace=self._limits.pair_pace)
            starts = taken.recent_starts.get(source.id, [])
            lane.replay([(recipient, now - max(0, now_us - at_us) / 1_000_000) for recipient, at_us in starts])
            self._lanes.sources[source.id] = lane
        if taken.in_doubt:
            self._log.warning("dispatch.attempts_in_doubt", attempts=taken.in_doubt, sources=len(sources))
            self._on_told()

    def _take_result(self, result: RoundResult, round_: Round) -> None:
        now, now_us = self._clock.monotonic(), self._clock.now_us()
        self._next_due_us = result.next_due_us
        for claim in result.claims:
            # As the round knew it: a source deleted since then may be gone from the directory, but what it was claimed
            # for has its intent, and is accounted for.
            source = round_.snapshot.sources[claim.candidate.source_id]
            self._lanes.sources[source.id].start(claim.candidate.recipient, now)
            task = asyncio.create_task(self._attempt(source, claim))
            self._in_flight.add(task)
            task.add_done_callback(self._in_flight.discard)
        # First the emptied ones: the same round may have parked a message in such a lane after it was found empty.
        for lane in result.emptied:
            self._crowd.pop(lane, None)
        for lane in result.parked:
            self._crowd[lane] = self._crowd.get(lane, 0) + 1
            if lane in self._ended_meanwhile:
                # It was parked behind a request that has ended since the round was planned: nobody else wakes it.
                self._released.add(lane)
        for candidate in result.ended:
            self.release((candidate.source_id, candidate.recipient))
        self._active -= result.short
        for key, candidate in result.media_needed.items():
            self._prepare_media(key, candidate)
        if result.promoted or result.released:
            self._next_poll = 0.0
            self._wake.set()
        if result.told:
            self._on_told()
        self._observer.round_done(
            starts=len(result.claims),
            settled=len(round_.settlements),
            in_flight=len(self._in_flight),
            refused=result.refused,
            waits_us=[now_us - one.candidate.accepted_at_us for one in result.claims if one.number == 1],
        )

    def release(self, lane: LaneKey) -> None:
        """Let the lane's next message go in the next round: the one it was parked behind has ended. On the loop."""
        self._ended_meanwhile.add(lane)
        if lane in self._crowd:
            self._released.add(lane)

    def _prepare_media(self, key: MediaKey, candidate: Candidate) -> None:
        source = self._directory.now.sources.get(key[1])
        if source is not None:
            self._media.prepare(source, candidate)

    async def _attempt(self, source: Source, claim: Claim) -> None:
        now, bucket = self._clock.monotonic(), self._lanes.sources[source.id].bucket
        if not self._leases.may_start(source.shard):
            # The process stood still between plan and start: by now the number may have another owner (SND-5).
            end: Accepted | SendFailure = LEASE_TOO_SHORT
        elif bucket.silent_until > now:
            # Throttled since the round was planned (RATE-4).
            end = replace(SOURCE_SILENT, retry_after_seconds=bucket.silent_until - now)
        else:
            end = await self._sender.send(source, claim)
        self._finished.append(self._settlement(claim, end))
        self._wake.set()
        if len(self._finished) >= self._ends_enough:
            self._has_enough.set()

    def _settlement(self, claim: Claim, end: Accepted | SendFailure) -> Settlement:
        candidate = claim.candidate
        lane = self._lanes.sources[candidate.source_id]
        lane.finish(candidate.recipient)
        now_us = self._clock.now_us()
        decision = None
        due_at_us = now_us
        if isinstance(end, Accepted):
            lane.accepted(candidate.recipient)
        else:
            decision = decide(
                end,
                attempt_number=claim.number,
                failed_attempts=candidate.failed_attempts,
                attempts_max=self._limits.attempts_max,
                soft_refusal_wait_seconds=self._limits.soft_refusal_wait_seconds,
                random=random.random(),  # noqa: S311 - jitter
            )
            if decision.silence is not None:
                lane.throttle(
                    candidate.recipient,
                    decision.silence,
                    retry_after_seconds=end.retry_after_seconds,
                    now=self._clock.monotonic(),
                    chance=random.random(),  # noqa: S311 - jitter
                )
            if decision.pauses_source:
                # Until the directory knows of the pause: what would start meanwhile could only fail in the same way.
                lane.bucket.silence(self._clock.monotonic() + PAUSE_KNOWN_SECONDS)
            if decision.state is MessageState.WAITING:
                due_at_us += int(decision.wait_seconds * 1_000_000)
            if decision.state is MessageState.QUEUED:
                self._active.add(candidate.source_id)
        self.release((candidate.source_id, candidate.recipient))
        return Settlement(
            candidate=candidate,
            number=claim.number,
            started_at_us=claim.started_at_us,
            end=end,
            decision=decision,
            ended_at_us=now_us,
            due_at_us=due_at_us,
        )
