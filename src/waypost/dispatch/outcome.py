"""What follows from the way an attempt ended: decided here, written by the round."""

from dataclasses import dataclass
from typing import Final, assert_never

from waypost.domain.errors import FailureReason, SendFailure, SendFailureKind, ThrottleScope
from waypost.domain.message import MessageState
from waypost.domain.retry import send_retry_seconds

ATTEMPT_NUMBER_MAX: Final = 200
"""Throttled attempts are not counted as failed, but even they end some day (contract, section 9.2: 8005)."""

LEASE_TOO_SHORT: Final = SendFailure(
    kind=SendFailureKind.TRANSIENT,
    reason=FailureReason.TECHNICAL_ERROR,
    detail="not sent: what was left of the lease was too short",
)

SOURCE_SILENT: Final = SendFailure(
    kind=SendFailureKind.THROTTLED,
    reason=FailureReason.TECHNICAL_ERROR,
    detail="not sent: the number was throttled meanwhile",
    scope=ThrottleScope.SOURCE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """
    What becomes of the message.

    ``wait_seconds`` is given with ``WAITING``; ``reason`` with ``FAILED``. ``silence`` names the scope that upstream
    wants quiet, ``pauses_source`` says that the source's set-up is at fault.
    """

    state: MessageState
    failed_attempts: int
    wait_seconds: float = 0.0
    wait_reason: str | None = None
    reason: FailureReason | None = None
    silence: ThrottleScope | None = None
    pauses_source: bool = False


def decide(
    failure: SendFailure,
    *,
    attempt_number: int,
    failed_attempts: int,
    attempts_max: int,
    soft_refusal_wait_seconds: float,
    random: float,
) -> Decision:
    """
    Return what becomes of a message whose attempt failed (reliability, the end of a POST).

    ``failed_attempts`` counts the earlier ones; throttling, a paused source and doubt add nothing to it.
    """
    match failure.kind:
        case SendFailureKind.IN_DOUBT:
            return Decision(state=MessageState.IN_DOUBT, failed_attempts=failed_attempts)
        case SendFailureKind.THROTTLED:
            if attempt_number >= ATTEMPT_NUMBER_MAX:
                return _failed(FailureReason.TECHNICAL_ERROR, failed_attempts)
            return Decision(
                state=MessageState.QUEUED,
                failed_attempts=failed_attempts,
                silence=failure.scope or ThrottleScope.SOURCE,
            )
        case SendFailureKind.MISCONFIGURED:
            return Decision(state=MessageState.QUEUED, failed_attempts=failed_attempts, pauses_source=True)
        case SendFailureKind.REJECTED:
            return _failed(failure.reason, failed_attempts + 1)
        case SendFailureKind.TRANSIENT:
            failed = failed_attempts + 1
            if failed >= attempts_max:
                return _failed(FailureReason.TECHNICAL_ERROR, failed)
            wait = send_retry_seconds(failed, retry_after_seconds=failure.retry_after_seconds, random=random)
            if failure.http_status is not None:
                # A soft refusal: whether it can follow an acceptance is not documented, so a status gets time.
                wait = max(wait, soft_refusal_wait_seconds)
            return Decision(state=MessageState.WAITING, failed_attempts=failed, wait_seconds=wait, wait_reason="retry")
        case other:
            assert_never(other)


def _failed(reason: FailureReason, failed_attempts: int) -> Decision:
    return Decision(state=MessageState.FAILED, failed_attempts=failed_attempts, reason=reason)
