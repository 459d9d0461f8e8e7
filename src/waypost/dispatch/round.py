"""
What one round of dispatching is asked and what it answers.

A round is one transaction: it writes how attempts ended, then the next intents.
"""

from collections.abc import Callable, Collection, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from waypost.dispatch.outcome import Decision
from waypost.domain.errors import FailureReason, SendFailure
from waypost.domain.template import TemplateShape
from waypost.domain.value import value
from waypost.outbox import News, failed_news
from waypost.ports import Accepted
from waypost.store.claiming import Candidate, LaneKey
from waypost.store.directory import Snapshot
from waypost.store.provider_media import ReadyMedia

MediaKey = tuple[str, str, str]
"""(account id, source id, media key)."""

PROMOTIONS_MAX: Final = 1_000


@value
class Settlement:
    """One ended attempt. ``decision`` is None for an accepted one; ``due_at_us`` is when a waiting message is due."""

    candidate: Candidate
    number: int
    started_at_us: int
    end: Accepted | SendFailure
    decision: Decision | None
    ended_at_us: int
    due_at_us: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Work:
    """
    What a round is for: ends to be written, lanes to be let go, how many messages of each source may start.

    ``chosen`` names the one message to claim, in place of its source's first. At most ``promotions`` due messages are
    queued.
    """

    settlements: Sequence[Settlement] = ()
    places: Mapping[str, int] = field(default_factory=dict)
    released: Collection[LaneKey] = ()
    chosen: str | None = None
    promotions: int = PROMOTIONS_MAX


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Round:
    """
    What the dispatcher asks of one round.

    ``places`` is how many messages of each source may start. ``occupied`` holds the recipients with an attempt under
    way. ``pair_wait_seconds`` says how long a pair must still rest, ``crowd`` how many messages are parked in a lane.
    ``released`` are lanes whose last attempt has ended, with the seconds their pair must still rest. ``chosen`` and
    ``promotions`` are as in ``Work``; ``withheld`` are due messages that the database refuses to queue.
    """

    now_us: int
    policy_now_us: int
    node: str
    snapshot: Snapshot
    settlements: Sequence[Settlement]
    places: Mapping[str, int]
    epochs: Mapping[str, int]
    occupied: Mapping[str, Container[str]]
    pair_wait_seconds: Callable[[str, str], float]
    pair_interval_seconds: float
    crowd: Mapping[LaneKey, int]
    released: Mapping[LaneKey, float]
    chosen: str | None
    promotions: int
    withheld: Collection[str]


@value
class Claim:
    """A message whose intent is durable: it may start, and now must be accounted for."""

    candidate: Candidate
    number: int
    started_at_us: int
    media: ReadyMedia | None
    context_wamid: str | None
    template_shape: TemplateShape | None = None


@dataclass(slots=True, eq=False)
class RoundResult:
    """What one round did; ``short`` are sources that had less than they had places for."""

    claims: list[Claim] = field(default_factory=list)
    parked: list[LaneKey] = field(default_factory=list)
    ended: list[Candidate] = field(default_factory=list)
    media_needed: dict[MediaKey, Candidate] = field(default_factory=dict)
    short: set[str] = field(default_factory=set)
    emptied: set[LaneKey] = field(default_factory=set)
    released: int = 0
    promoted: int = 0
    next_due_us: int | None = None
    told: int = 0
    refused: dict[FailureReason, int] = field(default_factory=dict)


def news_of_failure(candidate: Candidate, reason: FailureReason, occurred_at_us: int) -> News:
    return failed_news(
        account_id=candidate.account_id,
        source_id=candidate.source_id,
        message_id=candidate.id,
        recipient=candidate.recipient,
        source_given=candidate.source_given,
        caller_data=candidate.caller_data,
        reason=reason,
        occurred_at_us=occurred_at_us,
    )
