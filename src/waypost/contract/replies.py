"""
Answers: every body that ``/api/v2/`` gives, as bytes, with exactly the members of its operation.

Legacy clients discard an answer with any other member (contract, section 1.3), so nothing here is generic.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

import orjson

from waypost.contract.errors import (
    ContractError,
    ContractRefusal,
    FailedRecipient,
    optin_not_found,
    remark_of,
)
from waypost.contract.times import format_date
from waypost.domain.consent import ConsentAction
from waypost.domain.errors import FailureReason
from waypost.domain.message import MessageKind, MessageState
from waypost.domain.status import Status
from waypost.domain.value import value


class Reply(NamedTuple):
    """An HTTP status and a JSON body."""

    status: int
    body: bytes


_SENT_START: Final = b'{"status":"success","message":"Request received successfully.","data":{"id":"'
_STATUS_WORDS: Final = MappingProxyType(
    {
        MessageState.SCHEDULED: "scheduled",
        MessageState.WAITING: "accepted",
        MessageState.QUEUED: "accepted",
        MessageState.DISPATCHING: "accepted",
        MessageState.IN_DOUBT: "accepted",
        MessageState.ACCEPTED: "accepted",
        MessageState.SENT: "sent",
        MessageState.DELIVERED: "delivered",
        MessageState.READ: "read",
        MessageState.PLAYED: "read",
        MessageState.FAILED: "failed",
        MessageState.EXPIRED: "failed",
        MessageState.CANCELLED: "failed",
        MessageState.UNKNOWN: "failed",
    }
)


def status_word(state: MessageState) -> str:
    """Return the contract's word for where a message stands."""
    return _STATUS_WORDS[state]


_THREE_KEYS: Final = MappingProxyType(
    {
        status: Reply(status, orjson.dumps({"error": error, "message": message, "status": status}))
        for status, error, message in (
            (403, "Forbidden", "Access Denied"),
            (404, "Not Found", "Resource not found"),
            (405, "Method Not Allowed", "Method not supported"),
            (413, "Payload Too Large", "Request body too large"),
            (429, "Too Many Requests", "Rate limit exceeded"),
            (500, "Internal Server Error", "Internal error"),
            (503, "Service Unavailable", "Service overloaded"),
        )
    }
)


def three_key(status: Literal[403, 404, 405, 413, 429, 500, 503]) -> Reply:
    """Return the answer to a request that never reached an operation (contract, section 1.4)."""
    return _THREE_KEYS[status]


def messages_accepted(message_ids: Sequence[str]) -> bytes:
    """Return the answer to a send request: ``data`` is ``{"id"}`` for one message, ``{"id","ids"}`` for several."""
    first = message_ids[0].encode()
    if len(message_ids) == 1:
        return _SENT_START + first + b'"}}'
    return _SENT_START + first + b'","ids":["' + '","'.join(message_ids).encode() + b'"]}}'


class FailureReplies:
    """The failure envelope, in the form that the settings ask for."""

    def __init__(self, *, failure_http_status: Literal["200", "4xx"] = "200", leading_space: bool = False) -> None:
        self._uses_4xx = failure_http_status == "4xx"
        self._lead = " " if leading_space else ""

    def refused(self, refusal: ContractRefusal) -> Reply:
        """Return the answer to a refused request; with ``index`` when one of several entries failed."""
        error = refusal.error
        members: dict[str, Any] = {} if error.code is None else {"code": error.code}
        members["message"] = self._lead + error.text
        if refusal.index is not None:
            members["index"] = refusal.index
        body = orjson.dumps({"status": "failure", "error": members})
        return Reply(error.http_status if self._uses_4xx else 200, body)

    def failed(self, error: ContractError) -> Reply:
        """Return the answer to a request that fails as a whole for a reason of the contract's table."""
        return self.refused(ContractRefusal(error=error))

    def optin_not_found(self, phone_number: str) -> Reply:
        """Return the consent check's answer without an opt-in; it has no ``code``."""
        return self.failed(optin_not_found(phone_number))

    def consent_recorded(
        self,
        action: ConsentAction,
        *,
        recipients: int,
        processed: int,
        failed: Sequence[FailedRecipient],
    ) -> bytes:
        """
        Return the answer to a consent call that was carried out (contract, sections 3.2 and 3.3).

        Args:
            action: what was asked for.
            recipients: how many the request named; for one, opt-in and opt-out answer without counts.
            processed: how many were recorded.
            failed: the others, in the request's order.

        """
        answer: dict[str, Any] = {"status": "success", "message": _RECORDED[action]}
        if recipients > 1 or action in (ConsentAction.BLOCKLIST, ConsentAction.WHITELIST):
            answer["data"] = {
                "processed_count": processed,
                "failed_recipients": [
                    {"recipient": each.recipient, "code": each.error.code, "message": self._lead + each.error.text}
                    for each in failed
                ],
            }
        return orjson.dumps(answer)


_RECORDED: Final = MappingProxyType(
    {
        ConsentAction.OPTIN: "Optin successfully added.",
        ConsentAction.OPTOUT: "Optout successfully added.",
        ConsentAction.BLOCKLIST: "Blocklist successfully added.",
        ConsentAction.WHITELIST: "Whitelist successfully added.",
    }
)


@value
class MessageView:
    """
    What the look-up tells of one message.

    ``source`` and ``caller_data`` are as passed, ``""`` if not. ``reason`` is given for a message that failed.
    ``timeline`` has what upstream reported and the gateway's own ends, oldest first, in microseconds.
    """

    message_id: str
    source: str
    recipient: str
    kind: MessageKind
    caller_data: str
    state: MessageState
    reason: FailureReason | None
    timeline: tuple[tuple[Status, int], ...]


def message_found(view: MessageView) -> bytes:
    """Return the answer to a look-up (contract, section 2.13); ``played`` is not a word of the contract's."""
    status = _STATUS_WORDS[view.state]
    return orjson.dumps(
        {
            "status": "success",
            "data": {
                "id": view.message_id,
                "source": view.source,
                "recipient": view.recipient,
                "message_type": view.kind.value,
                "x-apiheader": view.caller_data,
                "status": status,
                "status_remark": remark_of(view.reason) if view.reason is not None and status == "failed" else "",
                "timeline": [
                    {"status": word.value, "received_at": format_date(at_us)}
                    for word, at_us in view.timeline
                    if word is not Status.PLAYED
                ],
            },
        }
    )


def message_marked_read() -> bytes:
    """Return the answer to a read receipt (an addition)."""
    return _done("Message marked as read.")


def optin_found(
    *, phone_number: str, optin_source: str, created_at_us: int, ip: str | None, user_agent: str | None
) -> bytes:
    """Return the consent check's answer; an implied opt-in has ``optin_source`` ``WHATSAPP``."""
    return with_data(
        {
            "ip": ip or "",
            "phone_number": phone_number,
            "optin_source": optin_source,
            "user_agent": user_agent or "",
            "created_date": format_date(created_at_us) + ".0",
        }
    )


def media_uploaded(media_id: str) -> bytes:
    """Return the answer to an upload."""
    return _done("Media uploaded successfully.", {"mediaId": media_id})


def media_deleted() -> bytes:
    """Return the answer to the deletion of a file."""
    return _done("Media deleted successfully.")


@value
class SourceView:
    """What the source API tells of one source; its secrets are never told."""

    source_id: str
    name: str
    phone_number: str
    phone_number_id: str
    waba_id: str
    is_default: bool


def source_created(source_id: str) -> bytes:
    """Return the answer to the creation of a source."""
    return _done("Source created successfully.", {"id": source_id})


def source_updated(source_id: str) -> bytes:
    """Return the answer to a change of a source."""
    return _done("Source updated successfully.", {"id": source_id})


def source_deleted() -> bytes:
    """Return the answer to the deletion of a source."""
    return _done("Source deleted successfully.")


def source_found(source: SourceView) -> bytes:
    """Return one source."""
    return with_data(_source(source))


def sources_listed(sources: Sequence[SourceView]) -> bytes:
    """Return an account's sources."""
    return with_data([_source(source) for source in sources])


def _source(source: SourceView) -> dict[str, Any]:
    return {
        "id": source.source_id,
        "name": source.name,
        "phone_number": source.phone_number,
        "phone_number_id": source.phone_number_id,
        "waba_id": source.waba_id,
        "default": source.is_default,
    }


def webhook_managed(*, name: str, status: Literal["enable", "disable"]) -> bytes:
    """Return the answer to the switching of a webhook (contract, section 6)."""
    return with_data({"name": name, "status": status})


def with_data(content: Any) -> bytes:
    """Return a success with its content under ``data``, and nothing beside it."""
    return orjson.dumps({"status": "success", "data": content})


def _done(message: str, data: Mapping[str, str] | None = None) -> bytes:
    answer: dict[str, Any] = {"status": "success", "message": message}
    if data is not None:
        answer["data"] = data
    return orjson.dumps(answer)
