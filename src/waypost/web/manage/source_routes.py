"""The account's sending numbers. Tokens go in and never come out."""

from fastapi import APIRouter, Response

from waypost.store.sources import find_source, list_sources
from waypost.web.manage.context import ManageContext
from waypost.web.manage.editing import (
    add_source,
    alter_source,
    halt_source,
    remove_source,
    restart_source,
)
from waypost.web.manage.guarding import Calling, Calls
from waypost.web.manage.page_parameters import Cursor, Limit
from waypost.web.manage.paging import PAGE_ROWS, Listing, next_cursor
from waypost.web.manage.problems import not_found
from waypost.web.manage.requests import SourceChange, SourceCreation, SourcePause
from waypost.web.manage.views import NewSourceView, SourceView


class SourceRoutes:
    """Numbers: make, show, change, pause, resume, delete."""

    def __init__(self, context: ManageContext) -> None:
        self._context = context

    def add_to(self, router: APIRouter) -> None:
        """Add the routes."""
        calls = Calls(router, tag="Sources")
        one = "/sources/{source_id}"
        calls.add("GET", "/sources", self.list_page, "sources.list")
        calls.add("POST", "/sources", self.create, "sources.create", status=201)
        calls.add("GET", one, self.show, "sources.get")
        calls.add("PATCH", one, self.change, "sources.change")
        calls.add("DELETE", one, self.delete, "sources.delete", status=204)
        calls.add("POST", f"{one}/pause", self.pause, "sources.pause")
        calls.add("POST", f"{one}/resume", self.resume, "sources.resume")

    async def list_page(self, caller: Calling, cursor: Cursor = None, limit: Limit = PAGE_ROWS) -> Listing[SourceView]:
        """List the account's numbers."""
        records = await self._context.read(
            lambda tx: list_sources(tx, caller.account_id, after=cursor or "", at_most=limit),
            account_id=caller.account_id,
        )
        return Listing(
            items=[SourceView.of(record) for record in records],
            next_cursor=next_cursor([record.id for record in records], limit=limit),
        )

    async def create(self, caller: Calling, request: SourceCreation) -> NewSourceView:
        """Connect a number. The answer shows the verify token to enter at the provider, for this once."""
        default_provider = self._context.settings.default_provider
        record, verify_token = await self._context.change(
            lambda tx: add_source(tx, caller.editor, caller.account_id, request, default_provider=default_provider),
            account_id=caller.account_id,
        )
        return NewSourceView(**SourceView.of(record).model_dump(), verify_token=verify_token)

    async def show(self, caller: Calling, source_id: str) -> SourceView:
        """Show one number."""
        record = await self._context.read(
            lambda tx: find_source(tx, caller.account_id, source_id), account_id=caller.account_id
        )
        if record is None:
            raise not_found("source")
        return SourceView.of(record)

    async def change(self, caller: Calling, source_id: str, request: SourceChange) -> SourceView:
        """Change what the request names. A replaced app secret is accepted for another 24 h."""
        record = await self._context.change(
            lambda tx: alter_source(tx, caller.editor, caller.account_id, source_id, request),
            account_id=caller.account_id,
        )
        return SourceView.of(record)

    async def delete(self, caller: Calling, source_id: str) -> Response:
        """Take a number out of use for good; its messages stay, for look-up."""
        await self._context.change(
            lambda tx: remove_source(tx, caller.editor, caller.account_id, source_id), account_id=caller.account_id
        )
        return Response(status_code=204)

    async def pause(self, caller: Calling, source_id: str, request: SourcePause | None = None) -> SourceView:
        """Stop sending from a number within a second; what is queued waits."""
        reason = (request or SourcePause()).reason
        record = await self._context.change(
            lambda tx: halt_source(tx, caller.editor, caller.account_id, source_id, reason=reason),
            account_id=caller.account_id,
        )
        return SourceView.of(record)

    async def resume(self, caller: Calling, source_id: str) -> SourceView:
        """Let a paused number send again."""
        record = await self._context.change(
            lambda tx: restart_source(tx, caller.editor, caller.account_id, source_id), account_id=caller.account_id
        )
        self._context.dispatch_now()
        return SourceView.of(record)
