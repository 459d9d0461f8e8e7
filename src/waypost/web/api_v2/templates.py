"""``/api/v2/metainfo/template/*`` and the same paths of v3: templates listed, shown and made (contract, section 6)."""

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from waypost.contract.errors import (
    CLIENT_NOT_FOUND,
    INVALID_TEMPLATE,
    PARAMETER_MISSING,
    ContractRefusal,
)
from waypost.contract.management_replies import (
    TemplateView,
    template_created,
    template_previews,
    template_statuses,
    template_statuses_in_full,
    templates_listed,
)
from waypost.contract.template_management import TemplateDefinition, parse_template_creation, parse_wrapped_creation
from waypost.contract.template_queries import (
    TemplateListing,
    parse_template_listing,
    parse_template_named,
    source_of_query,
    type_of,
)
from waypost.providers.cloud_api.calls import CallFailure
from waypost.store.template_reading import (
    TemplateFilter,
    TemplateRecord,
    count_templates,
    list_templates,
)
from waypost.store.transaction import Tx
from waypost.web.auth import Principal
from waypost.web.metainfo_context import MetainfoContext, error_of_call, find_named, query_of
from waypost.web.responses import json_response


class TemplateEndpoints:
    """Answers from the mirror of the chosen source's business account, and makes new templates through the desk."""

    def __init__(self, context: MetainfoContext) -> None:
        self._context = context

    async def status(self, principal: Principal, request: Request) -> Response:
        """Say how far a template is, in each of its languages."""
        found = await self._named(principal, request, takes_id=False)
        return found if isinstance(found, Response) else json_response(template_statuses(_views(found)))

    async def status_in_full(self, principal: Principal, request: Request) -> Response:
        """Say how far a template is, why it was refused, and how users take it; it may be named by its id."""
        found = await self._named(principal, request, takes_id=True)
        return found if isinstance(found, Response) else json_response(template_statuses_in_full(_views(found)))

    async def preview(self, principal: Principal, request: Request) -> Response:
        """Show what a template is made of."""
        found = await self._named(principal, request, takes_id=False)
        return found if isinstance(found, Response) else json_response(template_previews(_views(found)))

    async def preview_by_id(self, principal: Principal, request: Request) -> Response:
        """Show what a template is made of; it may be named by its id."""
        found = await self._named(principal, request, takes_id=True)
        return found if isinstance(found, Response) else json_response(template_previews(_views(found)))

    async def list(self, principal: Principal, request: Request) -> Response:
        """List templates by name and language."""
        return await self._list(principal, request, name_member=None)

    async def list_by_name(self, principal: Principal, request: Request) -> Response:
        """List templates, those of one name where the query says so."""
        return await self._list(principal, request, name_member="template_name")

    async def create(self, principal: Principal, request: Request) -> Response:
        """Hand a template in for review."""
        return await self._create(principal, request, parse_template_creation(await request.body()))

    async def create_wrapped(self, principal: Principal, request: Request) -> Response:
        """Hand a template in for review that stands in ``meta_payload``."""
        return await self._create(principal, request, parse_wrapped_creation(await request.body()))

    async def _list(self, principal: Principal, request: Request, *, name_member: str | None) -> Response:
        query = query_of(request)
        if query is None:
            return self._context.failed(PARAMETER_MISSING)
        listing = parse_template_listing(query, name_member=name_member)
        if isinstance(listing, ContractRefusal):
            return self._context.refused(listing)
        source = self._context.source_of(principal, source_of_query(query))
        if source is None:
            return self._context.failed(CLIENT_NOT_FOUND)
        waba_id = source.waba_id
        total, records = await self._context.database.read(
            lambda tx: _read_part(tx, principal.account_id, waba_id, listing), account_id=principal.account_id
        )
        return json_response(templates_listed(_views(records), total=total, limit=listing.limit, offset=listing.offset))

    async def _named(
        self, principal: Principal, request: Request, *, takes_id: bool
    ) -> Response | Sequence[TemplateRecord]:
        query = query_of(request)
        if query is None:
            return self._context.failed(PARAMETER_MISSING)
        named = parse_template_named(query, takes_id=takes_id)
        if isinstance(named, ContractRefusal):
            return self._context.refused(named)
        source = self._context.source_of(principal, source_of_query(query))
        if source is None:
            return self._context.failed(CLIENT_NOT_FOUND)
        found = await self._context.database.read(
            lambda tx: find_named(tx, source, named), account_id=principal.account_id
        )
        return found or self._context.failed(INVALID_TEMPLATE)

    async def _create(
        self, principal: Principal, request: Request, wanted: TemplateDefinition | ContractRefusal
    ) -> Response:
        if isinstance(wanted, ContractRefusal):
            return self._context.refused(wanted)
        source = self._context.source_of(principal, wanted.source or source_of_query(request.query_params))
        if source is None:
            return self._context.failed(CLIENT_NOT_FOUND)
        made = await self._context.desk.create(self._context.editor_of(principal), source, wanted.upstream)
        if isinstance(made, CallFailure):
            return self._context.failed(error_of_call(made))
        return json_response(template_created(template_id=made.provider_id, status=made.status, category=made.category))


def _read_part(tx: Tx, account_id: str, waba_id: str, listing: TemplateListing) -> tuple[int, list[TemplateRecord]]:
    wanted = TemplateFilter(waba_id=waba_id, name=listing.name, status=listing.status, languages=listing.languages)
    if listing.types is None:
        return count_templates(tx, account_id, wanted), list_templates(
            tx, account_id, wanted, offset=listing.offset, at_most=listing.limit
        )
    # What a template mainly is stands in its components, which no index knows.
    every = [record for record in list_templates(tx, account_id, wanted) if type_of(record.components) in listing.types]
    return len(every), every[listing.offset : listing.offset + listing.limit]


def _views(records: Sequence[TemplateRecord]) -> list[TemplateView]:
    return [
        TemplateView(
            template_id=record.provider_id,
            name=record.name,
            language=record.language,
            status=record.status,
            category=record.category,
            quality=record.quality,
            rejected_reason=record.rejected_reason,
            components=list[dict[str, Any]](record.components),
        )
        for record in records
    ]
