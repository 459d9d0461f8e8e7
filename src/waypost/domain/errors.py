"""
Why a message is refused or has failed, in the house's own words.

A ``FailureReason`` is what every layer speaks; ``contract/errors.py`` alone turns it into the contract's code and
text, and ``providers/`` alone turns the provider's codes into it.
"""

from dataclasses import dataclass
from enum import StrEnum


class FailureReason(StrEnum):
    """One closed list for refusals at request time and failures later; values are stored, so they never change."""

    NOT_OPTED_IN = "not_opted_in"
    CONTACT_DOES_NOT_EXIST = "contact_does_not_exist"
    UNKNOWN_SOURCE = "unknown_source"
    TECHNICAL_ERROR = "technical_error"
    OUTSIDE_WINDOW = "outside_window"
    BAD_MEDIA = "bad_media"
    INVALID_TEMPLATE = "invalid_template"
    INVALID_TEMPLATE_PARAMETER = "invalid_template_parameter"
    INVALID_TEMPLATE_LANGUAGE = "invalid_template_language"
    INVALID_CONTEXT = "invalid_context"
    GROUPS_UNSUPPORTED = "groups_unsupported"
    PLATFORM_ERROR = "platform_error"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    OUTCOME_UNKNOWN = "outcome_unknown"
    IDEMPOTENCY_CONFLICT = "idempotency_conflict"


@dataclass(frozen=True, slots=True)
class PolicyRefusal:
    """
    A request that policy refuses; nothing of it was stored.

    ``index`` is the 0-based place of the failing entry; None when the request as a whole is refused.
    """

    reason: FailureReason
    index: int | None = None


class SendFailureKind(StrEnum):
    """How an attempt to hand a message upstream ended, other than well; each kind has one rule in ``domain.retry``."""

    THROTTLED = "throttled"
    """Upstream wants less: its scope is silenced, the attempt is not counted."""
    TRANSIENT = "transient"
    """Certainly not accepted, and worth another try."""
    REJECTED = "rejected"
    """Certainly not accepted, and never will be as it stands."""
    MISCONFIGURED = "misconfigured"
    """Certainly not accepted, for a reason in the source's set-up: the source is paused."""
    IN_DOUBT = "in_doubt"
    """Perhaps accepted: never sent again except by the release rule."""


class ThrottleScope(StrEnum):
    """What falls silent after upstream throttled."""

    SOURCE = "source"
    PAIR = "pair"


@dataclass(frozen=True, slots=True, kw_only=True)
class SendFailure:
    """
    The end of one attempt that did not yield a provider message id.

    ``provider_code`` is the provider's own number, None if it gave none. ``retry_after_seconds`` is what upstream asked
    for, already bounded to 24 h. ``detail`` is for operators: short, without content, tokens or numbers.
    """

    kind: SendFailureKind
    reason: FailureReason
    detail: str
    provider_code: int | None = None
    http_status: int | None = None
    scope: ThrottleScope | None = None
    retry_after_seconds: float | None = None
