"""
Notifications that a turn cannot write or read: each is found, and costs only itself.

A turn is one transaction, so one row that the database refuses takes the whole turn with it. Then it is done again in
parts: each end by itself, then each endpoint's load. Where turns are well, nothing of this runs.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from waypost.notify.outcome import Outcome
from waypost.notify.turn import Settlement, Turn, TurnResult
from waypost.observe import get_logger
from waypost.store.engine import Database, Step, StoreUnavailableError
from waypost.store.notifying import find_due_endpoints

HOLD_BACK_SECONDS: Final = 60.0
UNWRITABLE: Final = "the database refused to keep how this ended"

_logger = get_logger("notify")


class Quarantine:
    """
    Runs turns, and does those that are refused in parts; ``take_over`` is called with each part that stands.

    A notification whose end cannot be written at all stays held in memory: so it is not delivered again and again.
    """

    def __init__(
        self,
        database: Database,
        step: Step[Turn, TurnResult],
        *,
        take_over: Callable[[Turn, TurnResult], None],
        rows_max: Callable[[], int],
    ) -> None:
        """``rows_max`` says how many more notifications there is room for."""
        self._database = database
        self._step = step
        self._take_over = take_over
        self._rows_max = rows_max
        self._held_back: dict[str, float] = {}

    def is_held_back(self, endpoint_id: str) -> bool:
        """Say whether an endpoint's notifications could not be loaded just now; answers from memory, on any thread."""
        return bool(self._held_back) and self._held_back.get(endpoint_id, 0.0) > time.monotonic()

    async def run(self, turn: Turn) -> TurnResult | None:
        """
        Run a turn and return its result; None if it was refused, and was done in parts instead.

        Raises StoreUnavailableError; then of ``turn.settlements`` those are left that are not written.
        """
        try:
            return await self._database.run(self._step, turn)
        except StoreUnavailableError:
            raise
        except Exception:
            _logger.exception("notify.turn_refused", settlements=len(turn.settlements))
        busy = set(turn.busy)
        while turn.settlements:
            settlement = turn.settlements[0]
            if not await self._is_settled(turn, settlement):
                busy.update(settlement.unit.row_ids)
            del turn.settlements[0]
        if turn.is_discovering or turn.wanted:
            await self._load(turn, busy)
        return None

    async def _is_settled(self, turn: Turn, settlement: Settlement) -> bool:
        if await self._stands(_part(turn, [settlement])):
            return True
        dead = settlement._replace(outcome=Outcome.DEAD, error=UNWRITABLE, answer=None)
        is_dead = await self._stands(_part(turn, [dead]))
        _logger.error(
            "notify.settlement_refused",
            endpoint_id=settlement.unit.endpoint_id,
            notification_id=settlement.unit.webhook_id,
            is_dead=is_dead,
        )
        return is_dead

    async def _load(self, turn: Turn, busy: set[str]) -> None:
        endpoints = set(turn.wanted)
        if turn.is_discovering:
            endpoints.update(await self._database.read(lambda tx: find_due_endpoints(tx, now_us=turn.now_us)))
        for endpoint_id in sorted(endpoints, key=lambda one: (one <= turn.after, one)):
            rows_max = self._rows_max()
            if rows_max <= 0:
                return
            part = replace(_part(turn, []), wanted=[endpoint_id], busy=busy, rows_max=rows_max)
            if not self.is_held_back(endpoint_id) and not await self._stands(part):
                self._held_back[endpoint_id] = time.monotonic() + HOLD_BACK_SECONDS
                _logger.error("notify.endpoint_held_back", endpoint_id=endpoint_id, seconds=HOLD_BACK_SECONDS)

    async def _stands(self, part: Turn) -> bool:
        try:
            result = await self._database.run(self._step, part)
        except StoreUnavailableError:
            raise
        except Exception:  # noqa: BLE001 - told by the caller, who knows which row it is
            return False
        self._take_over(part, result)
        return True


def _part(turn: Turn, settlements: list[Settlement]) -> Turn:
    return replace(turn, settlements=settlements, is_discovering=False, wanted=(), rows_max=0)
