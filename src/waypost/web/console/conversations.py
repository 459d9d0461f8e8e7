"""Conversations: with whom the account has exchanged messages, the one with the newest message first."""

from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from waypost.domain.address import normalise_business_number
from waypost.domain.consent import Consent
from waypost.domain.message import MessageState
from waypost.domain.users import Role
from waypost.store.conversations import ConversationRow, WindowRow, find_newest_id, list_conversations
from waypost.store.paging import Page
from waypost.web.console.context import PREFIX, Console
from waypost.web.console.routing import ConsoleRoute, action, page
from waypost.web.console.tables import Column, Listing, Row, Rows, rows_of
from waypost.web.console.visit import Visit
from waypost.web.manage.problems import Problem, ProblemKind

PAGE_CHATS: Final = 30
_EMPTY: Final = "There is no conversation yet."
_COLUMNS: Final = (
    Column(key="name", title="Name"),
    Column(key="number", title="Number", kind="number"),
    Column(key="at_us", title="Last message", kind="time"),
    Column(key="direction", title="Direction"),
    Column(key="said", title="Text"),
    Column(key="state", title="State", kind="status"),
    Column(key="unanswered", title="Unanswered", kind="count"),
    Column(key="closes_at_us", title="Window until", kind="time"),
    Column(key="consent", title="Consent"),
    Column(key="source", title="Source"),
)
_KIND_WORDS: Final = {"media_template": "template"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowView:
    """The window of one source: until when anything may be written; ``is_open`` as of now."""

    source_id: str
    source_name: str
    closes_at_us: int
    last_inbound_at_us: int
    is_open: bool


def consent_words(consent: Consent) -> tuple[str, str]:
    """Return a consent as a word for people, and the tone of its badge."""
    if consent.is_blocklisted:
        return "blocklisted", "bad"
    if consent.state is None:
        return "no consent known", "soft"
    if consent.is_implied:
        return "opted in by writing", "good"
    return (consent.state.value.replace("_", " "), "good" if consent.state.value == "opted_in" else "bad")


class ConversationsPage:
    """The list, by last activity, and finding somebody by their number."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def routes(self) -> list[ConsoleRoute]:
        """Return the routes."""
        return [
            page("/conversations", self.show),
            page("/conversations/part", self.part),
            action("/conversations/find", self.find, Role.VIEWER),
        ]

    async def show(self, visit: Visit) -> Response:
        """List conversations, the one with the newest message first."""
        if visit.wants_file:
            return await self._listing(visit).file(visit)
        return visit.page("conversations.html", **await self._values(visit))

    async def part(self, visit: Visit) -> Response:
        """Show the list alone, for a page that keeps itself up to date."""
        return visit.fragment("conversations_part.html", **await self._values(visit))

    async def find(self, visit: Visit) -> Response:
        """Lead to the conversation with a number, or a user's or group's id."""
        given = visit.field("number")
        digits = normalise_business_number(given) if given else None
        key = digits or given
        newest_id = await visit.read(lambda tx: find_newest_id(tx, visit.account_id, key)) if key else None
        if newest_id is None:
            raise Problem(
                ProblemKind.NOT_FOUND,
                "There is no conversation with this number." if key else "No number was given.",
                hint="Give it with its country code, or a group's id. To write first, use the page Compose.",
            )
        return visit.redirect(f"/conversations/{newest_id}")

    async def _values(self, visit: Visit) -> dict[str, Any]:
        found = await self._fetch(visit, visit.cursor, PAGE_CHATS)
        return {
            "chats": [self._row(row) for row in found.rows],
            "next_cursor": found.next_cursor,
            "looked_to_us": found.looked_to_us,
            "cursor": visit.cursor or "",
            "empty": _EMPTY,
        }

    async def _fetch(self, visit: Visit, cursor: str | None, at_most: int) -> Page[ConversationRow]:
        return await visit.read(lambda tx: list_conversations(tx, visit.account_id, cursor=cursor, at_most=at_most))

    def _listing(self, visit: Visit) -> Listing:
        async def fetch(cursor: str | None, at_most: int) -> Rows:
            found = await self._fetch(visit, cursor, min(at_most, PAGE_CHATS))
            return rows_of(found, self._row)

        return Listing(name="conversations", columns=_COLUMNS, fetch=fetch, empty=_EMPTY)

    def _row(self, row: ConversationRow) -> Row:
        windows = views_of(self._console, row.windows)
        consent, tone = consent_words(row.consent)
        kind = _KIND_WORDS.get(row.kind, row.kind)
        source = self._console.manage.directory.now.sources.get(row.source_id)
        return {
            "path": f"{PREFIX}/conversations/{row.newest_id}",
            "name": row.group_subject if row.is_group else row.profile_name,
            "number": row.chat,
            "is_group": row.is_group,
            "at_us": row.at_us,
            "is_inbound": row.is_inbound,
            "direction": "in" if row.is_inbound else "out",
            "kind": kind,
            "text": row.text,
            "said": row.text or kind,
            "state": None if row.state is None else MessageState(row.state).name.lower(),
            "failure": row.failure,
            "unanswered": row.unanswered,
            "window": next((window for window in windows if window.is_open), None),
            "closes_at_us": windows[0].closes_at_us if windows else None,
            "consent": consent,
            "tone": tone,
            "source": "" if source is None else source.name,
        }


def views_of(console: Console, windows: tuple[WindowRow, ...]) -> list[WindowView]:
    """Return windows with the names of their sources, the one that closes last first."""
    sources, now_us = console.manage.directory.now.sources, console.manage.clock.policy_now_us()
    return [
        WindowView(
            source_id=window.source_id,
            source_name=sources[window.source_id].name,
            closes_at_us=window.closes_at_us,
            last_inbound_at_us=window.last_inbound_at_us,
            is_open=now_us < window.closes_at_us,
        )
        for window in windows
        if window.source_id in sources
    ]
