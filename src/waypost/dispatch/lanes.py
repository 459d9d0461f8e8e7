"""
Pacing and order, in the memory of the one owner of a source.

A source has a bucket; each (source, recipient) pair has one too, kept only while it remembers anything. A pair with an
attempt under way is occupied: its next message starts when that attempt has ended.
"""

from collections.abc import Iterable

from waypost.domain.errors import ThrottleScope
from waypost.domain.retry import pair_silence_seconds, source_silence_seconds
from waypost.domain.throttle import Bucket, Pace


class SourceLane:
    """One source: its bucket, its pairs, and what is under way."""

    __slots__ = (
        "_pair_pace",
        "bucket",
        "in_flight",
        "in_flight_count",
        "pairs",
        "throttled_in_a_row",
        "throttled_pairs",
    )

    def __init__(self, *, pace: Pace, pair_pace: Pace) -> None:
        self.bucket = Bucket(pace, now=0.0, is_full=True)
        self._pair_pace = pair_pace
        self.pairs: dict[str, Bucket] = {}
        self.in_flight: dict[str, int] = {}
        self.in_flight_count = 0
        self.throttled_in_a_row = 0
        self.throttled_pairs: dict[str, int] = {}

    def replay(self, starts: Iterable[tuple[str, float]]) -> None:
        """Spend what was started before this owner took over: (recipient, monotonic time), oldest first."""
        for recipient, at in starts:
            self.bucket.take(at)
            self._pair(recipient, at).take(at)

    def start(self, recipient: str, now: float) -> None:
        """Count one start; the recipient is occupied until ``finish``."""
        self.bucket.take(now)
        self._pair(recipient, now).take(now)
        self.in_flight[recipient] = self.in_flight.get(recipient, 0) + 1
        self.in_flight_count += 1

    def finish(self, recipient: str) -> None:
        """End one attempt to the recipient."""
        self.in_flight_count -= 1
        left = self.in_flight.get(recipient, 0) - 1
        if left > 0:
            self.in_flight[recipient] = left
        else:
            self.in_flight.pop(recipient, None)

    def pair_next_start(self, recipient: str, now: float) -> float:
        """Return when the pair may start again; at or before ``now`` means at once."""
        pair = self.pairs.get(recipient)
        return now if pair is None else pair.next_start(now)

    def accepted(self, recipient: str) -> None:
        """Forget earlier throttlings: upstream takes messages again."""
        self.throttled_in_a_row = 0
        self.throttled_pairs.pop(recipient, None)

    def throttle(
        self,
        recipient: str,
        scope: ThrottleScope,
        *,
        retry_after_seconds: float | None,
        now: float,
        chance: float,
    ) -> None:
        """Let what upstream throttled rest: the whole source, or one pair. ``chance`` is for the jitter, in [0, 1)."""
        if scope is ThrottleScope.SOURCE:
            if self.bucket.silent_until <= now:
                # Requests that were under way together are throttled together: that is one throttling, not many.
                self.throttled_in_a_row += 1
            # An acceptance among them has forgotten that one; what still comes in of it counts as a first.
            self.throttled_in_a_row = max(1, self.throttled_in_a_row)
            seconds = source_silence_seconds(
                self.throttled_in_a_row, retry_after_seconds=retry_after_seconds, random=chance
            )
            self.bucket.silence(now + seconds)
            return
        times = self.throttled_pairs[recipient] = self.throttled_pairs.get(recipient, 0) + 1
        seconds = pair_silence_seconds(times, retry_after_seconds=retry_after_seconds, random=chance)
        self.silence_pair(recipient, now + seconds, now)

    def silence_pair(self, recipient: str, until: float, now: float) -> None:
        """Start nothing to this recipient before ``until``."""
        self._pair(recipient, now).silence(until)

    def forget_idle(self, now: float) -> None:
        """Drop the pairs that remember nothing, so that memory follows the recent minute and not history."""
        for recipient in [recipient for recipient, pair in self.pairs.items() if not pair.is_used(now)]:
            del self.pairs[recipient]
            self.throttled_pairs.pop(recipient, None)

    def _pair(self, recipient: str, now: float) -> Bucket:
        pair = self.pairs.get(recipient)
        if pair is None:
            pair = self.pairs[recipient] = Bucket(self._pair_pace, now=now, is_full=True)
        return pair


class Lanes:
    """All sources this node owns."""

    def __init__(self) -> None:
        self.sources: dict[str, SourceLane] = {}

    def keep_only(self, source_ids: frozenset[str]) -> None:
        """Forget sources that are no longer owned; what is under way ends by itself."""
        for source_id in [known for known in self.sources if known not in source_ids]:
            if not self.sources[source_id].in_flight_count:
                del self.sources[source_id]

    def forget_idle(self, now: float) -> None:
        """Drop what no lane needs to remember."""
        for lane in self.sources.values():
            lane.forget_idle(now)
