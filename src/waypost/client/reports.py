"""Counts, and lists of what was sent (contract, section 6). The original names these calls and defines no answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, Literal, TypedDict, Unpack

from waypost.client.calls import Answer, AsyncRunner, Call, Request, Runner, object_of, text_at

Granularity = Literal["day", "week", "month"]
PAGE_MESSAGES: Final = 100


class ReportFilters(TypedDict, total=False):
    """Only what was sent from a source, with a template, with this ``x-apiheader`` (``tag``); None lets all through."""

    source: str | None
    template: str | None
    tag: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """What happened in a period that begins on that day: ``sent``, ``delivered``, ``read``, ``failed``, ``click``…"""

    first_day: str
    counts: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """Counts by period, oldest first, and all together; days are those of UTC, both ends included."""

    periods: tuple[Period, ...]
    total: dict[str, int]
    raw: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePage:
    """Some messages as the server lists them, oldest first; ``next_cursor`` is ``""`` at the end."""

    messages: tuple[dict[str, Any], ...] = field(repr=False)
    next_cursor: str


def stats(start: date, end: date, granularity: Granularity, filters: Mapping[str, Any]) -> Call[Stats]:
    """Return the call for counts by period."""

    def parse(answer: Answer) -> Stats:
        data = object_of(answer)
        periods = tuple(
            Period(first_day=text_at(one, "date"), counts=_counts(one)) for one in _objects(data.get("stats"))
        )
        total = data.get("total")
        return Stats(periods=periods, total=_counts(total) if isinstance(total, dict) else {}, raw=data)

    return Call(
        request=_asking("/stats", start, end, {"granularity": granularity, **filters}),
        parse=parse,
        is_repeatable=True,
    )


def summary(start: date, end: date, filters: Mapping[str, Any]) -> Call[dict[str, Any]]:
    """Return the call for totals, also by template, failure, price and tag."""
    return Call(request=_asking("/summary_stats", start, end, filters), parse=object_of, is_repeatable=True)


def messages(start: date, end: date, filters: Mapping[str, Any]) -> Call[MessagePage]:
    """Return the call for a page of messages."""

    def parse(answer: Answer) -> MessagePage:
        data = object_of(answer)
        return MessagePage(messages=_objects(data.get("messages")), next_cursor=text_at(data, "next_cursor"))

    return Call(request=_asking("/messages", start, end, filters), parse=parse, is_repeatable=True)


def _asking(path: str, start: date, end: date, members: Mapping[str, Any]) -> Request:
    query = {"start_date": start.isoformat(), "end_date": end.isoformat()}
    query |= {name: str(one) for name, one in members.items() if one is not None and one != ""}
    return Request(method="GET", path=path, query=query)


def _counts(members: dict[str, Any]) -> dict[str, int]:
    return {name: one for name, one in members.items() if type(one) is int}


def _objects(value: object) -> tuple[dict[str, Any], ...]:
    return tuple(one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()


class Reports:
    """Reports, by a client that blocks."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def stats(
        self, start: date, end: date, *, granularity: Granularity = "day", **filters: Unpack[ReportFilters]
    ) -> Stats:
        """Return counts by period, from the first day to the last. Raises RefusedError for a span too long."""
        return self._runner.run(stats(start, end, granularity, filters))

    def summary(self, start: date, end: date, **filters: Unpack[ReportFilters]) -> dict[str, Any]:
        """Return totals, also by template, failure, price and tag, as the server has them."""
        return self._runner.run(summary(start, end, filters))

    def messages(
        self,
        start: date,
        end: date,
        *,
        limit: int = PAGE_MESSAGES,
        cursor: str = "",
        **filters: Unpack[ReportFilters],
    ) -> MessagePage:
        """Return a page of up to 1000 messages; give its ``next_cursor`` for the page after it."""
        return self._runner.run(messages(start, end, {"limit": limit, "cursor": cursor, **filters}))


class AsyncReports:
    """Reports, by a client that does not block; see ``Reports``."""

    def __init__(self, runner: AsyncRunner) -> None:
        self._runner = runner

    async def stats(
        self, start: date, end: date, *, granularity: Granularity = "day", **filters: Unpack[ReportFilters]
    ) -> Stats:
        """See ``Reports.stats``."""
        return await self._runner.run(stats(start, end, granularity, filters))

    async def summary(self, start: date, end: date, **filters: Unpack[ReportFilters]) -> dict[str, Any]:
        """See ``Reports.summary``."""
        return await self._runner.run(summary(start, end, filters))

    async def messages(
        self,
        start: date,
        end: date,
        *,
        limit: int = PAGE_MESSAGES,
        cursor: str = "",
        **filters: Unpack[ReportFilters],
    ) -> MessagePage:
        """See ``Reports.messages``."""
        return await self._runner.run(messages(start, end, {"limit": limit, "cursor": cursor, **filters}))
