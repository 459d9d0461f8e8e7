"""Byte ranges of GET: one range at a time (RFC 9110, section 14)."""

import re
from typing import Final

_RANGE: Final = re.compile(r"bytes=[ \t]*(\d{0,19})-(\d{0,19})[ \t]*", re.IGNORECASE)


class UnsatisfiableRangeError(ValueError):
    """The range begins behind the last byte, or asks for none; the answer is 416."""


def parse_range(value: str | None, size_bytes: int) -> tuple[int, int] | None:
    """
    Return the start and end (not included) that a Range header asks for, None if the whole file is to be sent.

    Several ranges, other units and what is malformed count as no range. Raises UnsatisfiableRangeError.
    """
    found = _RANGE.fullmatch(value) if value is not None else None
    if found is None or (not found[1] and not found[2]):
        return None
    if not found[1]:
        length = int(found[2])
        if length == 0 or size_bytes == 0:
            raise UnsatisfiableRangeError
        return max(0, size_bytes - length), size_bytes
    start = int(found[1])
    if found[2] and int(found[2]) < start:
        return None
    if start >= size_bytes:
        raise UnsatisfiableRangeError
    return start, min(int(found[2]) + 1, size_bytes) if found[2] else size_bytes
