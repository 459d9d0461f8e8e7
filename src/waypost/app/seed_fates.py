"""What can have become of an invented message."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from waypost.domain.errors import FailureReason
from waypost.domain.message import MessageState
from waypost.domain.status import Announced, Status

SECOND_US: Final = 1_000_000

_UPSTREAM_FAILURES: Final = (
    (FailureReason.CONTACT_DOES_NOT_EXIST, 131_026, "Message undeliverable"),
    (FailureReason.OUTSIDE_WINDOW, 131_047, "Re-engagement message"),
    (FailureReason.PLATFORM_ERROR, 131_049, "Not delivered to maintain a healthy ecosystem"),
)
_REFUSALS: Final = (
    (FailureReason.BAD_MEDIA, 131_053, "Media upload error"),
    (FailureReason.INVALID_TEMPLATE_PARAMETER, 132_000, "Number of parameters does not match"),
    (FailureReason.TECHNICAL_ERROR, 131_000, "Something went wrong"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of one message."""

    state: MessageState
    outcome: str = "accepted"
    http_status: int | None = 200
    sent_us: int | None = None
    delivered_us: int | None = None
    read_us: int | None = None
    failed_us: int | None = None
    ended_us: int | None = None
    failure: str | None = None
    code: int | None = None
    detail: str | None = None

    @property
    def is_unsent(self) -> bool:
        return self.state in (MessageState.EXPIRED, MessageState.CANCELLED)

    @property
    def is_taken(self) -> bool:
        return self.outcome == "accepted" and not self.is_unsent

    @property
    def announced(self) -> int:
        flags = Announced.NONE
        for status, _ in self.told():
            flags |= Announced[status.name]
        return flags.value

    def told(self) -> list[tuple[Status, int]]:
        """Return the statuses that subscribers hear of, in order."""
        moments = (
            (Status.SENT, self.sent_us),
            (Status.DELIVERED, self.delivered_us),
            (Status.READ, self.read_us),
            (Status.FAILED, self.failed_us or self.ended_us),
        )
        return [(status, at_us) for status, at_us in moments if at_us is not None]

    @staticmethod
    def draw(chance: float, draw: Callable[[], float], handed_us: int, *, latest_us: int) -> "Fate":
        """Return a fate; ``chance`` decides which, ``draw`` how long things took."""
        sent_us = handed_us + int(draw() * SECOND_US)
        delivered_us = sent_us + int(200_000 + draw() ** 6 * 1_800 * SECOND_US)
        read_us = delivered_us + int(SECOND_US + draw() ** 4 * 14_400 * SECOND_US)
        if chance < 0.62 and read_us < latest_us:
            return Fate(state=MessageState.READ, sent_us=sent_us, delivered_us=delivered_us, read_us=read_us)
        if chance < 0.92 and delivered_us < latest_us:
            return Fate(state=MessageState.DELIVERED, sent_us=sent_us, delivered_us=delivered_us)
        if chance < 0.96:
            return Fate(state=MessageState.SENT, sent_us=sent_us)
        if chance < 0.965:
            return Fate(state=MessageState.ACCEPTED)
        if chance < 0.985:
            reason, code, detail = _UPSTREAM_FAILURES[int(draw() ** 2 * 3)]
            return Fate(
                state=MessageState.FAILED, sent_us=sent_us, failed_us=sent_us + SECOND_US, failure=reason.value,
                code=code, detail=detail,
            )  # fmt: skip
        if chance < 0.994:
            reason, code, detail = _REFUSALS[int(draw() ** 2 * 3)]
            return Fate(
                state=MessageState.FAILED, outcome="rejected", http_status=400, ended_us=handed_us,
                failure=reason.value, code=code, detail=detail,
            )  # fmt: skip
        if chance < 0.997:
            return Fate(state=MessageState.EXPIRED, ended_us=handed_us, failure=FailureReason.EXPIRED.value)
        if chance < 0.999:
            return Fate(state=MessageState.CANCELLED, ended_us=handed_us, failure=FailureReason.CANCELLED.value)
        return Fate(
            state=MessageState.UNKNOWN, outcome="in_doubt", http_status=None, ended_us=handed_us,
            failure=FailureReason.OUTCOME_UNKNOWN.value,
        )  # fmt: skip
