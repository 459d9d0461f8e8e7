"""
The golden files, and how each kind of them is played.

A file under ``golden/`` is one of: a request with what it becomes (``call``, ``accepted``), a request with its refusal
(``call``, ``answer``), an answer with what it is made of (``reply``), a webhook's body with its entries (``webhook``).
"""

import json
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

import orjson
from tests.contract import golden_management

from waypost.contract import consents, errors, events, management, replies, requests
from waypost.contract.times import TimestampForm
from waypost.domain.consent import ConsentAction
from waypost.domain.errors import FailureReason, PolicyRefusal
from waypost.domain.inbound import InboundContext, InboundKind, InboundMessage
from waypost.domain.message import MessageKind, MessageState, Priority
from waypost.domain.policy import SourcePolicy
from waypost.domain.status import Status

GOLDEN = Path(__file__).parent / "golden"
NOW_US = 1_930_382_120_000_000
"""2031-03-04 09:15:20 UTC."""


def paths(directory: str) -> list[Path]:
    """Return the files of one directory, in order."""
    return sorted((GOLDEN / directory).glob("*.json"))


def load(path: Path) -> dict[str, Any]:
    """Return the content of a file."""
    return json.loads(path.read_text(encoding="utf-8"))


def parse(case: dict[str, Any]) -> Any:
    """Put the request of a file through the parser of its call."""
    if case["call"] == "idempotency_key":
        return requests.check_idempotency_key(case["request"])
    body = case["request_text"].encode() if "request_text" in case else orjson.dumps(case["request"])
    if case["call"] != "send":
        return _PARSERS[case["call"]](body)
    settings = case["settings"]
    without_groups = settings.get("lacks_groups")
    return requests.parse_send_request(
        body,
        source_policy=SourcePolicy(settings.get("source_policy", "strict")),
        now_us=NOW_US,
        priority=Priority[settings.get("priority", "normal").upper()],
        lacks_groups=None if without_groups is None else without_groups.__contains__,
    )


_PARSERS: dict[str, Callable[[bytes], Any]] = {
    "consent_check": consents.parse_consent_check,
    "consent_manage": consents.parse_consent_manage,
    "blocklist": consents.parse_blocklist,
    "source_create": management.parse_source_creation,
    "source_update": management.parse_source_change,
    "webhook_switch": management.parse_webhook_switch,
    **golden_management.PARSERS,
}


def plain(value: Any) -> Any:
    """Return a domain value as JSON values; members that are None are left out."""
    if is_dataclass(value):
        return {name: plain(member) for name, member in asdict(value).items() if member is not None}
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items() if member is not None}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, frozenset):
        return sorted(plain(item) for item in value)
    return (value.value if isinstance(value.value, str) else value.name.lower()) if isinstance(value, Enum) else value


def render_reply(case: dict[str, Any]) -> replies.Reply:
    """Make the answer that a file describes."""
    arguments = case["arguments"]
    failures = replies.FailureReplies(**case["settings"])
    made = _REPLIES[case["reply"]](failures, arguments, case)
    return made if isinstance(made, replies.Reply) else replies.Reply(200, made)


def _message_view(arguments: dict[str, Any]) -> replies.MessageView:
    return replies.MessageView(
        message_id="3f0c9a52-7d1e-4b86-9c44-0a5be1d27f63",
        source="417-220",
        recipient="12025550143",
        kind=MessageKind.TEXT,
        caller_data="ticket-118",
        state=MessageState[arguments["state"]],
        reason=None if arguments["reason"] is None else FailureReason(arguments["reason"]),
        timeline=tuple((Status(word), microseconds(at)) for word, at in arguments["timeline"]),
    )


_REPLIES: dict[str, Callable[[replies.FailureReplies, dict[str, Any], dict[str, Any]], replies.Reply | bytes]] = {
    "messages_accepted": lambda _, a, __: replies.messages_accepted(a["message_ids"]),
    "three_key": lambda _, __, case: replies.three_key(case["status"]),
    "refused_by_policy": lambda failures, a, _: failures.refused(
        errors.refusal_of(PolicyRefusal(FailureReason(a["reason"]), a.get("index")))
    ),
    "failed": lambda failures, a, _: failures.failed(getattr(errors, a["error"])),
    "optin_not_found": lambda failures, a, _: failures.optin_not_found(a["phone_number"]),
    "optin_found": lambda _, a, __: replies.optin_found(
        phone_number=a["phone_number"],
        optin_source=a["optin_source"],
        created_at_us=microseconds(a["created_at"]),
        ip=a["ip"],
        user_agent=a["user_agent"],
    ),
    "consent_recorded": lambda failures, a, _: failures.consent_recorded(
        ConsentAction(a["action"]),
        recipients=a["recipients"],
        processed=a["processed"],
        failed=[errors.FailedRecipient(recipient=who, error=getattr(errors, error)) for who, error in a["failed"]],
    ),
    "media_uploaded": lambda _, a, __: replies.media_uploaded(a["media_id"]),
    "media_deleted": lambda _, __, ___: replies.media_deleted(),
    "source_created": lambda _, a, __: replies.source_created(a["source_id"]),
    "source_updated": lambda _, a, __: replies.source_updated(a["source_id"]),
    "source_deleted": lambda _, __, ___: replies.source_deleted(),
    "source_found": lambda _, a, __: replies.source_found(replies.SourceView(**a["source"])),
    "sources_listed": lambda _, a, __: replies.sources_listed([replies.SourceView(**each) for each in a["sources"]]),
    "webhook_managed": lambda _, a, __: replies.webhook_managed(name=a["webhook_name"], status=a["status_word"]),
    **golden_management.REPLIES,
    "message_found": lambda _, a, __: replies.message_found(_message_view(a)),
}


def render_webhook(case: dict[str, Any]) -> bytes:
    """Make the body that a file describes, entry by entry."""
    kind = events.WebhookKind(case["webhook"])
    render = _render_incoming if kind is events.WebhookKind.INCOMING else _render_status
    timestamps = TimestampForm(case["timestamps"])
    return events.render_body(kind, [render(entry, timestamps) for entry in case["entries"]])


def _render_status(entry: dict[str, Any], timestamps: TimestampForm) -> bytes:
    members = dict(entry)
    reason = members.pop("reason", None)
    notice = events.StatusNotice(
        status=Status(members.pop("status")),
        occurred_at_us=microseconds(members.pop("occurred_at")),
        reason=None if reason is None else FailureReason(reason),
        **members,
    )
    return events.render_status(notice, timestamps=timestamps)


def _render_incoming(entry: dict[str, Any], timestamps: TimestampForm) -> bytes:
    members = dict(entry)
    context = members.pop("context", None)
    inbound = InboundMessage(
        kind=InboundKind(members.pop("kind")),
        occurred_at_us=microseconds(members.pop("occurred_at")),
        context=None if context is None else InboundContext(**context),
        **members,
    )
    return events.render_incoming(inbound, timestamps=timestamps)


def microseconds(text: str) -> int:
    """Return the microsecond that an RFC 3339 text names."""
    return round(datetime.fromisoformat(text).timestamp() * 1_000_000)
