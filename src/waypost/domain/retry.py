"""When to try again: visible schedules, jitter added and never taken away, Retry-After honoured within bounds."""

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

RETRY_AFTER_SECONDS_MAX: Final = 24 * 3600.0
_RETRY_AFTER_CHARACTERS_MAX: Final = 64
_SECONDS: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?")

SEND_RETRY_SECONDS: Final = (2.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0)
"""Before the second, third… attempt to hand a message upstream; the last repeats."""

THROTTLE_SECONDS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 300.0)
"""How long a source falls silent after the first, second… throttling in a row."""

PAIR_THROTTLE_BASE_SECONDS: Final = 4.0
"""A throttled pair waits 4^n seconds (Cloud API error 131056, Sep 2026), at most an hour."""

JITTER_SHARE: Final = 0.2


def with_jitter(seconds: float, *, random: float) -> float:
    """Add 0 to 20 %; ``random`` is in [0, 1)."""
    return seconds * (1.0 + JITTER_SHARE * random)


def send_retry_seconds(attempt: int, *, retry_after_seconds: float | None, random: float) -> float:
    """Return the wait after the ``attempt``-th failed attempt (from 1); never less than upstream asked for."""
    delay = with_jitter(SEND_RETRY_SECONDS[min(attempt, len(SEND_RETRY_SECONDS)) - 1], random=random)
    return max(delay, bounded_retry_after(retry_after_seconds))


def source_silence_seconds(throttled_in_a_row: int, *, retry_after_seconds: float | None, random: float) -> float:
    """Return how long a source is silent after it was throttled ``throttled_in_a_row`` times (from 1)."""
    step = THROTTLE_SECONDS[min(throttled_in_a_row, len(THROTTLE_SECONDS)) - 1]
    return max(with_jitter(step, random=random), bounded_retry_after(retry_after_seconds))


def pair_silence_seconds(throttled_in_a_row: int, *, retry_after_seconds: float | None, random: float) -> float:
    """Return how long a (source, recipient) pair is silent: 4, 16, 64 … 3600 seconds."""
    step = min(PAIR_THROTTLE_BASE_SECONDS ** min(throttled_in_a_row, 6), 3600.0)
    return max(with_jitter(step, random=random), bounded_retry_after(retry_after_seconds))


def notify_retry_seconds(
    schedule: tuple[float, ...], failed_attempts: int, *, retry_after_seconds: float | None, random: float
) -> float | None:
    """
    Return the wait before the next delivery of a notification, or None when the schedule is used up.

    ``schedule[n]`` is the wait before attempt n+1; ``failed_attempts`` is from 1.
    """
    if failed_attempts >= len(schedule):
        return None
    delay = with_jitter(schedule[failed_attempts], random=random)
    return max(delay, bounded_retry_after(retry_after_seconds))


def parse_retry_after(text: str | None, *, now_us: int) -> float | None:
    """
    Return the seconds, 0 to 24 h, that a Retry-After header asks for; None if there is none or it cannot be read.

    Both forms of RFC 9110 (section 10.2.3) are read, and fractions of a second, which some servers send.
    """
    text = (text or "").strip()
    if not text or len(text) > _RETRY_AFTER_CHARACTERS_MAX:
        return None
    if _SECONDS.fullmatch(text):
        return bounded_retry_after(float(text))
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return bounded_retry_after(at.timestamp() - now_us / 1_000_000)


def bounded_retry_after(seconds: float | None) -> float:
    """Return a Retry-After within 0 to 24 h; none or junk counts as 0."""
    if seconds is None or seconds != seconds or seconds < 0:  # noqa: PLR0124 - NaN is junk
        return 0.0
    return min(seconds, RETRY_AFTER_SECONDS_MAX)
