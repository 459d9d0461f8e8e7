"""Dispatching: claim, intent, POST, result; 256 requests under way, against the HTTP client alone."""

from benchmarks.figures import Plan
from benchmarks.figures.sending import Players, Work
from benchmarks.report import Figure, check
from benchmarks.rows import insert_queued
from benchmarks.stage import Stage

CONCURRENCY = 256
WORK = Work(
    insert=lambda side, count: insert_queued(side.connection, side.tenants, count),
    count_done="SELECT COUNT(*) FROM messages WHERE state = 60",
    warm_up=3_000,
)


def measure(stage: Stage, plan: Plan) -> Figure:
    """Measure batches of queued messages."""
    figure = Figure(name="dispatch", database=stage.kind, item="message", target=0.6)
    players = Players(stage, plan, WORK, role="dispatch", bare="send", concurrency=CONCURRENCY)
    players.play(figure)
    sent = players.done["ours"]
    closed = players.ours.count("SELECT COUNT(*) FROM attempts WHERE outcome = 'accepted' AND ended_at_us IS NOT NULL")
    check(closed == sent, f"{closed} closed attempts for {sent} messages")
    figure.checks.append(f"each of {sent} messages arrived once, is accepted, and has one closed attempt")
    return figure
