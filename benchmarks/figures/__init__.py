"""One module per figure: `measure(stage, plan)` plays it on an open stage."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long one turn lasts, in seconds, and how many turns each side takes."""

    seconds: float
    rounds: int
