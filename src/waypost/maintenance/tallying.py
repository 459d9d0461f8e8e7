"""The folding of counts: what transactions have appended is summed into the table of counts, bounded bit by bit."""

import asyncio
from typing import Final

from waypost.observe import get_logger
from waypost.ports import Clock
from waypost.service import rest
from waypost.store.engine import Database, StoreUnavailableError
from waypost.store.tallies import fold_tallies, forget_tallies

TURN_SECONDS: Final = 5.0
BATCH_MAX: Final = 2_000
DAY_US: Final = 86_400_000_000


class TallyFolder:
    """
    Folds every few seconds; a service. Several nodes may run it at once: each change is folded once.

    Readers sum both tables, so nobody waits for this; it only keeps the appended rows few.
    """

    name = "tallies"

    def __init__(self, *, database: Database, clock: Clock, tally_days: float) -> None:
        """``tally_days``: counts of hours before that are removed, once a day."""
        self._database = database
        self._clock = clock
        self._kept_us = int(tally_days * DAY_US)
        self._next_forgetting_us = 0
        self._log = get_logger("tallies")

    async def run(self, stopping: asyncio.Event) -> None:
        """Fold until stopped; while there is more than a batch, at once again."""
        while not stopping.is_set():
            folded = 0
            try:
                folded = await self.turn()
                await self.forget()
            except StoreUnavailableError as error:
                self._log.warning("tallies.store_unavailable", error=str(error))
            if folded < BATCH_MAX:
                await rest(stopping, TURN_SECONDS)

    async def forget(self) -> int:
        """Remove what is old, if the last time was a day ago; return how many counts. Raises StoreUnavailableError."""
        now_us = self._clock.now_us()
        if now_us < self._next_forgetting_us:
            return 0
        forgotten = 0
        while removed := await self._database.write(
            lambda tx: forget_tallies(tx, until_us=now_us - self._kept_us, at_most=BATCH_MAX)
        ):
            forgotten += removed
        self._next_forgetting_us = now_us + DAY_US
        return forgotten

    async def turn(self) -> int:
        """Fold at most a batch in one transaction; return how many changes. Raises StoreUnavailableError."""
        return await self._database.write(lambda tx: fold_tallies(tx, at_most=BATCH_MAX))
