"""
Send requests: the envelope, the members that all entries share, and the order of the checks.

The steps and their order are the contract's (sections 2.1 to 2.4 and 2.12); each type's own object is parsed by the
module named after it. What policy judges (source exists, consent, window, media, template) comes later and elsewhere.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from waypost.contract.attachments import is_by_id, parse_media
from waypost.contract.checks import INTEGER_MAX, as_recipient, as_text, is_blank, required
from waypost.contract.content import parse_contacts, parse_location, parse_reaction, parse_text
from waypost.contract.decoding import JsonObject, decode_object
from waypost.contract.errors import (
    CONTEXT_INVALID,
    MESSAGE_TYPE_UNKNOWN,
    PARAMETER_MISSING,
    RECIPIENT_ERRORS,
    RECIPIENT_NOT_NUMERIC,
    RECIPIENT_TYPE_UNKNOWN,
    ContractRefusal,
    RefusedError,
    can_only_be,
    cannot_be_blank,
    is_invalid,
    too_many_characters,
    too_many_entries,
)
from waypost.contract.interactive import parse_interactive
from waypost.contract.templates import parse_fallback, parse_template
from waypost.domain.message import Content, MessageDraft, MessageKind, Priority, RecipientType
from waypost.domain.policy import SourcePolicy

ENTRIES_MAX: Final = 1000
GROUP_ID_CHARACTERS_MAX: Final = 512
"""As long as any id of the provider's that we take; an index holds it, and a longer one would not fit there."""
IDEMPOTENCY_KEY_CHARACTERS_MAX: Final = 255
SCHEDULE_DAYS_MAX: Final = 30
TTL_DAYS_MAX: Final = 36_500.0
"""A longer ``ttl`` counts as a hundred years, so that every deadline fits the database's integers."""

SourceLacksGroups = Callable[[str | None], bool]
"""Say of a ``source`` as given whether it names a source whose provider has no groups."""

_PARSERS: Final[Mapping[str, tuple[MessageKind, Callable[[JsonObject], Content]]]] = MappingProxyType(
    {
        "text": (MessageKind.TEXT, parse_text),
        "media": (MessageKind.MEDIA, parse_media),
        "location": (MessageKind.LOCATION, parse_location),
        "template": (MessageKind.TEMPLATE, parse_template),
        "media_template": (MessageKind.MEDIA_TEMPLATE, parse_template),
        "interactive": (MessageKind.INTERACTIVE, parse_interactive),
        "contacts": (MessageKind.CONTACTS, parse_contacts),
        "reaction": (MessageKind.REACTION, parse_reaction),
    }
)
_FOR_GROUPS: Final = frozenset({MessageKind.TEXT, MessageKind.MEDIA, MessageKind.TEMPLATE, MessageKind.MEDIA_TEMPLATE})
_DAYS: Final = re.compile(r"\d+(?:\.\d*)?|\.\d+", re.ASCII)
_RFC_3339: Final = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})", re.ASCII)
_DELIVERIES: Final = ("at_most_once", "at_least_once")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def parse_send_request(
    body: bytes,
    *,
    source_policy: SourcePolicy,
    now_us: int,
    priority: Priority = Priority.NORMAL,
    lacks_groups: SourceLacksGroups | None = None,
) -> list[MessageDraft] | ContractRefusal:
    """
    Return the drafts of a send request, in its order, or why it is refused; never raises.

    Args:
        body: what the client posted, of any size and content.
        source_policy: the account's setting.
        now_us: what ``scheduled_at`` is compared with.
        priority: given to every draft.
        lacks_groups: asked only for entries to a group. Without it the question is left to policy.

    """
    drafts: list[MessageDraft] = []
    entries: list[Any] = []
    try:
        entries = _entries_of(decode_object(body))
        for entry in entries:
            drafts.append(  # noqa: PERF401 - the drafts before a fault are part of the answer
                _parse_entry(
                    entry,
                    source_policy=source_policy,
                    now_us=now_us,
                    priority=priority,
                    lacks_groups=lacks_groups,
                )
            )
    except RefusedError as refused:
        index = len(drafts) if len(entries) > 1 else None
        return ContractRefusal(error=refused.error, index=index, drafts_before=tuple(drafts))
    return drafts


def parse_entry(
    entry: Any, *, source_policy: SourcePolicy, now_us: int, priority: Priority = Priority.NORMAL
) -> MessageDraft | ContractRefusal:
    """Return the draft of one entry by itself, already decoded, or why it is refused; never raises."""
    try:
        return _parse_entry(entry, source_policy=source_policy, now_us=now_us, priority=priority, lacks_groups=None)
    except RefusedError as refused:
        return ContractRefusal(error=refused.error)


def check_idempotency_key(key: str) -> ContractRefusal | None:
    """Return why an ``Idempotency-Key`` header cannot be taken, or None if it can: at most 255 characters."""
    if len(key) <= IDEMPOTENCY_KEY_CHARACTERS_MAX:
        return None
    return ContractRefusal(error=too_many_characters("Idempotency-Key", IDEMPOTENCY_KEY_CHARACTERS_MAX))


def _entries_of(request: JsonObject) -> list[Any]:
    message = required(request, "message")
    if type(message) is dict:
        return [message]
    if type(message) is not list:
        raise RefusedError(is_invalid("message"))
    if not message:
        raise RefusedError(PARAMETER_MISSING)
    if len(message) > ENTRIES_MAX:
        raise RefusedError(too_many_entries("message", ENTRIES_MAX))
    return message


def _parse_entry(
    entry: Any,
    *,
    source_policy: SourcePolicy,
    now_us: int,
    priority: Priority,
    lacks_groups: SourceLacksGroups | None,
) -> MessageDraft:
    """Check one entry in the contract's order (section 2.4, steps 1 to 5) and return it as a draft."""
    if type(entry) is not dict:
        raise RefusedError(cannot_be_blank("message") if is_blank(entry) else is_invalid("message"))
    kind, parse_content = _parse_message_type(entry)
    source = _parse_source(entry, kind, source_policy)
    recipient_type = RecipientType.INDIVIDUAL
    if entry.get("recipient_type") not in (None, "individual"):
        recipient_type = _parse_recipient_type(entry, kind)
        if lacks_groups is not None and lacks_groups(source):
            raise RefusedError(RECIPIENT_TYPE_UNKNOWN)
    recipient = _parse_recipient(entry, recipient_type)
    content = parse_content(entry)
    fallback = None
    if entry.get("fallback_template") is not None and kind.is_free_form:
        fallback = parse_fallback(entry, kind)
    ttl, scheduled_at, context = entry.get("ttl"), entry.get("scheduled_at"), entry.get("context")
    delivery, caller_data = entry.get("delivery"), entry.get("x-apiheader")
    return MessageDraft(
        recipient=recipient,
        kind=kind,
        content=content,
        recipient_type=recipient_type,
        source_given=source,
        ttl_seconds=None if ttl is None else _parse_ttl(ttl),
        scheduled_at_us=None if scheduled_at is None else _parse_scheduled_at(scheduled_at, now_us),
        context_message_id=None if context is None else _parse_context(context, kind),
        caller_data=caller_data if type(caller_data) is str else _parse_caller_data(caller_data),
        track_links=entry.get("cta_link_track") in ("1", 1, "true"),
        priority=priority,
        at_most_once=None if delivery is None else _parse_delivery(delivery),
        fallback=fallback,
    )


def _parse_message_type(entry: JsonObject) -> tuple[MessageKind, Callable[[JsonObject], Content]]:
    value = required(entry, "message_type")
    parser = _PARSERS.get(value.lower()) if type(value) is str else None
    if parser is None:
        raise RefusedError(MESSAGE_TYPE_UNKNOWN)
    return parser


def _parse_source(entry: JsonObject, kind: MessageKind, source_policy: SourcePolicy) -> str | None:
    """Return ``source`` as given; None when it is absent or null, or under the lenient policy no text."""
    value = as_text(entry.get("source"))
    if type(value) is str and not is_blank(value):
        return value
    if source_policy is SourcePolicy.LENIENT:
        return value if type(value) is str else None
    if kind is not MessageKind.TEXT and not (kind is MessageKind.MEDIA and not is_by_id(entry)):
        required(entry, "source")
    if value is None or type(value) is str:
        return value
    raise RefusedError(is_invalid("source"))


def _parse_recipient_type(entry: JsonObject, kind: MessageKind) -> RecipientType:
    if required(entry, "recipient_type") != "group" or kind not in _FOR_GROUPS:
        raise RefusedError(RECIPIENT_TYPE_UNKNOWN)
    return RecipientType.GROUP


def _parse_recipient(entry: JsonObject, recipient_type: RecipientType) -> str:
    value = required(entry, "recipient_whatsapp")
    if recipient_type is RecipientType.INDIVIDUAL:
        return as_recipient(value, RECIPIENT_ERRORS)
    group_id = as_text(value)
    if type(group_id) is not str:
        raise RefusedError(RECIPIENT_NOT_NUMERIC)
    if len(group_id) > GROUP_ID_CHARACTERS_MAX:
        raise RefusedError(too_many_characters("recipient_whatsapp", GROUP_ID_CHARACTERS_MAX))
    return group_id


def _parse_ttl(value: Any) -> float:
    """Return the seconds of a ``ttl`` in days."""
    if type(value) is str and _DAYS.fullmatch(value):
        value = float(value)
    if type(value) not in (int, float) or value <= 0:
        raise RefusedError(is_invalid("ttl"))
    return float(min(value, TTL_DAYS_MAX)) * 86_400.0


def _parse_scheduled_at(value: Any, now_us: int) -> int | None:
    """Return the microsecond of a ``scheduled_at``; None when it has passed, which means at once."""
    if type(value) is not str or not _RFC_3339.fullmatch(value):
        raise RefusedError(is_invalid("scheduled_at"))
    try:
        at = datetime.fromisoformat(value.upper())
    except ValueError:
        raise RefusedError(is_invalid("scheduled_at")) from None
    at_us = (at - _EPOCH) // _MICROSECOND
    if at_us > now_us + SCHEDULE_DAYS_MAX * 86_400_000_000:
        raise RefusedError(is_invalid("scheduled_at"))
    return at_us if at_us > now_us else None


def _parse_context(value: Any, kind: MessageKind) -> str | None:
    """Return the id of the quoted message; None when none is named. A reaction cannot quote."""
    if value in ("", {}, []):
        return None
    if type(value) is not dict:
        raise RefusedError(CONTEXT_INVALID)
    message_id = value.get("message_id")
    if is_blank(message_id):
        return None
    if type(message_id) is not str or kind is MessageKind.REACTION:
        raise RefusedError(CONTEXT_INVALID)
    return message_id


def _parse_delivery(value: Any) -> bool:
    """Return whether the additive member ``delivery`` asks for at most once."""
    if type(value) is not str or value not in _DELIVERIES:
        raise RefusedError(can_only_be("delivery", _DELIVERIES))
    return value == _DELIVERIES[0]


def _parse_caller_data(value: Any) -> str:
    """Return an ``x-apiheader`` that is no text: nothing for null, a number's digits, and nothing else."""
    if value is None:
        return ""
    if type(value) is not int and (type(value) is not float or abs(value) > INTEGER_MAX):
        raise RefusedError(is_invalid("x-apiheader"))
    return str(value)
