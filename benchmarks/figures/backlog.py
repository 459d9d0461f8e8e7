"""A long backlog: memory and rate with a million queued messages, against the same with a short one."""

import statistics
import time

from benchmarks.figures import Plan
from benchmarks.figures.sending import WAIT_SECONDS, await_count
from benchmarks.processes import Child
from benchmarks.report import Figure, Measure, check
from benchmarks.rows import insert_queued, multiply_queued
from benchmarks.stage import Side, Stage, measured_cost

BASE = 100_000
COPIES = 10
"""Together a million."""
MEMORY_SHORT = 1_000
RATE_SHORT = 10_000
"""A thousand are gone before the rate settles, so the short backlog's rate is that of the middle of these."""
WINDOW = 500
"""So many arrivals in a row are one sample of the rate."""
RSS_GROWTH_BYTES_MAX = 100_000_000


def measure(stage: Stage, plan: Plan) -> Figure:
    """Measure two gateways; "ours" is the one with the long backlog, "ceiling" the one with short ones."""
    figure = Figure(name="backlog", database=stage.kind, item="message", target=0.9)
    short, long = stage.add_side("short"), stage.add_side("long")
    started = time.monotonic()
    insert_queued(long.connection, long.tenants, BASE)
    multiply_queued(long.connection, COPIES)
    queued = long.count("SELECT COUNT(*) FROM messages WHERE state = 30")
    check(queued == BASE * COPIES, f"{queued} messages are queued")
    figure.notes.append(f"a million messages were queued in {time.monotonic() - started:.0f} s")
    few = stage.start_gateway(short, roles=["dispatch", "maintenance"])
    _send_all(stage, short, few, MEMORY_SHORT, sent_before=0)
    short_rss = few.rss_bytes()
    figure.ceiling.append(_send_all(stage, short, few, RATE_SHORT, sent_before=MEMORY_SHORT))
    few.stop()
    long_measure, long_rss = _long_turn(stage, long, seconds=2 * plan.seconds)
    figure.ours.append(long_measure)
    growth = long_rss - short_rss
    figure.notes.append(
        f"resident memory {long_rss / 1e6:.0f} MB with a million queued, {short_rss / 1e6:.0f} MB with a thousand"
    )
    check(growth <= RSS_GROWTH_BYTES_MAX, f"a million queued messages cost {growth / 1e6:.0f} MB of memory")
    figure.checks.append("the difference in memory is at most 100 MB; the short backlogs were sent to the last message")
    return figure


def _send_all(stage: Stage, side: Side, child: Child, count: int, *, sent_before: int) -> Measure:
    """Let a short backlog be sent to its end."""
    stage.world.ask(do="expect", count=count)
    with measured_cost(stage, child) as cost:
        insert_queued(side.connection, side.tenants, count)
        result = stage.world.ask(do="wait", seconds=WAIT_SECONDS)
        check(result["count"] == count, f"{result['count']} of {count} queued messages were sent")
        await_count(side, "SELECT COUNT(*) FROM messages WHERE state = 60", sent_before + count)
    rates = stage.world.ask(do="windows", size=WINDOW)["rates"]
    # The first windows are the run-up, the last the end, when places stay empty.
    return Measure(rate=statistics.median(rates[2:-1] or rates), cost=cost(count))


def _long_turn(stage: Stage, side: Side, *, seconds: float) -> tuple[Measure, int]:
    """Let a gateway work on its backlog for a time, and count windows of arrivals once it runs."""
    child = stage.start_gateway(side, roles=["dispatch", "maintenance"])
    stage.world.ask(do="expect", count=BASE * COPIES)
    stage.world.ask(do="wait", seconds=2.0)
    stage.world.ask(do="expect", count=BASE * COPIES)
    with measured_cost(stage, child) as cost:
        result = stage.world.ask(do="wait", seconds=seconds)
        rss = child.rss_bytes()
    rates = stage.world.ask(do="windows", size=WINDOW)["rates"]
    child.stop()
    check(len(rates) > 1, f"only {result['count']} of a million messages were sent in {seconds} s")
    return Measure(rate=statistics.median(rates), cost=cost(result["count"])), rss
