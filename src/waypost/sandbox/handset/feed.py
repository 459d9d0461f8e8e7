"""The live feed: server-sent events of what changes on the phones that a page shows."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import orjson

from waypost.sandbox.changes import Changes
from waypost.sandbox.handset.reading import Spec
from waypost.sandbox.handset.views import Views
from waypost.sandbox.wire import Receive, Send, wait_for_disconnect

SUBSCRIBERS_MAX = 32
PHONES_FOLLOWED_MAX = 24
# Changes that a page has not yet been told; beyond, it is told to read everything anew.
_PENDING_MAX = 500
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
]


class Subscriber:
    """What one page has still to be told; a message that changes twice before that is told once."""

    def __init__(self, phones: frozenset[str]) -> None:
        self._phones = phones
        self._messages: dict[tuple[str, str], None] = {}
        self._is_stale = False
        self._is_overrun = False
        self.woken = asyncio.Event()

    def message_changed(self, phone: str, wamid: str) -> None:
        """Note that a message of a phone has changed; of phones that the page does not show, nothing is noted."""
        if phone not in self._phones or self._is_overrun:
            return
        self._messages[(phone, wamid)] = None
        if len(self._messages) > _PENDING_MAX:
            self._messages.clear()
            self._is_overrun = True
        self.woken.set()

    def directory_changed(self) -> None:
        """Note that there are other phones, numbers or groups than before, or that one of them has changed."""
        self._is_stale = True
        self.woken.set()

    def take(self, views: Views) -> bytes:
        """Return the events that tell everything pending, which is then not pending any more; b'' for nothing."""
        self.woken.clear()
        events = []
        if self._is_stale:
            events.append(event("directory", {}))
        if self._is_overrun:
            events.append(event("overrun", {}))
        pairs = [(phone, views.changed(phone, wamid)) for phone, wamid in self._messages]
        told: list[Spec] = [{"phone": phone, "message": message} for phone, message in pairs if message is not None]
        if told:
            events.append(event("messages", {"messages": told}))
        self._messages.clear()
        self._is_stale = self._is_overrun = False
        return b"".join(events)


class Feed:
    """
    Serve the feed: `hello` at once, then `messages`, `directory` (who there is has changed) and `overrun` (too much
    has changed to tell it: read everything anew), and a comment each `keep_alive_seconds` so that nobody in between
    hangs up.
    """

    def __init__(
        self,
        *,
        changes: Changes,
        views: Views,
        closing: asyncio.Event,
        keep_alive_seconds: float = 15.0,
        gap_seconds: float = 0.05,
    ) -> None:
        self._changes = changes
        self._views = views
        self._closing = closing
        self._keep_alive_seconds = keep_alive_seconds
        self._gap_seconds = gap_seconds
        self.subscribers = 0

    @property
    def is_full(self) -> bool:
        """Whether as many pages are live as may be."""
        return self.subscribers >= SUBSCRIBERS_MAX

    async def serve(self, receive: Receive, send: Send, *, phones: frozenset[str]) -> None:
        """Tell a page of the changes on these phones until it goes, or the sandbox closes."""
        with self._subscribed(phones) as subscriber:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await _write(send, b"retry: 1000\n" + event("hello", {}))
            gone = asyncio.ensure_future(wait_for_disconnect(receive))
            closing = asyncio.ensure_future(self._closing.wait())
            try:
                while await self._is_to_go_on(subscriber, gone, closing):
                    await _write(send, subscriber.take(self._views) or b": still here\n\n")
            finally:
                for waiter in (gone, closing):
                    waiter.cancel()
                await asyncio.gather(gone, closing, return_exceptions=True)
        if self._closing.is_set():
            await send({"type": "http.response.body", "body": b""})

    async def _is_to_go_on(
        self, subscriber: Subscriber, gone: "asyncio.Future[None]", closing: "asyncio.Future[Any]"
    ) -> bool:
        """Wait for something to tell, or for the time to show that we are here; False when it is over."""
        woken = asyncio.ensure_future(subscriber.woken.wait())
        try:
            await asyncio.wait(
                (woken, gone, closing), timeout=self._keep_alive_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if woken.done() and not gone.done():
                # What changes in one go is told in one go.
                await asyncio.wait((gone, closing), timeout=self._gap_seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()
        return not gone.done() and not closing.done()

    @contextlib.contextmanager
    def _subscribed(self, phones: frozenset[str]) -> Iterator[Subscriber]:
        subscriber = Subscriber(phones)
        self._changes.add(subscriber)
        self.subscribers += 1
        try:
            yield subscriber
        finally:
            self.subscribers -= 1
            self._changes.remove(subscriber)


def event(name: str, data: Spec) -> bytes:
    """Return one server-sent event; JSON has no line feeds of its own."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps(data))


async def _write(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})
