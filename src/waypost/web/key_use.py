"""Recording when keys were last used: in one write a minute, never on the path of a request."""

import asyncio
from contextlib import suppress
from typing import Final

from waypost.service import rest
from waypost.store.accounts import record_key_use
from waypost.store.engine import Database, StoreUnavailableError
from waypost.web.auth import Authenticator

RECORD_SECONDS: Final = 60.0


class KeyUseRecorder:
    """Writes ``last_used_at`` of the keys used, at most once a minute for each."""

    def __init__(self, database: Database, authenticator: Authenticator) -> None:
        self._database = database
        self._authenticator = authenticator

    async def run(self, stopping: asyncio.Event) -> None:
        """Record once a minute, and what is left at the end."""
        while not stopping.is_set():
            await rest(stopping, RECORD_SECONDS)
            await self.record()

    async def record(self) -> None:
        """Write what has been used since the last call; while the database is away that much is forgotten."""
        used = self._authenticator.take_uses()
        if used:
            with suppress(StoreUnavailableError):
                await self._database.write(lambda tx: record_key_use(tx, used))
