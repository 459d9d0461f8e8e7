"""
The watch over attempts in doubt: resolved by a status with their token, released by the rule, or given up in words.

A status that carries the token resolves an attempt wherever it comes in (``receive``); this service only releases and
gives up, each judged on evidence of one moment, and written in a transaction that looks again.
"""

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from waypost.domain.doubt import DoubtLimits, Evidence, Verdict, judge_doubt
from waypost.domain.errors import FailureReason
from waypost.domain.status import Announced
from waypost.observe import get_logger
from waypost.outbox import News, Notice, failed_news, tell
from waypost.ports import Clock, IdFactory, ShardLeases
from waypost.service import rest
from waypost.store.directory import Directory, Snapshot
from waypost.store.doubt import (
    Cohort,
    Doubt,
    give_up_doubts,
    has_hint,
    hold_doubts,
    load_cohort,
    load_doubts,
    release_doubts,
    was_ingress_healthy,
)
from waypost.store.engine import Database, Lane, StoreUnavailableError
from waypost.store.moments import at_one_moment
from waypost.store.transaction import Tx

DOUBTS_PER_SWEEP: Final = 500
MICROSECONDS: Final = 1_000_000


class DoubtObserver(Protocol):
    """Told of each sweep that did something; for metrics."""

    def swept(self, *, released: int, given_up: int) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSettings:
    """Seconds; see the settings ``dispatch``."""

    sweep_seconds: float
    ingress_gap_seconds: float
    cohort_window_seconds: float
    limits: DoubtLimits


@dataclass(frozen=True, slots=True)
class _Found:
    doubt: Doubt
    cohort: Cohort
    is_ingress_healthy: bool
    has_hint: bool


class DoubtWatch:
    """Sweeps the attempts in doubt of the sources this node owns."""

    name = "in-doubt"

    def __init__(
        self,
        *,
        database: Database,
        directory: Directory,
        leases: ShardLeases,
        clock: Clock,
        ids: IdFactory,
        settings: SweepSettings,
        observer: DoubtObserver,
        on_released: Callable[[], None],
        on_told: Callable[[], None],
    ) -> None:
        self._database = database
        self._directory = directory
        self._leases = leases
        self._clock = clock
        self._ids = ids
        self._settings = settings
        self._observer = observer
        self._on_released = on_released
        self._on_told = on_told
        self._complete_since: dict[str, float] = {}
        self._refused: set[str] = set()
        self._log = get_logger("dispatch")

    async def run(self, stopping: asyncio.Event) -> None:
        """Sweep until stopped; while as many ended as one sweep looks at, at once again."""
        while not stopping.is_set():
            try:
                if await self.sweep() >= DOUBTS_PER_SWEEP:
                    continue
            except StoreUnavailableError as error:
                self._log.warning("in_doubt.store_unavailable", error=str(error))
            await rest(stopping, self._settings.sweep_seconds)

    async def sweep(self) -> int:
        """
        Judge attempts in doubt, those first that are over; return how many have ended.

        At most ``DOUBTS_PER_SWEEP`` are looked at. A second call at once finds nothing new, if fewer than that ended.
        Raises StoreUnavailableError.
        """
        snapshot = self._directory.now
        owned = self._leases.owned()
        source_ids = [source_id for source_id, source in snapshot.sources.items() if source.shard in owned]
        now_us = self._clock.now_us()
        found = await self._database.read(lambda tx: self._find_at_once(tx, source_ids, now_us))
        verdicts = self._judge([item for item in found if item.doubt.message_id not in self._refused], now_us)
        released = [item.doubt for item in found if verdicts.get(item.doubt.message_id) is Verdict.RELEASE]
        given_up = [item.doubt for item in found if verdicts.get(item.doubt.message_id) is Verdict.GIVE_UP]
        if not released and not given_up:
            return 0
        try:
            counts = await self._end(snapshot, released, given_up, now_us)
        except StoreUnavailableError:
            raise
        except Exception:  # noqa: BLE001 - what is wrong with one message costs only that message
            self._log.exception("in_doubt.sweep_refused", released=len(released), given_up=len(given_up))
            counts = await self._end_singly(snapshot, released, given_up, now_us)
        self._log.info("in_doubt.swept", in_doubt=len(found), released=counts[0], given_up=counts[1])
        self._observer.swept(released=counts[0], given_up=counts[1])
        self._on_released()
        self._on_told()
        return sum(counts)

    async def _end(
        self, snapshot: Snapshot, released: Sequence[Doubt], given_up: Sequence[Doubt], now_us: int
    ) -> tuple[int, int]:
        return await self._database.write(
            lambda tx: self._write(tx, snapshot, released, given_up, now_us), lane=Lane.DISPATCH
        )

    async def _end_singly(
        self, snapshot: Snapshot, released: Sequence[Doubt], given_up: Sequence[Doubt], now_us: int
    ) -> tuple[int, int]:
        ended: list[tuple[int, int]] = []
        for parts in [*(([doubt], []) for doubt in released), *(([], [doubt]) for doubt in given_up)]:
            try:
                ended.append(await self._end(snapshot, *parts, now_us))
            except StoreUnavailableError:
                raise
            except Exception:  # noqa: BLE001 - as in sweep
                for doubt in itertools.chain(*parts):
                    self._refused.add(doubt.message_id)
                    self._log.exception("in_doubt.message_refused", message_id=doubt.message_id)
        return sum(count for count, _ in ended), sum(count for _, count in ended)

    def _find_at_once(self, tx: Tx, source_ids: Sequence[str], now_us: int) -> list[_Found]:
        # A status that comes in meanwhile is in all of the evidence or in none of it.
        with at_one_moment(tx):
            return self._find(tx, source_ids, now_us)

    def _find(self, tx: Tx, source_ids: Sequence[str], now_us: int) -> list[_Found]:
        gap_us = int(self._settings.ingress_gap_seconds * MICROSECONDS)
        window_us = int(self._settings.cohort_window_seconds * MICROSECONDS)
        cohorts: dict[tuple[str, int], Cohort] = {}
        healthy: dict[int, bool] = {}
        found: list[_Found] = []
        doubts = load_doubts(
            tx,
            source_ids,
            started_before_us=now_us - int(self._settings.limits.doubt_seconds_max * MICROSECONDS),
            now_us=now_us,
            places=DOUBTS_PER_SWEEP,
        )
        for doubt in doubts:
            # Attempts of one crash share their second, so they share their evidence.
            second = doubt.started_at_us // MICROSECONDS * MICROSECONDS
            key = (doubt.source_id, second)
            if key not in cohorts:
                cohorts[key] = load_cohort(
                    tx,
                    source_id=doubt.source_id,
                    from_us=second - window_us,
                    to_us=second + MICROSECONDS + window_us,
                )
            if second not in healthy:
                healthy[second] = was_ingress_healthy(tx, from_us=second, now_us=now_us, gap_us=gap_us)
            hint = has_hint(tx, source_id=doubt.source_id, recipient=doubt.recipient, from_us=second)
            found.append(_Found(doubt, cohorts[key], healthy[second], hint))
        return found

    def _judge(self, found: Sequence[_Found], now_us: int) -> Mapping[str, Verdict]:
        now = self._clock.monotonic()
        present = {item.doubt.message_id for item in found}
        self._complete_since = {key: since for key, since in self._complete_since.items() if key in present}
        return {item.doubt.message_id: self._judge_one(item, now, now_us) for item in found}

    def _judge_one(self, item: _Found, now: float, now_us: int) -> Verdict:
        doubt = item.doubt
        is_complete = item.cohort.reported >= item.cohort.size
        if is_complete:
            since = self._complete_since.setdefault(doubt.message_id, now)
        else:
            self._complete_since.pop(doubt.message_id, None)
            since = now
        expires_in = None if doubt.expires_at_us is None else (doubt.expires_at_us - now_us) / MICROSECONDS
        return judge_doubt(
            Evidence(
                age=(now_us - doubt.started_at_us) / MICROSECONDS,
                expires_in=expires_in,
                is_at_most_once=bool(doubt.at_most_once),
                releases=doubt.releases,
                is_ingress_healthy=item.is_ingress_healthy,
                has_hint=item.has_hint,
                cohort_size=item.cohort.size,
                complete_for=now - since if is_complete else None,
            ),
            self._settings.limits,
        )

    def _write(
        self, tx: Tx, snapshot: Snapshot, released: Sequence[Doubt], given_up: Sequence[Doubt], now_us: int
    ) -> tuple[int, int]:
        held = hold_doubts(tx, sorted(doubt.message_id for doubt in [*released, *given_up]))
        released = [doubt for doubt in released if doubt.message_id in held]
        given_up = [doubt for doubt in given_up if doubt.message_id in held]
        release_doubts(tx, released, now_us=now_us)
        give_up_doubts(
            tx,
            given_up,
            failure=FailureReason.OUTCOME_UNKNOWN.value,
            announced=int(Announced.FAILED),
            now_us=now_us,
        )
        news: list[News] = [_released_notice(doubt, now_us) for doubt in released]
        news += [
            failed_news(
                account_id=doubt.account_id,
                source_id=doubt.source_id,
                message_id=doubt.message_id,
                recipient=doubt.recipient,
                source_given=doubt.source_given,
                caller_data=doubt.caller_data,
                reason=FailureReason.OUTCOME_UNKNOWN,
                occurred_at_us=now_us,
            )
            for doubt in given_up
        ]
        tell(tx, snapshot, self._ids, news, now_us=now_us)
        return len(released), len(given_up)


def _released_notice(doubt: Doubt, now_us: int) -> Notice:
    return Notice(
        account_id=doubt.account_id,
        source_id=doubt.source_id,
        subject_id=doubt.message_id,
        type="message.released",
        occurred_at_us=now_us,
        data={"attempt": doubt.number},
    )
