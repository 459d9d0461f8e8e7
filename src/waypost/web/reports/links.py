"""
``GET /l/{token}``: the redirect behind a tracked link.

Open to everybody, so it tells nothing: a token that is not ours, one of a message that is gone, and a message without
a link there get the same page. It leads only where a message of this install says, never where the caller does.
"""

from collections.abc import Callable, Sequence
from math import ceil
from typing import Final, NamedTuple

from waypost.domain.links import LINK_PATH, LinkPlace, LinkTracker, target_of
from waypost.domain.throttle import Bucket, Pace
from waypost.observe import get_logger
from waypost.outbox import Notice, tell
from waypost.ports import Clock, IdFactory
from waypost.store.clicks import LinkedMessage, count_clicks, find_linked, hold_linked
from waypost.store.directory import Directory
from waypost.store.engine import Database, Lane, Step, StoreUnavailableError
from waypost.store.transaction import Tx
from waypost.web.exchange import Header, Receive, Scope, Send

_HEADERS: Final[tuple[Header, ...]] = (
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-robots-tag", b"noindex"),
    (b"content-type", b"text/plain; charset=utf-8"),
)
_GONE: Final = b"This link leads nowhere any more.\n"
_BUSY: Final = b"Too many people are here at once. Please try again.\n"
_AWAY: Final = b"Please try again in a moment.\n"
_METHODS: Final = b"Only GET is answered here.\n"
_RETRY_SECONDS: Final = 2


class _Click(NamedTuple):
    link: LinkPlace
    at_us: int


class LinkApp:
    """
    Redirects, and counts clicks of messages that asked for it; durable before the answer.

    Args:
        clicks_per_second_max: of all people together; more are answered 429.
        on_told: called after a commit that left something for the notifier.
    """

    def __init__(
        self,
        links: LinkTracker,
        database: Database,
        directory: Directory,
        clock: Clock,
        ids: IdFactory,
        *,
        clicks_per_second_max: float,
        on_told: Callable[[], None],
    ) -> None:
        self._links = links
        self._database = database
        self._directory = directory
        self._clock = clock
        self._ids = ids
        self._on_told = on_told
        pace = Pace(clicks_per_second_max, max(1, round(clicks_per_second_max)))
        self._bucket = Bucket(pace, now=clock.monotonic(), is_full=True)
        self._step: Step[_Click, tuple[str | None, bool]] = Step("click", Lane.MANAGE, self._count)
        self._log = get_logger("links")

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        method = scope["method"]
        if method not in {"GET", "HEAD"}:
            await _answer(send, 405, _METHODS, (b"allow", b"GET, HEAD"))
            return
        link = self._links.parse(scope["path"].removeprefix(LINK_PATH).rstrip("/"))
        if link is None:
            await _answer(send, 404, _GONE)
            return
        now = self._clock.monotonic()
        if self._bucket.available(now) <= 0:
            wait = max(1, ceil(self._bucket.next_start(now) - now))
            await _answer(send, 429, _BUSY, (b"retry-after", b"%d" % wait))
            return
        self._bucket.take(now)
        try:
            target = await self._follow(link, is_click=method == "GET")
        except StoreUnavailableError as error:
            self._log.warning("links.store_unavailable", error=str(error))
            await _answer(send, 503, _AWAY, (b"retry-after", b"%d" % _RETRY_SECONDS))
            return
        if target is None:
            await _answer(send, 404, _GONE)
        else:
            await _answer(send, 302, b"", (b"location", target.encode("ascii")))

    async def _follow(self, link: LinkPlace, *, is_click: bool) -> str | None:
        if not is_click:
            return await self._database.read(lambda tx: _target(find_linked(tx, link.message_id), link))
        target, has_told = await self._database.run(self._step, _Click(link, self._clock.now_us()))
        if has_told:
            self._on_told()
        return target

    def _count(self, tx: Tx, clicks: Sequence[_Click]) -> Sequence[tuple[str | None, bool]]:
        """Find where concurrent clicks lead, and count them; the first of each message is told to subscribers."""
        messages = hold_linked(tx, [click.link.message_id for click in clicks])
        now_us = clicks[-1].at_us
        counts: dict[LinkedMessage, int] = {}
        targets: list[str | None] = []
        for click in clicks:
            message = messages.get(click.link.message_id)
            target = _target(message, click.link)
            targets.append(target)
            if message is not None and target is not None and message.track_links:
                counts[message] = counts.get(message, 0) + 1
        count_clicks(tx, counts, now_us=now_us)
        news = [
            Notice(
                account_id=message.account_id,
                source_id=message.source_id,
                subject_id=message.id,
                type="message.clicked",
                occurred_at_us=now_us,
                data={},
            )
            for message in counts
            if message.clicked_at_us is None
        ]
        told = tell(tx, self._directory.now, self._ids, news, now_us=now_us) if news else 0
        return [(target, told > 0 and place == 0) for place, target in enumerate(targets)]


def _target(message: LinkedMessage | None, link: LinkPlace) -> str | None:
    content = None if message is None else message.content()
    return None if content is None else target_of(content, link.place)


async def _answer(send: Send, status: int, body: bytes, *headers: Header) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [*_HEADERS, *headers, (b"content-length", b"%d" % len(body))],
        }
    )
    await send({"type": "http.response.body", "body": body})
