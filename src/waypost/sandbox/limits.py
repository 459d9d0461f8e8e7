"""Throughput of a number and of a pair, as Meta counts them (Cloud API throughput and overview pages, Sep 2026)."""


class TokenBuckets:
    """Many buckets of the same shape, each kept as one number: the time at which it would be full again.

    A bucket holds `burst` and refills one in `interval_seconds`. Full ones are forgotten, so memory follows what was
    used lately.
    """

    def __init__(self, *, interval_seconds: float, burst: int, remembered_max: int = 100_000) -> None:
        self._interval = interval_seconds
        self._depth = interval_seconds * burst
        self._full_at: dict[str, float] = {}
        self._remembered_max = remembered_max

    def take(self, key: str, now: float) -> bool:
        """Take one from the bucket of `key`; return whether there was one. `now` is monotonic, in seconds."""
        if self._interval <= 0:
            return True
        full_at = max(self._full_at.get(key, now), now) + self._interval
        if full_at - now > self._depth + 1e-9:
            return False
        self._full_at[key] = full_at
        if len(self._full_at) > self._remembered_max:
            self._full_at = {name: at for name, at in self._full_at.items() if at > now}
            self._remembered_max = max(self._remembered_max, 2 * len(self._full_at))
        return True


class RateBucket:
    """One bucket that holds a second's worth and refills at `rate` a second; a rate of 0 never refuses."""

    __slots__ = ("_full_at", "rate")

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._full_at = 0.0

    def take(self, now: float) -> bool:
        """Take one; return whether there was one. `now` is monotonic, in seconds."""
        if self.rate <= 0:
            return True
        full_at = max(self._full_at, now) + 1 / self.rate
        if full_at - now > 1.0 + 1e-9:
            return False
        self._full_at = full_at
        return True
