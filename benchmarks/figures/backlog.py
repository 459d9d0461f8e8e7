"""A long backlog: memory and rate with a million queued messages, against the same with a thousand."""

import statistics
import time

from benchmarks.figures import Plan
from benchmarks.figures.dispatch import WARM_UP, await_count
from benchmarks.processes import Child
from benchmarks.report import Figure, Measure, check
from benchmarks.rows import insert_queued
from benchmarks.stage import Side, Stage, measured_cost

LONG = 1_000_000
SHORT = 1_000
WINDOW = 500
"""Arrivals whose rate is one sample: a short backlog does not last longer, without its run-up and its end."""
RSS_GROWTH_BYTES_MAX = 100_000_000


def measure(stage: Stage, plan: Plan) -> Figure:
    """Measure two gateways; "ours" is the one with the long backlog, "ceiling" the one with short ones."""
    figure = Figure(name="backlog", database=stage.kind, item="message", target=0.9)
    short, long = stage.add_side("short"), stage.add_side("long")
    started = time.monotonic()
    insert_queued(long.connection, long.tenants, LONG)
    figure.notes.append(f"a million messages were queued in {time.monotonic() - started:.0f} s")
    few = stage.start_gateway(short, roles=["dispatch", "maintenance"])
    _short_turn(stage, short, few, batches=3)
    short_measure, short_rss = _short_turn(stage, short, few, batches=4 * plan.rounds)
    few.stop()
    long_measure, long_rss = _long_turn(stage, long, seconds=2 * plan.seconds)
    figure.ours.append(long_measure)
    figure.ceiling.append(short_measure)
    growth = long_rss - short_rss
    figure.notes.append(
        f"resident memory {long_rss / 1e6:.0f} MB with a million queued, {short_rss / 1e6:.0f} MB with a thousand"
    )
    check(growth <= RSS_GROWTH_BYTES_MAX, f"a million queued messages cost {growth / 1e6:.0f} MB of memory")
    figure.checks.append("the difference in memory is at most 100 MB, and short backlogs were sent to the last message")
    return figure


def _short_turn(stage: Stage, side: Side, child: Child, *, batches: int) -> tuple[Measure, int]:
    """Let so many backlogs of a thousand be sent; each counts by its middle."""
    rates: list[float] = []
    before = side.count("SELECT COUNT(*) FROM messages")
    with measured_cost(stage, child) as cost:
        for batch in range(batches):
            stage.world.ask(do="expect", count=SHORT)
            insert_queued(side.connection, side.tenants, SHORT)
            result = stage.world.ask(do="wait", seconds=20.0)
            check(result["count"] == SHORT, f"{result['count']} of {SHORT} queued messages were sent")
            rates.append(result["rate"])
            await_count(side, "SELECT COUNT(*) FROM messages WHERE state = 60", before + SHORT * (batch + 1))
    return Measure(rate=statistics.median(rates), cost=cost(SHORT * batches)), child.rss_bytes()


def _long_turn(stage: Stage, side: Side, *, seconds: float) -> tuple[Measure, int]:
    """Let a gateway work on its backlog for a time, and count windows of arrivals once it runs."""
    stage.world.ask(do="expect", count=LONG)
    child = stage.start_gateway(side, roles=["dispatch", "maintenance"])
    stage.world.ask(do="wait", seconds=2.0)
    stage.world.ask(do="expect", count=LONG)
    with measured_cost(stage, child) as cost:
        result = stage.world.ask(do="wait", seconds=seconds)
        rss = child.rss_bytes()
    check(result["count"] > WARM_UP, f"only {result['count']} of a million messages were sent in {seconds} s")
    rates = stage.world.ask(do="windows", size=WINDOW)["rates"]
    child.stop()
    return Measure(rate=statistics.median(rates), cost=cost(result["count"])), rss
