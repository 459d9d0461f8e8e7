"""``POST /api/v2/metainfo/webhook/manage_webhook``: webhooks switched on and off by name (contract, section 6)."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from waypost.contract.errors import ContractRefusal, is_invalid
from waypost.contract.management import WebhookSwitch, parse_webhook_switch
from waypost.contract.replies import FailureReplies, webhook_managed
from waypost.ports import Clock, IdFactory
from waypost.store.directory import Directory
from waypost.store.engine import Database
from waypost.store.sealing import Sealer
from waypost.store.transaction import Tx
from waypost.web.auth import Principal
from waypost.web.manage.editing import Editor
from waypost.web.manage.editing_webhooks import revive_webhook, silence_webhook
from waypost.web.responses import json_response, reply_response

SWITCHED_OFF = "switched off by the account"


class WebhookSwitchEndpoint:
    """Switches the webhooks of one account; ``on_enabled`` wakes the notifier for what has waited."""

    def __init__(
        self,
        *,
        database: Database,
        directory: Directory,
        sealer: Sealer,
        clock: Clock,
        ids: IdFactory,
        replies: FailureReplies,
        on_enabled: Callable[[], None],
    ) -> None:
        self._database = database
        self._directory = directory
        self._sealer = sealer
        self._clock = clock
        self._ids = ids
        self._replies = replies
        self._on_enabled = on_enabled

    async def switch(self, principal: Principal, request: Request) -> Response:
        """Enable or disable the account's webhooks of this name and kind; a name that none has is refused."""
        wanted = parse_webhook_switch(await request.body())
        if isinstance(wanted, ContractRefusal):
            return reply_response(self._replies.refused(wanted))
        named = [
            endpoint.id
            for endpoint in self._directory.now.endpoints_by_account.get(principal.account_id, ())
            if endpoint.name == wanted.webhook_name and wanted.kind in endpoint.kinds
        ]
        if not named:
            return reply_response(self._replies.failed(is_invalid("webhook_name")))
        await self._database.write(
            lambda tx: self._switch(tx, principal, named, wanted), account_id=principal.account_id
        )
        await self._directory.refresh()
        if wanted.status == "enable":
            self._on_enabled()
        return json_response(webhook_managed(name=wanted.webhook_name, status=wanted.status))

    def _switch(self, tx: Tx, principal: Principal, endpoint_ids: list[str], wanted: WebhookSwitch) -> None:
        editor = Editor.for_key(principal.key_id, ids=self._ids, clock=self._clock, sealer=self._sealer)
        for endpoint_id in endpoint_ids:
            if wanted.status == "enable":
                revive_webhook(tx, editor, principal.account_id, endpoint_id)
            else:
                silence_webhook(tx, editor, principal.account_id, endpoint_id, reason=SWITCHED_OFF)
