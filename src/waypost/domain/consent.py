"""Opt-in, opt-out and blocklist."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

DEFAULT_STOP_WORDS: Final = ("STOP", "UNSUBSCRIBE", "OPT OUT", "CANCEL")


class ConsentState(StrEnum):
    """What a recipient last said, or what was said for them."""

    OPTED_IN = "opted_in"
    OPTED_OUT = "opted_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """
    One recipient's standing with one account.

    ``state`` None: nothing is known. ``is_implied`` marks an opt-in that an inbound message implied.
    """

    state: ConsentState | None
    is_implied: bool = False
    is_blocklisted: bool = False


class ConsentAction(StrEnum):
    """What a caller asks to be recorded about recipients; the words are the contract's ``type``."""

    OPTIN = "optin"
    OPTOUT = "optout"
    BLOCKLIST = "blocklist"
    WHITELIST = "whitelist"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentEvidence:
    """
    One recipient a consent call names, with what is known of how consent was gained.

    ``recipient`` is digits without ``+``; ``source`` is free text of 1 to 25 characters such as ``WEB``;
    ``user_agent`` has at most 500 characters; ``ip`` is a valid address. None: not said.
    """

    recipient: str
    source: str
    user_agent: str | None = None
    ip: str | None = None


NO_CONSENT: Final = Consent(state=None)


def may_be_messaged(consent: Consent, *, skip_optin: bool, implicit_optin: bool) -> bool:
    """
    Say whether a recipient may be written to.

    The blocklist wins over everything. ``skip_optin`` waives the need for an opt-in. An implied opt-in counts only
    while the account's ``implicit_optin`` is on.
    """
    if consent.is_blocklisted:
        return False
    if skip_optin:
        return True
    return consent.state is ConsentState.OPTED_IN and (implicit_optin or not consent.is_implied)


def is_stop_word(text: str, stop_words: tuple[str, ...]) -> bool:
    """Say whether an inbound text is one of the account's stop words, trimmed and without case."""
    folded = " ".join(text.split()).casefold()
    return any(folded == word.casefold() for word in stop_words)
