"""What the dispatcher is given from outside: its limits, and whom it calls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from waypost.dispatch.sender import AttemptObserver
from waypost.domain.errors import FailureReason
from waypost.domain.throttle import Pace
from waypost.store.claiming import Candidate
from waypost.store.directory import Source


class MediaPreparer(Protocol):
    """Makes files ready at the provider; called once per (source, file), ends by waking the messages that wait."""

    def prepare(self, source: Source, candidate: Candidate) -> None:
        """Begin; a second call for the same file while one is under way does nothing."""


class DispatchObserver(AttemptObserver, Protocol):
    """Told of rounds and ends; for metrics."""

    def round_done(
        self,
        *,
        starts: int,
        settled: int,
        in_flight: int,
        refused: Mapping[FailureReason, int],
        waits_us: Sequence[int],
    ) -> None:
        """``waits_us``: of each message started for the first time, how long it waited since it was accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchLimits:
    """How fast and how much; seconds and counts (settings, ``dispatch``)."""

    in_flight_max: int
    batch_max: int
    poll_seconds: float
    number_pace: Pace
    pair_pace: Pace
    attempts_max: int
    soft_refusal_wait_seconds: float
    url_fresh_seconds: float
