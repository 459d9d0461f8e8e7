"""
When is a call made again, and how long after? Pure rules; both clients ask them.

What was certainly not carried out is made again: no connection, 429, 503. What may have been carried out (a lost
answer, 502, 504) is made again only where a second time does nothing more: reading, deleting, consents, and sends that
carry an idempotency key.
"""

from dataclasses import dataclass
from typing import Any, Final

from waypost.client.calls import Answer, Call, seconds_of
from waypost.client.errors import OutcomeUnknownError, RateLimitedError, UnavailableError, WaypostError

_NOT_CARRIED_OUT: Final = frozenset({429, 503})
_PERHAPS_CARRIED_OUT: Final = frozenset({502, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """
    How often and how long a call may be made again.

    The n-th wait is ``first_wait_seconds`` doubled n - 1 times, at most ``wait_seconds_max``, lengthened or shortened
    by chance by up to a half. A ``Retry-After`` takes its place; one over ``wait_seconds_max`` ends the call, as does a
    wait that would pass ``total_seconds_max`` since the call began. ``attempts_max`` counts the first try too: 1 means
    never again.
    """

    attempts_max: int = 5
    first_wait_seconds: float = 0.25
    wait_seconds_max: float = 30.0
    total_seconds_max: float = 90.0

    def __post_init__(self) -> None:
        if self.attempts_max < 1 or min(self.first_wait_seconds, self.wait_seconds_max, self.total_seconds_max) < 0:
            raise ValueError("attempts_max must be at least 1, and no time less than 0")


@dataclass(frozen=True, slots=True)
class Lost:
    """A try that ended without a whole answer; ``has_started`` is False only if no byte of it can have arrived."""

    has_started: bool
    detail: str


class Attempts:
    """The tries of one call so far: what the next step is after each."""

    __slots__ = ("_call", "_count", "_policy", "may_have_arrived")

    def __init__(self, call: Call[Any], policy: Retries) -> None:
        self._call = call
        self._policy = policy
        self._count = 0
        self.may_have_arrived = False

    def wait_after(self, end: Answer | Lost, *, elapsed_seconds: float, chance: float) -> float | None:
        """
        Note how a try ended; return the seconds to wait before the next one, or None if this end is the call's.

        Args:
            end: how it ended.
            elapsed_seconds: since the call began.
            chance: a random number from 0 to 1.

        """
        self._count += 1
        is_certain = isinstance(end, Answer) and end.status not in _PERHAPS_CARRIED_OUT
        if isinstance(end, Answer) and is_certain and end.status not in _NOT_CARRIED_OUT:
            return None
        has_started = not is_certain and (isinstance(end, Answer) or end.has_started)
        if has_started:
            self.may_have_arrived = True
        if (has_started and not self._call.is_repeatable) or self._count >= self._policy.attempts_max:
            return None
        asked = seconds_of(end.retry_after) if isinstance(end, Answer) else None
        doubled = self._policy.first_wait_seconds * 2 ** min(self._count - 1, 30)
        wait = min(doubled, self._policy.wait_seconds_max) * (0.5 + chance) if asked is None else asked
        is_too_long = asked is not None and asked > self._policy.wait_seconds_max
        return None if is_too_long or elapsed_seconds + wait > self._policy.total_seconds_max else wait

    def lost_error(self, end: Lost) -> WaypostError:
        """Return the error of a call whose last try ended like this."""
        if self.may_have_arrived and self._call.request.method != "GET":
            return self.unknown_error(f"The answer was lost ({end.detail}).")
        return UnavailableError(
            f"The server was not reached ({end.detail}).", hint="Check base_url and the network, or try again later."
        )

    def answer_error(self, error: WaypostError) -> WaypostError:
        """Return the error of a call whose last answer means this one, in the light of the tries before it."""
        if self._call.request.method == "GET" or not self.may_have_arrived:
            return error
        # What an earlier try did is known neither from "too busy" nor from a proxy that lost the server.
        if isinstance(error, RateLimitedError | UnavailableError):
            return self.unknown_error(
                "The answer was lost, and no later try was answered.", retry_after_seconds=error.retry_after_seconds
            )
        return error

    def unknown_error(self, text: str, *, retry_after_seconds: float | None = None) -> OutcomeUnknownError:
        """Return the error of a call that may have been carried out."""
        return OutcomeUnknownError(
            text, idempotency_key=self._call.idempotency_key, retry_after_seconds=retry_after_seconds
        )
