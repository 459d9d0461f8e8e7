"""``GET /api/v2/message/{id}``: where a message stands, and how it got there."""

from starlette.requests import Request
from starlette.responses import Response

from waypost.contract.replies import MessageView, message_found, three_key
from waypost.domain.errors import FailureReason
from waypost.domain.message import MessageKind, MessageState
from waypost.domain.status import Status
from waypost.store.engine import Database
from waypost.store.lookup import MessageRecord, find_message
from waypost.web.auth import Principal
from waypost.web.responses import json_response, reply_response


class LookupEndpoint:
    """Answers look-ups of one account's messages."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def handle(self, principal: Principal, request: Request) -> Response:
        """Answer one look-up; an unknown or foreign id is 404."""
        message_id = request.path_params["id"]
        record = await self._database.read(
            lambda tx: find_message(tx, principal.account_id, message_id), account_id=principal.account_id
        )
        if record is None:
            return reply_response(three_key(404))
        return json_response(message_found(_view(record)))


def _view(record: MessageRecord) -> MessageView:
    facts = (
        (Status.SENT, record.sent_at_us),
        (Status.DELIVERED, record.delivered_at_us),
        (Status.READ, record.read_at_us),
        (Status.FAILED, record.failed_at_us or record.ended_at_us),
    )
    timeline = [(status, at_us) for status, at_us in facts if at_us is not None]
    return MessageView(
        message_id=record.id,
        source=record.source_given or "",
        recipient=record.recipient,
        kind=MessageKind(record.kind),
        caller_data=record.caller_data,
        state=MessageState(record.state),
        reason=None if record.failure is None else FailureReason(record.failure),
        timeline=tuple(sorted(timeline, key=lambda entry: entry[1])),
    )
