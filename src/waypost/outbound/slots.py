"""How many requests a client has under way, and how long the next may wait for its turn."""

import asyncio

from waypost.outbound.http import EndKind, OutboundError


class Slots:
    """
    A bounded number of places, given in the order asked.

    Ours and not the libraries', so that waiting in vain is known for certain to have sent nothing, and a cancelled call
    gives its place back at once.
    """

    def __init__(self, count: int) -> None:
        self._places = asyncio.Semaphore(count)

    async def take(self, seconds_max: float) -> None:
        """
        Take a place; whoever takes one calls `free` once.

        Raises: OutboundError (POOL_WAIT, not started) when none came free in `seconds_max`.
        """
        if not self._places.locked():
            await self._places.acquire()
            return
        try:
            async with asyncio.timeout(seconds_max):
                await self._places.acquire()
        except TimeoutError as error:
            detail = f"no connection came free in {seconds_max} s"
            raise OutboundError(EndKind.POOL_WAIT, request_started=False, detail=detail) from error

    def free(self) -> None:
        """Give a place back."""
        self._places.release()
