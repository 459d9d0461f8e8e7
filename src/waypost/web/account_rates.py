"""How many requests a second each account may make."""

from waypost.domain.throttle import Bucket, Pace
from waypost.store.directory import Account


class AccountRates:
    """
    A bucket per account; of an account without a limit nothing is kept.

    ``requests_per_second`` is the gateway's own limit, 0 for none; an account's own comes before it.
    """

    def __init__(self, *, requests_per_second: float) -> None:
        self._requests_per_second = requests_per_second
        self._buckets: dict[str, tuple[float, Bucket]] = {}

    def take(self, account: Account, now: float) -> float | None:
        """Count one request; return None if it may go on, or the seconds until the next one may. ``now`` monotonic."""
        rate = account.requests_per_second_max or self._requests_per_second
        if rate <= 0:
            return None
        known = self._buckets.get(account.id)
        if known is None or known[0] != rate:
            pace = Pace(rate, max(1, round(rate)))
            known = self._buckets[account.id] = (rate, Bucket(pace, now=now, is_full=True))
        bucket = known[1]
        if bucket.available(now) > 0:
            bucket.take(now)
            return None
        return max(0.001, bucket.next_start(now) - now)
