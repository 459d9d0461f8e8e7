"""The overview's tables: how long messages take, what waits, how fast numbers send, webhooks, failures."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode

from waypost.domain.errors import FailureReason
from waypost.store.inspecting_webhooks import EndpointLoad
from waypost.store.inspection import QueueRow
from waypost.store.latencies import Latencies, SendingRate
from waypost.web.console.context import PREFIX
from waypost.web.console.explaining import words_of
from waypost.web.console.overview_charts import limit_per_minute
from waypost.web.console.tables import Column, Row

LATENCY_COLUMNS: Final = (
    Column(key="step", title="Step"),
    Column(key="number", title="Messages", kind="count"),
    Column(key="p50", title="Half within", kind="duration"),
    Column(key="p90", title="90 % within", kind="duration"),
    Column(key="p99", title="99 % within", kind="duration"),
)
QUEUE_COLUMNS: Final = (
    Column(key="source", title="Source", link="path"),
    Column(key="state", title="State", kind="status"),
    Column(key="queued", title="Ready", kind="count"),
    Column(key="waiting", title="Waiting", kind="count"),
    Column(key="dispatching", title="On the way", kind="count"),
    Column(key="in_doubt", title="In doubt", kind="count"),
    Column(key="oldest", title="Oldest waits", kind="duration"),
)
SENDING_COLUMNS: Final = (
    Column(key="source", title="Source", link="path"),
    Column(key="last", title="Last minute", kind="count"),
    Column(key="busiest", title="Busiest minute", kind="count"),
    Column(key="hour", title="Last hour", kind="count"),
    Column(key="limit", title="Limit a minute", kind="count"),
    Column(key="share", title="Busiest, % of limit", kind="count"),
)
WEBHOOK_COLUMNS: Final = (
    Column(key="name", title="Webhook", link="path"),
    Column(key="state", title="State", kind="status"),
    Column(key="pending", title="Pending", kind="count"),
    Column(key="oldest", title="Oldest waits", kind="duration"),
    Column(key="failing_since", title="Failing since", kind="time"),
    Column(key="dead", title="Given up", kind="count"),
)
FAILURE_COLUMNS: Final = (
    Column(key="reason", title="Reason", link="path"),
    Column(key="number", title="Messages", kind="count"),
    Column(key="meaning", title="What it means"),
    Column(key="next", title="What to do"),
)


def latency_rows(latencies: Latencies) -> list[Row]:
    """Return one row for each step that a message has made."""
    steps = (
        ("Accepted to sent", latencies.accepted_to_sent),
        ("Sent to delivered", latencies.sent_to_delivered),
        ("Delivered to read", latencies.delivered_to_read),
    )
    return [
        {"step": step, "number": found.number, "p50": found.p50_us, "p90": found.p90_us, "p99": found.p99_us}
        for step, found in steps
        if found is not None
    ]


def queue_rows(queues: Sequence[QueueRow], *, now_us: int) -> list[Row]:
    """Return what each source still has to do."""
    return [
        {
            "source": row.name,
            "path": _source_path(row.source_id),
            "state": "active" if row.paused_reason is None else "paused",
            "queued": row.queued,
            "waiting": row.waiting,
            "dispatching": row.dispatching,
            "in_doubt": row.in_doubt,
            "oldest": _age_us(row.oldest_queued_at_us, now_us=now_us),
        }
        for row in queues
    ]


def sending_rows(rates: Sequence[SendingRate], *, default_per_second: float) -> list[Row]:
    """Return how fast each source sends, and how near it came to its limit."""
    rows: list[Row] = []
    for rate in rates:
        limit, busiest = limit_per_minute(rate, default_per_second=default_per_second), max(rate.per_minute)
        rows.append(
            {
                "source": rate.name,
                "path": _source_path(rate.source_id),
                "last": rate.per_minute[-1],
                "busiest": busiest,
                "hour": sum(rate.per_minute),
                "limit": limit,
                "share": round(100 * busiest / limit) if limit else None,
            }
        )
    return rows


def webhook_rows(loads: Sequence[EndpointLoad], *, now_us: int) -> list[Row]:
    """Return how each webhook does."""
    return [
        {
            "name": load.name,
            "path": f"{PREFIX}/webhooks/{load.endpoint_id}",
            "state": _webhook_state(load),
            "pending": load.pending,
            "oldest": _age_us(load.oldest_pending_at_us, now_us=now_us),
            "failing_since": load.failing_since_us,
            "dead": load.dead,
        }
        for load in loads
    ]


def failure_rows(reasons: Sequence[tuple[str, int]], *, source_id: str | None) -> list[Row]:
    """Return why messages failed, in plain words, each with the way to its messages."""
    rows: list[Row] = []
    for reason, number in reasons:
        meaning, then = words_of(FailureReason(reason))
        wanted = {"failure": reason} | ({} if source_id is None else {"source": source_id})
        rows.append(
            {
                "reason": reason.replace("_", " "),
                "path": f"{PREFIX}/messages?{urlencode(wanted)}",
                "number": number,
                "meaning": meaning,
                "next": then,
            }
        )
    return rows


def _webhook_state(load: EndpointLoad) -> str:
    if load.disabled_reason is not None:
        return "disabled"
    return "active" if load.failing_since_us is None else "failing"


def _age_us(at_us: int | None, *, now_us: int) -> int | None:
    return None if at_us is None else max(0, now_us - at_us)


def _source_path(source_id: str) -> str:
    return f"{PREFIX}/sources/{source_id}"
