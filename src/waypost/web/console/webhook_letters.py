"""What webhooks are told: one notification with its body and tries, dead letters of all endpoints, and replays."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
from starlette.responses import Response

from waypost.contract.events import WebhookKind, render_body
from waypost.domain.users import Role
from waypost.store.inspecting_webhooks import (
    STATES,
    NotificationRow,
    find_notification,
    list_all_dead,
    list_deliveries,
)
from waypost.store.paging import Page
from waypost.store.transaction import Tx
from waypost.web.console.context import PREFIX, Console
from waypost.web.console.rendering import pretty
from waypost.web.console.routing import ConsoleRoute, action, page
from waypost.web.console.tables import Column, Listing, Row, Rows, rows_of
from waypost.web.console.visit import Visit
from waypost.web.manage.editing_webhooks import replay_dead_one, require_webhook
from waypost.web.manage.problems import invalid, not_found
from waypost.web.manage.views import as_time

LETTER_COLUMNS: Final = (
    Column(key="created_at_us", title="Made", kind="time", link="path"),
    Column(key="kind", title="Kind"),
    Column(key="state_name", title="State", kind="status"),
    Column(key="attempts", title="Tries", kind="count"),
    Column(key="last_status", title="Last answer"),
    Column(key="last_error", title="Why"),
)
_ENDPOINT_COLUMN: Final = Column(key="endpoint_name", title="Webhook")
_TRIES_MAX: Final = 200
_NAMES: Final = {number: name for name, number in STATES.items()}
_SPANS: Final = {
    "1h": timedelta(hours=1),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
_NUMBER_MEMBERS: Final = frozenset(
    {"recipient", "from", "to", "phone", "wa_id", "phone_number", "old_recipient", "new_recipient", "participant"}
)


class WebhookLettersPage:
    """Notifications."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def routes(self) -> list[ConsoleRoute]:
        """Return the routes; they stand before those of one endpoint."""
        letter = "/webhooks/{webhook_id}/notifications/{notification_id}"
        return [
            page("/webhooks/dead", self.show_dead),
            page(letter, self.show),
            page(f"{letter}/part", self.part),
            action(f"{letter}/replay", self.replay, Role.OPERATOR),
        ]

    async def show_dead(self, visit: Visit) -> Response:
        """List the dead letters of all endpoints, newest first."""
        known = self._console.manage.directory.now.endpoints
        names = {one.id: one.name for one in known.values()}

        async def fetch(cursor: str | None, at_most: int) -> Rows:
            found = await visit.read(lambda tx: list_all_dead(tx, visit.account_id, cursor=cursor, at_most=at_most))
            return letter_rows(found, names)

        listing = Listing(
            name="dead-letters",
            columns=(LETTER_COLUMNS[0], _ENDPOINT_COLUMN, *LETTER_COLUMNS[1:]),
            fetch=fetch,
            empty="There is no dead letter: every webhook was told everything, or still is to be.",
        )
        if visit.wants_file:
            return await listing.file(visit)
        return visit.page("webhooks_dead.html", table=await listing.table(visit))

    async def show(self, visit: Visit) -> Response:
        """Show one notification."""
        return visit.page("webhook_letter.html", **await self._letter(visit))

    async def part(self, visit: Visit) -> Response:
        """Answer with what changes of it."""
        return visit.fragment("webhook_letter_part.html", **await self._letter(visit))

    async def replay(self, visit: Visit) -> Response:
        """Deliver a dead letter again, with the others of its batch."""
        editor, webhook_id, letter_id = visit.editor, visit.part("webhook_id"), visit.part("notification_id")
        count = await visit.change(lambda tx: replay_dead_one(tx, editor, visit.account_id, webhook_id, letter_id))
        self._console.manage.notify_now()
        notice = "It is delivered again." if count == 1 else f"{count} of one batch are delivered again."
        return visit.redirect(f"/webhooks/{webhook_id}/notifications/{letter_id}", notice=notice)

    async def _letter(self, visit: Visit) -> dict[str, Any]:
        editor, webhook_id, letter_id = visit.editor, visit.part("webhook_id"), visit.part("notification_id")

        def look(tx: Tx) -> dict[str, Any]:
            endpoint = require_webhook(tx, editor, visit.account_id, webhook_id)
            found = find_notification(tx, visit.account_id, letter_id)
            if found is None or found[0].endpoint_id != webhook_id:
                raise not_found("notification")
            row, entry = found
            body = _body(row.kind, entry)
            numbers = set(_numbers_in(body))
            return {
                "endpoint": endpoint,
                "letter": _shown(row, {webhook_id: endpoint.name}),
                "body": visit.without_numbers(pretty(body), *numbers) if entry else "",
                "tries": [
                    {**one._asdict(), "answer": _without_numbers(visit, one.answer or "", numbers)}
                    for one in list_deliveries(tx, visit.account_id, [row], at_most=_TRIES_MAX)
                ],
            }

        return await visit.read(look)


def letter_rows(found: Page[NotificationRow], names: Mapping[str, str]) -> Rows:
    """Return a page of notifications as rows; ``names`` are those of their endpoints, by id."""
    return rows_of(found, lambda row: _shown(row, names))


def span_of(visit: Visit, *, now_us: int) -> tuple[datetime, datetime]:
    """Return the span of time that a form asks for: back from now, or between two times in UTC. Raises ``Problem``."""
    now = as_time(now_us)
    back = _SPANS.get(visit.field("span"))
    if back is not None:
        return now - back, now + timedelta(seconds=1)
    return _time_of(visit, "since"), _time_of(visit, "until")


def _time_of(visit: Visit, name: str) -> datetime:
    try:
        return datetime.fromisoformat(visit.field(name)).replace(tzinfo=UTC)
    except ValueError as error:
        raise invalid(name, "is no time", hint="Choose day and time, in UTC, or a span back from now.") from error


def _shown(row: NotificationRow, names: Mapping[str, str]) -> Row:
    return {
        **row._asdict(),
        "state_name": _NAMES[row.state],
        "endpoint_name": names.get(row.endpoint_id, "deleted"),
        "path": f"{PREFIX}/webhooks/{row.endpoint_id}/notifications/{row.id}" if row.endpoint_id in names else None,
    }


def _body(kind: str, entry: str) -> Any:
    """Return what is sent of a notification that goes alone; None where it is no longer kept."""
    return orjson.loads(render_body(WebhookKind(kind), [entry.encode()])) if entry else None


def _without_numbers(visit: Visit, answer: str, sent: set[str]) -> str:
    """Return what a webhook answered; one that sends back what it was sent, whole or cut off, must not show numbers."""
    try:
        own = set(_numbers_in(orjson.loads(answer)))
    except orjson.JSONDecodeError:
        own = set()
    return visit.without_numbers(answer, *sent, *own)


def _numbers_in(found: Any, member: str = "") -> Iterator[str]:
    match found:
        case str() if member in _NUMBER_MEMBERS and found:
            yield found
        case dict():
            for name, value in found.items():
                yield from _numbers_in(value, name)
        case list():
            for value in found:
                yield from _numbers_in(value, member)
