"""Single members of what the provider sends, each within bounds; it may send anything."""

from typing import Any, Final

from waypost.providers.cloud_api.limits import IDENTIFIER_CHARACTERS_MAX, TIMESTAMP_SECONDS_MAX

_TIMESTAMP_DIGITS_MAX: Final = len(str(TIMESTAMP_SECONDS_MAX))
_WORD_CHARACTERS_MAX: Final = 64


def time_us(found: Any) -> int | None:
    """Return the microseconds of a timestamp: seconds as text, or as a number; None for anything else."""
    if type(found) is str:
        if not (found.isascii() and found.isdigit()) or len(found) > _TIMESTAMP_DIGITS_MAX:
            return None
        found = int(found)
    if type(found) is not int or not 0 < found <= TIMESTAMP_SECONDS_MAX:
        return None
    return found * 1_000_000


def identifier(found: Any) -> str | None:
    """Return what can be an id: text within bounds, without control characters; None for anything else."""
    if type(found) is str and 0 < len(found) <= IDENTIFIER_CHARACTERS_MAX and found.isprintable():
        return found
    return None


def printable_text(found: Any, characters_max: int) -> str:
    """Return a text within bounds, without control characters; ``""`` for anything else."""
    return found if type(found) is str and len(found) <= characters_max and found.isprintable() else ""


def word(found: Any) -> str:
    """Return one of the provider's words, of at most 64 characters; ``""`` for anything else."""
    return printable_text(found, _WORD_CHARACTERS_MAX)
