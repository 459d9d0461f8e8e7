"""When may a message be sent again although an earlier attempt may have arrived? (Reliability, the release rule.)"""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What to do with an attempt in doubt now."""

    HOLD = "hold"
    RELEASE = "release"
    GIVE_UP = "give_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubtLimits:
    """Seconds and counts of the rule; see the settings ``dispatch``."""

    hold_seconds: float
    cohort_size_min: int
    doubt_seconds_max: float
    room_seconds: float
    """Time a released message must still have before it expires."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """
    What is known about one attempt in doubt; times in seconds.

    ``complete_for`` is for how long every message of the cohort has had a status; None while one lacks it.
    """

    age: float
    expires_in: float | None
    is_at_most_once: bool
    releases: int
    is_ingress_healthy: bool
    has_hint: bool
    cohort_size: int
    complete_for: float | None


def judge_doubt(evidence: Evidence, limits: DoubtLimits) -> Verdict:
    """
    Return the verdict; in case of doubt, hold.

    Released only if all holds: at-least-once and never released before; held for H with room left before it expires;
    our ingress was up all the time; no unmatched status hints at it; and on a busy number every neighbour has reported
    for H. On a quiet number the healthy ingress stands alone.
    """
    if evidence.expires_in is not None and evidence.expires_in <= 0:
        return Verdict.GIVE_UP
    if evidence.age >= limits.doubt_seconds_max:
        return Verdict.GIVE_UP
    may_ever = not evidence.is_at_most_once and evidence.releases == 0 and not evidence.has_hint
    has_room = evidence.expires_in is None or evidence.expires_in >= limits.room_seconds
    if not (may_ever and has_room and evidence.age >= limits.hold_seconds and evidence.is_ingress_healthy):
        return Verdict.HOLD
    if evidence.cohort_size < limits.cohort_size_min:
        return Verdict.RELEASE
    is_complete = evidence.complete_for is not None and evidence.complete_for >= limits.hold_seconds
    return Verdict.RELEASE if is_complete else Verdict.HOLD
