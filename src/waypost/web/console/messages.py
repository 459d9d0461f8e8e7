"""All messages of the account: looked for by whatever is known of one."""

import re
from typing import Any, Final
from urllib.parse import urlencode

from starlette.responses import Response

from waypost.domain.address import AddressFault, normalise_recipient
from waypost.domain.errors import FailureReason
from waypost.domain.message import MessageState
from waypost.domain.users import Role
from waypost.store.inspection import MessageRow
from waypost.store.paging import Order
from waypost.store.searching import MessageFilter, search_messages
from waypost.web.console.context import Console
from waypost.web.console.routing import ConsoleRoute, action, page
from waypost.web.console.tables import Column, Listing, Rows, rows_of
from waypost.web.console.visit import Visit
from waypost.web.manage.problems import Problem, invalid
from waypost.web.manage.traffic_views import status_name

_OPEN_FIELDS: Final = ("state", "source", "failure", "code", "since", "until", "order", "id")
"""What may stand in a URL."""
_HIDDEN_FIELDS: Final = ("recipient", "tag", "wamid")
"""Numbers, WhatsApp's ids, which hold one, and what customers write into an ``x-apiheader``, may not."""
_MORE_FIELDS: Final = ("id", "wamid", "code", "source", "since", "until", "order")
"""What is folded away until it is used."""
_STATES: Final = tuple(state.name.lower() for state in MessageState)
_REASONS: Final = tuple(reason.value for reason in FailureReason if reason is not FailureReason.IDEMPOTENCY_CONFLICT)
_CODE: Final = re.compile(r"[0-9]{1,9}")
_TEXT_CHARACTERS_MAX: Final = 512
_COLUMNS: Final = (
    Column(key="accepted_at", title="Accepted", kind="time", link="path"),
    Column(key="recipient", title="Recipient", kind="number"),
    Column(key="kind", title="Type"),
    Column(key="source", title="Source"),
    Column(key="status", title="Status", kind="status"),
    Column(key="failure", title="Failure"),
    Column(key="tag", title="x-apiheader"),
    Column(key="id", title="Id", kind="code", link="path"),
)


class MessagesPage:
    """Search and list. What holds numbers is sent by a form, and so are its further pages."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def routes(self) -> list[ConsoleRoute]:
        """Return the routes."""
        return [
            page("/messages", self.show),
            page("/messages/rows", self.rows),
            action("/messages", self.search, Role.VIEWER),
        ]

    async def show(self, visit: Visit) -> Response:
        """List messages by the filters in the URL; without any the newest, live."""
        given = {name: visit.query(name).strip()[:_TEXT_CHARACTERS_MAX] for name in _OPEN_FIELDS}
        return await self._answer(visit, given)

    async def rows(self, visit: Visit) -> Response:
        """Return the newest messages alone, for a page that is open."""
        listing = self._listing(visit, {}, path=f"{visit.path.rpartition('/')[0]}")
        return visit.fragment("messages_rows.html", table=await listing.table(visit))

    async def search(self, visit: Visit) -> Response:
        """Search by form; what may stand in a URL alone becomes one, to be kept and shared."""
        given = {name: visit.field(name)[:_TEXT_CHARACTERS_MAX] for name in (*_OPEN_FIELDS, *_HIDDEN_FIELDS)}
        is_open = not any(given[name] for name in _HIDDEN_FIELDS)
        if is_open and not visit.wants_file and visit.cursor is None:
            wanted = {name: value for name, value in given.items() if value}
            return visit.redirect("/messages" + (f"?{urlencode(wanted)}" if wanted else ""))
        return await self._answer(visit, given)

    async def _answer(self, visit: Visit, given: dict[str, str]) -> Response:
        problem, table = None, None
        try:
            listing = self._listing(visit, given, path=visit.path)
            if visit.wants_file:
                return await listing.file(visit)
            table = await listing.table(visit)
        except Problem as error:
            problem = error
        return visit.page(
            "messages.html",
            status=200 if problem is None else problem.kind.value.status,
            table=table,
            given=given,
            problem=problem,
            states=_STATES,
            reasons=_REASONS,
            sources=self._sources(visit),
            is_filtered=any(given.values()),
            has_more=any(given.get(name) for name in _MORE_FIELDS),
            is_live=visit.cursor is None and not any(given.values()),
            since_us=None if problem else visit.time_us("since", given=given.get("since", "")),
            until_us=None if problem else visit.time_us("until", given=given.get("until", "")),
        )

    def _listing(self, visit: Visit, given: dict[str, str], *, path: str) -> Listing:
        wanted = _wanted(visit, given)
        order = Order.OLDEST if given.get("order") == Order.OLDEST else Order.NEWEST
        names = dict(self._sources(visit))

        async def fetch(cursor: str | None, at_most: int) -> Rows:
            found = await visit.read(
                lambda tx: search_messages(tx, visit.account_id, wanted, order=order, cursor=cursor, at_most=at_most)
            )
            return rows_of(found, lambda row: _row(row, names))

        is_hidden = any(given.get(name) for name in _HIDDEN_FIELDS)
        empty = (
            "No message matches. Take a filter away, or widen the time."
            if any(given.values())
            else "There is no message yet. Compose one, or send it by the API."
        )
        return Listing(
            name="messages",
            columns=_COLUMNS,
            fetch=fetch,
            empty=empty,
            query={} if is_hidden else given,
            posted=given if is_hidden else {},
            path=path,
        )

    def _sources(self, visit: Visit) -> list[tuple[str, str]]:
        return [(one.id, one.name) for one in self._console.manage.directory.now.sources_of(visit.account_id)]


def failure_text(row: MessageRow) -> str:
    """Return why a message failed, in a few words, with the provider's code."""
    if row.failure is None:
        return ""
    words = row.failure.replace("_", " ")
    return words if row.failure_code is None else f"{words} ({row.failure_code})"


def _row(row: MessageRow, names: dict[str, str]) -> dict[str, Any]:
    return {
        "id": row.id,
        "path": f"/console/messages/{row.id}",
        "accepted_at": row.accepted_at_us,
        "recipient": row.recipient,
        "kind": row.kind.replace("_", " ") + (" to a group" if row.is_group else ""),
        "source": names.get(row.source_id, "gone"),
        "status": status_name(row.state),
        "failure": failure_text(row),
        "tag": row.caller_data,
    }


def _wanted(visit: Visit, given: dict[str, str]) -> MessageFilter:
    """Return the filter that the fields mean. Raises ``Problem``."""
    code = given.get("code", "")
    if code and not _CODE.fullmatch(code):
        raise invalid("code", "is no number", hint="Give the provider's code, such as 131047.")
    since_us = visit.time_us("since", given=given.get("since", ""))
    until_us = visit.time_us("until", given=given.get("until", ""))
    if since_us is not None and until_us is not None and until_us <= since_us:
        raise invalid("until", "is not after the beginning", hint="Choose a later end, or an earlier beginning.")
    state, failure = given.get("state", ""), given.get("failure", "")
    if state and state not in _STATES:
        raise invalid("state", "is no status", hint="Choose one of the list.")
    if failure and failure not in _REASONS:
        raise invalid("failure", "is no reason", hint="Choose one of the list.")
    return MessageFilter(
        id=given.get("id", "").lower() or None,
        recipient=_recipient(given.get("recipient", "")),
        caller_data=given.get("tag") or None,
        wamid=given.get("wamid") or None,
        source_id=given.get("source") or None,
        states=(MessageState[state.upper()],) if state else tuple(MessageState),
        failures=(failure,) if failure else (),
        failure_codes=(int(code),) if code else (),
        since_us=since_us or 0,
        until_us=2**62 if until_us is None else until_us,
    )


def _recipient(text: str) -> str | None:
    """Return a recipient as it is stored: a number's digits; what is no number is a user's or a group's id."""
    if not text:
        return None
    digits = normalise_recipient(re.sub(r"[\s().-]", "", text))
    return text if isinstance(digits, AddressFault) else digits
