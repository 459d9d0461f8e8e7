"""
Rows that a round cannot write: each is found, and costs only itself.

A round is one transaction, so one row that the database refuses, or that a defect of ours cannot read, takes the whole
round with it. Then all of it is done again in parts, one row each; what fails alone gets an end that can be written,
or stands apart with the reason. Where rounds are well, nothing of this runs.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final

from waypost.dispatch.round import PROMOTIONS_MAX, Round, RoundResult, Settlement, Work
from waypost.dispatch.settlement import attempt_end
from waypost.domain.errors import FailureReason
from waypost.domain.status import Announced
from waypost.following import follow_parked
from waypost.observe import get_logger
from waypost.outbox import failed_news, in_doubt_notice, paused_notice, tell
from waypost.ports import Accepted, Clock, IdFactory
from waypost.store.claiming import LaneKey
from waypost.store.directory import Directory, Snapshot, bump_directory
from waypost.store.engine import Database, Lane, StoreUnavailableError
from waypost.store.quarantine import (
    EndedMessage,
    end_unsent,
    find_due,
    find_queued,
    hold_in_doubt,
    mark_in_doubt,
    promote_one,
)
from waypost.store.settling import bind_wamids, close_attempts, pause_source
from waypost.store.transaction import Tx

REFUSED_IN_A_ROW_MAX: Final = 5
"""So many messages are ended with none claimed between them; after that the defect is not theirs, and sources pause."""
UNWRITABLE: Final = "the database refused to keep how this ended"


class Quarantine:
    """
    Runs rounds, and goes through one that is refused row by row.

    Args:
        run_round: runs one round; raises what its step raises, and then nothing of it stands.
        take_result: starts what a round that stands has claimed.
        may_start: whether a source may start a message now.
        on_ended: called with the lane of a message that was ended.

    ``withheld`` are due messages that the database refuses to write at all; rounds must leave them out.
    """

    def __init__(
        self,
        database: Database,
        directory: Directory,
        clock: Clock,
        ids: IdFactory,
        *,
        run_round: Callable[[Work], Awaitable[tuple[Round, RoundResult]]],
        take_result: Callable[[RoundResult, Round], None],
        may_start: Callable[[str], bool],
        on_ended: Callable[[LaneKey], None],
        on_told: Callable[[], None],
    ) -> None:
        self._database = database
        self._directory = directory
        self._clock = clock
        self._ids = ids
        self._run_round = run_round
        self._take_result = take_result
        self._may_start = may_start
        self._on_ended = on_ended
        self._on_told = on_told
        self._refused_in_a_row = 0
        self.withheld: set[str] = set()
        self._log = get_logger("dispatch")

    async def run(self, settlements: list[Settlement], places: Mapping[str, int], released: set[LaneKey]) -> set[str]:
        """
        Run one round; if it is refused, all of it in parts. Return the sources that must not be asked again at once.

        On StoreUnavailableError ``settlements`` and ``released`` still hold what is not written.
        """
        try:
            round_, result = await self._run_round(Work(settlements=settlements, places=places, released=released))
        except StoreUnavailableError:
            raise
        except Exception:  # noqa: BLE001 - the round's outer edge: what is wrong with one row costs only that row
            self._log.exception("dispatch.round_refused", settlements=len(settlements), sources=len(places))
            return await self._run_in_parts(settlements, places, released)
        self._take(round_, result)
        return set()

    async def _run_in_parts(
        self, settlements: list[Settlement], places: Mapping[str, int], released: set[LaneKey]
    ) -> set[str]:
        while settlements:
            if not await self._is_written(Work(settlements=settlements[:1], promotions=0)):
                await self._settle_otherwise(settlements[0])
            del settlements[0]
        while released:
            lane = next(iter(released))
            # One whose next message cannot be let go now falls due by its own time, and is found then.
            await self._is_written(Work(released=[lane], promotions=0))
            released.discard(lane)
        if not await self._is_written(Work()):
            await self._promote_singly()
        return {source_id for source_id, count in places.items() if not await self._claim_singly(source_id, count)}

    async def _is_written(self, work: Work) -> bool:
        try:
            round_, result = await self._run_round(work)
        except StoreUnavailableError:
            raise
        except Exception:  # noqa: BLE001 - told by the caller, who knows which row it is
            return False
        self._take(round_, result)
        return True

    def _take(self, round_: Round, result: RoundResult) -> None:
        if result.claims:
            self._refused_in_a_row = 0
        self._take_result(result, round_)

    async def _settle_otherwise(self, settled: Settlement) -> None:
        """Write an end that cannot be written in full in a way that can: never so that it might be sent twice."""
        message_id, end, now_us = settled.candidate.id, settled.end, self._clock.now_us()
        if isinstance(end, Accepted):
            bound = {end.wamid: message_id}
            became = "accepted"
            is_written = await self._wrote(lambda tx: bind_wamids(tx, list(bound.items())))
            if is_written:
                await self._wrote(lambda tx: close_attempts(tx, [attempt_end(settled)]))
                await self._wrote(
                    lambda tx: follow_parked(tx, self._directory.now, self._ids, bound, now_us=now_us).told
                )
        else:
            became = "settled without detail"
            plain = replace(settled, end=replace(end, detail=UNWRITABLE))
            is_written = await self._is_written(Work(settlements=[plain], promotions=0))
        if not is_written:
            became = "in doubt"
            is_written = await self._wrote(lambda tx: self._hold(tx, settled, now_us))
            await self._wrote(lambda tx: mark_in_doubt(tx, message_id, number=settled.number, detail=UNWRITABLE))
        # One that stays dispatching is held in doubt by the next owner of its source.
        self._log.error(
            "dispatch.settlement_refused", message_id=message_id, became=became if is_written else "left dispatching"
        )
        self._on_told()

    def _hold(self, tx: Tx, settled: Settlement, now_us: int) -> None:
        candidate = settled.candidate
        may_release = not isinstance(settled.end, Accepted)
        if hold_in_doubt(tx, candidate.id, number=settled.number, may_release=may_release):
            notice = in_doubt_notice(
                account_id=candidate.account_id,
                source_id=candidate.source_id,
                message_id=candidate.id,
                occurred_at_us=now_us,
            )
            tell(tx, self._directory.now, self._ids, [notice], now_us=now_us)

    async def _promote_singly(self) -> None:
        now_us = self._clock.now_us()
        for message_id, source_id in await self._database.read(
            lambda tx: find_due(tx, now_us=now_us, places=PROMOTIONS_MAX)
        ):
            if message_id in self.withheld:
                continue
            is_written = await self._wrote(partial(promote_one, message_id=message_id, now_us=now_us))
            if not is_written and not await self._end(source_id, message_id):
                self.withheld.add(message_id)

    async def _claim_singly(self, source_id: str, places: int) -> bool:
        """Claim a source's next messages one by one; False if it had to be left."""
        for message_id in await self._database.read(lambda tx: find_queued(tx, source_id, places=places)):
            if not self._may_start(source_id):
                return True
            is_written = await self._is_written(Work(places={source_id: 1}, chosen=message_id, promotions=0))
            if not is_written and not await self._end(source_id, message_id):
                return False
        return True

    async def _end(self, source_id: str, message_id: str) -> bool:
        """End a message that cannot go on, and tell of it; if that cannot be either, pause its source and say False."""
        now_us = self._clock.now_us()
        if self._refused_in_a_row < REFUSED_IN_A_ROW_MAX:
            self._refused_in_a_row += 1
            ended: list[EndedMessage | None] = []
            snapshot = self._directory.now
            if await self._wrote(lambda tx: ended.append(end_unhandled(tx, snapshot, self._ids, message_id, now_us))):
                self._log.error("dispatch.message_refused", message_id=message_id, source_id=source_id)
                for message in ended:
                    if message is not None:
                        self._on_ended((message.source_id, message.recipient))
                self._on_told()
                return True
        reason = f"message {message_id} can neither be sent nor ended: the gateway's log says why"
        is_paused = await self._wrote(lambda tx: self._pause(tx, source_id, reason, now_us))
        self._log.error("dispatch.source_refused", message_id=message_id, source_id=source_id, is_paused=is_paused)
        await self._directory.refresh()
        self._on_told()
        return False

    def _pause(self, tx: Tx, source_id: str, reason: str, now_us: int) -> None:
        if not pause_source(tx, source_id=source_id, reason=reason, since_us=now_us, now_us=now_us):
            return
        bump_directory(tx)
        source = self._directory.now.sources.get(source_id)
        if source is None:
            return
        notice = paused_notice(
            account_id=source.account_id, source_id=source_id, reason=reason, provider_code=None, occurred_at_us=now_us
        )
        tell(tx, self._directory.now, self._ids, [notice], now_us=now_us)

    async def _wrote(self, operation: Callable[[Tx], object]) -> bool:
        """Write in a transaction of its own; False if the database or the operation refuses."""
        try:
            await self._database.write(operation, lane=Lane.DISPATCH)
        except StoreUnavailableError:
            raise
        except Exception:  # noqa: BLE001 - told by the caller, who knows which row it is
            return False
        return True


def end_unhandled(tx: Tx, snapshot: Snapshot, ids: IdFactory, message_id: str, now_us: int) -> EndedMessage | None:
    """End a message that waits and that the gateway cannot handle, and tell of it; None if it has moved on."""
    failure = FailureReason.TECHNICAL_ERROR
    message = end_unsent(
        tx,
        message_id,
        failure=failure.value,
        detail="the gateway could not handle it: its log says why",
        announced=int(Announced.FAILED),
        now_us=now_us,
    )
    if message is not None:
        news = failed_news(
            account_id=message.account_id,
            source_id=message.source_id,
            message_id=message_id,
            recipient=message.recipient,
            source_given=message.source_given,
            caller_data=message.caller_data,
            reason=failure,
            occurred_at_us=now_us,
        )
        tell(tx, snapshot, ids, [news], now_us=now_us)
    return message
