"""
Pacing: when may the next message of a lane start?

The generic cell rate algorithm on a monotonic clock. With rate r and burst b no window of w seconds ever holds more
than r·w + b starts; a new owner begins with an *empty* bucket (one that has just been spent), so that the bound also
holds over restarts and take-overs.
"""

from dataclasses import dataclass
from typing import Final

START_SLACK_SECONDS: Final = 0.05
"""
How far the wire may lag behind a start without breaking the bound.

A start is counted when the request is handed to the HTTP client; two requests may reach upstream closer together than
they started. Each lane keeps this much in hand.
"""


@dataclass(frozen=True, slots=True)
class Pace:
    """``rate`` starts a second on average and ``burst`` at once; both positive."""

    rate: float
    burst: int


class Bucket:
    """
    The pacing of one lane.

    ``now`` is monotonic seconds throughout. ``theoretical_at`` is the time at which the bucket is full again; state is
    that one number, so a bucket whose time has passed can be forgotten.
    """

    __slots__ = ("_interval", "_tolerance", "silent_until", "theoretical_at")

    def __init__(self, pace: Pace, *, now: float, is_full: bool) -> None:
        self.set_pace(pace)
        self.theoretical_at = now if is_full else now + pace.burst * self._interval
        self.silent_until = 0.0

    def set_pace(self, pace: Pace) -> None:
        """Change rate and burst; what has been spent stays spent."""
        self._interval = 1.0 / pace.rate
        slack = min(START_SLACK_SECONDS, (pace.burst - 1) * self._interval)
        self._tolerance = (pace.burst - 1) * self._interval - slack

    def next_start(self, now: float) -> float:
        """Return the earliest time at which one more start is allowed; at or before ``now`` means at once."""
        return max(self.theoretical_at - self._tolerance, self.silent_until, 0.0) if self.is_used(now) else now

    def is_used(self, now: float) -> bool:
        """Say whether the bucket still remembers anything; if not, it can be forgotten."""
        return self.theoretical_at > now or self.silent_until > now

    def available(self, now: float) -> int:
        """Return how many starts are allowed at once."""
        if self.silent_until > now:
            return 0
        room = now - (max(self.theoretical_at, now) - self._tolerance)
        return 0 if room < 0 else 1 + int(room / self._interval + 1e-9)

    def take(self, now: float) -> None:
        """Count one start at ``now``; the caller has asked ``available`` or ``next_start`` before."""
        self.theoretical_at = max(self.theoretical_at, now) + self._interval

    def silence(self, until: float) -> None:
        """Allow no start before ``until``; an earlier silence that lasts longer stays."""
        self.silent_until = max(self.silent_until, until)
