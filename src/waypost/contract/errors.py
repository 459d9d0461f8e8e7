"""
Every code and text of the contract, as data.

Refusals travel inside ``contract/`` as one exception, ``RefusedError``; they leave it as a value, ``ContractRefusal``.
Other layers speak ``FailureReason``; ``ERRORS`` alone turns it into a code and a text. ``docs/errors.md`` explains
each one, and a test holds it to this module.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from waypost.domain.address import AddressFault
from waypost.domain.errors import FailureReason, PolicyRefusal
from waypost.domain.message import MessageDraft


@dataclass(frozen=True, slots=True)
class ContractError:
    """
    One row of the contract's table of errors.

    ``code`` None: the consent check answers without one. ``http_status`` is what "4xx" mode answers with.
    """

    code: str | None
    text: str
    http_status: int = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractRefusal:
    """
    A request that is refused for its form.

    ``index`` is the 0-based place of the failing entry, None unless the request has several. ``drafts_before`` are the
    valid entries in front of it: policy may find an earlier fault among them, and the first failing entry is the one
    to report (contract, section 2.1).
    """

    error: ContractError
    index: int | None = None
    drafts_before: tuple[MessageDraft, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRecipient:
    """A recipient of a consent call that could not be recorded; ``recipient`` as the caller wrote it."""

    recipient: str
    error: ContractError


class RefusedError(Exception):
    """Carries a refusal out of nested checks; never leaves ``contract/``."""

    def __init__(self, error: ContractError) -> None:
        super().__init__(error.text)
        self.error = error


PARAMETER_MISSING: Final = ContractError("8001", "Required parameter is missing")
NOT_OPTED_IN: Final = ContractError("8002", "Phone number is not opted in", 422)
CONTACT_DOES_NOT_EXIST: Final = ContractError("8003", "WhatsApp contact does not exist", 422)
CLIENT_NOT_FOUND: Final = ContractError("8004", "Client details not found", 404)
TECHNICAL_ERROR: Final = ContractError("8005", "Technical error occurred", 422)
MESSAGE_TYPE_UNKNOWN: Final = ContractError("8006", "message_type can only be text/media/template/location.")
RECIPIENT_TYPE_UNKNOWN: Final = ContractError("8006", "recipient_type can only be individual")
RECIPIENT_NOT_NUMERIC: Final = ContractError(
    "8006", "Invalid value in recipient_whatsapp parameter. Only numbers are allowed"
)
RECIPIENT_TOO_SHORT: Final = ContractError("8006", "recipient_whatsapp cannot be less than 10 digits")
RECIPIENT_TOO_LONG: Final = ContractError("8006", "recipient_whatsapp cannot be greater than 15 digits")
CONTEXT_INVALID: Final = ContractError("8006", "context is invalid")
IDEMPOTENCY_CONFLICT: Final = ContractError("8006", "Idempotency-Key was used with a different request", 409)
OUTSIDE_WINDOW: Final = ContractError(
    "8007",
    "Failed to send message because you are outside the support window for freeform messages to this user. "
    "Please use a valid template or reconsider",
    422,
)
BAD_MEDIA: Final = ContractError("8008", "Invalid Media id or bad media", 422)
INVALID_TEMPLATE: Final = ContractError("8009", "Invalid Template", 422)
INVALID_TEMPLATE_PARAMETER: Final = ContractError("8010", "Invalid Template parameter", 422)
INVALID_TEMPLATE_LANGUAGE: Final = ContractError("8011", "Invalid Template language", 422)
DOCKER_ERROR: Final = ContractError("8012", "WhatsApp Docker Error", 422)
"""Reserved by the contract and never raised."""
PLATFORM_ERROR: Final = ContractError("8015", "Platform Error", 422)
EXPIRED: Final = ContractError("8015", "Platform Error: message expired before it could be sent", 422)
CANCELLED: Final = ContractError("8015", "Platform Error: message was cancelled before it was sent", 422)
OUTCOME_UNKNOWN: Final = ContractError("8015", "Platform Error: outcome of the message is unknown", 422)

CONSENT_PARAMETER_MISSING: Final = ContractError("8006", "Required parameter is missing")
CONSENT_TYPE_REQUIRED: Final = ContractError("8006", "type is required.")
CONSENT_TYPE_INVALID: Final = ContractError("8006", "type is invalid. type must be optin/optout.")
BLOCKLIST_TYPE_INVALID: Final = ContractError("8006", "type is invalid. type must be blocklist/whitelist.")
CONSENT_RECIPIENTS_REQUIRED: Final = ContractError("8006", "recipients is required.")
CONSENT_SOURCE_EMPTY: Final = ContractError("8006", "source cannot be empty.")
CONSENT_SOURCE_TOO_LONG: Final = ContractError("8006", "source value cannot be greater than 25 characters.")
CONSENT_RECIPIENT_NOT_NUMERIC: Final = ContractError("8006", "Invalid recipient. Only numeric values allowed.")
CONSENT_RECIPIENT_TOO_SHORT: Final = ContractError("8006", "recipient value cannot be less than 10 digits.")
CONSENT_RECIPIENT_TOO_LONG: Final = ContractError("8006", "recipient value cannot be greater than 15 digits.")
ALREADY_OPTED_IN: Final = ContractError("8005", "Optin already found for provided mobilenumber", 409)
CONSENT_NOT_STORED: Final = ContractError("8005", "Error occurred while updating optin for mobilenumber", 422)

RECIPIENT_ERRORS: Final = MappingProxyType(
    {
        AddressFault.NOT_NUMERIC: RECIPIENT_NOT_NUMERIC,
        AddressFault.TOO_SHORT: RECIPIENT_TOO_SHORT,
        AddressFault.TOO_LONG: RECIPIENT_TOO_LONG,
    }
)
CONSENT_RECIPIENT_ERRORS: Final = MappingProxyType(
    {
        AddressFault.NOT_NUMERIC: CONSENT_RECIPIENT_NOT_NUMERIC,
        AddressFault.TOO_SHORT: CONSENT_RECIPIENT_TOO_SHORT,
        AddressFault.TOO_LONG: CONSENT_RECIPIENT_TOO_LONG,
    }
)
"""The same faults in the words of the send call and of the consent calls."""

ERRORS: Final = MappingProxyType(
    {
        FailureReason.NOT_OPTED_IN: NOT_OPTED_IN,
        FailureReason.CONTACT_DOES_NOT_EXIST: CONTACT_DOES_NOT_EXIST,
        FailureReason.UNKNOWN_SOURCE: CLIENT_NOT_FOUND,
        FailureReason.TECHNICAL_ERROR: TECHNICAL_ERROR,
        FailureReason.OUTSIDE_WINDOW: OUTSIDE_WINDOW,
        FailureReason.BAD_MEDIA: BAD_MEDIA,
        FailureReason.INVALID_TEMPLATE: INVALID_TEMPLATE,
        FailureReason.INVALID_TEMPLATE_PARAMETER: INVALID_TEMPLATE_PARAMETER,
        FailureReason.INVALID_TEMPLATE_LANGUAGE: INVALID_TEMPLATE_LANGUAGE,
        FailureReason.INVALID_CONTEXT: CONTEXT_INVALID,
        FailureReason.GROUPS_UNSUPPORTED: RECIPIENT_TYPE_UNKNOWN,
        FailureReason.PLATFORM_ERROR: PLATFORM_ERROR,
        FailureReason.EXPIRED: EXPIRED,
        FailureReason.CANCELLED: CANCELLED,
        FailureReason.OUTCOME_UNKNOWN: OUTCOME_UNKNOWN,
        FailureReason.IDEMPOTENCY_CONFLICT: IDEMPOTENCY_CONFLICT,
    }
)
"""Every reason the house knows, in the contract's words; a test holds the table complete."""


def cannot_be_blank(member: str) -> ContractError:
    """Return the error of a required member that is null or blank."""
    return ContractError("8006", f"{member} cannot be null or blank")


def is_invalid(member: str) -> ContractError:
    """Return the error of a member whose value has no more precise text."""
    return ContractError("8006", f"{member} is invalid")


def can_only_be(member: str, choices: Sequence[str]) -> ContractError:
    """Return the error of a member outside its closed set of words."""
    return ContractError("8006", f"{member} can only be {'/'.join(choices)}.")


def too_many_characters(member: str, at_most: int) -> ContractError:
    """Return the error of a text that is too long; ``at_most`` in characters."""
    return ContractError("8006", f"{member} cannot be greater than {at_most} characters")


def too_many_entries(member: str, at_most: int) -> ContractError:
    """Return the error of an array that is too long."""
    return ContractError("8006", f"{member} cannot contain more than {at_most} entries")


def only_one_entry(member: str) -> ContractError:
    """Return the error of several elements where the contract takes one (section 2.3)."""
    return ContractError("8006", f"{member} can contain only one entry")


def optin_not_found(phone_number: str) -> ContractError:
    """Return the code-less answer of the consent check (contract, section 3.1)."""
    return ContractError(None, f"Optin details not found for {phone_number}", 404)


def refusal_of(refusal: PolicyRefusal) -> ContractRefusal:
    """Return a refusal by policy in the contract's words."""
    return ContractRefusal(error=ERRORS[refusal.reason], index=refusal.index)


def remark_of(reason: FailureReason) -> str:
    """Return the ``status_remark`` of a failed message: code, space, text (contract, section 8.4)."""
    return _REMARKS[reason]


_REMARKS: Final = MappingProxyType({reason: f"{error.code} {error.text}" for reason, error in ERRORS.items()})
