"""The mark of how far policy time has come, so that a clock set back over a restart cannot open a window again."""

import asyncio
from typing import Final

from waypost.observe import get_logger
from waypost.ports import Clock
from waypost.service import rest
from waypost.store.engine import Database, StoreUnavailableError
from waypost.store.installation import raise_policy_clock

MARK_SECONDS: Final = 30.0


class PolicyClockKeeper:
    """Writes the mark twice a minute, and once at the end."""

    name = "policy-clock"

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._log = get_logger("policy-clock")

    async def run(self, stopping: asyncio.Event) -> None:
        """Mark until stopped."""
        while not stopping.is_set():
            await self.mark()
            await rest(stopping, MARK_SECONDS)
        await self.mark()

    async def mark(self) -> None:
        """Write the mark; while the store is away the next one does."""
        try:
            await self._database.write(lambda tx: raise_policy_clock(tx, now_us=self._clock.policy_now_us()))
        except StoreUnavailableError as error:
            self._log.warning("policy_clock.store_unavailable", error=str(error))
