"""
What the manage API answers when it does not do what was asked: problem details (RFC 9457), with a hint what to do.

    Problem(kind, detail, hint)    raised anywhere below a route; the command line turns it into an exit code

Another account's thing and a thing that does not exist are one problem, in one wording: ids cannot be probed.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

_RETRY_SECONDS: Final = 2


@dataclass(frozen=True, slots=True)
class _Kind:
    slug: str
    status: int
    title: str


class ProblemKind(Enum):
    """The closed list; ``slug`` is the last part of ``type``."""

    MALFORMED = _Kind("malformed", 400, "The request cannot be read")
    UNAUTHENTICATED = _Kind("unauthenticated", 401, "No valid API key")
    FORBIDDEN = _Kind("forbidden", 403, "The key may not do this")
    NOT_FOUND = _Kind("not-found", 404, "There is no such thing")
    METHOD_NOT_ALLOWED = _Kind("method-not-allowed", 405, "The path does not take this method")
    CONFLICT = _Kind("conflict", 409, "It does not fit the present state")
    TOO_LARGE = _Kind("too-large", 413, "The request is too large")
    UNSUPPORTED_MEDIA_TYPE = _Kind("unsupported-media-type", 415, "The body must be JSON")
    INVALID = _Kind("invalid", 422, "The request breaks a rule")
    THROTTLED = _Kind("throttled", 429, "Too many requests")
    DEFECT = _Kind("defect", 500, "Waypost has a defect")
    PROVIDER_BUSY = _Kind("provider-busy", 429, "The provider wants fewer calls")
    PROVIDER_AWAY = _Kind("provider-away", 502, "The provider did not answer")
    UNAVAILABLE = _Kind("unavailable", 503, "The database cannot be reached")


@dataclass(frozen=True, slots=True)
class Fault:
    """One part of the request that breaks a rule; ``place`` is a path such as ``body.pace.burst``."""

    place: str
    message: str


class Problem(Exception):  # noqa: N818 - the word of RFC 9457
    """
    Why the request is not carried out, for the caller's eyes.

    ``detail`` says what is wrong here, ``hint`` what to do; neither repeats a secret. ``retry_after_seconds`` is given
    with 429 and 503, ``allowed_methods`` with 405.
    """

    def __init__(
        self,
        kind: ProblemKind,
        detail: str,
        *,
        hint: str,
        faults: tuple[Fault, ...] = (),
        retry_after_seconds: int | None = None,
        allowed_methods: str = "",
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.hint = hint
        self.faults = faults
        self.retry_after_seconds = retry_after_seconds
        self.allowed_methods = allowed_methods


def not_found(noun: str) -> Problem:
    """Return the one answer for what does not exist and for what is another account's."""
    return Problem(
        ProblemKind.NOT_FOUND,
        f"There is no {noun} with this id.",
        hint=f"List what there is, and compare the id; a {noun} of another account cannot be seen.",
    )


def invalid(place: str, message: str, *, hint: str) -> Problem:
    """Return the answer to a value that breaks a rule beyond its form."""
    return Problem(ProblemKind.INVALID, f"{place}: {message}", hint=hint, faults=(Fault(place, message),))


def unavailable() -> Problem:
    """Return the answer while the database takes nothing."""
    return Problem(
        ProblemKind.UNAVAILABLE,
        "The database did not answer; nothing was changed.",
        hint="Try again; if it lasts, run: waypost doctor",
        retry_after_seconds=_RETRY_SECONDS,
    )
