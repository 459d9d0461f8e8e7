"""What the endpoints under ``metainfo`` work with, and how they read queries, find templates and tell of failures."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from waypost.contract.errors import (
    CLIENT_NOT_FOUND,
    INVALID_TEMPLATE,
    PLATFORM_ERROR,
    TECHNICAL_ERROR,
    ContractError,
    ContractRefusal,
    is_invalid,
)
from waypost.contract.replies import FailureReplies
from waypost.contract.template_queries import TemplateNamed
from waypost.ports import Clock, IdFactory
from waypost.providers.cloud_api.calls import CallFailure, CallFailureKind
from waypost.store.directory import Directory, Source
from waypost.store.engine import Database
from waypost.store.sealing import Sealer
from waypost.store.template_reading import TemplateRecord, find_named_templates, find_template_by_id
from waypost.store.transaction import Tx
from waypost.web.auth import Principal
from waypost.web.manage.editing import Editor
from waypost.web.responses import reply_response
from waypost.web.template_desk import TemplateDesk

_MEMBERS = frozenset(
    {"name", "language", "category", "components", "allow_category_change", "parameter_format"}
    | {"message_send_ttl_seconds"}
)
"""What a caller can mend; a refusal about any other part of upstream's request is the platform's trouble."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetainfoContext:
    """The parts of one gateway that these endpoints share, and how they answer without success."""

    database: Database
    directory: Directory
    desk: TemplateDesk
    sealer: Sealer
    clock: Clock
    ids: IdFactory
    replies: FailureReplies

    def source_of(self, principal: Principal, named: str | None) -> Source | None:
        """Return the caller's source of this id, its default one for None; None: it has no such source."""
        return self.directory.now.source_of(principal.account_id, named)

    def editor_of(self, principal: Principal) -> Editor:
        """Return who the audit log names for what this caller changes."""
        return Editor.for_key(principal.key_id, ids=self.ids, clock=self.clock, sealer=self.sealer)

    def failed(self, error: ContractError) -> Response:
        """Answer with one of the contract's errors."""
        return reply_response(self.replies.failed(error))

    def refused(self, refusal: ContractRefusal) -> Response:
        """Answer a request that the contract does not allow."""
        return reply_response(self.replies.refused(refusal))


def find_named(tx: Tx, source: Source, named: TemplateNamed) -> list[TemplateRecord]:
    """Return the languages of the template meant, one if it is named by its id; none: the source has no such."""
    if not named.template_id:
        return find_named_templates(tx, source.account_id, source.waba_id, named.name)
    record = find_template_by_id(tx, source.account_id, named.template_id)
    return [record] if record is not None and record.waba_id == source.waba_id else []


def error_of_call(failure: CallFailure) -> ContractError:
    """Return the contract's words for a call that the provider did not carry out."""
    match failure.kind:
        case CallFailureKind.REFUSED if failure.member in _MEMBERS:
            return is_invalid(failure.member or "")
        case CallFailureKind.REFUSED:
            return PLATFORM_ERROR
        case CallFailureKind.NOT_FOUND:
            return INVALID_TEMPLATE
        case CallFailureKind.CREDENTIALS:
            return CLIENT_NOT_FOUND
        case CallFailureKind.THROTTLED | CallFailureKind.UNREACHABLE:
            return TECHNICAL_ERROR


def query_of(request: Request) -> dict[str, str] | None:
    """Return the query's members, the last of each name; None for one that holds what cannot be looked for."""
    query = dict(request.query_params)
    return None if any("\x00" in written for written in query.values()) else query
