"""
What may not stand in a log line: message content, secrets, whole phone numbers.

Four nets, each for what slips through the one before: names of fields that are known to hold such a thing, rows that a
database repeats in its errors, shapes of secrets inside strings, and runs of digits as long as a phone number. All but
the first also read tracebacks.
"""

import hashlib
import re
from collections.abc import Callable, Mapping

MASK = "[redacted]"
_DEPTH_MAX = 6

# Fields whose value is never logged. `text` and `caption` are what people wrote to each other.
SECRET_FIELDS = frozenset(
    {
        "access_token", "api_key", "app_secret", "authorization", "body", "caption", "content", "cookie", "master_key",
        "password", "raw_body", "secret", "secrets", "signature", "text", "token", "verify_token",
    }
)  # fmt: skip
# Fields whose value is a phone number; logged as a pseudonym.
NUMBER_FIELDS = frozenset({"number", "phone", "phone_number", "recipient", "sender", "source_phone", "wa_id"})
_NUMBER_LENGTH_MIN = 7

# `Bearer x`, `access_token=x`, `"secret": "x"`, and the provider's tokens, which begin with EAA.
_SECRET_SHAPES = re.compile(
    r"(?P<before>\bBearer\s+|\b(?:access_token|api_key|app_secret|password|secret|token)[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,}]+"
    r"|\bEAA[A-Za-z0-9]{20,}",
    re.IGNORECASE,
)
# E.164 numbers have at most 15 digits. The last group of a UUID follows four hex digits and a hyphen, and is spared.
_NUMBER_SHAPE = re.compile(r"(?<![0-9A-Fa-f]{4}-)(?<![0-9])\+?[0-9]{10,15}(?![0-9])")
# PostgreSQL repeats the row that it refuses, content and all; it may have any number of lines.
_ROW_SHAPE = re.compile(r"\bDETAIL:.*", re.DOTALL)
# What none of the three can do without; most strings have none of it.
_SUSPECT = re.compile(r"[0-9]{10}|[=:]|[Bb][Ee][Aa][Rr][Ee][Rr]|[Ee][Aa][Aa]")
_LETTERS = str.maketrans("0123456789", "ghijkmnpqr")


class Redactor:
    """
    Rewrites the fields of a log line; `pseudonym_key` makes the pseudonyms of phone numbers.

    The same number has the same pseudonym under the same key, so that lines about one person can be joined; without
    the key a pseudonym cannot be tried against a list of numbers. Any bytes up to 64 will do as a key.
    """

    def __init__(self, pseudonym_key: bytes) -> None:
        self._key = pseudonym_key

    def mask_number(self, number: str) -> str:
        """Return the pseudonym of a phone number with its last two digits, such as `kdgagfcbhe..23`."""
        digits = number.lstrip("+")
        tag = hashlib.blake2b(digits.encode(), key=self._key, digest_size=5).hexdigest()
        # Letters only: digits of the tag could look like a phone number, and would be masked again.
        return f"{tag.translate(_LETTERS)}..{digits[-2:]}"

    def redact_fields(self, fields: Mapping[str, object], *, depth: int = 0) -> dict[str, object]:
        """Return the fields with every value made safe to log; keys stay."""
        return {name: self._redact_field(name, value, depth) for name, value in fields.items()}

    def _redact_field(self, name: str, value: object, depth: int) -> object:
        if value is None or isinstance(value, bool):
            return value
        lower = name.lower()
        if lower in SECRET_FIELDS:
            return MASK
        if lower in NUMBER_FIELDS:
            number = str(value)
            return self.mask_number(number) if len(number) >= _NUMBER_LENGTH_MIN else number
        return self._redact_value(value, depth)

    def _redact_value(self, value: object, depth: int) -> object:
        if isinstance(value, str):
            return self.redact_text(value)
        if isinstance(value, int | float):
            return value
        if depth >= _DEPTH_MAX:
            return MASK
        if isinstance(value, Mapping):
            return self.redact_fields({str(name): inner for name, inner in value.items()}, depth=depth + 1)
        if isinstance(value, list | tuple | set | frozenset):
            return [self._redact_value(inner, depth + 1) for inner in value]
        if isinstance(value, bytes | bytearray | memoryview):
            return f"[{len(value)} bytes]"
        return self.redact_text(str(value))

    def redact_text(self, text: str) -> str:
        """Return the text with refused rows and secrets masked, and numbers of 10 to 15 digits as pseudonyms."""
        if _SUSPECT.search(text) is None:
            return text
        text = _ROW_SHAPE.sub("DETAIL: " + MASK, text)
        text = _SECRET_SHAPES.sub(_mask_secret, text)
        return _NUMBER_SHAPE.sub(self._mask_match, text)

    @property
    def _mask_match(self) -> Callable[[re.Match[str]], str]:
        return lambda match: self.mask_number(match.group())


def _mask_secret(match: re.Match[str]) -> str:
    return (match["before"] or "") + MASK
