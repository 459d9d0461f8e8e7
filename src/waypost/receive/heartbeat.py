"""
The mark that our ingress is up, and the late match of statuses that were parked a moment too soon.

An attempt in doubt may only be released if statuses could have reached us all the time since. So while the web server
takes requests a mark is written; a gap between two marks is kept as such.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from waypost.following import Followed, follow_parked
from waypost.observe import get_logger
from waypost.ports import Clock, IdFactory
from waypost.service import rest
from waypost.store.directory import Directory
from waypost.store.engine import Database, Lane, StoreUnavailableError
from waypost.store.following import find_late_matches
from waypost.store.receiving import beat
from waypost.store.transaction import Tx

LATE_MATCH_SECONDS: Final = 600
"""How far back parked statuses are looked through: far more than two transactions can overlap."""


class IngressHeartbeat:
    """
    Writes the mark every ``beat_seconds`` while ``is_accepting`` says that requests are taken.

    ``gap_seconds`` is the longest gap that still counts as healthy, and more than twice ``beat_seconds``.
    """

    name = "ingress-heartbeat"

    def __init__(
        self,
        database: Database,
        directory: Directory,
        clock: Clock,
        ids: IdFactory,
        *,
        is_accepting: Callable[[], bool],
        beat_seconds: float = 5.0,
        gap_seconds: float = 15.0,
        on_told: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._directory = directory
        self._clock = clock
        self._ids = ids
        self._is_accepting = is_accepting
        self._beat_seconds = beat_seconds
        self._gap_seconds = gap_seconds
        self._on_told = on_told
        self._log = get_logger("receive")

    async def run(self, stopping: asyncio.Event) -> None:
        """Beat until stopped; a database that is away makes a gap, which is just what it is."""
        while not stopping.is_set():
            if self._is_accepting():
                try:
                    await self.beat()
                except StoreUnavailableError as error:
                    self._log.warning("ingress.store_unavailable", error=str(error))
            await rest(stopping, self._beat_seconds)

    async def beat(self) -> bool:
        """Write one mark and match what was parked; return whether a gap was found. Raises StoreUnavailableError."""
        has_gap, followed = await self._database.write(self._beat, lane=Lane.RECEIVE)
        if has_gap:
            self._log.warning("ingress.gap_recorded", gap_seconds_max=self._gap_seconds)
        if followed.told:
            self._on_told()
        return has_gap

    def _beat(self, tx: Tx) -> tuple[bool, Followed]:
        now_us = self._clock.now_us()
        has_gap = beat(tx, now_us=now_us, gap_seconds=self._gap_seconds)
        # A status without a token and the answer to its POST may have been committed side by side, each before the
        # other could be seen.
        late = find_late_matches(tx, since_us=now_us - LATE_MATCH_SECONDS * 1_000_000)
        return has_gap, follow_parked(tx, self._directory.now, self._ids, late, now_us=now_us)
