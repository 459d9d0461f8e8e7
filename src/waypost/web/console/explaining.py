"""Why a message failed or waits, in plain words, and what to do next."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from waypost.contract.errors import remark_of
from waypost.domain.errors import FailureReason
from waypost.store.inspection import MessageRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """
    What happened, and what to do about it.

    ``remark`` is what subscribers are told; ``upstream`` the provider's own number and words, ``""`` for none.
    """

    remark: str
    what: str
    next: str
    upstream: str


_WORDS: Final = MappingProxyType(
    {
        FailureReason.NOT_OPTED_IN: (
            "This person has not agreed to get messages, has withdrawn it, or is on the blocklist.",
            "Record their opt-in on the page Consent, or let them write to you first; then send it again.",
        ),
        FailureReason.CONTACT_DOES_NOT_EXIST: (
            "The number has no WhatsApp account that can take this message.",
            "Check the number with its country code. If it is right, use another channel.",
        ),
        FailureReason.UNKNOWN_SOURCE: (
            "The source it was to go out from does not exist, or its credentials do not work at WhatsApp.",
            "Look at the page Sources, mend the source, and send it again.",
        ),
        FailureReason.TECHNICAL_ERROR: (
            "WhatsApp throttled or failed until all tries were used up.",
            "Send it again later. If it happens often, look at the source's pace and quality on the page Sources.",
        ),
        FailureReason.OUTSIDE_WINDOW: (
            "The person has not written to this source within 24 hours (72 after an ad): only templates may go out.",
            "Send an approved template, or wait until they write. A fallback_template does this by itself.",
        ),
        FailureReason.BAD_MEDIA: (
            "The file is unknown or deleted, could not be fetched, or has a type or size that WhatsApp does not take.",
            "Look at the file on the page Media, upload a fitting one, and compose the message anew.",
        ),
        FailureReason.INVALID_TEMPLATE: (
            "The template does not exist, is not approved, or is paused or disabled.",
            "Look at its state on the page Templates; sync the list if it was changed at the provider.",
        ),
        FailureReason.INVALID_TEMPLATE_PARAMETER: (
            "The values given do not fit the template: too few, too many, or of another kind.",
            "Compare them with the template on the page Templates, and send it with values that fit.",
        ),
        FailureReason.INVALID_TEMPLATE_LANGUAGE: (
            "The template exists, but not in this language.",
            "Send it in a language that is approved, or have this one translated.",
        ),
        FailureReason.INVALID_CONTEXT: (
            "The message that it answers or reacts to is not known here.",
            "Send it without the quote, or with the id of a message that is still kept.",
        ),
        FailureReason.GROUPS_UNSUPPORTED: (
            "This source or kind of message cannot go to groups.",
            "Send it to the people themselves, or from a source that has groups.",
        ),
        FailureReason.PLATFORM_ERROR: (
            "WhatsApp refused it for a reason that has no code of its own in the API.",
            "Look at the provider's number and words, which stand with the message; its documentation explains them.",
        ),
        FailureReason.EXPIRED: (
            "Its time to live ended before it could be sent.",
            "Send it again if it is still of use. If it waited long, look at the source's queue and pace.",
        ),
        FailureReason.CANCELLED: ("It was cancelled before it was sent.", "Send it again if that was a mistake."),
        FailureReason.OUTCOME_UNKNOWN: (
            "The connection broke while it was handed over, and nothing was heard of it since. It may have arrived.",
            "Ask the person, or send it again only if twice is better than never.",
        ),
        FailureReason.IDEMPOTENCY_CONFLICT: (
            "The Idempotency-Key had been used for another request.",
            "Use a new key for a new request.",
        ),
    }
)
_WAITS: Final = MappingProxyType(
    {
        "retry": "The last try failed in a way that may pass; it is tried again.",
        "pair": "WhatsApp wants fewer messages to this one person; it goes on after a pause.",
        "media": "Its file is being made ready at the provider.",
        "media_retry": "Its file could not be handed to the provider yet; that is tried again.",
        "lane": "An earlier message to this person goes first.",
    }
)


def explain(row: MessageRow) -> Explanation | None:
    """Return why a message failed; None if it has not."""
    if row.failure is None:
        return None
    reason = FailureReason(row.failure)
    what, then = _WORDS[reason]
    code = "" if row.failure_code is None else str(row.failure_code)
    upstream = ": ".join(filter(None, (code, row.failure_detail)))
    return Explanation(remark=remark_of(reason), what=what, next=then, upstream=upstream)


def words_of(reason: FailureReason) -> tuple[str, str]:
    """Return what a reason of failure means, and what to do next."""
    return _WORDS[reason]


def explain_wait(reason: str | None) -> str:
    """Return why a message waits."""
    return "" if reason is None else _WAITS.get(reason, reason.replace("_", " "))
