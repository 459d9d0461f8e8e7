"""The overview's plots, made of the same counts as ``/stats`` by the same functions."""

from collections.abc import Sequence
from typing import Any, Final

from waypost.contract.report_replies import Counts
from waypost.store.latencies import MINUTE_US, MINUTES, SendingRate

Chart = dict[str, Any]
"""``x`` seconds since the epoch, ``unit``, and ``series`` of ``name`` and ``values``; None: nothing to be said then."""

_STATUSES: Final = ("accepted", "sent", "delivered", "read", "failed")
_SOURCES_MAX: Final = 7
_LIMIT_IN_SIGHT: Final = 4
"""A limit is drawn when the busiest minute came to at least this part of it; further off it would flatten the plot."""


def chart_statuses(steps: Sequence[tuple[int, Counts]]) -> Chart:
    """Return how many messages became what, step by step."""
    return _chart(steps, [(name.title(), [counts[name] for _, counts in steps]) for name in _STATUSES])


def chart_rates(steps: Sequence[tuple[int, Counts]]) -> Chart:
    """Return delivered per sent and read per delivered, per cent; None where nothing was sent, or delivered."""
    delivered = [_share(counts["delivered"], counts["sent"]) for _, counts in steps]
    read = [_share(counts["read"], counts["delivered"]) for _, counts in steps]
    return _chart(steps, [("Delivered of sent", delivered), ("Read of delivered", read)], unit="%")


def chart_inbound(steps: Sequence[tuple[int, Counts]]) -> Chart:
    """Return how many messages came in."""
    return _chart(steps, [("Incoming", [counts["incoming"] for _, counts in steps])])


def chart_sending(rates: Sequence[SendingRate], *, now_us: int, default_per_second: float) -> Chart:
    """Return what each of the first numbers sent in each of the last 60 minutes, and limits that came into sight."""
    first_us = now_us - now_us % MINUTE_US - MINUTES * MINUTE_US
    series: list[tuple[str, list[Any]]] = []
    for rate in rates[:_SOURCES_MAX]:
        series.append((rate.name, list(rate.per_minute)))
        limit = limit_per_minute(rate, default_per_second=default_per_second)
        if max(rate.per_minute) * _LIMIT_IN_SIGHT >= limit:
            series.append((f"Limit of {rate.name}", [limit] * MINUTES))
    return {
        "x": [(first_us + minute * MINUTE_US) // 1_000_000 for minute in range(MINUTES)] if rates else [],
        "unit": "",
        "series": [{"name": name, "values": values} for name, values in series],
    }


def limit_per_minute(rate: SendingRate, *, default_per_second: float) -> int:
    """Return how many tries a number may make a minute."""
    return round(60 * (default_per_second if rate.rate_per_second is None else rate.rate_per_second))


def _chart(
    steps: Sequence[tuple[int, Counts]], series: Sequence[tuple[str, Sequence[float | None]]], *, unit: str = ""
) -> Chart:
    is_empty = not any(value for _, values in series for value in values)
    return {
        "x": [] if is_empty else [at_us // 1_000_000 for at_us, _ in steps],
        "unit": unit,
        "series": [{"name": name, "values": list(values)} for name, values in series],
    }


def _share(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole else None
