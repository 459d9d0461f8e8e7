"""The whole life: accepted, sent, reported on three times, told of three times; all roles in one process."""

from typing import Any

from benchmarks.figures import Plan
from benchmarks.figures.accept import send_requests
from benchmarks.figures.sending import await_count
from benchmarks.processes import Child
from benchmarks.report import Figure, Measure, check
from benchmarks.stage import Side, Stage, measured_cost
from benchmarks.tenants import APP_SECRET

ROLES = ("accept", "dispatch", "receive", "notify", "maintenance")
REQUESTS = 16_000
UNDER_WAY = 256


def measure(stage: Stage, plan: Plan) -> Figure:
    """Measure in a closed loop, against one bare process that does all of it with its queue in memory."""
    figure = Figure(name="whole life", database=stage.kind, item="message", target=0.5)
    ours, bare = stage.add_side("ours", has_endpoints=True), stage.add_side("bare", has_endpoints=True)
    gateway = stage.start_gateway(ours, roles=ROLES)
    server = stage.start_bare(
        "life",
        bare,
        app_secret=APP_SECRET,
        sandbox_url=bare.settings["sandbox_url"],
        tenants={tenant.source_id: _facts(stage, tenant) for tenant in bare.tenants.all},
    )
    lived = {"ours": 0, "bare": 0}
    for place in range(plan.rounds + 1):
        for side, child, measures in ((ours, gateway, figure.ours), (bare, server, figure.ceiling)):
            stage.prepare(send_requests(side, REQUESTS))
            measured, count = _turn(stage, side, child, seconds=plan.seconds if place else 1.0)
            lived[side.name] += count
            if place:
                measures.append(measured)
    for side in (ours, bare):
        count = lived[side.name]
        await_count(side, "SELECT COUNT(*) FROM messages WHERE state = 90", count)
        await_count(side, "SELECT COUNT(*) FROM notifications WHERE state = 1", 3 * count)
        await_count(side, "SELECT COUNT(*) FROM attempts WHERE outcome = 'accepted'", count)
    figure.checks.append(
        f"each of {lived['ours']} + {lived['bare']} accepted messages was sent once, is read, and was told of 3 times"
    )
    return figure


def _facts(stage: Stage, tenant: Any) -> dict[str, str]:
    return {
        "account_id": tenant.account_id,
        "endpoint_id": tenant.endpoint_id,
        "phone_number_id": tenant.phone_number_id,
        "hook": f"http://127.0.0.1:{stage.world.port}/hook/{tenant.number}",
    }


def _turn(stage: Stage, side: Side, child: Child, *, seconds: float) -> tuple[Measure, int]:
    with measured_cost(stage, child) as cost:
        result = stage.world.ask(
            do="live",
            port=side.port,
            seconds=seconds,
            under_way=UNDER_WAY,
            hook_paths={
                tenant.phone_number_id: f"/webhooks/cloud_api/{tenant.source_id}" for tenant in side.tenants.all
            },
            app_secret=APP_SECRET,
        )
    check(result["failed"] == 0, f"{result['failed']} requests were not answered 200 ({side.name})")
    count = int(result["count"])
    check(
        (result["accepted"], result["sends"], result["notices"]) == (count, count, 3 * count),
        f"accepted, sent, told of and ended differ ({side.name}): {result}",
    )
    details = {"generator_share": result["generator_share"]}
    return Measure(rate=result["rate"], cost=cost(count), details=details), count
