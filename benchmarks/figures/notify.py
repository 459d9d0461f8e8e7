"""Notifying: load, sign, POST, settle; 16 webhooks with 4 deliveries at a time, against the HTTP client alone."""

from benchmarks.figures import Plan
from benchmarks.figures.dispatch import WAIT_SECONDS, await_count
from benchmarks.report import Figure, Measure, check
from benchmarks.rows import insert_pending
from benchmarks.stage import Stage, measured_cost

CONCURRENCY = 64
WARM_UP = 2_000


def measure(stage: Stage, plan: Plan) -> Figure:
    """Measure batches of pending notifications, each as long as `plan.seconds` by the first one's rate."""
    figure = Figure(name="notify", database=stage.kind, item="notification", target=0.6)
    side = stage.add_side("ours", has_endpoints=True)
    gateway = stage.start_gateway(side, roles=["notify"])
    client = stage.start_commanded("notify", concurrency=CONCURRENCY)
    ours_count = bare_count = WARM_UP
    told = 0
    for place in range(plan.rounds + 1):
        stage.world.ask(do="expect", count=ours_count)
        with measured_cost(stage, gateway) as cost:
            insert_pending(side.connection, side.tenants, ours_count)
            result = stage.world.ask(do="wait", seconds=WAIT_SECONDS)
            told += ours_count
            await_count(side, "SELECT COUNT(*) FROM notifications WHERE state = 1", told)
        check(result["count"] == ours_count, f"{result['count']} of {ours_count} notifications arrived")
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
    figure.checks.append(f"each of {told} notifications arrived once and is settled")
    return figure
