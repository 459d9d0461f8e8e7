"""Which time a page of figures is about: whole hours or days in UTC, as the counts are kept."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from waypost.contract.errors import ContractRefusal
from waypost.contract.report_queries import DAYS_MAX, parse_report_query
from waypost.store.tallies import DAY_US, HOUR_US
from waypost.web.manage.problems import invalid

CHOICES: Final = (("1h", "1 h"), ("24h", "24 h"), ("7d", "7 d"), ("30d", "30 d"))
DEFAULT: Final = "24h"
CUSTOM: Final = "custom"
_HOURS: Final = {"1h": 1, "24h": 24}
_DAYS: Final = {"7d": 7, "30d": 30}
_DAYS_BY_HOUR_MAX: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """
    The hours or days that begin in ``[from_us, until_us)``, the present one with what it has so far.

    ``unit_us`` is an hour or a day. ``start`` and ``end`` are its days, both included, as ``/stats`` takes them.
    """

    name: str
    from_us: int
    until_us: int
    unit_us: int

    @property
    def start(self) -> str:
        """The first day, ``YYYY-MM-DD``."""
        return _day(self.from_us)

    @property
    def end(self) -> str:
        """The last day, ``YYYY-MM-DD``."""
        return _day(self.until_us - 1)

    @property
    def is_by_day(self) -> bool:
        """Whether the figures are those of days."""
        return self.unit_us == DAY_US

    @property
    def query(self) -> dict[str, str]:
        """What stands in a URL to have this range again."""
        return {"range": CUSTOM, "from": self.start, "to": self.end} if self.name == CUSTOM else {"range": self.name}


def parse_range(name: str, *, first_day: str, last_day: str, now_us: int) -> Range:
    """Return the range that is asked for; ``""`` is the last 24 hours. Raises ``Problem``."""
    if name == CUSTOM:
        return _custom(first_day, last_day)
    if name in _DAYS:
        today_us = now_us - now_us % DAY_US
        from_us, until_us = today_us - (_DAYS[name] - 1) * DAY_US, today_us + DAY_US
        return Range(name=name, from_us=from_us, until_us=until_us, unit_us=DAY_US)
    chosen = name or DEFAULT
    if chosen not in _HOURS:
        raise invalid("range", "is none of 1h, 24h, 7d, 30d, custom", hint="Choose one of the list.")
    hour_us = now_us - now_us % HOUR_US
    return Range(name=chosen, from_us=hour_us - _HOURS[chosen] * HOUR_US, until_us=hour_us + HOUR_US, unit_us=HOUR_US)


def _custom(first_day: str, last_day: str) -> Range:
    query = parse_report_query({"start_date": first_day, "end_date": last_day})
    if isinstance(query, ContractRefusal):
        raise invalid(
            "from and to",
            f"are no two days in this order, at most {DAYS_MAX:,} days",
            hint="Choose both days; they are days in UTC, both included.",
        )
    span = query.span
    is_short = (span.until_us - span.from_us) // DAY_US <= _DAYS_BY_HOUR_MAX
    return Range(name=CUSTOM, from_us=span.from_us, until_us=span.until_us, unit_us=HOUR_US if is_short else DAY_US)


def _day(at_us: int) -> str:
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).date().isoformat()
