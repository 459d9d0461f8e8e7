"""The command: `python -m benchmarks [FIGURE ...] [--database sqlite|postgresql|both] [--seconds N] [--rounds N]`."""

import argparse
import sys
import time
from collections.abc import Callable
from typing import Final

from benchmarks.figures import Plan, accept, backlog, dispatch, life, notify, receive
from benchmarks.report import Figure, Report
from benchmarks.stage import DatabaseKind, Stage, open_stage

FIGURES: Final[dict[str, Callable[[Stage, Plan], Figure]]] = {
    "accept": accept.measure,
    "dispatch": dispatch.measure,
    "receive": receive.measure,
    "notify": notify.measure,
    "life": life.measure,
    "backlog": backlog.measure,
}
DATABASES: Final[dict[str, tuple[DatabaseKind, ...]]] = {
    "sqlite": ("sqlite",),
    "postgresql": ("postgresql",),
    "both": ("sqlite", "postgresql"),
}


def main() -> int:
    """Measure what is asked for; return 0 when every figure reaches its target, else 1."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=sys.modules["benchmarks"].__doc__)
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=f"one of {', '.join(FIGURES)}; none means all")
    parser.add_argument("--database", choices=DATABASES, default="both", help="default both")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of one turn, default 3; at most 10")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each side, default 5; at most 20")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.figures if name not in FIGURES]
    if unknown or not 0.2 <= arguments.seconds <= 10 or not 1 <= arguments.rounds <= 20:
        parser.error(f"no such figure: {', '.join(unknown)}" if unknown else "--seconds or --rounds out of bounds")
    report = Report()
    plan = Plan(seconds=arguments.seconds, rounds=arguments.rounds)
    figures = []
    for name in arguments.figures or FIGURES:
        for kind in DATABASES[arguments.database]:
            started = time.monotonic()
            with open_stage(kind) as stage:
                figure = FIGURES[name](stage, plan)
            report.add(figure)
            figures.append(figure)
            report.say(f"{name} on {kind}: {figure.ratio:.2f} of the ceiling ({time.monotonic() - started:.0f} s)")
    report.print()
    return 0 if all(figure.ratio >= figure.target for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
