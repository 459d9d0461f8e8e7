"""Accepting: requests with one text each over 64 connections; 200 only when the message is durable."""

import re
from pathlib import Path

from benchmarks.figures import Plan
from benchmarks.processes import Child
from benchmarks.report import Figure, Measure, check
from benchmarks.rows import request_body
from benchmarks.stage import Side, Stage, measured_cost

CONNECTIONS = 64
REQUESTS = 16_000
SEND_PATH = "/api/v2/message/"
_ID = re.compile(rb'"id":"([0-9a-f-]{36})"')


def send_requests(side: Side, count: int) -> list[tuple[str, str, bytes]]:
    """Return requests of all tenants in turn, each to another recipient."""
    return [
        (
            SEND_PATH,
            f"authorization: Bearer {tenant.token}\r\ncontent-type: application/json\r\n",
            request_body(recipient, tenant.source_id),
        )
        for tenant, recipient in side.tenants.turns(count)
    ]


def measure(stage: Stage, plan: Plan) -> Figure:
    """Measure on a gateway that only accepts, against a bare server that parses, commits the same row, and answers."""
    figure = Figure(name="accept", database=stage.kind, item="message", target=0.6)
    ours, bare = stage.add_side("ours"), stage.add_side("bare")
    gateway = stage.start_gateway(ours, roles=["accept"])
    server = stage.start_bare("accept", bare, account_id=bare.tenants.all[0].account_id)
    answered: dict[str, set[str]] = {"ours": set(), "bare": set()}
    for place in range(plan.rounds + 1):
        for side, child, measures in ((ours, gateway, figure.ours), (bare, server, figure.ceiling)):
            stage.prepare(send_requests(side, REQUESTS))
            # The first turn warms up and does not count, but for its answers.
            measured = _turn(stage, side, child, seconds=plan.seconds if place else 0.5, answered=answered[side.name])
            if place:
                measures.append(measured)
    for side in (ours, bare):
        missing = answered[side.name] - side.column("SELECT id FROM messages")
        check(not missing, f"{len(missing)} of {len(answered[side.name])} answered messages have no row ({side.name})")
    figure.checks.append(
        f"every one of {len(answered['ours'])} + {len(answered['bare'])} answered messages has its row"
    )
    return figure


def _turn(stage: Stage, side: Side, child: Child, *, seconds: float, answered: set[str]) -> Measure:
    answers = stage.directory / "answers"
    with measured_cost(stage, child) as cost:
        result = stage.world.ask(
            do="load",
            port=side.port,
            connections=CONNECTIONS,
            seconds=seconds,
            repeat=True,
            answers_path=str(answers),
        )
    check(result["failed"] == 0, f"{result['failed']} requests were not answered 200 ({side.name})")
    found = [match.decode() for match in _ID.findall(Path(answers).read_bytes())]
    check(len(found) == result["count"], "an answer without an id")
    answered.update(found)
    return Measure(
        rate=result["count"] / result["seconds"],
        cost=cost(result["count"]),
        details={name: result[name] for name in ("p50_us", "p99_us", "generator_share")},
    )
