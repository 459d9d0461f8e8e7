"""Questions to ``/stats``, ``/messages`` and ``/summary_stats`` (contract, section 6): members of a query."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final

from waypost.contract.checks import optional_text, required_text
from waypost.contract.errors import ContractRefusal, RefusedError, can_only_be, is_invalid
from waypost.domain.value import value

DAYS_MAX: Final = 1_100
"""The longest span, both days included."""
PAGE_ROWS: Final = 100
PAGE_ROWS_MAX: Final = 1_000
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
"""``date.fromisoformat`` reads weeks as well."""
_FILTER_CHARACTERS_MAX: Final = 4_096
_ID_CHARACTERS: Final = 36


class Granularity(StrEnum):
    """How long a period of ``/stats`` is; weeks begin on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@value
class ReportSpan:
    """Days in UTC, both included, as microseconds ``[from_us, until_us)`` too."""

    start: date
    end: date

    @property
    def from_us(self) -> int:
        return _midnight_us(self.start)

    @property
    def until_us(self) -> int:
        return _midnight_us(self.end + timedelta(days=1))


@value
class ReportQuery:
    """What a report is about; a filter that is None lets all through. ``cursor`` ``""`` is the first page."""

    span: ReportSpan
    granularity: Granularity = Granularity.DAY
    source: str | None = None
    template: str | None = None
    tag: str | None = None
    cursor: str = ""
    limit: int = PAGE_ROWS


def parse_report_query(query: Mapping[str, str]) -> ReportQuery | ContractRefusal:
    """Return what a report is about, or why the question is refused; members that a report does not take are passed."""
    members = dict(query)
    try:
        span = _span(members)
        return ReportQuery(
            span=span,
            granularity=_granularity(members),
            source=_filter(members, "source"),
            template=_filter(members, "template"),
            tag=_filter(members, "tag"),
            cursor=_cursor(members),
            limit=_limit(members),
        )
    except RefusedError as refused:
        return ContractRefusal(error=refused.error)


def _span(members: dict[str, str]) -> ReportSpan:
    start, end = _date(members, "start_date"), _date(members, "end_date")
    if end < start or (end - start).days >= DAYS_MAX:
        raise RefusedError(is_invalid("end_date"))
    return ReportSpan(start=start, end=end)


def _granularity(members: dict[str, str]) -> Granularity:
    word = optional_text(members, "granularity") or Granularity.DAY.value
    if word not in tuple(Granularity):
        raise RefusedError(can_only_be("granularity", tuple(Granularity)))
    return Granularity(word)


def _date(members: dict[str, str], member: str) -> date:
    text = required_text(members, member)
    try:
        found = date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        found = None
    # Beyond these years the microseconds have no id to be compared with.
    if found is None or not 1970 <= found.year <= 3000:
        raise RefusedError(is_invalid(member))
    return found


def _filter(members: dict[str, str], member: str) -> str | None:
    text = optional_text(members, member, at_most=_FILTER_CHARACTERS_MAX)
    if text is not None and ("\x00" in text or not _is_storable(text)):
        raise RefusedError(is_invalid(member))
    return text


def _is_storable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _cursor(members: dict[str, str]) -> str:
    cursor = optional_text(members, "cursor") or ""
    if cursor and (len(cursor) != _ID_CHARACTERS or not set(cursor) <= set("0123456789abcdef-")):
        raise RefusedError(is_invalid("cursor"))
    return cursor


def _limit(members: dict[str, str]) -> int:
    text = optional_text(members, "limit")
    if text is None:
        return PAGE_ROWS
    if not (text.isascii() and text.isdigit()) or len(text) > 4 or not 1 <= int(text) <= PAGE_ROWS_MAX:
        raise RefusedError(is_invalid("limit"))
    return int(text)


def _midnight_us(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000
