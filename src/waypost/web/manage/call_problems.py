"""Calls that the provider did not carry out, as problems of the manage API: one wording, with hints of each subject."""

from dataclasses import dataclass

from waypost.providers.cloud_api.calls import CallFailure, CallFailureKind
from waypost.web.manage.problems import Problem, ProblemKind, not_found


@dataclass(frozen=True, slots=True, kw_only=True)
class CallHints:
    """
    What to do about each kind of failure, for calls about one kind of thing.

    ``noun`` is that thing's word. ``tells_code`` adds the provider's code to its reason, for hints that refer to it.
    """

    noun: str
    refused: str
    credentials: str
    throttled: str
    retry_after_seconds: int
    unreachable: str
    tells_code: bool = False


def problem_of_call(failure: CallFailure, hints: CallHints) -> Problem:
    """Return a failure as a problem with what to do about it."""
    told = failure.detail
    if hints.tells_code and failure.provider_code is not None:
        told = f"{told} (code {failure.provider_code})"
    match failure.kind:
        case CallFailureKind.REFUSED:
            return Problem(ProblemKind.CONFLICT, f"The provider refuses it: {told}", hint=hints.refused)
        case CallFailureKind.NOT_FOUND:
            return not_found(hints.noun)
        case CallFailureKind.CREDENTIALS:
            return Problem(
                ProblemKind.CONFLICT,
                f"The provider does not take the source's token for this: {told}",
                hint=hints.credentials,
            )
        case CallFailureKind.THROTTLED:
            return Problem(
                ProblemKind.PROVIDER_BUSY,
                f"The provider wants fewer calls: {told}",
                hint=hints.throttled,
                retry_after_seconds=hints.retry_after_seconds,
            )
        case CallFailureKind.UNREACHABLE:
            return Problem(ProblemKind.PROVIDER_AWAY, f"The provider gave no answer: {told}", hint=hints.unreachable)
