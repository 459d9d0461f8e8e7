"""Notifying: load, sign, POST, settle; 16 webhooks with 4 deliveries at a time, against the HTTP client alone."""

from benchmarks.figures import Plan
from benchmarks.figures.sending import Players, Work
from benchmarks.report import Figure
from benchmarks.rows import insert_pending
from benchmarks.stage import Stage

CONCURRENCY = 64
WORK = Work(
    insert=lambda side, count: insert_pending(side.connection, side.tenants, count),
    count_done="SELECT COUNT(*) FROM notifications WHERE state = 1",
    warm_up=2_000,
)


def measure(stage: Stage, plan: Plan) -> Figure:
    """Measure batches of pending notifications."""
    figure = Figure(name="notify", database=stage.kind, item="notification", target=0.6)
    players = Players(stage, plan, WORK, role="notify", bare="notify", concurrency=CONCURRENCY)
    players.play(figure)
    figure.checks.append(f"each of {players.done['ours']} notifications arrived once and is settled")
    return figure
