"""
May this message be sent? Asked when it is accepted, and asked again when the intent to send it is written.

The order of the questions is the contract's (section 2.4, steps 6 to 10): source, consent, window, media, template.
"""

from enum import StrEnum

from waypost.domain.consent import NO_CONSENT, Consent, may_be_messaged
from waypost.domain.conversation import is_window_open
from waypost.domain.errors import FailureReason
from waypost.domain.message import MessageKind, RecipientType
from waypost.domain.value import value


class SourcePolicy(StrEnum):
    """What an account's setting makes of a missing or unknown ``source`` (contract, section 2.3)."""

    STRICT = "strict"
    """Required where the contract requires it; an unknown one is refused."""
    LENIENT = "lenient"
    """Whatever is missing or unknown means the default source."""


@value
class PolicyFacts:
    """
    What must be known to judge one message; all of it read in the transaction that acts on the verdict.

    ``window_closes_at_us`` None: no window. ``is_media_known`` is True when the message carries no uploaded file.
    ``template_fault`` is what ``domain.template`` has against a template message.
    """

    has_source: bool
    has_groups: bool = False
    consent: Consent = NO_CONSENT
    window_closes_at_us: int | None = None
    is_media_known: bool = True
    template_fault: FailureReason | None = None
    skip_optin: bool = False
    implicit_optin: bool = True


def judge(
    facts: PolicyFacts,
    *,
    kind: MessageKind,
    recipient_type: RecipientType,
    now_us: int,
    window_margin_seconds: int = 0,
) -> FailureReason | None:
    """Return why the message may not be sent, or None if it may. Groups need no opt-in (contract, section 2.2)."""
    if not facts.has_source:
        return FailureReason.UNKNOWN_SOURCE
    if recipient_type is RecipientType.GROUP:
        if not facts.has_groups:
            return FailureReason.GROUPS_UNSUPPORTED
    elif not may_be_messaged(facts.consent, skip_optin=facts.skip_optin, implicit_optin=facts.implicit_optin):
        return FailureReason.NOT_OPTED_IN
    if not is_window_open(
        kind, closes_at_us=facts.window_closes_at_us, now_us=now_us, margin_seconds=window_margin_seconds
    ):
        return FailureReason.OUTSIDE_WINDOW
    if not facts.is_media_known:
        return FailureReason.BAD_MEDIA
    return facts.template_fault
