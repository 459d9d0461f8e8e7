"""What the provider's webhooks say of templates (webhooks reference, Sep 2026)."""

from collections.abc import Mapping
from typing import Any, Final

from waypost.domain.update import ParkedUpdate, TemplateUpdate, Update
from waypost.providers.cloud_api.members import printable_text, word
from waypost.providers.cloud_api.templates import NAME_CHARACTERS_MAX

TEMPLATE_FIELDS: Final = frozenset(
    {
        "message_template_status_update",
        "message_template_quality_update",
        "message_template_components_update",
        "template_category_update",
    }
)
MALFORMED: Final = "malformed"

_STATUSES: Final[Mapping[str, str]] = {
    **{
        status: status
        for status in (
            "APPROVED",
            "ARCHIVED",
            "DELETED",
            "DISABLED",
            "IN_APPEAL",
            "LIMIT_EXCEEDED",
            "PAUSED",
            "PENDING",
            "PENDING_DELETION",
            "REJECTED",
        )
    },
    "REINSTATED": "APPROVED",
    "UNPAUSED": "APPROVED",
}
"""By an event's word, the status that a template has then; ``FLAGGED`` and ``LOCKED`` leave it as it was."""


def read_template_change(field: str, waba_id: Any, value: Any) -> Update:
    """Return what one change says of a template; an element that names none is parked."""
    if type(value) is not dict:
        return ParkedUpdate(reason=MALFORMED)
    account, name = word(waba_id), printable_text(value.get("message_template_name"), NAME_CHARACTERS_MAX)
    language = word(value.get("message_template_language"))
    if not (account and name and language):
        return ParkedUpdate(reason=MALFORMED)
    event = reason = quality = category = ""
    if field == "message_template_status_update":
        event = word(value.get("event")).upper()
        reason = word(value.get("reason"))
        category = word(value.get("message_template_category"))
    elif field == "message_template_quality_update":
        quality = word(value.get("new_quality_score"))
    elif field == "template_category_update":
        category = word(value.get("new_category"))
    return TemplateUpdate(
        waba_id=account,
        provider_id=_digits(value.get("message_template_id")),
        name=name,
        language=language,
        status=_STATUSES.get(event),
        # Some samples have NONE, others null (webhooks reference, Sep 2026).
        reason="" if reason.upper() == "NONE" else reason,
        quality=quality.upper() or None,
        category=category.upper() or None,
    )


def _digits(found: Any) -> str:
    return str(found) if type(found) is int else word(found)
