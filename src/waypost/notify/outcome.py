"""What the end of a delivery means: a pure rule."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from waypost.domain.retry import JITTER_SHARE, notify_retry_seconds

GONE_STATUS: Final = 410
DISABLED_GONE: Final = "The endpoint answered 410 Gone."
"""What the manage API and the notice show as the reason."""


class Outcome(StrEnum):
    """How a delivery ended; also the metric's label."""

    DELIVERED = "delivered"
    FAILED = "failed"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The schedule: ``schedule_seconds[n]`` is the wait before try n+1; chance adds up to ``jitter_share`` of it."""

    schedule_seconds: tuple[float, ...]
    jitter_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """
    The end of one delivery.

    ``wait_seconds`` is given with FAILED: from the end of this try to the next. ``is_gone``: the endpoint wants nothing
    any more.
    """

    outcome: Outcome
    wait_seconds: float = 0.0
    is_gone: bool = False


_DELIVERED: Final = Verdict(outcome=Outcome.DELIVERED)


def disabled_failing(seconds: float) -> str:
    """Return the reason shown of an endpoint where no delivery has succeeded for so long, in the largest fit unit."""
    for unit, unit_seconds in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * unit_seconds:
            return f"No delivery has succeeded for {seconds / unit_seconds:g} {unit}."
    return f"No delivery has succeeded for {seconds:g} seconds."


def is_acknowledged(status: int | None) -> bool:
    """Say whether an answer acknowledges: any 2xx, whatever its body (contract, section 8.1)."""
    return status is not None and 200 <= status <= 299


def judge(
    rule: Rule, *, status: int | None, failed_tries: int, retry_after_seconds: float | None, random: float
) -> Verdict:
    """
    Say what follows from one try.

    Args:
        rule: the schedule.
        status: the answer's; None when there was none.
        failed_tries: how many tries have failed if this one did, from 1.
        retry_after_seconds: what the answer asked for, None if nothing; wins over the schedule, up to 24 h.
        random: in [0, 1).

    """
    if is_acknowledged(status):
        return _DELIVERED
    is_gone = status == GONE_STATUS
    wait = notify_retry_seconds(
        rule.schedule_seconds,
        failed_tries,
        retry_after_seconds=retry_after_seconds,
        # The domain's rule adds its own share of jitter; the setting scales it.
        random=random * rule.jitter_share / JITTER_SHARE,
    )
    if wait is None:
        return Verdict(outcome=Outcome.DEAD, is_gone=is_gone)
    return Verdict(outcome=Outcome.FAILED, wait_seconds=wait, is_gone=is_gone)
