"""The two ways to run calls: try, ask the rules, wait, try again."""

import asyncio
import random
import time
from dataclasses import replace

from waypost.client.calls import Answer, Call, T
from waypost.client.connection import Connection
from waypost.client.errors import WaypostError
from waypost.client.retrying import Attempts, Lost
from waypost.client.transport import AsyncTransport, Transport


class Session:
    """A ``Runner`` that blocks. May be shared between threads."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._transport = Transport(connection)

    def run(self, call: Call[T]) -> T:
        """See ``Runner.run``."""
        attempts, began = Attempts(call, self.connection.retries), time.monotonic()
        while True:
            end = self._transport.send(call.request)
            wait = attempts.wait_after(end, elapsed_seconds=time.monotonic() - began, chance=_chance())
            if wait is None:
                return _conclude(call, attempts, end)
            time.sleep(wait)

    def close(self) -> None:
        """Close all connections; a second call does nothing."""
        self._transport.close()


class AsyncSession:
    """An ``AsyncRunner``. Belongs to one event loop."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._transport = AsyncTransport(connection)

    async def run(self, call: Call[T]) -> T:
        """See ``Runner.run``."""
        attempts, began = Attempts(call, self.connection.retries), time.monotonic()
        while True:
            end = await self._transport.send(call.request)
            wait = attempts.wait_after(end, elapsed_seconds=time.monotonic() - began, chance=_chance())
            if wait is None:
                return _conclude(call, attempts, end)
            await asyncio.sleep(wait)

    async def close(self) -> None:
        """See ``Session.close``."""
        await self._transport.close()


def _conclude(call: Call[T], attempts: Attempts, end: Answer | Lost) -> T:
    if isinstance(end, Lost):
        raise attempts.lost_error(end)
    try:
        return call.parse(replace(end, may_repeat=attempts.may_have_arrived))
    except WaypostError as error:
        told = attempts.answer_error(error)
        if told is error:
            raise
        raise told from error


def _chance() -> float:
    return random.random()  # noqa: S311 - spreads retries, guards nothing
