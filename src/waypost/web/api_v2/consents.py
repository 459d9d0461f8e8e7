"""Consent: check, manage, blocklist (contract, section 3)."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from waypost.contract.consents import (
    ConsentChange,
    parse_blocklist,
    parse_consent_check,
    parse_consent_manage,
)
from waypost.contract.errors import ALREADY_OPTED_IN, CONSENT_NOT_STORED, ContractRefusal, FailedRecipient
from waypost.contract.replies import FailureReplies, optin_found
from waypost.ports import Clock, IdFactory
from waypost.store.consents import ConsentWrite, find_consents
from waypost.store.directory import Directory
from waypost.store.engine import Database, Lane, Step, StoreUnavailableError
from waypost.web.auth import Principal
from waypost.web.consenting import change_consents
from waypost.web.responses import json_response, reply_response


class ConsentEndpoints:
    """Answers consent calls of one account; callers that come together are recorded together."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        clock: Clock,
        ids: IdFactory,
        replies: FailureReplies,
        *,
        on_told: Callable[[], None],
    ) -> None:
        self._database = database
        self._clock = clock
        self._replies = replies
        self._on_told = on_told
        self._step: Step[ConsentWrite, list[bool]] = Step(
            "consent", Lane.MANAGE, lambda tx, writes: change_consents(tx, directory.now, ids, writes)
        )

    async def check(self, principal: Principal, request: Request) -> Response:
        """Say whether a number has opted in."""
        asked = parse_consent_check(await request.body())
        if isinstance(asked, ContractRefusal):
            return reply_response(self._replies.refused(asked))
        found = await self._database.read(
            lambda tx: find_consents(tx, principal.account_id, [asked]), account_id=principal.account_id
        )
        record = found.get(asked)
        if record is None or not record.is_opted_in(implicit_optin=principal.account.implicit_optin):
            return reply_response(self._replies.optin_not_found(asked))
        return json_response(
            optin_found(
                phone_number=asked,
                optin_source=record.origin,
                created_at_us=record.changed_at_us,
                ip=record.ip,
                user_agent=record.user_agent,
            )
        )

    async def manage(self, principal: Principal, request: Request) -> Response:
        """Record opt-ins or opt-outs."""
        return await self._change(principal, request, parse_consent_manage)

    async def blocklist(self, principal: Principal, request: Request) -> Response:
        """Record blocks, or their lifting."""
        return await self._change(principal, request, parse_blocklist)

    async def _change(
        self, principal: Principal, request: Request, parse: Callable[[bytes], ConsentChange | ContractRefusal]
    ) -> Response:
        change = parse(await request.body())
        if isinstance(change, ContractRefusal):
            return reply_response(self._replies.refused(change))
        write = ConsentWrite(
            account_id=principal.account_id,
            action=change.action,
            evidence=tuple([evidence for _, evidence in change.evidence]),
            now_us=self._clock.now_us(),
        )
        try:
            recorded = await self._database.run(self._step, write)
        except StoreUnavailableError:
            return reply_response(self._replies.failed(CONSENT_NOT_STORED))
        self._on_told()
        refused = [
            (place, FailedRecipient(recipient=evidence.recipient, error=ALREADY_OPTED_IN))
            for (place, evidence), is_recorded in zip(change.evidence, recorded, strict=True)
            if not is_recorded
        ]
        if refused and change.recipients_count == 1:
            return reply_response(self._replies.failed(ALREADY_OPTED_IN))
        failed = [one for _, one in sorted([*change.failed, *refused], key=lambda entry: entry[0])]
        return json_response(
            self._replies.consent_recorded(
                change.action,
                recipients=change.recipients_count,
                processed=sum(recorded),
                failed=failed,
            )
        )
