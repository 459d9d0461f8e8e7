"""The account's templates: read from the mirror, changed at the provider and in the mirror."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from waypost.contract.languages import codes_of
from waypost.store.directory import Source
from waypost.store.template_mirror import make_lists_due
from waypost.store.template_reading import (
    TemplateFilter,
    TemplateRecord,
    find_named_templates,
    find_template_by_id,
    list_mirrors,
    page_templates,
)
from waypost.store.transaction import Tx
from waypost.web.manage.context import Caller, ManageContext
from waypost.web.manage.guarding import Calling, Calls
from waypost.web.manage.page_parameters import Cursor, Limit
from waypost.web.manage.paging import PAGE_ROWS, Listing, next_cursor
from waypost.web.manage.problems import invalid, not_found
from waypost.web.manage.template_editing import made, preview_of, removed, source_reaching
from waypost.web.manage.template_models import (
    PreviewView,
    TemplateChange,
    TemplateCreation,
    TemplateListsView,
    TemplateListView,
    TemplatePreview,
    TemplateSync,
    TemplateView,
)
from waypost.web.template_desk import TemplateDesk

Word = Annotated[str | None, Query(max_length=512)]


class TemplateRoutes:
    """Templates: list, show, preview, make, change, delete, and read the provider's list anew."""

    def __init__(self, context: ManageContext) -> None:
        self._context = context

    def add_to(self, router: APIRouter) -> None:
        """Add the routes."""
        calls = Calls(router, tag="Templates")
        one = "/templates/{template_id}"
        calls.add("GET", "/templates", self.list_page, "templates.list")
        calls.add("POST", "/templates", self.create, "templates.create", status=201)
        calls.add("POST", "/templates/sync", self.sync, "templates.sync")
        calls.add("GET", one, self.show, "templates.get")
        calls.add("PATCH", one, self.change, "templates.change")
        calls.add("DELETE", one, self.delete, "templates.delete", status=204)
        calls.add("POST", f"{one}/preview", self.preview, "templates.preview")

    async def list_page(
        self,
        caller: Calling,
        *,
        source_id: Word = None,
        name: Word = None,
        status: Word = None,
        category: Word = None,
        language: Word = None,
        cursor: Cursor = None,
        limit: Limit = PAGE_ROWS,
    ) -> Listing[TemplateView]:
        """List the account's templates. All filters are without case; `language` is a name or a code."""
        wanted = TemplateFilter(
            waba_id="" if source_id is None else self._source(caller, source_id).waba_id,
            name=name or "",
            status=status or "",
            category=category or "",
            languages=codes_of(language) if language else None,
        )
        records = await self._context.read(
            lambda tx: page_templates(tx, caller.account_id, wanted, after=cursor or "", at_most=limit),
            account_id=caller.account_id,
        )
        return Listing(
            items=[TemplateView.of(record) for record in records],
            next_cursor=next_cursor([record.provider_id for record in records], limit=limit),
        )

    async def create(self, caller: Calling, request: TemplateCreation) -> TemplateView:
        """Hand a template in for review; it can be sent once its status is `APPROVED`."""
        source = self._source(caller, request.source_id, place="body.source_id")
        record = made(await self._desk().create(caller.editor, source, request.upstream()))
        return TemplateView.of(record)

    async def sync(self, caller: Calling, request: TemplateSync | None = None) -> TemplateListsView:
        """Have the provider's lists read anew at once. `synced_at` tells when that was done."""
        named = None if request is None else request.source_id
        waba_id = None if named is None else self._source(caller, named, place="body.source_id").waba_id

        def make_due(tx: Tx) -> TemplateListsView:
            now_us = self._context.clock.now_us()
            own = [mirror.waba_id for mirror in list_mirrors(tx, caller.account_id)]
            chosen = [(caller.account_id, one) for one in own if waba_id in {None, one}]
            make_lists_due(tx, chosen, now_us=now_us)
            mirrors = list_mirrors(tx, caller.account_id)
            return TemplateListsView(items=[TemplateListView.of(mirror) for mirror in mirrors])

        return await self._context.change(make_due, account_id=caller.account_id)

    async def show(self, caller: Calling, template_id: str) -> TemplateView:
        """Show one template in one language."""
        return TemplateView.of(await self._find(caller, template_id))

    async def change(self, caller: Calling, template_id: str, request: TemplateChange) -> TemplateView:
        """Change category or components; the template is reviewed again."""
        record = await self._find(caller, template_id)
        changes = request.model_dump(exclude_none=True)
        if not changes:
            raise invalid("body", "names nothing to change", hint="Give category or components, or both.")
        return TemplateView.of(
            made(await self._desk().edit(caller.editor, self._source_of(caller, record), record, changes))
        )

    async def delete(
        self,
        caller: Calling,
        template_id: str,
        *,
        all_languages: Annotated[bool, Query(description="Delete every language of its name.")] = False,
    ) -> Response:
        """Delete a template. The name of an approved one cannot be used again for 30 days."""
        record = await self._find(caller, template_id)
        records = [record]
        if all_languages:
            records = await self._context.read(
                lambda tx: find_named_templates(tx, caller.account_id, record.waba_id, record.name),
                account_id=caller.account_id,
            )
        removed(
            await self._desk().delete(
                caller.editor, self._source_of(caller, record), records, is_every_language=all_languages
            )
        )
        return Response(status_code=204)

    async def preview(self, caller: Calling, template_id: str, request: TemplatePreview) -> PreviewView:
        """Show a template with values in it."""
        return preview_of(await self._find(caller, template_id), request)

    async def _find(self, caller: Caller, template_id: str) -> TemplateRecord:
        record = await self._context.read(
            lambda tx: find_template_by_id(tx, caller.account_id, template_id), account_id=caller.account_id
        )
        if record is None:
            raise not_found("template")
        return record

    def _source(self, caller: Caller, source_id: str | None, *, place: str = "query.source_id") -> Source:
        source = self._context.directory.now.source_of(caller.account_id, source_id)
        if source is None:
            message = "there is no default source" if source_id is None else "names a source that is not there"
            raise invalid(place, message, hint="List the account's sources, or connect one.")
        return source

    def _source_of(self, caller: Caller, record: TemplateRecord) -> Source:
        return source_reaching(self._context.directory.now, caller.account_id, record)

    def _desk(self) -> TemplateDesk:
        return TemplateDesk(self._context.database, self._context.calls, clock=self._context.clock)
