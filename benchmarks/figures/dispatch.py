"""Dispatching: claim, intent, POST, result; 256 requests under way, against the HTTP client alone."""

import time

from benchmarks.figures import Plan
from benchmarks.report import Figure, Measure, check
from benchmarks.rows import insert_queued
from benchmarks.stage import Side, Stage, measured_cost

CONCURRENCY = 256
WARM_UP = 3_000
WAIT_SECONDS = 40.0


def measure(stage: Stage, plan: Plan) -> Figure:
    """Measure batches of queued messages, each as long as `plan.seconds` by the first one's rate."""
    figure = Figure(name="dispatch", database=stage.kind, item="message", target=0.6)
    side = stage.add_side("ours")
    gateway = stage.start_gateway(side, roles=["dispatch"])
    client = stage.start_commanded("send", concurrency=CONCURRENCY)
    ours_count = bare_count = WARM_UP
    sent = 0
    for place in range(plan.rounds + 1):
        stage.world.ask(do="expect", count=ours_count)
        with measured_cost(stage, gateway) as cost:
            insert_queued(side.connection, side.tenants, ours_count)
            result = stage.world.ask(do="wait", seconds=WAIT_SECONDS)
            sent += ours_count
            await_count(side, "SELECT COUNT(*) FROM messages WHERE state = 60", sent)
        check(result["count"] == ours_count, f"{result['count']} of {ours_count} queued messages were sent")
        ours = Measure(rate=result["rate"], cost=cost(ours_count))
        stage.world.ask(do="expect", count=bare_count)
        with measured_cost(stage, client) as cost:
            client.ask(do="send", count=bare_count)
        result = stage.world.ask(do="wait", seconds=WAIT_SECONDS)
        check(result["count"] == bare_count, f"{result['count']} of {bare_count} requests arrived")
        bare = Measure(rate=result["rate"], cost=cost(bare_count))
        if place:
            figure.ours.append(ours)
            figure.ceiling.append(bare)
        ours_count, bare_count = int(ours.rate * plan.seconds), int(bare.rate * plan.seconds)
    closed = side.count("SELECT COUNT(*) FROM attempts WHERE outcome = 'accepted' AND ended_at_us IS NOT NULL")
    check(closed == sent, f"{closed} closed attempts for {sent} messages")
    figure.checks.append(f"each of {sent} messages arrived once, is accepted, and has one closed attempt")
    return figure


def await_count(side: Side, statement: str, wanted: int, *, seconds: float = 10.0) -> None:
    """Wait until a statement counts so many; raises AssertionError after a time."""
    deadline = time.monotonic() + seconds
    while (found := side.count(statement)) < wanted:
        check(time.monotonic() < deadline, f"{found} instead of {wanted}: {statement}")
        time.sleep(0.05)
    check(found == wanted, f"{found} instead of {wanted}: {statement}")
