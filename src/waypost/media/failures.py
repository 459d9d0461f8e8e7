"""Why a file cannot be supplied, and what has failed lately."""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Final

from waypost.domain.errors import FailureReason
from waypost.ports import Clock

RETRY_SECONDS: Final = (10.0, 30.0, 60.0, 120.0)
"""Before another fetch or upload of what failed; after the last of these a failure is final."""
FINAL_SECONDS: Final = 60.0
"""What has failed for good is not looked at again for this long."""
KEPT_MAX: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFailure:
    """
    The file cannot be supplied.

    ``retry_after_seconds`` None: it never can, as it stands. ``detail`` is for operators: no content, no URL.
    """

    reason: FailureReason
    retry_after_seconds: float | None
    detail: str


def bad_media(detail: str) -> MediaFailure:
    """Return the failure of a file that is no good, or not there."""
    return MediaFailure(reason=FailureReason.BAD_MEDIA, retry_after_seconds=None, detail=detail)


def technical_failure(detail: str) -> MediaFailure:
    """Return a failure of our own, worth another try soon."""
    return MediaFailure(reason=FailureReason.TECHNICAL_ERROR, retry_after_seconds=RETRY_SECONDS[0], detail=detail)


@dataclass(frozen=True, slots=True)
class _Kept:
    tries: int
    until_us: int
    failure: MediaFailure


class RecentFailures:
    """
    Remembers failures while they stand, so that those who wait for the same file do not each try.

    In memory, and of at most ``KEPT_MAX`` keys: the oldest is forgotten first.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[Hashable, _Kept] = {}

    def standing(self, key: Hashable) -> MediaFailure | None:
        """Return the failure that still stands for a key, with the rest of its wait."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        left_seconds = (kept.until_us - self._clock.now_us()) / 1e6
        if left_seconds <= 0:
            return None
        if kept.failure.retry_after_seconds is None:
            return kept.failure
        return replace(kept.failure, retry_after_seconds=left_seconds)

    def add(self, key: Hashable, reason: FailureReason, detail: str, *, is_retryable: bool) -> MediaFailure:
        """Keep a failure and return it; one that came too often is final."""
        before = self._kept.pop(key, None)
        tries = (before.tries if before is not None else 0) + 1
        is_final = not is_retryable or tries > len(RETRY_SECONDS)
        wait_seconds = FINAL_SECONDS if is_final else RETRY_SECONDS[tries - 1]
        failure = MediaFailure(reason=reason, retry_after_seconds=None if is_final else wait_seconds, detail=detail)
        if len(self._kept) >= KEPT_MAX:
            del self._kept[next(iter(self._kept))]
        until_us = self._clock.now_us() + int(wait_seconds * 1e6)
        self._kept[key] = _Kept(0 if is_final else tries, until_us, failure)
        return failure

    def clear(self, key: Hashable) -> None:
        """Forget what failed before a success."""
        self._kept.pop(key, None)
