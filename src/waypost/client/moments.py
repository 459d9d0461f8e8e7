"""Times as the API writes them."""

from datetime import UTC, datetime


def moment_of(text: object) -> datetime | None:
    """
    Return a time in UTC, or None where there is none that can be read.

    Known are ``2031-03-04 09:15:22`` with or without a fraction (UTC), RFC 3339, and unix seconds, as text or number.
    """
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        return None
    try:
        if not isinstance(text, str) or text.isdecimal():
            return datetime.fromtimestamp(float(text), UTC)
        read = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError, OSError):
        return None
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
