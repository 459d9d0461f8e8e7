"""
Server-sent events that tell open pages that something has changed.

An event says no more than that: the page then fetches its own parts, with its own session, and what has not changed is
answered by 204. So there is one way to render, and nothing to keep in step.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Final

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from waypost.web.places import Places

_LEAST_SECONDS: Final = 0.5
"""Between two events."""
_OTHERS_SECONDS: Final = 2.0
"""How late the changes of other nodes may be told."""
_ALIVE_SECONDS: Final = 15.0
"""Between two looks at whether the session that listens still stands, and two signs of life where nothing happens."""
_CHANGED: Final = b"event: changed\ndata:\n\n"
_ALIVE: Final = b": alive\n\n"


class LiveHub:
    """
    Hands out streams of events, a bounded number of them at once: ``streams_max`` in all, ``streams_per_user_max`` to
    one user, whatever the number of sessions, so that no user can take them all.

    ``commits`` counts what this process has committed; ``has_other_nodes`` adds a look every two seconds, since what
    others commit is not counted here.
    """

    def __init__(
        self, commits: Callable[[], int], *, streams_max: int, streams_per_user_max: int, has_other_nodes: bool
    ) -> None:
        self._commits = commits
        self._has_other_nodes = has_other_nodes
        self._streams = Places(at_most=streams_max, at_most_of_one=streams_per_user_max)
        self._closing = asyncio.Event()

    @property
    def is_full(self) -> bool:
        """Whether there are as many streams as may be."""
        return self._streams.is_full

    def is_full_for(self, user_id: str) -> bool:
        """Whether this user has as many streams as one may have."""
        return self._streams.is_full_for(user_id)

    def close(self) -> None:
        """End all streams, so that a stopping server need not wait for them."""
        self._closing.set()

    async def stream(self, user_id: str, *, is_welcome: Callable[[], Awaitable[bool]]) -> AsyncGenerator[bytes, None]:
        """
        Yield events until the hub closes, the reader goes, or is no longer welcome; the first tells that it stands.

        One that began when others had just taken the last place ends at once, and its page asks again.
        """
        if self.is_full or self.is_full_for(user_id):
            return
        self._streams.take(user_id)
        try:
            yield _ALIVE
            seen, quiet_seconds, unasked_seconds = self._commits(), 0.0, 0.0
            while not await self._is_closed_within(_LEAST_SECONDS):
                quiet_seconds += _LEAST_SECONDS
                unasked_seconds += _LEAST_SECONDS
                if unasked_seconds >= _ALIVE_SECONDS:
                    unasked_seconds = 0.0
                    if not await is_welcome():
                        return
                commits = self._commits()
                if commits != seen or (self._has_other_nodes and quiet_seconds >= _OTHERS_SECONDS):
                    seen, quiet_seconds = commits, 0.0
                    yield _CHANGED
                elif quiet_seconds >= _ALIVE_SECONDS:
                    quiet_seconds = 0.0
                    yield _ALIVE
        finally:
            self._streams.give_back(user_id)

    async def _is_closed_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            return False
        return True


class LiveResponse(StreamingResponse):
    """The answer that sends a stream's events; however it ends, the stream ends with it, and its place is free."""

    def __init__(self, events: AsyncGenerator[bytes, None]) -> None:
        super().__init__(events, media_type="text/event-stream", headers={"x-accel-buffering": "no"})
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._events):
            await super().__call__(scope, receive, send)
