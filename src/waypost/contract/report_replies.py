"""
The bodies of ``/settings``, ``/stats``, ``/messages`` and ``/summary_stats``.

The contract names these calls and defines no body: they are ours, and stand in ``docs/reports.md``.
"""

from collections.abc import Sequence
from typing import Any

from waypost.contract.errors import remark_of
from waypost.contract.replies import status_word, with_data
from waypost.contract.report_queries import ReportSpan
from waypost.contract.times import format_date
from waypost.domain.errors import FailureReason
from waypost.domain.message import MessageState
from waypost.domain.pricing import Pricing
from waypost.domain.value import value

Counts = dict[str, int]


def settings_shown(*, linktrack: bool, skip_optin: bool) -> bytes:
    """Return the account's switches."""
    return with_data({"linktrack": linktrack, "skipoptin": skip_optin})


def stats_shown(span: ReportSpan, granularity: str, periods: Sequence[tuple[str, Counts]], total: Counts) -> bytes:
    """Return counts by period; each is named by its first day."""
    return with_data(
        {
            **_span(span),
            "granularity": granularity,
            "stats": [{"date": day, **counts} for day, counts in periods],
            "total": total,
        }
    )


@value
class MessageLine:
    """One message of ``/messages``; times in microseconds, None while it has not happened."""

    message_id: str
    source: str
    recipient: str
    kind: str
    template_name: str
    caller_data: str
    state: MessageState
    failure: str | None
    accepted_at_us: int
    sent_at_us: int | None
    delivered_at_us: int | None
    read_at_us: int | None
    failed_at_us: int | None
    clicks: int
    pricing: Pricing | None


def messages_shown(span: ReportSpan, lines: Sequence[MessageLine], *, next_cursor: str) -> bytes:
    """Return a page of messages; ``next_cursor`` is ``""`` at the end."""
    return with_data({**_span(span), "messages": [_line(line) for line in lines], "next_cursor": next_cursor})


@value
class Price:
    """How many messages upstream has priced alike, and what a price list makes of them; None: it does not say."""

    category: str
    type: str
    is_billable: bool | None
    number: int
    cost: str | None


@value
class Cost:
    """The sum of the list's prices; ``unpriced`` messages stand in no list."""

    currency: str
    total: str
    unpriced: int


@value
class Summary:
    """Everything about one span."""

    total: Counts
    templates: Sequence[tuple[str, Counts]]
    failures: Sequence[tuple[str, int]]
    prices: Sequence[Price]
    cost: Cost | None
    tags: Sequence[tuple[str, int]]
    has_all_tags: bool


def summary_shown(span: ReportSpan, summary: Summary) -> bytes:
    """Return totals, and the same by template, failure, price and tag."""
    cost = summary.cost
    return with_data(
        {
            **_span(span),
            "total": summary.total,
            "templates": [{"template_name": name, **counts} for name, counts in summary.templates],
            "failures": [{"remark": remark, "count": number} for remark, number in summary.failures],
            "prices": [
                {
                    "category": price.category,
                    "type": price.type,
                    "billable": price.is_billable,
                    "count": price.number,
                    "cost": price.cost,
                }
                for price in summary.prices
            ],
            "cost": None
            if cost is None
            else {"currency": cost.currency, "total": cost.total, "unpriced": cost.unpriced},
            "tags": [{"tag": tag, "count": number} for tag, number in summary.tags],
            "tags_complete": summary.has_all_tags,
        }
    )


def failure_remark(reason: str) -> str:
    """Return the remark of a stored reason of failure."""
    return remark_of(FailureReason(reason))


def _line(line: MessageLine) -> dict[str, Any]:
    status = status_word(line.state)
    pricing = line.pricing
    return {
        "id": line.message_id,
        "source": line.source,
        "recipient": line.recipient,
        "message_type": line.kind,
        "template_name": line.template_name,
        "x-apiheader": line.caller_data,
        "status": status,
        "status_remark": failure_remark(line.failure) if line.failure is not None and status == "failed" else "",
        "accepted_at": _time(line.accepted_at_us),
        "sent_at": _time(line.sent_at_us),
        "delivered_at": _time(line.delivered_at_us),
        "read_at": _time(line.read_at_us),
        "failed_at": _time(line.failed_at_us),
        "click": line.clicks,
        "pricing": None
        if pricing is None
        else {"category": pricing.category, "type": pricing.type, "billable": pricing.is_billable},
    }


def _time(at_us: int | None) -> str:
    return "" if at_us is None else format_date(at_us)


def _span(span: ReportSpan) -> dict[str, str]:
    return {"start_date": span.start.isoformat(), "end_date": span.end.isoformat()}
