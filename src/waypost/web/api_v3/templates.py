"""``/api/v3/metainfo/template/*`` beyond what v2 has: templates changed and deleted, categories and languages."""

from starlette.requests import Request
from starlette.responses import Response

from waypost.contract.decoding import decode_object
from waypost.contract.errors import (
    CLIENT_NOT_FOUND,
    INVALID_TEMPLATE,
    INVALID_TEMPLATE_LANGUAGE,
    PARAMETER_MISSING,
    ContractError,
    ContractRefusal,
    RefusedError,
)
from waypost.contract.management_replies import (
    categories_listed,
    languages_listed,
    template_deleted,
    template_edited,
)
from waypost.contract.replies import FailureReplies
from waypost.contract.template_management import (
    TemplateEdit,
    parse_category_edit,
    parse_template_deletion,
    parse_template_edit,
)
from waypost.contract.template_queries import TemplateNamed, source_of_query
from waypost.ports import Clock, IdFactory
from waypost.providers.cloud_api.calls import CallFailure
from waypost.store.directory import Directory, Source
from waypost.store.engine import Database
from waypost.store.sealing import Sealer
from waypost.web.api_v2.templates import error_of_call, find_named, query_of
from waypost.web.auth import Principal
from waypost.web.manage.editing import Editor
from waypost.web.responses import json_response, reply_response
from waypost.web.template_desk import TemplateDesk


class TemplateEditing:
    """Changes and deletes templates through the desk; what each may be named by is the contract's."""

    def __init__(
        self,
        *,
        database: Database,
        directory: Directory,
        desk: TemplateDesk,
        sealer: Sealer,
        clock: Clock,
        ids: IdFactory,
        replies: FailureReplies,
    ) -> None:
        self._database = database
        self._directory = directory
        self._desk = desk
        self._sealer = sealer
        self._clock = clock
        self._ids = ids
        self._replies = replies

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
            return self._failed(refused.error)
        if members is None:
            return self._failed(PARAMETER_MISSING)
        return await self._edit(principal, request, parse_category_edit(members))

    async def delete(self, principal: Principal, request: Request) -> Response:
        """Delete a template in the language named, or in all of them."""
        wanted = parse_template_deletion(await request.body())
        if isinstance(wanted, ContractRefusal):
            return reply_response(self._replies.refused(wanted))
        source = self._source(principal, request, wanted.source)
        if source is None:
            return self._failed(CLIENT_NOT_FOUND)
        named = TemplateNamed(name=wanted.name)
        records = await self._database.read(lambda tx: find_named(tx, source, named), account_id=principal.account_id)
        if not records:
            return self._failed(INVALID_TEMPLATE)
        chosen = [record for record in records if wanted.language in {None, record.language}]
        if not chosen:
            return self._failed(INVALID_TEMPLATE_LANGUAGE)
        failure = await self._desk.delete(
            self._editor(principal), source, chosen, is_every_language=wanted.language is None
        )
        if failure is not None:
            return self._failed(error_of_call(failure))
        return json_response(template_deleted(name=wanted.name, languages=[record.language for record in chosen]))

    async def categories(self, principal: Principal, request: Request) -> Response:  # noqa: ARG002 - one handler shape
        """List the categories a template may have."""
        return json_response(categories_listed())

    async def languages(self, principal: Principal, request: Request) -> Response:  # noqa: ARG002 - one handler shape
        """List the languages a template may be in."""
        return json_response(languages_listed())

    async def _edit(self, principal: Principal, request: Request, wanted: TemplateEdit | ContractRefusal) -> Response:
        if isinstance(wanted, ContractRefusal):
            return reply_response(self._replies.refused(wanted))
        source = self._source(principal, request, wanted.source)
        if source is None:
            return self._failed(CLIENT_NOT_FOUND)
        records = await self._database.read(
            lambda tx: find_named(tx, source, wanted.template), account_id=principal.account_id
        )
        if not records:
            return self._failed(INVALID_TEMPLATE)
        chosen = [record for record in records if wanted.language in {None, record.language}]
        if len(chosen) != 1:
            # None in this language, or several and none named: which one is meant cannot be guessed.
            return self._failed(INVALID_TEMPLATE_LANGUAGE)
        changes = {
            name: given
            for name, given in (("category", wanted.category), ("components", wanted.components))
            if given is not None
        }
        after = await self._desk.edit(self._editor(principal), source, chosen[0], changes)
        if isinstance(after, CallFailure):
            return self._failed(error_of_call(after))
        return json_response(template_edited(template_id=after.provider_id, status=after.status))

    def _source(self, principal: Principal, request: Request, named: str | None) -> Source | None:
        return self._directory.now.source_of(principal.account_id, named or source_of_query(request.query_params))

    def _editor(self, principal: Principal) -> Editor:
        return Editor.for_key(principal.key_id, ids=self._ids, clock=self._clock, sealer=self._sealer)

    def _failed(self, error: ContractError) -> Response:
        return reply_response(self._replies.failed(error))
