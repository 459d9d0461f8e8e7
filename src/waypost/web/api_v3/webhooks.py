"""``/api/v3/metainfo/webhook/*``: webhooks listed, and changed by name (contract, section 6)."""

from starlette.requests import Request
from starlette.responses import Response

from waypost.contract.errors import CLIENT_NOT_FOUND, PARAMETER_MISSING, ContractError, ContractRefusal, is_invalid
from waypost.contract.management_replies import WebhookView, webhook_updated, webhooks_listed
from waypost.contract.replies import FailureReplies
from waypost.contract.webhook_management import WebhookUpdate, parse_webhook_listing, parse_webhook_update
from waypost.outbound.guard import OutboundPolicy, UrlRefused, check_custom_headers, parse_target
from waypost.ports import Clock, IdFactory
from waypost.store.directory import Directory
from waypost.store.engine import Database
from waypost.store.sealing import Sealer
from waypost.store.transaction import Tx
from waypost.web.auth import Principal
from waypost.web.manage.editing import Editor
from waypost.web.manage.editing_webhooks import alter_webhook
from waypost.web.manage.problems import Problem
from waypost.web.manage.requests import WebhookChange
from waypost.web.metainfo_context import query_of
from waypost.web.responses import json_response, reply_response

_HEADERS_MAX = 20
"""As of the manage API."""


class WebhookNamedEndpoints:
    """The account's webhooks by the names they were given; one that hears of both kinds stands for each."""

    def __init__(
        self,
        *,
        database: Database,
        directory: Directory,
        sealer: Sealer,
        clock: Clock,
        ids: IdFactory,
        replies: FailureReplies,
        policy: OutboundPolicy,
    ) -> None:
        self._database = database
        self._directory = directory
        self._sealer = sealer
        self._clock = clock
        self._ids = ids
        self._replies = replies
        self._policy = policy

    async def list(self, principal: Principal, request: Request) -> Response:
        """List webhooks, of one kind where the query says so."""
        query = query_of(request)
        kinds = ContractRefusal(error=PARAMETER_MISSING) if query is None else parse_webhook_listing(query)
        if isinstance(kinds, ContractRefusal):
            return reply_response(self._replies.refused(kinds))
        return json_response(
            webhooks_listed(
                [
                    WebhookView(
                        name=endpoint.name, url=endpoint.url, kind=kind, is_enabled=endpoint.disabled_reason is None
                    )
                    for endpoint in self._directory.now.endpoints_by_account.get(principal.account_id, ())
                    for kind in kinds
                    if kind in endpoint.kinds
                ]
            )
        )

    async def update(self, principal: Principal, request: Request) -> Response:
        """Change the webhook of this name and kind; a name that none has, or several have, is refused."""
        wanted = parse_webhook_update(await request.body())
        if isinstance(wanted, ContractRefusal):
            return reply_response(self._replies.refused(wanted))
        error = self._fault_of(principal, wanted)
        if error is not None:
            return reply_response(self._replies.failed(error))
        named = [
            endpoint
            for endpoint in self._directory.now.endpoints_by_account.get(principal.account_id, ())
            if endpoint.name == wanted.name and wanted.kind in endpoint.kinds
        ]
        if len(named) != 1:
            return reply_response(self._replies.failed(is_invalid("name")))
        endpoint_id = named[0].id
        try:
            await self._database.write(
                lambda tx: self._change(tx, principal, endpoint_id, wanted), account_id=principal.account_id
            )
        except Problem:
            # What was looked up in memory a moment ago has been deleted since.
            return reply_response(self._replies.failed(is_invalid("name")))
        await self._directory.refresh()
        after = self._directory.now.endpoints.get(endpoint_id, named[0])
        return json_response(
            webhook_updated(
                WebhookView(name=after.name, url=after.url, kind=wanted.kind, is_enabled=after.disabled_reason is None)
            )
        )

    def _fault_of(self, principal: Principal, wanted: WebhookUpdate) -> ContractError | None:
        """Return what the rules of webhooks find wrong with the change, in the contract's words."""
        if wanted.url is not None:
            try:
                parse_target(wanted.url, self._policy)
            except UrlRefused:
                return is_invalid("url")
        if wanted.headers is not None and (
            len(wanted.headers) > _HEADERS_MAX or check_custom_headers(wanted.headers) is not None
        ):
            return is_invalid("headers")
        if wanted.source is not None and self._directory.now.source_of(principal.account_id, wanted.source) is None:
            return CLIENT_NOT_FOUND
        return None

    def _change(self, tx: Tx, principal: Principal, endpoint_id: str, wanted: WebhookUpdate) -> None:
        editor = Editor.for_key(principal.key_id, ids=self._ids, clock=self._clock, sealer=self._sealer)
        changes = {
            name: given
            for name, given in (
                ("url", wanted.url),
                ("headers", None if wanted.headers is None else dict(wanted.headers)),
                ("source_ids", None if wanted.source is None else [wanted.source]),
            )
            if given is not None
        }
        alter_webhook(tx, editor, principal.account_id, endpoint_id, WebhookChange(**changes), policy=self._policy)
