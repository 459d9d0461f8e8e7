"""Counts put together: by period, by template, by failure, by price."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from waypost.contract.report_queries import Granularity, ReportSpan
from waypost.contract.report_replies import Cost, Counts, Price, failure_remark
from waypost.domain.pricing import SEPARATOR, PriceList, parse_pricing
from waypost.store.tallies import DAY_US, Tally, TallyEvent

_MEMBERS: Final = MappingProxyType(
    {
        TallyEvent.ACCEPTED.value: "accepted",
        TallyEvent.SENT.value: "sent",
        TallyEvent.DELIVERED.value: "delivered",
        TallyEvent.READ.value: "read",
        TallyEvent.CLICK.value: "click",
        TallyEvent.FAILED.value: "failed",
        TallyEvent.INBOUND.value: "incoming",
    }
)
"""Which events the counts of a report show, and under what name."""


def total_of(tallies: Iterable[Tally]) -> Counts:
    """Return the count of each event; 0 for what did not happen."""
    counts = dict.fromkeys(_MEMBERS.values(), 0)
    for tally in tallies:
        member = _MEMBERS.get(tally.event)
        if member is not None:
            counts[member] += tally.number
    return counts


def by_step(tallies: Iterable[Tally], *, from_us: int, until_us: int, unit_us: int) -> list[tuple[int, Counts]]:
    """Return every hour or day that begins in ``[from_us, until_us)``, oldest first, by its first microsecond."""
    grouped: dict[int, list[Tally]] = {at_us: [] for at_us in range(from_us - from_us % unit_us, until_us, unit_us)}
    for tally in tallies:
        grouped[tally.begin_us - tally.begin_us % unit_us].append(tally)
    return [(at_us, total_of(own)) for at_us, own in grouped.items()]


def by_period(tallies: Iterable[Tally], span: ReportSpan, granularity: Granularity) -> list[tuple[str, Counts]]:
    """Return every period that the span touches, oldest first; of a period cut by the span only what lies within."""
    days = by_step(tallies, from_us=span.from_us, until_us=span.until_us, unit_us=DAY_US)
    periods: dict[date, Counts] = {}
    for at_us, counts in days:
        period = _period_of(datetime.fromtimestamp(at_us // 1_000_000, UTC).date(), granularity)
        known = periods.get(period)
        periods[period] = counts if known is None else {name: known[name] + number for name, number in counts.items()}
    return [(period.isoformat(), counts) for period, counts in periods.items()]


def _period_of(day: date, granularity: Granularity) -> date:
    match granularity:
        case Granularity.DAY:
            return day
        case Granularity.WEEK:
            return day - timedelta(days=day.weekday())
        case Granularity.MONTH:
            return day.replace(day=1)


def by_template(tallies: Iterable[Tally]) -> list[tuple[str, Counts]]:
    """Return the counts of each template, in the order of their names."""
    grouped: dict[str, list[Tally]] = {}
    for tally in tallies:
        if tally.template:
            grouped.setdefault(tally.template, []).append(tally)
    return [(name, total_of(own)) for name, own in sorted(grouped.items())]


def by_failure(tallies: Iterable[Tally]) -> list[tuple[str, int]]:
    """Return how many messages failed with which remark, most first."""
    counts: dict[str, int] = {}
    for reason, number in by_reason(tallies):
        remark = failure_remark(reason)
        counts[remark] = counts.get(remark, 0) + number
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def by_reason(tallies: Iterable[Tally]) -> list[tuple[str, int]]:
    """Return how many messages failed for which stored reason, most first; several reasons may share a remark."""
    counts: dict[str, int] = {}
    for tally in tallies:
        if tally.event == TallyEvent.FAILED:
            counts[tally.detail] = counts.get(tally.detail, 0) + tally.number
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def by_price(tallies: Iterable[Tally], prices: PriceList | None) -> tuple[list[Price], Cost | None]:
    """Return what upstream said of prices, as often as it did, and the cost if there is a price list."""
    counts: dict[str, int] = {}
    costs: dict[str, Decimal | None] = {}
    total, unpriced = Decimal(0), 0
    for tally in tallies:
        if tally.event != TallyEvent.PRICED:
            continue
        said, _, country = tally.detail.rpartition(SEPARATOR)
        counts[said] = counts.get(said, 0) + tally.number
        amount = None if prices is None else prices.price(parse_pricing(said), country=country)
        if amount is None:
            unpriced += tally.number
            costs[said] = None
            continue
        total += amount * tally.number
        known = costs.get(said, Decimal(0))
        costs[said] = None if known is None else known + amount * tally.number
    found: Sequence[str] = sorted(said for said, number in counts.items() if number)
    return (
        [_price(said, counts[said], costs[said]) for said in found],
        None if prices is None else Cost(currency=prices.currency, total=_text(total), unpriced=unpriced),
    )


def _price(said: str, number: int, cost: Decimal | None) -> Price:
    pricing = parse_pricing(said)
    return Price(
        category=pricing.category,
        type=pricing.type,
        is_billable=pricing.is_billable,
        number=number,
        cost=None if cost is None else _text(cost),
    )


def _text(amount: Decimal) -> str:
    """Return an amount as plain decimals, without an exponent and without zeros that say nothing."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
