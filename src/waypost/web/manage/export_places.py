"""
How many exports run at once: each reads the store as fast as its reader takes the file, for minutes maybe.

    with context.exports.place(account_id) as place:
        first = await ...                       # what is wrong is told with its own status
        return place.stream(parts, media_type="text/csv", filename="messages.csv")
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Final

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from waypost.web.manage.problems import Problem, ProblemKind
from waypost.web.places import Places

_RETRY_SECONDS: Final = 5


class ExportPlaces:
    """The places of a process, ``at_most`` in all and ``at_most_of_account`` of each account."""

    def __init__(self, *, at_most: int, at_most_of_account: int) -> None:
        self._places = Places(at_most=at_most, at_most_of_one=at_most_of_account)

    @contextmanager
    def place(self, account_id: str) -> "Iterator[ExportPlace]":
        """
        Hold a place inside the block, and beyond it until an answer that was made of it has been sent.

        Raises ``Problem``: all are taken. Nobody waits for one, since the wait could be long.
        """
        places = self._places
        if places.is_full_for(account_id):
            raise _busy(f"{places.at_most_of_one} exports of this account run already.")
        if places.is_full:
            raise _busy(f"{places.at_most} exports run already.")
        places.take(account_id)
        place = ExportPlace(lambda: places.give_back(account_id))
        try:
            yield place
        finally:
            if not place.is_handed_on:
                places.give_back(account_id)


class ExportPlace:
    """One place, held."""

    def __init__(self, give_back: Callable[[], None]) -> None:
        self._give_back = give_back
        self.is_handed_on = False

    def stream(
        self, parts: AsyncIterator[bytes] | AsyncIterator[str], *, media_type: str, filename: str
    ) -> StreamingResponse:
        """Return the answer that streams a file to be saved, and gives the place back when it has ended, anyhow."""
        headers = {"content-disposition": f'attachment; filename="{filename}"'}
        stream = _Stream(parts, media_type=media_type, headers=headers, give_back=self._give_back)
        self.is_handed_on = True
        return stream


class _Stream(StreamingResponse):
    def __init__(
        self,
        parts: AsyncIterator[bytes] | AsyncIterator[str],
        *,
        media_type: str,
        headers: dict[str, str],
        give_back: Callable[[], None],
    ) -> None:
        super().__init__(self._until_the_end(parts), media_type=media_type, headers=headers)
        self._give_back: Callable[[], None] | None = give_back

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._give_back_once()

    async def _until_the_end(self, parts: AsyncIterator[bytes] | AsyncIterator[str]) -> AsyncIterator[bytes | str]:
        async for part in parts:
            yield part
        # Before the reader is told of the end: who asks for one file after the other is to find a place for each.
        self._give_back_once()

    def _give_back_once(self) -> None:
        if self._give_back is not None:
            self._give_back()
            self._give_back = None


def _busy(detail: str) -> Problem:
    return Problem(
        ProblemKind.THROTTLED,
        detail,
        hint="Ask again when one of them has ended.",
        retry_after_seconds=_RETRY_SECONDS,
    )
