"""One outbound message: what it says, everything that happened to it, and what can still be done about it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from starlette.responses import Response

from waypost.accept.idempotency import Idempotency
from waypost.domain.message import CANCELLABLE_STATES, MessageState
from waypost.domain.pricing import PriceList, Pricing, calling_code, parse_pricing
from waypost.domain.users import Role
from waypost.store.inspecting_webhooks import list_deliveries, list_of_subject
from waypost.store.inspection import MessageRow, find_message, list_attempts
from waypost.store.message_facts import (
    MessageFacts,
    Named,
    find_message_facts,
    find_named,
    load_entries,
)
from waypost.store.transaction import Tx
from waypost.web.console.bubble_parts import Bubble, Envelope
from waypost.web.console.bubbles import Stored, show_all
from waypost.web.console.context import Console
from waypost.web.console.explaining import Explanation, explain
from waypost.web.console.message_story import Moment, Told, tell_story, tellings
from waypost.web.console.outgoing import SENT_BEFORE
from waypost.web.console.routing import ConsoleRoute, action, page
from waypost.web.console.upstream import RebuiltRequest, rebuild_request
from waypost.web.console.visit import Visit
from waypost.web.manage.cancelling import cancel_message
from waypost.web.manage.editing_webhooks import replay_message
from waypost.web.manage.problems import invalid, not_found
from waypost.web.manage.requests import Rescheduling
from waypost.web.manage.rescheduling import reschedule_message
from waypost.web.manage.resending import draft_again, send_again
from waypost.web.manage.traffic_views import status_name

RELATED_MAX: Final = 200
"""Notifications shown of one message, and failed tries of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What upstream said of the price; ``amount`` is by the operator's list, ``""`` without one."""

    said: Pricing
    amount: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """Everything on the page of one message."""

    row: MessageRow
    facts: MessageFacts
    bubble: Bubble
    quoted: Named | None
    request: RebuiltRequest | None
    moments: list[Moment]
    told: list[Told]
    explanation: Explanation | None


class MessagePage:
    """The page of one message, and its actions."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._manage = console.manage
        prices = console.manage.settings.reports.prices
        self._prices = None if prices is None else PriceList.of(orjson.loads(prices))

    def routes(self) -> list[ConsoleRoute]:
        """Return the routes."""
        operator = Role.OPERATOR
        return [
            page("/messages/{message_id}", self.show),
            page("/messages/{message_id}/part", self.part),
            action("/messages/{message_id}/resend", self.resend, operator),
            action("/messages/{message_id}/cancel", self.cancel, operator),
            action("/messages/{message_id}/reschedule", self.reschedule, operator),
            action("/messages/{message_id}/replay", self.replay, operator),
        ]

    async def show(self, visit: Visit) -> Response:
        """Show the whole page."""
        return visit.page("message.html", **await self._values(visit))

    async def part(self, visit: Visit) -> Response:
        """Return the part that changes while the page is open."""
        return visit.fragment("message_part.html", **await self._values(visit))

    async def resend(self, visit: Visit) -> Response:
        """Send it again as a new message, by the rules of the API, and lead there."""
        message_id = visit.part("message_id")
        draft = await visit.read(lambda tx: draft_again(tx, visit.account_id, message_id))
        asked = f"resend {message_id}".encode()
        kept = await send_again(
            self._console.send_desk,
            visit.editor,
            account=visit.account,
            draft=draft,
            message_id=message_id,
            idempotency=Idempotency.of(visit.once_key(asked), asked),
        )
        path = f"/messages/{kept.ids[0]}"
        notice = SENT_BEFORE if kept.is_replay else "Sent again: this is the new message."
        return visit.redirect(path, notice=notice)

    async def cancel(self, visit: Visit) -> Response:
        """Take it back, while nothing has been done about it."""
        message_id, editor, snapshot = visit.part("message_id"), visit.editor, self._manage.directory.now
        lane = await visit.change(
            lambda tx: cancel_message(tx, editor, visit.account_id, message_id, snapshot=snapshot)
        )
        self._manage.notify_now()
        self._manage.lanes_ended([lane])
        return visit.redirect(f"/messages/{message_id}", notice="Cancelled: it is never sent.")

    async def reschedule(self, visit: Visit) -> Response:
        """Move a scheduled message to another time."""
        message_id, editor, at_us = visit.part("message_id"), visit.editor, visit.time_us("at")
        if at_us is None:
            raise invalid("at", "is missing", hint="Choose a day and a time.")
        request = Rescheduling(scheduled_at=datetime.fromtimestamp(at_us / 1_000_000, UTC))
        await visit.change(lambda tx: reschedule_message(tx, editor, visit.account_id, message_id, request))
        self._manage.dispatch_now()
        return visit.redirect(f"/messages/{message_id}", notice="Moved to the new time.")

    async def replay(self, visit: Visit) -> Response:
        """Tell its webhooks again of everything, or one of them of one thing."""
        message_id = visit.part("message_id")
        if await visit.read(lambda tx: find_message(tx, visit.account_id, message_id)) is None:
            raise not_found("message")
        count = await replay_webhooks(visit, message_id)
        return visit.redirect(f"/messages/{message_id}", notice=replayed_notice(count))

    async def _values(self, visit: Visit) -> dict[str, Any]:
        shown = await visit.read(lambda tx: self._look(tx, visit))
        row, snapshot = shown.row, self._manage.directory.now
        source = snapshot.sources.get(row.source_id)
        return {
            "shown": shown,
            "row": row,
            "state": status_name(row.state),
            "source_name": "gone" if source is None else source.name,
            "price": self._price(shown),
            "may_cancel": row.state in CANCELLABLE_STATES,
            "may_reschedule": row.state == MessageState.SCHEDULED,
            "may_replay": any(one.may_replay for one in shown.told),
            "part_path": f"/console/messages/{row.id}/part",
            "here": f"/console/messages/{row.id}",
            "hide": lambda text: visit.without_numbers(text, row.recipient),
        }

    def _look(self, tx: Tx, visit: Visit) -> _Shown:
        account_id, message_id = visit.account_id, visit.part("message_id")
        found, facts = find_message(tx, account_id, message_id), find_message_facts(tx, account_id, message_id)
        if found is None or facts is None:
            raise not_found("message")
        row, content = found
        snapshot = self._manage.directory.now
        source = snapshot.sources.get(row.source_id)
        attempts = list_attempts(tx, account_id, message_id)
        request = None
        if source is not None and attempts:
            request = rebuild_request(
                tx,
                account_id,
                row,
                content,
                facts,
                source=source,
                settings=self._manage.settings,
                now_us=self._manage.clock.now_us(),
                number=lambda text: _number(visit, text),
            )
        told = look_at_webhooks(tx, visit, message_id)
        quoted = facts.context_id
        stored = Stored(
            is_inbound=False,
            kind=row.kind,
            content=content,
            source_id=row.source_id,
            envelope=Envelope(
                id=row.id, at_us=row.accepted_at_us, state=status_name(row.state), context_id=quoted or ""
            ),
        )
        return _Shown(
            row=row,
            facts=facts,
            bubble=show_all(tx, account_id, [stored], sources=snapshot.sources)[0],
            quoted=None if quoted is None else find_named(tx, account_id, quoted),
            request=request,
            moments=tell_story(row, facts, attempts, told),
            told=told,
            explanation=explain(row),
        )

    def _price(self, shown: _Shown) -> Price | None:
        if shown.facts.pricing is None:
            return None
        said = parse_pricing(shown.facts.pricing)
        amount = None if self._prices is None else self._prices.price(said, country=calling_code(shown.row.recipient))
        return Price(
            said=said,
            amount="" if amount is None or self._prices is None else f"{amount} {self._prices.currency}",
        )


def look_at_webhooks(tx: Tx, visit: Visit, subject_id: str) -> list[Told]:
    """Return what subscribers were told, or are to be, of one message."""
    account_id = visit.account_id
    notifications = list_of_subject(tx, account_id, subject_id, at_most=RELATED_MAX)
    endpoints = visit.console.manage.directory.now.endpoints_by_account.get(account_id, ())
    return tellings(
        notifications,
        list_deliveries(tx, account_id, notifications, at_most=RELATED_MAX),
        load_entries(tx, account_id, subject_id, at_most=RELATED_MAX),
        {endpoint.id: endpoint for endpoint in endpoints},
    )


async def replay_webhooks(visit: Visit, subject_id: str, *, is_inbound: bool = False) -> int:
    """Tell the webhooks of a message again, as the form says; return of how much."""
    editor, snapshot, only = visit.editor, visit.console.manage.directory.now, visit.field("notification") or None
    count = await visit.change(
        lambda tx: replay_message(
            tx, editor, visit.account_id, subject_id, snapshot=snapshot, only=only, is_inbound=is_inbound
        )
    )
    visit.console.manage.notify_now()
    return count


def replayed_notice(count: int) -> str:
    """Return what to say of a replay."""
    return "One notification goes out again." if count == 1 else f"{count} notifications go out again."


def _number(visit: Visit, text: str) -> str:
    return "+" + visit.number(text[1:]) if text.startswith("+") else visit.number(text)
