"""Users of the console: their roles, and when a name is locked after failed sign-ins."""

from enum import IntEnum
from typing import Final


class Role(IntEnum):
    """What a user may do; each role may do all that those below it may. The lower-case name is stored."""

    VIEWER = 1
    """Looks at everything; never sees a whole phone number."""
    OPERATOR = 2
    """Also sends, cancels, replays, pauses, changes consent, and may have numbers shown."""
    ADMIN = 3
    """Also changes sources, keys, webhooks, users and settings."""

    @property
    def word(self) -> str:
        """The name as it is stored and shown."""
        return self.name.lower()


FREE_FAILURES: Final = 5
"""Failed sign-ins of one name before it is locked."""
_FIRST_LOCK_US: Final = 30_000_000
_LONGEST_LOCK_US: Final = 15 * 60_000_000
FORGOTTEN_AFTER_US: Final = 24 * 3_600_000_000
"""Failures older than this count no more."""


def role_named(word: str) -> Role | None:
    """Return the role of this stored name; None: there is none."""
    return Role.__members__.get(word.upper()) if word.islower() else None


def lock_us(failures: int) -> int:
    """
    Return for how long a name is locked after so many failed sign-ins in a row, in microseconds.

    The first five are free; then 30 seconds, doubled by each further one, up to 15 minutes. Longer would let anybody
    who knows a name keep its owner out; at four tries an hour a password is not guessed.
    """
    if failures < FREE_FAILURES:
        return 0
    return int(min(_FIRST_LOCK_US << min(failures - FREE_FAILURES, 10), _LONGEST_LOCK_US))
