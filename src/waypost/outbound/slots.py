"""How many requests a client has under way, and how long the next may wait for its turn."""

import asyncio
from collections import deque

from waypost.outbound.http import EndKind, OutboundError


class Slots:
    """
    A bounded number of places, given in the order asked.

    Ours and not the libraries', so that waiting in vain is known for certain to have sent nothing, and a cancelled call
    gives its place back at once. Not a semaphore of asyncio's, as those cannot be taken without a coroutine: 1 us a
    request where every one counts.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        # Only ever filled when nothing is free; a place given back goes straight to the first of them.
        self._waiting: deque[asyncio.Future[None]] = deque()

    def take_now(self) -> bool:
        """Take a place if one is free; whoever took one calls `free` once."""
        if self._free == 0:
            return False
        self._free -= 1
        return True

    async def take(self, seconds_max: float) -> None:
        """
        Take a place, waiting for it.

        Raises: OutboundError (POOL_WAIT, not started) when none came free in `seconds_max`.
        """
        if self.take_now():
            return
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            async with asyncio.timeout(seconds_max):
                await place
        except BaseException as error:
            if place.done() and not place.cancelled():
                self.free()
            if not isinstance(error, TimeoutError):
                raise
            detail = f"no connection came free in {seconds_max} s"
            raise OutboundError(EndKind.POOL_WAIT, request_started=False, detail=detail) from error

    def free(self) -> None:
        """Give a place back."""
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return
        self._free += 1
