"""``/api/v3/metainfo/template/*`` beyond what v2 has: templates changed and deleted, categories and languages."""

from starlette.requests import Request
from starlette.responses import Response

from waypost.contract.decoding import decode_object
from waypost.contract.errors import (
    CLIENT_NOT_FOUND,
    INVALID_TEMPLATE,
    INVALID_TEMPLATE_LANGUAGE,
    PARAMETER_MISSING,
    ContractRefusal,
    RefusedError,
)
from waypost.contract.management_replies import (
    categories_listed,
    languages_listed,
    template_deleted,
    template_edited,
)
from waypost.contract.template_management import (
    TemplateEdit,
    parse_category_edit,
    parse_template_deletion,
    parse_template_edit,
)
from waypost.contract.template_queries import TemplateNamed, source_of_query
from waypost.providers.cloud_api.calls import CallFailure
from waypost.web.auth import Principal
from waypost.web.metainfo_context import MetainfoContext, error_of_call, find_named, query_of
from waypost.web.responses import json_response


class TemplateEditing:
    """Changes and deletes templates through the desk; what each may be named by is the contract's."""

    def __init__(self, context: MetainfoContext) -> None:
        self._context = context

    async def edit(self, principal: Principal, request: Request) -> Response:
        """Change a template's category or components; it is reviewed again."""
        return await self._edit(principal, request, parse_template_edit(await request.body()))

    async def edit_category(self, principal: Principal, request: Request) -> Response:
        """Change a template's category; members may stand in the query or in the body."""
        query = query_of(request)
        body = await request.body()
        try:
            members = None if query is None else {**(decode_object(body) if body else {}), **query}
        except RefusedError as refused:
            return self._context.failed(refused.error)
        if members is None:
            return self._context.failed(PARAMETER_MISSING)
        return await self._edit(principal, request, parse_category_edit(members))

    async def delete(self, principal: Principal, request: Request) -> Response:
        """Delete a template in the language named, or in all of them."""
        wanted = parse_template_deletion(await request.body())
        if isinstance(wanted, ContractRefusal):
            return self._context.refused(wanted)
        source = self._context.source_of(principal, wanted.source or source_of_query(request.query_params))
        if source is None:
            return self._context.failed(CLIENT_NOT_FOUND)
        named = TemplateNamed(name=wanted.name)
        records = await self._context.database.read(
            lambda tx: find_named(tx, source, named), account_id=principal.account_id
        )
        if not records:
            return self._context.failed(INVALID_TEMPLATE)
        chosen = [record for record in records if wanted.language in {None, record.language}]
        if not chosen:
            return self._context.failed(INVALID_TEMPLATE_LANGUAGE)
        failure = await self._context.desk.delete(
            self._context.editor_of(principal), source, chosen, is_every_language=wanted.language is None
        )
        if failure is not None:
            return self._context.failed(error_of_call(failure))
        return json_response(template_deleted(name=wanted.name, languages=[record.language for record in chosen]))

    async def categories(self, principal: Principal, request: Request) -> Response:  # noqa: ARG002 - one handler shape
        """List the categories a template may have."""
        return json_response(categories_listed())

    async def languages(self, principal: Principal, request: Request) -> Response:  # noqa: ARG002 - one handler shape
        """List the languages a template may be in."""
        return json_response(languages_listed())

    async def _edit(self, principal: Principal, request: Request, wanted: TemplateEdit | ContractRefusal) -> Response:
        if isinstance(wanted, ContractRefusal):
            return self._context.refused(wanted)
        source = self._context.source_of(principal, wanted.source or source_of_query(request.query_params))
        if source is None:
            return self._context.failed(CLIENT_NOT_FOUND)
        records = await self._context.database.read(
            lambda tx: find_named(tx, source, wanted.template), account_id=principal.account_id
        )
        if not records:
            return self._context.failed(INVALID_TEMPLATE)
        chosen = [record for record in records if wanted.language in {None, record.language}]
        if len(chosen) != 1:
            # None in this language, or several and none named: which one is meant cannot be guessed.
            return self._context.failed(INVALID_TEMPLATE_LANGUAGE)
        changes = {
            name: given
            for name, given in (("category", wanted.category), ("components", wanted.components))
            if given is not None
        }
        after = await self._context.desk.edit(self._context.editor_of(principal), source, chosen[0], changes)
        if isinstance(after, CallFailure):
            return self._context.failed(error_of_call(after))
        return json_response(template_edited(template_id=after.provider_id, status=after.status))
