"""The source API (contract, section 5). Secrets go in and never come out."""

import dataclasses

from starlette.requests import Request
from starlette.responses import Response

from waypost.contract.errors import ContractRefusal, is_invalid
from waypost.contract.management import SourceMembers, parse_source_change, parse_source_creation
from waypost.contract.replies import (
    FailureReplies,
    SourceView,
    source_created,
    source_deleted,
    source_found,
    source_updated,
    sources_listed,
    three_key,
)
from waypost.ports import Clock, IdFactory
from waypost.store.directory import Directory
from waypost.store.engine import Database
from waypost.store.sealing import Sealer
from waypost.store.sources import (
    NewSecrets,
    NewSource,
    PhoneNumberTakenError,
    SourceRecord,
    change_source,
    create_source,
    delete_source,
    find_source,
    list_sources,
    new_verify_token,
    resume_source,
)
from waypost.store.transaction import Tx
from waypost.web.auth import Principal
from waypost.web.manage.editing import Editor
from waypost.web.responses import json_response, reply_response

SOURCES_LISTED_MAX = 1000


class SourceEndpoints:
    """Creates, shows, changes and deletes one account's sources; each change has its entry in the audit log."""

    def __init__(
        self,
        *,
        database: Database,
        directory: Directory,
        sealer: Sealer,
        clock: Clock,
        ids: IdFactory,
        replies: FailureReplies,
        default_provider: str,
    ) -> None:
        self._database = database
        self._directory = directory
        self._sealer = sealer
        self._clock = clock
        self._ids = ids
        self._replies = replies
        self._default_provider = default_provider

    async def create(self, principal: Principal, request: Request) -> Response:
        """Add a source; a phone number id that is in use is refused."""
        members = parse_source_creation(await request.body())
        if isinstance(members, ContractRefusal):
            return reply_response(self._replies.refused(members))
        new = self._new_source(principal.account_id, members)
        try:
            await self._database.write(
                lambda tx: self._create(tx, principal, new),
                account_id=principal.account_id,
            )
        except PhoneNumberTakenError:
            return self._phone_number_taken()
        await self._directory.refresh()
        return json_response(source_created(new.id))

    async def list(self, principal: Principal, request: Request) -> Response:  # noqa: ARG002 - one handler shape
        """Show all sources of the account."""
        records = await self._database.read(
            lambda tx: list_sources(tx, principal.account_id, at_most=SOURCES_LISTED_MAX),
            account_id=principal.account_id,
        )
        return json_response(sources_listed([_view(record) for record in records]))

    async def get(self, principal: Principal, request: Request) -> Response:
        """Show one source."""
        source_id = request.path_params["id"]
        record = await self._database.read(
            lambda tx: find_source(tx, principal.account_id, source_id), account_id=principal.account_id
        )
        return reply_response(three_key(404)) if record is None else json_response(source_found(_view(record)))

    async def change(self, principal: Principal, request: Request) -> Response:
        """Change any members; new credentials resume a source that was paused for its old ones."""
        source_id = request.path_params["id"]
        members = parse_source_change(await request.body())
        if isinstance(members, ContractRefusal):
            return reply_response(self._replies.refused(members))
        changes = {
            field: value
            for field in ("name", "phone_number", "phone_number_id", "waba_id", "is_default")
            if (value := getattr(members, field)) is not None
        }
        new_secrets = NewSecrets(access_token=members.access_token, app_secret=members.app_secret)

        def apply(tx: Tx) -> SourceRecord | None:
            now_us = self._clock.now_us()
            record = change_source(
                tx,
                self._sealer,
                principal.account_id,
                source_id,
                lambda before: dataclasses.replace(before, **changes),
                secrets=new_secrets,
                now_us=now_us,
            )
            if record is None:
                return None
            self._note(tx, principal, "source.change", source_id)
            if members.access_token is None:
                return record
            return resume_source(tx, principal.account_id, source_id, now_us=now_us)

        try:
            record = await self._database.write(apply, account_id=principal.account_id)
        except PhoneNumberTakenError:
            return self._phone_number_taken()
        if record is None:
            return reply_response(three_key(404))
        await self._directory.refresh()
        return json_response(source_updated(record.id))

    async def delete(self, principal: Principal, request: Request) -> Response:
        """Take a source out of use; its unsent messages fail."""
        source_id = request.path_params["id"]
        is_deleted = await self._database.write(
            lambda tx: self._delete(tx, principal, source_id),
            account_id=principal.account_id,
        )
        if not is_deleted:
            return reply_response(three_key(404))
        await self._directory.refresh()
        return json_response(source_deleted())

    def _create(self, tx: Tx, principal: Principal, new: NewSource) -> None:
        if create_source(tx, self._sealer, new, now_us=self._clock.now_us()) is not None:
            self._note(tx, principal, "source.create", new.id)

    def _delete(self, tx: Tx, principal: Principal, source_id: str) -> bool:
        is_deleted = delete_source(tx, principal.account_id, source_id, now_us=self._clock.now_us())
        if is_deleted:
            self._note(tx, principal, "source.delete", source_id)
        return is_deleted

    def _note(self, tx: Tx, principal: Principal, action: str, source_id: str) -> None:
        editor = Editor.for_key(principal.key_id, ids=self._ids, clock=self._clock, sealer=self._sealer)
        editor.note(tx, account_id=principal.account_id, action=action, target=source_id)

    def _new_source(self, account_id: str, members: SourceMembers) -> NewSource:
        return NewSource(
            id=self._ids.new(),
            account_id=account_id,
            name=members.name or "",
            phone_number=members.phone_number or "",
            phone_number_id=members.phone_number_id or "",
            waba_id=members.waba_id or "",
            provider=self._default_provider,
            access_token=members.access_token or "",
            app_secret=members.app_secret,
            verify_token=new_verify_token(),
            is_default=bool(members.is_default),
        )

    def _phone_number_taken(self) -> Response:
        return reply_response(self._replies.failed(is_invalid("phone_number_id")))


def _view(record: SourceRecord) -> SourceView:
    return SourceView(
        source_id=record.id,
        name=record.name,
        phone_number=record.phone_number,
        phone_number_id=record.phone_number_id,
        waba_id=record.waba_id,
        is_default=record.is_default,
    )
