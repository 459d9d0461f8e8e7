"""``POST /api/v2/message/read``: an inbound message shown as read, and that an answer is being typed (an addition)."""

from typing import Final, Protocol

from starlette.requests import Request
from starlette.responses import Response

from waypost.contract.errors import ERRORS, ContractRefusal
from waypost.contract.reading import parse_reading_mark
from waypost.contract.replies import FailureReplies, message_marked_read, three_key
from waypost.domain.errors import FailureReason, SendFailure
from waypost.observe import get_logger
from waypost.ports import ProviderSource
from waypost.store.directory import Directory
from waypost.store.engine import Database
from waypost.store.lookup import find_inbound_source
from waypost.web.auth import Principal
from waypost.web.responses import json_response, reply_response

_AGAIN: Final = frozenset({FailureReason.OUTCOME_UNKNOWN})
"""Whether upstream took it is not known; marking it once more does no harm, so the caller is told to try again."""


class ReadMarker(Protocol):
    """Who shows people that their message was read; see ``CloudApiClient.mark_read``."""

    async def mark_read(self, source: ProviderSource, *, wamid: str, shows_typing: bool) -> SendFailure | None: ...


class ReadingEndpoint:
    """Marks one account's inbound messages as read: asked of upstream at once, and not kept here."""

    def __init__(
        self, *, database: Database, directory: Directory, marker: ReadMarker, replies: FailureReplies
    ) -> None:
        self._database = database
        self._directory = directory
        self._marker = marker
        self._replies = replies
        self._log = get_logger("api")

    async def handle(self, principal: Principal, request: Request) -> Response:
        """Mark one message; one that no number of the account has received is 404."""
        wanted = parse_reading_mark(await request.body())
        if isinstance(wanted, ContractRefusal):
            return reply_response(self._replies.refused(wanted))
        sources = self._directory.now.sources
        own = [source.id for source in sources.values() if source.account_id == principal.account_id]
        source_id = await self._database.read(
            lambda tx: find_inbound_source(tx, principal.account_id, wanted.message_id, source_ids=own),
            account_id=principal.account_id,
        )
        source = None if source_id is None else sources.get(source_id)
        if source is None:
            return reply_response(three_key(404))
        failure = await self._marker.mark_read(
            source.identity, wamid=wanted.message_id, shows_typing=wanted.shows_typing
        )
        if failure is None:
            return json_response(message_marked_read())
        self._log.info(
            "message.not_marked_read",
            account_id=principal.account_id,
            source_id=source.id,
            reason=failure.reason.value,
            provider_code=failure.provider_code,
            detail=failure.detail,
        )
        reason = FailureReason.TECHNICAL_ERROR if failure.reason in _AGAIN else failure.reason
        return reply_response(self._replies.failed(ERRORS[reason]))
