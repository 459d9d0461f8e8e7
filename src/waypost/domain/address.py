"""
Recipient addresses: the one form in which the house keeps a phone number.

A number is kept as its digits, country code first, without ``+``: ``"12025550143"``. Other spellings enter only here.
"""

from enum import Enum
from typing import Final

RECIPIENT_DIGITS_MIN: Final = 10
RECIPIENT_DIGITS_MAX: Final = 15
"""E.164 allows 15 digits; the lower bound is the contract's (section 2.2)."""

_WRITTEN: Final = frozenset("0123456789+-(). ")


class AddressFault(Enum):
    """Why a text is no recipient; listed in the order in which they are found."""

    NOT_NUMERIC = "not_numeric"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"


def normalise_recipient(text: str) -> str | AddressFault:
    """
    Return the digits of a recipient's number, or why it is none.

    A single leading ``+`` is dropped; 10 to 15 ASCII digits must be left. Nothing else is forgiven: spaces, brackets
    and digits of other scripts count as not numeric. What comes back is returned unchanged by a second call.
    """
    digits = text[1:] if text[:1] == "+" else text
    if not (digits.isascii() and digits.isdigit()):
        return AddressFault.NOT_NUMERIC
    if len(digits) < RECIPIENT_DIGITS_MIN:
        return AddressFault.TOO_SHORT
    if len(digits) > RECIPIENT_DIGITS_MAX:
        return AddressFault.TOO_LONG
    return digits


def normalise_business_number(written: str) -> str | None:
    """Return the digits of a number as people copy it, with spaces, brackets, dots and dashes; None if it is none."""
    digits = normalise_recipient(digits_of(written))
    return None if isinstance(digits, AddressFault) or not set(written) <= _WRITTEN else digits


def digits_of(display_number: str) -> str:
    """Return only the ASCII digits of a number as people write it, such as ``+1 202-555-0199``; may be empty."""
    return "".join(character for character in display_number if "0" <= character <= "9")
