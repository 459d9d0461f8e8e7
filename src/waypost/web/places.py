"""Places that holders take and give back: so many in all and so many of each, so that none can take them all."""

from collections import Counter


class Places:
    """``at_most`` places in all, ``at_most_of_one`` of each holder. Whoever takes one asks first whether it is full."""

    def __init__(self, *, at_most: int, at_most_of_one: int) -> None:
        self.at_most = at_most
        self.at_most_of_one = at_most_of_one
        self._taken: Counter[str] = Counter()

    @property
    def is_full(self) -> bool:
        """Whether all places are taken."""
        return self._taken.total() >= self.at_most

    def is_full_for(self, holder: str) -> bool:
        """Whether this holder has as many places as one may have."""
        return self._taken[holder] >= self.at_most_of_one

    def take(self, holder: str) -> None:
        """Take a place; ``give_back`` ends it, once."""
        self._taken[holder] += 1

    def give_back(self, holder: str) -> None:
        """Give back a place that was taken."""
        self._taken[holder] -= 1
        if not self._taken[holder]:
            del self._taken[holder]
