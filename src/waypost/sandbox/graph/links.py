"""Media by `link`: fetched at send time, as Meta does, and kept for ten minutes by the exact link."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import aiohttp

from waypost.sandbox.graph.errors import GraphError, invalid
from waypost.sandbox.graph.media_kinds import KINDS, bare, bytes_max, matches, sniff
from waypost.sandbox.journal import Journal
from waypost.sandbox.media_store import MediaStore, Medium
from waypost.sandbox.settings import SandboxSettings
from waypost.sandbox.tasks import BackgroundWork

_log = logging.getLogger("waypost.sandbox")

Then = Callable[[str, bool], None]


class LinkFetcher:
    """Fetch links for messages. The sandbox has no secrets to guard, so loopback and private addresses are allowed."""

    def __init__(self, *, settings: SandboxSettings, media: MediaStore, journal: Journal, work: BackgroundWork) -> None:
        self._settings = settings
        self._media = media
        self._journal = journal
        self._work = work
        self._session: aiohttp.ClientSession | None = None
        # (link, number): (media id, when it was fetched by the loop's clock)
        self._cache: dict[tuple[str, str], tuple[str, float]] = {}
        # wamid, or wamid#place for a link in a card: media id
        self.fetched: dict[str, str] = {}
        self._views: dict[str, asyncio.Lock] = {}

    async def start(self) -> None:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=self._settings.media_fetch_timeout_seconds)
            self._session = aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())

    async def stop(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def fetch(self, link: str, *, wamid: str, kind: str, number: str, then: Then) -> None:
        """Fetch in the background and call `then(wamid, is_good)`."""
        self._work.spawn(self._fetch(link, wamid=wamid, kind=kind, number=number, then=then))

    def check_kind(self, kind: str, medium: Medium) -> None:
        """Refuse (131009) a medium of another kind than the message says; a document may be anything Meta stores."""
        if kind != "document" and bare(medium.mime_type) not in KINDS[kind][0]:
            raise invalid(
                f"Media id {medium.media_id} is {medium.mime_type}, which a message of type {kind} cannot have."
            )

    def replay(self, record: dict[str, Any]) -> None:
        """Take back one journal line of ours; others are left alone."""
        if record["kind"] == "link_fetched":
            self.fetched[record["wamid"]] = record["media_id"]

    async def fetch_for_view(self, link: str, *, key: str, kind: str, number: str) -> Medium | None:
        """Return the file behind a link in a card, fetched once for each `key`; None if there is none of this kind."""
        lock = self._views.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                known = self._media.find_for_view(self.fetched.get(key, ""))
                return known or await self._obtain(link, key=key, kind=kind, number=number)
        finally:
            if not lock.locked():
                self._views.pop(key, None)

    async def _fetch(self, link: str, *, wamid: str, kind: str, number: str, then: Then) -> None:
        then(wamid, await self._obtain(link, key=wamid, kind=kind, number=number) is not None)

    async def _obtain(self, link: str, *, key: str, kind: str, number: str) -> Medium | None:
        now = asyncio.get_running_loop().time()
        cached = self._cache.get((link, number))
        medium = None
        if cached is not None and now - cached[1] < self._settings.link_cache_seconds:
            medium = self._media.find(cached[0])
        if medium is None:
            medium = await self._download(link, kind, number)
        if medium is None:
            return None
        self._cache[(link, number)] = (medium.media_id, now)
        try:
            self.check_kind(kind, medium)
        except GraphError:
            return None
        self.fetched[key] = medium.media_id
        self._journal.write_soon({"kind": "link_fetched", "wamid": key, "media_id": medium.media_id})
        return medium

    async def _download(self, link: str, kind: str, number: str) -> Medium | None:
        if self._session is None:
            return None
        largest = KINDS[kind][1]
        try:
            async with self._session.get(link) as response:
                if response.status != 200:
                    return None
                data = await response.content.read(largest + 1)
                while len(data) <= largest and (more := await response.content.read(largest + 1 - len(data))):
                    data += more
                declared = response.headers.get("Content-Type", "")
                disposition = response.content_disposition
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            _log.info("link not fetched", extra={"reason": type(error).__name__})
            return None
        mime_type = declared if matches(data, declared) else sniff(data)
        if not data or mime_type is None or len(data) > bytes_max(kind, data):
            return None
        filename = None if disposition is None else disposition.filename
        medium = await asyncio.to_thread(
            self._media.add, data, phone_number_id=number, mime_type=mime_type, filename=filename, origin="link"
        )
        self._media.keep(medium)
        return medium
