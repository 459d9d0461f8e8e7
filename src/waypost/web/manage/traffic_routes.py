"""Messages, what came in, and files: to be looked at, and cancelled while nothing has been done about them."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from waypost.domain.message import MessageState
from waypost.store.audit import BEFORE_ALL
from waypost.store.inspecting_webhooks import list_deliveries, list_of_subject
from waypost.store.inspection import (
    MessageFilter,
    find_message,
    list_attempts,
    list_inbound,
    list_media,
    search_messages,
)
from waypost.store.transaction import Tx
from waypost.web.manage.cancelling import cancel_message
from waypost.web.manage.context import ManageContext
from waypost.web.manage.guarding import Calling, Calls
from waypost.web.manage.paging import PAGE_ROWS, PAGE_ROWS_MAX, Cursor, Limit, Listing, next_cursor
from waypost.web.manage.problems import invalid, not_found
from waypost.web.manage.requests import MessageSearch, MessageStatus
from waypost.web.manage.traffic_views import InboundView, MediaView, MessageDetailView, MessageView
from waypost.web.manage.views import as_microseconds


class MessageRoutes:
    """Outbound and inbound messages."""

    def __init__(self, context: ManageContext) -> None:
        self._context = context

    def add_to(self, router: APIRouter) -> None:
        """Add the routes."""
        calls = Calls(router, tag="Messages")
        calls.add("GET", "/messages", self.list_page, "messages.list")
        calls.add("POST", "/messages/search", self.search, "messages.search")
        calls.add("GET", "/messages/{message_id}", self.show, "messages.show")
        calls.add("POST", "/messages/{message_id}/cancel", self.cancel, "messages.cancel")
        calls.add("GET", "/inbound-messages", self.inbound, "inbound.list")

    async def list_page(
        self,
        caller: Calling,
        *,
        status: Annotated[list[MessageStatus] | None, Query(max_length=14, description="Repeat it.")] = None,
        since: AwareDatetime | None = None,
        until: AwareDatetime | None = None,
        cursor: Cursor = None,
        limit: Limit = PAGE_ROWS,
    ) -> Listing[MessageView]:
        """List messages, newest first. To look for a recipient or an `x-apiheader`, use the search."""
        return await self.search(
            caller, MessageSearch(statuses=status, since=since, until=until, cursor=cursor, limit=limit)
        )

    async def search(self, caller: Calling, request: MessageSearch) -> Listing[MessageView]:
        """Look for messages, newest first. A page may be short: only a null `next_cursor` is the end."""
        wanted = as_filter(request)
        before = request.cursor or BEFORE_ALL
        page = await self._context.read(
            lambda tx: search_messages(tx, caller.account_id, wanted, before=before, at_most=request.limit)
        )
        return Listing(items=[MessageView.of(row) for row in page.rows], next_cursor=page.next_before)

    async def show(self, caller: Calling, message_id: str) -> MessageDetailView:
        """Show one message: what it says, and everything that became of it."""
        return await self._context.read(lambda tx: show_message(tx, caller.account_id, message_id))

    async def cancel(self, caller: Calling, message_id: str) -> MessageDetailView:
        """Cancel a message that nothing was done about yet. Once acknowledged, it is never sent."""
        snapshot = self._context.directory.now
        await self._context.change(
            lambda tx: cancel_message(tx, caller.editor, caller.account_id, message_id, snapshot=snapshot)
        )
        self._context.notify_now()
        self._context.dispatch_now()
        return await self.show(caller, message_id)

    async def inbound(self, caller: Calling, cursor: Cursor = None, limit: Limit = PAGE_ROWS) -> Listing[InboundView]:
        """List what came in, newest first, without what it says."""
        rows = await self._context.read(
            lambda tx: list_inbound(tx, caller.account_id, before=cursor or BEFORE_ALL, at_most=limit)
        )
        return Listing(
            items=[InboundView.of(row) for row in rows],
            next_cursor=next_cursor([row.id for row in rows], limit=limit),
        )


class MediaRoutes:
    """Stored files."""

    def __init__(self, context: ManageContext) -> None:
        self._context = context

    def add_to(self, router: APIRouter) -> None:
        """Add the routes."""
        Calls(router, tag="Media").add("GET", "/media", self.list_page, "media.list")

    async def list_page(self, caller: Calling, cursor: Cursor = None, limit: Limit = PAGE_ROWS) -> Listing[MediaView]:
        """List the account's files, newest first. Their bytes are at `GET /api/v2/media/{mediaId}`."""
        before = (2**62, "") if cursor is None else parse_media_cursor(cursor)
        rows = await self._context.read(lambda tx: list_media(tx, caller.account_id, before=before, at_most=limit))
        cursors = [f"{row.created_at_us}.{row.id}" for row in rows]
        return Listing(items=[MediaView.of(row) for row in rows], next_cursor=next_cursor(cursors, limit=limit))


def as_filter(request: MessageSearch) -> MessageFilter:
    """Return what a search asks for, as the store takes it."""
    names = request.statuses
    return MessageFilter(
        recipient=request.recipient,
        caller_data=request.x_apiheader,
        wamid=request.wamid,
        source_id=request.source_id,
        states=tuple(MessageState) if names is None else [MessageState[name.upper()] for name in names],
        since_us=0 if request.since is None else as_microseconds(request.since),
        until_us=2**62 if request.until is None else as_microseconds(request.until),
    )


def show_message(tx: Tx, account_id: str, message_id: str) -> MessageDetailView:
    """Return one message with everything that became of it; raises that there is none."""
    found = find_message(tx, account_id, message_id)
    if found is None:
        raise not_found("message")
    notifications = list_of_subject(tx, account_id, message_id, at_most=PAGE_ROWS_MAX)
    return MessageDetailView.assemble(
        found,
        attempts=list_attempts(tx, account_id, message_id),
        notifications=notifications,
        deliveries=list_deliveries(tx, account_id, notifications, at_most=PAGE_ROWS_MAX),
    )


def parse_media_cursor(cursor: str) -> tuple[int, str]:
    """Return where a page of files begins."""
    time_text, separator, media_id = cursor.partition(".")
    if not separator or not (time_text.isascii() and time_text.isdigit()) or len(time_text) > 18:
        raise invalid("cursor", "is not one of ours", hint="Give the next_cursor of the page before, unchanged.")
    return int(time_text), media_id
