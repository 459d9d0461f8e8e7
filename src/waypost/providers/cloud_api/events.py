"""
The provider's webhooks, read element by element (webhooks reference, Sep 2026).

Every entry, change, message and status is read by itself, so that one that makes no sense costs only itself.
"""

import json
from collections.abc import Callable
from typing import Any, Final

import orjson

from waypost.domain.address import digits_of
from waypost.domain.errors import FailureReason
from waypost.domain.inbound import InboundContext, InboundKind, InboundMessage
from waypost.domain.pricing import pricing_text
from waypost.domain.status import Status, StatusFact
from waypost.domain.update import GroupUpdate, InboundUpdate, OtherUpdate, ParkedUpdate, StatusUpdate, Update
from waypost.providers.cloud_api.errors import read_error
from waypost.providers.cloud_api.group_events import GROUP_FIELDS, read_group_change
from waypost.providers.cloud_api.members import identifier, time_us
from waypost.providers.cloud_api.template_events import TEMPLATE_FIELDS, read_template_change

JsonObject = dict[str, Any]

NOT_JSON: Final = "not_json"
MALFORMED: Final = "malformed"

_OBJECT: Final = "whatsapp_business_account"
_STATUSES: Final = {status.value: status for status in Status}
_KINDS: Final = {kind.value: kind for kind in InboundKind if kind is not InboundKind.UNKNOWN}
_FIELD_CHARACTERS_MAX: Final = 64


def read_updates(body: bytes) -> list[Update]:
    """
    Return all that a webhook says, in its order.

    Never raises: a body that is no JSON gives one ``ParkedUpdate``, an element that cannot be read gives one in its
    place, and what is unknown gives ``OtherUpdate``.
    """
    document = _decode(body)
    if type(document) is not dict:
        return [ParkedUpdate(reason=NOT_JSON)]
    if document.get("object") != _OBJECT:
        return [OtherUpdate(field="object")]
    updates: list[Update] = []
    for entry in _elements(document, "entry", updates):
        for change in _elements(entry, "changes", updates):
            field, value = change.get("field"), change.get("value")
            if type(field) is not str:
                field = ""
            if field in TEMPLATE_FIELDS:
                updates.append(read_template_change(field, entry.get("id"), value))
            elif field != "messages" and field not in GROUP_FIELDS:
                updates.append(OtherUpdate(field=_label(field)))
            elif type(value) is dict:
                _read_value(value, updates)
            else:
                updates.append(ParkedUpdate(reason=MALFORMED))
    return updates


def _decode(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    # Half a surrogate pair or a byte that is no UTF-8, in one person's text, must not cost a thousand updates.
    try:
        loose = json.loads(body.decode("utf-8", "replace"))
        text = json.dumps(loose, ensure_ascii=False).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return orjson.loads(text)
    except (ValueError, RecursionError):
        return None


def _elements(owner: JsonObject, member: str, updates: list[Update]) -> list[JsonObject]:
    """Return the objects of an array; whatever else stands there is parked."""
    found = owner.get(member)
    if type(found) is not list:
        updates.append(ParkedUpdate(reason=MALFORMED))
        return []
    objects = [element for element in found if type(element) is dict]
    updates += [ParkedUpdate(reason=MALFORMED)] * (len(found) - len(objects))
    return objects


def _read_value(value: JsonObject, updates: list[Update]) -> None:
    metadata = value.get("metadata")
    number_id = identifier(metadata.get("phone_number_id")) if type(metadata) is dict else None
    if number_id is None or type(metadata) is not dict:
        updates.append(ParkedUpdate(reason=MALFORMED))
        return
    if value.get("statuses") is not None:
        updates += [_read_status(status, number_id) for status in _elements(value, "statuses", updates)]
    if value.get("messages") is not None:
        to_number = digits_of(_text(metadata, "display_phone_number"))
        name_of = _profile_names(value.get("contacts"))
        updates += [
            _read_message(message, number_id, to_number=to_number, name_of=name_of)
            for message in _elements(value, "messages", updates)
        ]
    if value.get("groups") is not None:
        for item in _elements(value, "groups", updates):
            change = read_group_change(item)
            updates.append(
                OtherUpdate(field="groups") if change is None else GroupUpdate(phone_number_id=number_id, change=change)
            )
    if value.get("errors") is not None:
        updates.append(OtherUpdate(field="errors"))


def _read_status(item: JsonObject, number_id: str) -> Update:
    get = item.get
    wamid, word, occurred_at_us = identifier(get("id")), get("status"), time_us(get("timestamp"))
    if wamid is None or occurred_at_us is None or type(word) is not str:
        return ParkedUpdate(reason=MALFORMED)
    status = _STATUSES.get(word)
    if status is None:
        return OtherUpdate(field="statuses")
    token = get("biz_opaque_callback_data")
    participant = None
    if get("recipient_type") == "group":
        participant = identifier(get("recipient_participant_id")) or identifier(get("recipient_participant_user_id"))
        if participant is not None and status is Status.FAILED:
            # One member did not get it: that says nothing of the others, and the message has not failed.
            return OtherUpdate(field="statuses")
    return StatusUpdate(
        phone_number_id=number_id,
        wamid=wamid,
        fact=_failure(item, occurred_at_us) if status is Status.FAILED else StatusFact(
            status=status, occurred_at_us=occurred_at_us, pricing=_pricing(get("pricing"))
        ),
        token=token if type(token) is str else None,
        recipient=identifier(get("recipient_id")) or identifier(get("recipient_user_id")),
        participant=participant,
    )  # fmt: skip


def _pricing(found: Any) -> str | None:
    if type(found) is not dict:
        return None
    category, type_, billable = found.get("category"), found.get("type"), found.get("billable")
    return pricing_text(
        category if type(category) is str else "",
        type_ if type(type_) is str else "",
        is_billable=billable if type(billable) is bool else None,
    )


def _failure(item: JsonObject, occurred_at_us: int) -> StatusFact:
    errors = item.get("errors")
    error = read_error(errors[0]) if type(errors) is list and errors else None
    if error is None:
        return StatusFact(
            status=Status.FAILED, occurred_at_us=occurred_at_us, reason=FailureReason.PLATFORM_ERROR, detail=""
        )
    return StatusFact(
        status=Status.FAILED,
        occurred_at_us=occurred_at_us,
        reason=error.meaning.reason,
        provider_code=error.code,
        detail=error.detail,
    )


def _read_message(
    item: JsonObject, number_id: str, *, to_number: str, name_of: Callable[[str | None, str | None], str]
) -> Update:
    provider_id, word, occurred_at_us = identifier(item.get("id")), item.get("type"), time_us(item.get("timestamp"))
    if provider_id is None or occurred_at_us is None or type(word) is not str:
        return ParkedUpdate(reason=MALFORMED)
    kind = _KINDS.get(word, InboundKind.UNKNOWN)
    if type(item.get("errors")) is list and word not in item:
        # A message whose content could not be carried, such as a file of more than 100 MB, is still a message.
        kind = InboundKind.UNSUPPORTED
    payload = _payload(item, kind, word)
    if payload is None:
        return ParkedUpdate(reason=MALFORMED)
    number, user_id = identifier(item.get("from")), identifier(item.get("from_user_id"))
    message = InboundMessage(
        provider_id=provider_id,
        from_number=number,
        from_user_id=user_id,
        to_number=to_number,
        profile_name=name_of(number, user_id),
        occurred_at_us=occurred_at_us,
        kind=kind,
        payload=payload,
        context=_context(item, kind, payload),
        has_referral=type(item.get("referral")) is dict,
        group_id=identifier(item.get("group_id")),
    )
    try:
        # It must be possible to write down what was read: nesting has a limit there too.
        orjson.dumps({"entry": [message]})
    except orjson.JSONEncodeError:
        return ParkedUpdate(reason=MALFORMED)
    return InboundUpdate(phone_number_id=number_id, message=message)


def _payload(item: JsonObject, kind: InboundKind, word: str) -> JsonObject | None:
    """Return the provider's object for the kind; None if it is not what the kind promises."""
    found = item.get(word)
    if kind is InboundKind.CONTACTS:
        return {"contacts": found} if type(found) is list else None
    if kind in (InboundKind.UNSUPPORTED, InboundKind.UNKNOWN):
        return {"type": word[:_FIELD_CHARACTERS_MAX], **(found if type(found) is dict else {})}
    if type(found) is not dict:
        return None
    if kind.has_media:
        # The ready download URL dies within minutes, and is nobody's but ours to use.
        payload = {name: member for name, member in found.items() if name != "url"}
        return payload if "id" not in payload or identifier(payload["id"]) is not None else None
    if kind is InboundKind.TEXT and type(found.get("body")) is not str:
        return None
    return found


def _context(item: JsonObject, kind: InboundKind, payload: JsonObject) -> InboundContext | None:
    """Return what the message answers: a reaction names it in itself."""
    if kind is InboundKind.REACTION:
        provider_id = identifier(payload.get("message_id"))
    else:
        context = item.get("context")
        provider_id = identifier(context.get("id")) if type(context) is dict else None
    return None if provider_id is None else InboundContext(provider_id=provider_id)


def _profile_names(contacts: Any) -> Callable[[str | None, str | None], str]:
    """Return the look-up of a profile name by number or user id; ``""`` where none is given."""
    names: dict[str, str] = {}
    for contact in contacts if type(contacts) is list else ():
        if type(contact) is not dict or type(contact.get("profile")) is not dict:
            continue
        name = _text(contact["profile"], "name")
        for member in ("wa_id", "user_id"):
            key = contact.get(member)
            if type(key) is str:
                names[key] = name

    def name_of(number: str | None, user_id: str | None) -> str:
        return names.get(number or "") or names.get(user_id or "") or ""

    return name_of


def _text(owner: JsonObject, member: str) -> str:
    found = owner.get(member)
    return found if type(found) is str else ""


def _label(field: Any) -> str:
    return field[:_FIELD_CHARACTERS_MAX] if type(field) is str else ""
