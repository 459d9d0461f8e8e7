"""The two ways in which the contract writes a time."""

from datetime import UTC, datetime
from enum import StrEnum


class TimestampForm(StrEnum):
    """A webhook's setting ``timestamps`` (contract, section 8.1)."""

    DATE = "date"
    """``"2031-03-04 09:15:22"``, UTC."""
    UNIX = "unix"
    """Whole seconds since the epoch, as a string."""


def format_time(at_us: int, form: TimestampForm) -> str:
    """Return a time, cut to whole seconds, in one of the two forms; both are strings."""
    seconds = at_us // 1_000_000
    if form is TimestampForm.UNIX:
        return str(seconds)
    return datetime.fromtimestamp(seconds, UTC).isoformat(" ")[:19]


def format_date(at_us: int) -> str:
    """Return a time in date form."""
    return format_time(at_us, TimestampForm.DATE)
