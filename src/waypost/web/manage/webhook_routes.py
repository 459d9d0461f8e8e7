"""The account's webhook endpoints, what they were told, and what they were not."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import Field

from waypost.domain.ids import BEFORE_ALL
from waypost.store.endpoints import EndpointRecord, list_endpoints
from waypost.store.inspecting_webhooks import find_notification, list_dead, list_deliveries, list_pending
from waypost.store.transaction import Tx
from waypost.web.manage.context import ManageContext
from waypost.web.manage.editing_webhooks import (
    add_webhook,
    alter_webhook,
    may_have_more,
    queue_test_event,
    remove_webhook,
    renew_secret,
    replay_dead_one,
    replay_dead_span,
    require_webhook,
    revive_webhook,
    silence_webhook,
)
from waypost.web.manage.guarding import Calling, Calls
from waypost.web.manage.notification_views import DeliveryView, NotificationView
from waypost.web.manage.page_parameters import Cursor, Limit
from waypost.web.manage.paging import PAGE_ROWS, PAGE_ROWS_MAX, Listing, next_cursor
from waypost.web.manage.problems import not_found
from waypost.web.manage.requests import Replay, WebhookChange, WebhookCreation, WebhookDisabling
from waypost.web.manage.views import EndpointView, NewEndpointView, View


class QueuedView(View):
    """What was queued."""

    notification_id: str


class ReplayedView(View):
    """How many dead letters are being delivered again."""

    replayed: int
    may_have_more: bool = Field(description="Call again for the rest of the span.")


class WebhookRoutes:
    """Webhook endpoints: make, show, change, test, and tell again."""

    def __init__(self, context: ManageContext) -> None:
        self._context = context

    def add_to(self, router: APIRouter) -> None:
        """Add the routes."""
        calls = Calls(router, tag="Webhooks")
        one = "/webhooks/{webhook_id}"
        calls.add("GET", "/webhooks", self.list_page, "webhooks.list")
        calls.add("POST", "/webhooks", self.create, "webhooks.create", status=201)
        calls.add("GET", one, self.show, "webhooks.get")
        calls.add("PATCH", one, self.change, "webhooks.change")
        calls.add("DELETE", one, self.delete, "webhooks.delete", status=204)
        calls.add("POST", f"{one}/rotate-secret", self.rotate_secret, "webhooks.rotate_secret")
        calls.add("POST", f"{one}/disable", self.disable, "webhooks.disable")
        calls.add("POST", f"{one}/enable", self.enable, "webhooks.enable")
        calls.add("POST", f"{one}/test", self.test, "webhooks.test", status=202)
        calls.add("GET", f"{one}/notifications", self.notifications, "webhooks.notifications")
        calls.add("POST", f"{one}/replay", self.replay, "webhooks.replay", status=202)
        letter = f"{one}/notifications/{{notification_id}}"
        calls.add("GET", f"{letter}/attempts", self.attempts, "webhooks.attempts")
        calls.add("POST", f"{letter}/replay", self.replay_one, "webhooks.replay_one", status=202)

    async def list_page(
        self, caller: Calling, cursor: Cursor = None, limit: Limit = PAGE_ROWS
    ) -> Listing[EndpointView]:
        """List the account's webhooks, disabled ones too."""
        records = await self._context.read(
            lambda tx: list_endpoints(tx, self._context.sealer, caller.account_id, after=cursor or "", at_most=limit),
            account_id=caller.account_id,
        )
        return Listing(
            items=[EndpointView.of(record) for record in records],
            next_cursor=next_cursor([record.id for record in records], limit=limit),
        )

    async def create(self, caller: Calling, request: WebhookCreation) -> NewEndpointView:
        """Make a webhook. The answer shows the secret its calls are signed with, for this once."""
        policy = self._context.webhook_policy
        return _with_secret(
            await self._context.change(
                lambda tx: add_webhook(tx, caller.editor, caller.account_id, request, policy=policy),
                account_id=caller.account_id,
            )
        )

    async def show(self, caller: Calling, webhook_id: str) -> EndpointView:
        """Show one webhook."""
        return EndpointView.of(
            await self._context.read(
                lambda tx: require_webhook(tx, caller.editor, caller.account_id, webhook_id),
                account_id=caller.account_id,
            )
        )

    async def change(self, caller: Calling, webhook_id: str, request: WebhookChange) -> EndpointView:
        """Change what the request names; `headers` replaces all custom headers."""
        policy = self._context.webhook_policy
        return EndpointView.of(
            await self._context.change(
                lambda tx: alter_webhook(tx, caller.editor, caller.account_id, webhook_id, request, policy=policy),
                account_id=caller.account_id,
            )
        )

    async def delete(self, caller: Calling, webhook_id: str) -> Response:
        """Take a webhook out of use for good; what is pending for it is dropped."""
        await self._context.change(
            lambda tx: remove_webhook(tx, caller.editor, caller.account_id, webhook_id), account_id=caller.account_id
        )
        return Response(status_code=204)

    async def rotate_secret(self, caller: Calling, webhook_id: str) -> NewEndpointView:
        """Sign with a new secret; for 24 h calls carry the signatures of both. The answer shows it, for this once."""
        return _with_secret(
            await self._context.change(
                lambda tx: renew_secret(tx, caller.editor, caller.account_id, webhook_id), account_id=caller.account_id
            )
        )

    async def disable(self, caller: Calling, webhook_id: str, request: WebhookDisabling | None = None) -> EndpointView:
        """Stop calling a webhook; what is pending waits until it is enabled."""
        reason = (request or WebhookDisabling()).reason
        return EndpointView.of(
            await self._context.change(
                lambda tx: silence_webhook(tx, caller.editor, caller.account_id, webhook_id, reason=reason),
                account_id=caller.account_id,
            )
        )

    async def enable(self, caller: Calling, webhook_id: str) -> EndpointView:
        """Call a webhook again, beginning with what is pending."""
        record = await self._context.change(
            lambda tx: revive_webhook(tx, caller.editor, caller.account_id, webhook_id), account_id=caller.account_id
        )
        self._context.notify_now()
        return EndpointView.of(record)

    async def test(self, caller: Calling, webhook_id: str) -> QueuedView:
        """Queue a made-up event, signed and delivered like any other; `x-apiheader` is `waypost-test`."""
        notification_id = await self._context.change(
            lambda tx: queue_test_event(tx, caller.editor, caller.account_id, webhook_id), account_id=caller.account_id
        )
        self._context.notify_now()
        return QueuedView(notification_id=notification_id)

    async def notifications(
        self,
        caller: Calling,
        webhook_id: str,
        state: Annotated[Literal["dead", "pending"], Query(description="Dead letters, or what is to come.")] = "dead",
        cursor: Cursor = None,
        limit: Limit = PAGE_ROWS,
    ) -> Listing[NotificationView]:
        """List the dead letters of a webhook, or what is pending for it: newest first."""

        def look(tx: Tx) -> list[NotificationView]:
            require_webhook(tx, caller.editor, caller.account_id, webhook_id)
            fetch = list_dead if state == "dead" else list_pending
            rows = fetch(tx, caller.account_id, webhook_id, before=cursor or BEFORE_ALL, at_most=limit)
            return [NotificationView.of(row) for row in rows]

        items = await self._context.read(look, account_id=caller.account_id)
        return Listing(items=items, next_cursor=next_cursor([item.id for item in items], limit=limit))

    async def attempts(self, caller: Calling, webhook_id: str, notification_id: str) -> Listing[DeliveryView]:
        """List the failed tries of one notification, oldest first."""

        def look(tx: Tx) -> list[DeliveryView]:
            found = find_notification(tx, caller.account_id, notification_id)
            if found is None or found[0].endpoint_id != webhook_id:
                raise not_found("notification")
            rows = list_deliveries(tx, caller.account_id, [found[0]], at_most=PAGE_ROWS_MAX)
            return [DeliveryView.of(row) for row in rows]

        return Listing(items=await self._context.read(look, account_id=caller.account_id), next_cursor=None)

    async def replay(self, caller: Calling, webhook_id: str, request: Replay) -> ReplayedView:
        """Deliver the dead letters of a time span again: same ids, same bodies, fresh signatures."""
        count = await self._context.change(
            lambda tx: replay_dead_span(
                tx, caller.editor, caller.account_id, webhook_id, since=request.since, until=request.until
            ),
            account_id=caller.account_id,
        )
        self._context.notify_now()
        return ReplayedView(replayed=count, may_have_more=may_have_more(count))

    async def replay_one(self, caller: Calling, webhook_id: str, notification_id: str) -> ReplayedView:
        """Deliver one dead letter again, with the others it was batched with."""
        count = await self._context.change(
            lambda tx: replay_dead_one(tx, caller.editor, caller.account_id, webhook_id, notification_id),
            account_id=caller.account_id,
        )
        self._context.notify_now()
        return ReplayedView(replayed=count, may_have_more=False)


def _with_secret(made: tuple[EndpointRecord, str]) -> NewEndpointView:
    record, secret = made
    return NewEndpointView(**EndpointView.of(record).model_dump(), secret=secret)
