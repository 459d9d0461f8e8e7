"""
The correlation token: what a status must carry to prove which attempt it speaks of.

``v1.<message id, 32 hex digits><attempt number, 2 hex digits or more>.<tag, 16 hex digits>``. The tag is the first 8
bytes of HMAC-SHA256(install key, account id ‖ attempt id), the attempt id being what stands between the two dots. It
holds no personal data and no secret: every app that is subscribed to the same business account sees it.
"""

from hmac import compare_digest
from typing import Final

from waypost.domain.mac import hmac_sha256_hex
from waypost.domain.value import value

ATTEMPT_NUMBER_MAX: Final = 0xFFFF

_TAG_CHARACTERS: Final = 16
_LENGTHS: Final = (54, 55, 56)


@value
class AttemptToken:
    """A token taken apart; nothing is said of whether it is genuine. ``message_id`` is lower case, with hyphens."""

    message_id: str
    number: int
    attempt: str
    tag: str


def make_token(key: bytes, *, account_id: str, message_id: str, number: int) -> str:
    """
    Return the token of one attempt; the same attempt always has the same one.

    Args:
        key: the install's key, of any length.
        account_id: the tenant the message belongs to.
        message_id: ours, a UUID with or without hyphens.
        number: of the attempt, 1 to 65535.
    """
    attempt = f"{message_id.replace('-', '')}{number:02x}"
    return f"v1.{attempt}.{_tag(key, account_id, attempt)}"


def parse_token(text: str) -> AttemptToken | None:
    """Take a token apart; None for any other text, such as another system's own callback data."""
    if len(text) not in _LENGTHS or text[:3] != "v1." or text[-17] != "." or not text.isascii():
        return None
    attempt = text[3:-17]
    try:
        number = int(attempt[32:], 16)
    except ValueError:
        return None
    # That the rest are hex digits need not be checked: the tag is over the very text, so no other spelling is genuine.
    message_id = f"{attempt[:8]}-{attempt[8:12]}-{attempt[12:16]}-{attempt[16:20]}-{attempt[20:32]}"
    return AttemptToken(message_id=message_id, number=number, attempt=attempt, tag=text[-_TAG_CHARACTERS:])


def is_genuine(key: bytes, *, account_id: str, token: AttemptToken) -> bool:
    """Say whether this install made the token for a message of this account; in constant time."""
    return compare_digest(token.tag, _tag(key, account_id, token.attempt))


def _tag(key: bytes, account_id: str, attempt: str) -> str:
    return hmac_sha256_hex(key, (account_id + attempt).encode())[:_TAG_CHARACTERS]
