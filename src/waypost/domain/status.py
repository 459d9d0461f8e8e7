"""
What upstream said about one message, joined to a state and to what subscribers are told.

Facts form a set: order and repetition of their arrival do not matter (each fact keeps its earliest time). The state is
a function of that set and of where the gateway's own work stood.
"""

from dataclasses import replace
from enum import IntFlag, StrEnum
from typing import Final

from waypost.domain.errors import FailureReason
from waypost.domain.message import MessageState
from waypost.domain.value import value


class Status(StrEnum):
    """The words upstream reports, and the contract posts (all but ``played``)."""

    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    PLAYED = "played"
    FAILED = "failed"


class Announced(IntFlag):
    """Which statuses subscribers have been told of; stored on the message."""

    NONE = 0
    SENT = 1
    DELIVERED = 2
    READ = 4
    FAILED = 8


@value
class StatusFact:
    """
    One thing upstream said about one message.

    ``occurred_at_us`` is upstream's own time. ``reason`` and ``provider_code`` are given with ``failed`` only;
    ``pricing`` (``domain.pricing``) where upstream says it.
    """

    status: Status
    occurred_at_us: int
    reason: FailureReason | None = None
    provider_code: int | None = None
    detail: str | None = None
    pricing: str | None = None


@value
class StatusFacts:
    """
    All that upstream has said about one message: the earliest time of each word, None if it was not said.

    Of several ``failed`` facts the one with the least (time, provider code, reason, detail) stands, so that their order
    cannot matter.
    """

    sent_at_us: int | None = None
    delivered_at_us: int | None = None
    read_at_us: int | None = None
    played_at_us: int | None = None
    failed_at_us: int | None = None
    failure: FailureReason | None = None
    failure_code: int | None = None
    failure_detail: str | None = None

    def with_fact(self, fact: StatusFact) -> "StatusFacts":
        """Return the set with one more fact; the same object if it was known already."""
        status, at_us = fact.status, fact.occurred_at_us
        if status is Status.FAILED:
            return self._with_failure(fact)
        known_at_us = getattr(self, _TIMES[status])
        if known_at_us is not None and known_at_us <= at_us:
            return self
        # Spelt out: dataclasses.replace took four times as long, and this is done for every status there is.
        return StatusFacts(
            sent_at_us=at_us if status is Status.SENT else self.sent_at_us,
            delivered_at_us=at_us if status is Status.DELIVERED else self.delivered_at_us,
            read_at_us=at_us if status is Status.READ else self.read_at_us,
            played_at_us=at_us if status is Status.PLAYED else self.played_at_us,
            failed_at_us=self.failed_at_us,
            failure=self.failure,
            failure_code=self.failure_code,
            failure_detail=self.failure_detail,
        )

    def _with_failure(self, fact: StatusFact) -> "StatusFacts":
        reason = fact.reason or FailureReason.PLATFORM_ERROR
        told = _rank(fact.occurred_at_us, fact.provider_code, reason, fact.detail)
        if self.failed_at_us is not None and told >= _rank(
            self.failed_at_us,
            self.failure_code,
            self.failure or FailureReason.PLATFORM_ERROR,
            self.failure_detail,
        ):
            return self
        return replace(
            self,
            failed_at_us=fact.occurred_at_us,
            failure=reason,
            failure_code=fact.provider_code,
            failure_detail=fact.detail,
        )


def _rank(
    at_us: int, provider_code: int | None, reason: FailureReason, detail: str | None
) -> tuple[int, int, FailureReason, bool, str]:
    """Return the order among failures; what is not said comes before all that can be said, code 0 and no text too."""
    return at_us, -1 if provider_code is None else provider_code, reason, detail is not None, detail or ""


_TIMES: Final = {
    Status.SENT: "sent_at_us",
    Status.DELIVERED: "delivered_at_us",
    Status.READ: "read_at_us",
    Status.PLAYED: "played_at_us",
}


def join_state(gateway_state: MessageState, facts: StatusFacts, *, is_accepted: bool) -> MessageState:
    """
    Return the state that follows from the facts and from where the gateway's own work stood.

    Proof of delivery beats everything; upstream's ``failed`` beats all below delivery; ``sent`` lifts an attempt in
    doubt and any end the gateway had drawn by itself; a provider id alone lifts all but failed and expired. A cancelled
    message was never handed upstream, so it stays cancelled.
    """
    if gateway_state is MessageState.CANCELLED:
        return gateway_state
    if facts.played_at_us is not None:
        return MessageState.PLAYED
    if facts.read_at_us is not None:
        return MessageState.READ
    if facts.delivered_at_us is not None:
        return MessageState.DELIVERED
    if facts.failed_at_us is not None:
        return MessageState.FAILED
    if facts.sent_at_us is not None:
        return MessageState.SENT
    if is_accepted and gateway_state not in (MessageState.FAILED, MessageState.EXPIRED):
        return MessageState.ACCEPTED
    return gateway_state


_ENDED: Final = (Announced.DELIVERED | Announced.READ | Announced.FAILED).value
_ORDER: Final = (
    (Status.SENT, Announced.SENT.value, Announced.SENT.value | _ENDED),
    (Status.DELIVERED, Announced.DELIVERED.value, (Announced.DELIVERED | Announced.READ).value),
    (Status.READ, Announced.READ.value, Announced.READ.value),
)
"""(status, its flag, the flags with which it comes too late); plain numbers, since an enum's are slow to join."""

_FAILED: Final = Announced.FAILED.value


def statuses_to_announce(announced: Announced, facts: StatusFacts) -> tuple[tuple[Status, ...], Announced]:
    """
    Return the statuses to post now, in order, and what will have been announced then.

    sent, delivered, read: each at most once and never one lower than one already posted. ``failed`` is posted at most
    once and only below delivery; after it only proof of delivery is posted (contract, section 8.4).
    """
    told: list[Status] = []
    flags = announced.value
    times = (facts.sent_at_us, facts.delivered_at_us, facts.read_at_us)
    for (status, flag, too_late), time_us in zip(_ORDER, times, strict=True):
        if time_us is not None and not flags & too_late:
            told.append(status)
            flags |= flag
    # Upstream may report only ``played`` of a voice note: that proves delivery, though it is no word of the contract.
    if facts.failed_at_us is not None and facts.played_at_us is None and not flags & _ENDED:
        told.append(Status.FAILED)
        flags |= _FAILED
    return tuple(told), Announced(flags)
