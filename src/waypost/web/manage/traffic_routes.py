"""Messages, what came in, and files: to be looked at, and cancelled while nothing has been done about them."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from waypost.domain.ids import BEFORE_ALL
from waypost.store.inspection import list_inbound, search_media
from waypost.store.paging import Order
from waypost.store.scheduling import list_scheduled
from waypost.store.searching import search_messages
from waypost.web.manage.cancelling import cancel_message
from waypost.web.manage.context import ManageContext
from waypost.web.manage.guarding import Calling, Calls
from waypost.web.manage.page_parameters import Cursor, Limit
from waypost.web.manage.paging import PAGE_ROWS, Listing, next_cursor
from waypost.web.manage.problems import invalid
from waypost.web.manage.requests import MessageSearch, MessageStatus, Rescheduling
from waypost.web.manage.rescheduling import reschedule_message
from waypost.web.manage.searching import as_filter, show_message
from waypost.web.manage.traffic_views import InboundView, MediaView, MessageDetailView, MessagePage, MessageView
from waypost.web.manage.views import as_optional_time


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
        calls.add("POST", "/messages/{message_id}/reschedule", self.reschedule, "messages.reschedule")
        calls.add("GET", "/scheduled-messages", self.scheduled, "messages.scheduled")
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
    ) -> MessagePage:
        """List messages, newest first. To look for a recipient or an `x-apiheader`, use the search."""
        return await self.search(
            caller, MessageSearch(statuses=status, since=since, until=until, cursor=cursor, limit=limit)
        )

    async def search(self, caller: Calling, request: MessageSearch) -> MessagePage:
        """Look for messages, newest or oldest first. A page may be short: only a null `next_cursor` is the end."""
        wanted, order = as_filter(request), Order(request.order)
        page = await self._context.read(
            lambda tx: search_messages(
                tx, caller.account_id, wanted, order=order, cursor=request.cursor, at_most=request.limit
            ),
            account_id=caller.account_id,
        )
        return MessagePage(
            items=[MessageView.of(row) for row in page.rows],
            next_cursor=page.next_cursor,
            previous_cursor=page.previous_cursor,
            looked_to=as_optional_time(page.looked_to_us),
        )

    async def show(self, caller: Calling, message_id: str) -> MessageDetailView:
        """Show one message: what it says, and everything that became of it."""
        return await self._context.read(
            lambda tx: show_message(tx, caller.account_id, message_id), account_id=caller.account_id
        )

    async def cancel(self, caller: Calling, message_id: str) -> MessageDetailView:
        """Cancel a message that nothing was done about yet. Once acknowledged, it is never sent."""
        snapshot = self._context.directory.now
        lane = await self._context.change(
            lambda tx: cancel_message(tx, caller.editor, caller.account_id, message_id, snapshot=snapshot),
            account_id=caller.account_id,
        )
        self._context.notify_now()
        self._context.lanes_ended([lane])
        return await self.show(caller, message_id)

    async def reschedule(self, caller: Calling, message_id: str, request: Rescheduling) -> MessageDetailView:
        """Move a scheduled message, and its time to live with it. Once acknowledged, it is not sent before."""
        await self._context.database.write(
            lambda tx: reschedule_message(tx, caller.editor, caller.account_id, message_id, request),
            account_id=caller.account_id,
        )
        self._context.dispatch_now()
        return await self.show(caller, message_id)

    async def scheduled(self, caller: Calling, cursor: Cursor = None, limit: Limit = PAGE_ROWS) -> Listing[MessageView]:
        """List messages that wait for their time, the soonest first."""
        after = (0, "") if cursor is None else parse_timed_cursor(cursor)
        rows = await self._context.read(
            lambda tx: list_scheduled(tx, caller.account_id, after=after, at_most=limit), account_id=caller.account_id
        )
        return Listing(
            items=[MessageView.of(row) for row in rows],
            next_cursor=next_cursor([f"{row.due_at_us}.{row.id}" for row in rows], limit=limit),
        )

    async def inbound(self, caller: Calling, cursor: Cursor = None, limit: Limit = PAGE_ROWS) -> Listing[InboundView]:
        """List what came in, newest first, without what it says."""
        rows = await self._context.read(
            lambda tx: list_inbound(tx, caller.account_id, before=cursor or BEFORE_ALL, at_most=limit),
            account_id=caller.account_id,
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
        if cursor is not None:
            parse_timed_cursor(cursor)  # says what is wrong with a broken one, which the search takes for the beginning
        found = await self._context.read(
            lambda tx: search_media(tx, caller.account_id, cursor=cursor, at_most=limit), account_id=caller.account_id
        )
        return Listing(items=[MediaView.of(row) for row in found.rows], next_cursor=found.next_cursor)


def parse_timed_cursor(cursor: str) -> tuple[int, str]:
    """Return where a page begins of what is ordered by time, then id."""
    time_text, separator, row_id = cursor.partition(".")
    if not separator or not (time_text.isascii() and time_text.isdigit()) or len(time_text) > 18:
        raise invalid("cursor", "is not one of ours", hint="Give the next_cursor of the page before, unchanged.")
    return int(time_text), row_id
