"""The account's webhook endpoints: how they fare, what they are told, and changes to them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from starlette.responses import Response

from waypost.domain.users import Role
from waypost.store.endpoints import BATCH_ENTRIES_MAX, EndpointRecord, list_endpoints
from waypost.store.inspecting_webhooks import (
    STATES,
    DeliveryRow,
    EndpointLoad,
    list_notifications,
    list_tries,
    measure_endpoints,
)
from waypost.store.transaction import Tx
from waypost.web.console.context import PREFIX, Console
from waypost.web.console.forms import UNSET, build_request
from waypost.web.console.routing import ConsoleRoute, action, page
from waypost.web.console.tables import Column, Listing, Rows
from waypost.web.console.visit import Visit
from waypost.web.console.webhook_letters import LETTER_COLUMNS, letter_rows, span_of
from waypost.web.manage.editing_webhooks import (
    add_webhook,
    alter_webhook,
    may_have_more,
    queue_test_event,
    remove_webhook,
    renew_secret,
    replay_dead_span,
    require_webhook,
    revive_webhook,
    silence_webhook,
)
from waypost.web.manage.problems import invalid
from waypost.web.manage.requests import WebhookChange, WebhookCreation, WebhookDisabling

_ENDPOINTS_MAX: Final = 200
_TRIES_SHOWN: Final = 10
_KINDS: Final = {"event": "statuses", "incoming": "incoming messages", "notice": "notices"}
_TIMESTAMPS: Final = (("", "as each kind has it"), ("date", "dates"), ("unix", "unix seconds"))
_EMPTY: Final = {
    "pending": "Nothing waits to be told.",
    "delivered": "Nothing was delivered yet. Send a test to try it.",
    "dead": "There is no dead letter: everything was told, or still is to be.",
}


class _Facts(NamedTuple):
    """An endpoint, what it has before it, and its last failed tries."""

    endpoint: EndpointRecord
    load: EndpointLoad | None
    tries: Sequence[DeliveryRow]


class WebhooksPage:
    """Endpoints. Secrets are shown once, and so are values of headers never again."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._policy = console.manage.webhook_policy

    def routes(self) -> list[ConsoleRoute]:
        """Return the routes; those with a word in the place of an id stand first."""
        one = "/webhooks/{webhook_id}"
        return [
            page("/webhooks", self.show_all),
            page("/webhooks/tiles", self.tiles),
            page("/webhooks/new", self.show_new, Role.ADMIN),
            action("/webhooks", self.create, Role.ADMIN),
            page(one, self.show),
            action(f"{one}/test", self.test, Role.OPERATOR),
            action(f"{one}/replay", self.replay, Role.OPERATOR),
            action(f"{one}/change", self.change, Role.ADMIN),
            action(f"{one}/secret", self.rotate_secret, Role.ADMIN),
            action(f"{one}/disable", self.disable, Role.ADMIN),
            action(f"{one}/enable", self.enable, Role.ADMIN),
            action(f"{one}/delete", self.delete, Role.ADMIN),
        ]

    async def show_all(self, visit: Visit) -> Response:
        """List endpoints, as tiles that keep themselves fresh."""
        return visit.page("webhooks.html", endpoints=await self._tiles(visit), kinds=_KINDS)

    async def tiles(self, visit: Visit) -> Response:
        """Answer with the tiles alone."""
        return visit.fragment("webhooks_tiles.html", endpoints=await self._tiles(visit), kinds=_KINDS)

    async def show_new(self, visit: Visit) -> Response:
        """Show the form of a new endpoint."""
        return visit.page("webhook_new.html", **self._choices(visit))

    async def create(self, visit: Visit) -> Response:
        """Make an endpoint, and show its secret this once."""
        request = build_request(
            WebhookCreation,
            url=visit.field("url"),
            name=visit.field("name"),
            headers=_headers_of(visit),
            **_choices_of(visit),
        )
        editor, policy = visit.editor, self._policy
        record, secret = await visit.change(
            lambda tx: add_webhook(tx, editor, visit.account_id, request, policy=policy)
        )
        return await self._show_secret(visit, record, secret)

    async def show(self, visit: Visit) -> Response:
        """Show one endpoint, with its notifications of one state."""
        editor, webhook_id = visit.editor, visit.part("webhook_id")
        facts = await visit.read(
            lambda tx: _facts(tx, require_webhook(tx, editor, visit.account_id, webhook_id), visit.account_id)
        )
        state = visit.query("state") if visit.query("state") in STATES else _first_state(facts.load)
        if visit.wants_file:
            return await self._letters(visit, facts.endpoint, state).file(visit)
        return await self._show(visit, facts, state=state)

    async def test(self, visit: Visit) -> Response:
        """Queue a made-up event, signed and delivered like any other."""
        editor, webhook_id = visit.editor, visit.part("webhook_id")
        notification_id = await visit.change(lambda tx: queue_test_event(tx, editor, visit.account_id, webhook_id))
        self._console.manage.notify_now()
        return visit.redirect(f"/webhooks/{webhook_id}/notifications/{notification_id}", notice="A test is on its way.")

    async def replay(self, visit: Visit) -> Response:
        """Deliver the dead letters of a span again."""
        editor, webhook_id = visit.editor, visit.part("webhook_id")
        since, until = span_of(visit, now_us=self._console.manage.clock.now_us())
        count = await visit.change(
            lambda tx: replay_dead_span(tx, editor, visit.account_id, webhook_id, since=since, until=until)
        )
        self._console.manage.notify_now()
        more = " There may be more: do it again." if may_have_more(count) else ""
        return visit.redirect(f"/webhooks/{webhook_id}", notice=f"{count:,} dead letters are delivered again.{more}")

    async def change(self, visit: Visit) -> Response:
        """Change what the form names; headers are replaced only if some were typed or the box was ticked."""
        is_replacing = visit.field("replace_headers") == "yes"
        choices = _choices_of(visit)
        request = build_request(
            WebhookChange,
            url=visit.field("url"),
            name=visit.field("name"),
            headers=_headers_of(visit) if is_replacing else None,
            **{**choices, "timestamps": choices["timestamps"] or UNSET, "source_ids": choices["source_ids"] or UNSET},
        )
        editor, webhook_id, policy = visit.editor, visit.part("webhook_id"), self._policy
        await visit.change(lambda tx: alter_webhook(tx, editor, visit.account_id, webhook_id, request, policy=policy))
        return visit.redirect(f"/webhooks/{webhook_id}", notice="The webhook is changed.")

    async def rotate_secret(self, visit: Visit) -> Response:
        """Sign with a new secret, and show it this once."""
        editor, webhook_id = visit.editor, visit.part("webhook_id")
        record, secret = await visit.change(lambda tx: renew_secret(tx, editor, visit.account_id, webhook_id))
        return await self._show_secret(visit, record, secret)

    async def disable(self, visit: Visit) -> Response:
        """Stop calling it; what is pending waits."""
        request = build_request(WebhookDisabling, reason=visit.field("reason"))
        editor, webhook_id = visit.editor, visit.part("webhook_id")
        await visit.change(lambda tx: silence_webhook(tx, editor, visit.account_id, webhook_id, reason=request.reason))
        return visit.redirect(f"/webhooks/{webhook_id}", notice="It is disabled; what is pending waits.")

    async def enable(self, visit: Visit) -> Response:
        """Call it again, beginning with what is pending."""
        editor, webhook_id = visit.editor, visit.part("webhook_id")
        await visit.change(lambda tx: revive_webhook(tx, editor, visit.account_id, webhook_id))
        self._console.manage.notify_now()
        return visit.redirect(f"/webhooks/{webhook_id}", notice="It is called again.")

    async def delete(self, visit: Visit) -> Response:
        """Take it out of use for good; what is pending for it is dropped."""
        editor, webhook_id = visit.editor, visit.part("webhook_id")
        await visit.change(lambda tx: remove_webhook(tx, editor, visit.account_id, webhook_id))
        return visit.redirect("/webhooks", notice="The webhook is deleted.")

    async def _show_secret(self, visit: Visit, record: EndpointRecord, secret: str) -> Response:
        facts = await visit.read(lambda tx: _facts(tx, record, visit.account_id))
        return await self._show(visit, facts, state=_first_state(facts.load), secret=secret)

    async def _show(self, visit: Visit, facts: _Facts, *, state: str, secret: str = "") -> Response:
        """Show one endpoint; ``secret`` is a new one, shown this once."""
        table = await self._letters(visit, facts.endpoint, state).table(visit)
        return visit.page(
            "webhook.html",
            endpoint=facts.endpoint,
            load=facts.load,
            secret=secret,
            state=state,
            states=tuple(STATES),
            table=replace(table, path=f"{PREFIX}/webhooks/{facts.endpoint.id}"),
            tries=facts.tries,
            **self._choices(visit),
        )

    def _letters(self, visit: Visit, record: EndpointRecord, state: str) -> Listing:
        async def fetch(cursor: str | None, at_most: int) -> Rows:
            found = await visit.read(
                lambda tx: list_notifications(
                    tx, visit.account_id, record.id, state=STATES[state], cursor=cursor, at_most=at_most
                )
            )
            return letter_rows(found, {record.id: record.name})

        due = (Column(key="due_at_us", title="Next try", kind="time"),) if state == "pending" else ()
        return Listing(
            name="notifications",
            columns=(*LETTER_COLUMNS, *due),
            fetch=fetch,
            empty=_EMPTY[state],
            query={"state": state},
        )

    async def _tiles(self, visit: Visit) -> list[dict[str, Any]]:
        sealer = self._console.manage.sealer

        def look(tx: Tx) -> list[dict[str, Any]]:
            loads = {load.endpoint_id: load for load in measure_endpoints(tx, visit.account_id)}
            found = list_endpoints(tx, sealer, visit.account_id, at_most=_ENDPOINTS_MAX)
            return [{"endpoint": record, "load": loads.get(record.id)} for record in found]

        return await visit.read(look)

    def _choices(self, visit: Visit) -> dict[str, Any]:
        return {
            "kinds": _KINDS,
            "timestamps": _TIMESTAMPS,
            "sources": self._console.manage.directory.now.sources_of(visit.account_id),
            "batch_max": BATCH_ENTRIES_MAX,
        }


def _facts(tx: Tx, endpoint: EndpointRecord, account_id: str) -> _Facts:
    loads = measure_endpoints(tx, account_id, endpoint_id=endpoint.id)
    tries = list_tries(tx, account_id, endpoint.id, at_most=_TRIES_SHOWN).rows
    return _Facts(endpoint, loads[0] if loads else None, tries)


def _first_state(load: EndpointLoad | None) -> str:
    """Return what somebody who opens an endpoint wants to see first."""
    if load is None or load.dead:
        return "dead"
    return "pending" if load.pending else "delivered"


def _choices_of(visit: Visit) -> dict[str, Any]:
    batch = visit.field("max_batch")
    return {
        "kinds": [str(kind) for kind in visit.form.getlist("kinds")],
        "max_batch": int(batch) if batch.isascii() and batch.isdigit() and len(batch) < 9 else batch,
        "timestamps": visit.field("timestamps"),
        "source_ids": [str(one) for one in visit.form.getlist("source_ids")] or None,
        "stickers": visit.field("stickers") == "yes",
    }


def _headers_of(visit: Visit) -> dict[str, str]:
    """Return the headers that were typed, one a line. Raises ``Problem``."""
    headers: dict[str, str] = {}
    for number, line in enumerate(visit.field("headers").splitlines(), start=1):
        name, colon, value = line.partition(":")
        if not line.strip():
            continue
        if not colon:
            raise invalid("headers", f"line {number} has no colon", hint="Write one a line: Name: value")
        headers[name.strip()] = value.strip()
    return headers
