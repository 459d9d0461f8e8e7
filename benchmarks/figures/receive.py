"""Receiving: the provider's webhooks with one status each over 64 connections; 200 only when all of it is durable."""

import time
from collections.abc import Iterator

import orjson

from benchmarks.figures import Plan
from benchmarks.processes import Child
from benchmarks.report import Figure, Measure, check
from benchmarks.rows import insert_accepted
from benchmarks.stage import Side, Stage, measured_cost
from benchmarks.tenants import APP_SECRET
from waypost.domain.token import make_token

CONNECTIONS = 64
STATUSES = ("sent", "delivered", "read")
BLOCK = 1_000
"""So many messages' statuses of one word before those of the next, as they come in life: never two at once."""
WARM_UP = 600


def measure(stage: Stage, plan: Plan) -> Figure:
    """Measure against a bare server that checks the signature, commits the same rows, and answers."""
    figure = Figure(name="receive", database=stage.kind, item="status", target=0.6)
    ours, bare = stage.add_side("ours", has_endpoints=True), stage.add_side("bare", has_endpoints=True)
    gateway = stage.start_gateway(ours, roles=["receive"])
    tenant = bare.tenants.all[0]
    server = stage.start_bare(
        "receive",
        bare,
        app_secret=APP_SECRET,
        account_id=tenant.account_id,
        endpoint_id=tenant.endpoint_id,
        source_id=tenant.source_id,
    )
    counts = {"ours": WARM_UP, "bare": WARM_UP}
    answered = {"ours": 0, "bare": 0}
    for place in range(plan.rounds + 1):
        for side, child, measures in ((ours, gateway, figure.ours), (bare, server, figure.ceiling)):
            stage.prepare(list(_webhooks(side, counts[side.name])), app_secret=APP_SECRET)
            measured, count = _turn(stage, side, child)
            answered[side.name] += count
            if place:
                measures.append(measured)
            counts[side.name] = int(measured.rate * plan.seconds / len(STATUSES))
    for side in (ours, bare):
        for table in ("raw_webhooks", "notifications"):
            found = side.count(f"SELECT COUNT(*) FROM {table}")
            check(found == answered[side.name], f"{found} {table} for {answered[side.name]} webhooks ({side.name})")
        read = side.count("SELECT COUNT(*) FROM messages WHERE state = 90 AND read_at_us IS NOT NULL")
        check(read * 3 == answered[side.name], f"{read} read messages for {answered[side.name]} statuses ({side.name})")
    figure.checks.append(
        f"every one of {answered['ours']} + {answered['bare']} answered webhooks is kept, joined and told of"
    )
    return figure


def _webhooks(side: Side, messages: int) -> Iterator[tuple[str, str, bytes]]:
    """Yield three webhooks for each of so many fresh messages."""
    accepted = insert_accepted(side.connection, side.tenants, messages)
    stamp = str(int(time.time()))
    # What is left over goes with the last block: a small one would bring two statuses of one message at once.
    starts = list(range(0, max(messages - BLOCK, 0) + 1, BLOCK))
    for start, end in zip(starts, [*starts[1:], messages], strict=True):
        for status in STATUSES:
            for number, message_id, wamid in accepted[start:end]:
                tenant = side.tenants.all[number]
                token = make_token(
                    side.tenants.token_key, account_id=tenant.account_id, message_id=message_id, number=1
                )
                body = _body(tenant.phone_number_id, wamid, status, stamp, token)
                yield f"/webhooks/cloud_api/{tenant.source_id}", "content-type: application/json\r\n", body


def _body(phone_number_id: str, wamid: str, status: str, stamp: str, token: str) -> bytes:
    report = {
        "id": wamid,
        "status": status,
        "timestamp": stamp,
        "recipient_id": "12025550143",
        "biz_opaque_callback_data": token,
        "pricing": {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "service"},
    }
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "12025550199", "phone_number_id": phone_number_id},
        "statuses": [report],
    }
    entry = {"id": "2000000000000", "changes": [{"field": "messages", "value": value}]}
    return orjson.dumps({"object": "whatsapp_business_account", "entry": [entry]})


def _turn(stage: Stage, side: Side, child: Child) -> tuple[Measure, int]:
    with measured_cost(stage, child) as cost:
        result = stage.world.ask(do="load", port=side.port, connections=CONNECTIONS, seconds=30.0, repeat=False)
    check(result["failed"] == 0, f"{result['failed']} webhooks were not answered 200 ({side.name})")
    count = int(result["count"])
    details = {name: result[name] for name in ("p50_us", "p99_us", "generator_share")}
    return Measure(rate=count / result["seconds"], cost=cost(count), details=details), count
