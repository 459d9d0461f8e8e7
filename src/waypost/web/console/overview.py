"""The first page: what goes out and comes in, how fast, what waits, and what goes wrong."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from waypost.store.inspecting_webhooks import EndpointLoad, measure_endpoints
from waypost.store.inspection import QueueRow, count_scheduled, measure_queues
from waypost.store.latencies import Latencies, SendingRate, measure_latencies, measure_sending
from waypost.store.searching import MessageFilter, search_messages
from waypost.store.tallies import Tally, load_failures, load_totals
from waypost.store.transaction import Tx
from waypost.web.console.context import PREFIX, Console
from waypost.web.console.overview_charts import chart_inbound, chart_rates, chart_sending, chart_statuses
from waypost.web.console.overview_tables import (
    FAILURE_COLUMNS,
    LATENCY_COLUMNS,
    QUEUE_COLUMNS,
    SENDING_COLUMNS,
    WEBHOOK_COLUMNS,
    failure_rows,
    latency_rows,
    queue_rows,
    sending_rows,
    webhook_rows,
)
from waypost.web.console.ranges import CHOICES, CUSTOM, Range, parse_range
from waypost.web.console.routing import ConsoleRoute, page
from waypost.web.console.tables import Column, Listing, Row, all_of
from waypost.web.console.visit import Visit
from waypost.web.manage.problems import Problem, not_found
from waypost.web.reports.figures import by_reason, by_step, total_of


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What the tables show."""

    failures: Sequence[Tally]
    latencies: Latencies
    queues: Sequence[QueueRow]
    scheduled: int
    rates: Sequence[SendingRate]
    webhooks: Sequence[EndpointLoad]


class OverviewPage:
    """Figures of one account for a range of time, kept up to date."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def routes(self) -> list[ConsoleRoute]:
        """Return the routes."""
        return [page("/", self.show), page("/overview/part", self.part)]

    async def show(self, visit: Visit) -> Response:
        """Show the page, or one of its tables as a file."""
        problem = None
        try:
            span = self._span_of(visit)
        except Problem as error:
            problem = error
            span = parse_range("", first_day="", last_day="", now_us=self._now_us())
        source_id = self._source_of(visit)
        if visit.wants_file and problem is None:
            listings = self._listings(await self._measure(visit, span, source_id), span, source_id)
            if visit.query("table") not in listings:
                raise not_found("table")
            return await listings[visit.query("table")].file(visit)
        return visit.page(
            "overview.html",
            status=200 if problem is None else problem.kind.value.status,
            problem=problem,
            choices=CHOICES,
            custom=CUSTOM,
            first_day=visit.query("from")[:10] or span.start,
            last_day=visit.query("to")[:10] or span.end,
            sources=self._sources(visit),
            steps=await self._first_steps(visit),
            sandbox_url=self._console.manage.settings.sandbox_url,
            **await self._values(visit, span, source_id),
        )

    async def part(self, visit: Visit) -> Response:
        """Show the figures alone, for a page that is open."""
        span, source_id = self._span_of(visit), self._source_of(visit)
        return visit.fragment("overview_part.html", **await self._values(visit, span, source_id))

    async def _values(self, visit: Visit, span: Range, source_id: str | None) -> dict[str, Any]:
        # The two take about as long, each on a thread of its own.
        totals, facts = await asyncio.gather(
            visit.read(partial(_load_totals, account_id=visit.account_id, span=span, source_id=source_id)),
            self._measure(visit, span, source_id),
        )
        listings = self._listings(facts, span, source_id)
        by_time = by_step(totals, from_us=span.from_us, until_us=span.until_us, unit_us=span.unit_us)
        return {
            "span": span,
            "source_id": source_id,
            "query": urlencode(_query(span, source_id)),
            "total": total_of(totals),
            "waiting": sum(row.queued + row.waiting for row in facts.queues),
            "scheduled": facts.scheduled,
            "statuses": chart_statuses(by_time),
            "rates": chart_rates(by_time),
            "inbound": chart_inbound(by_time),
            "sending": chart_sending(facts.rates, now_us=self._now_us(), default_per_second=self._default_rate),
            "latencies": facts.latencies,
            "tables": {name: await listing.table(visit) for name, listing in listings.items()},
        }

    async def _measure(self, visit: Visit, span: Range, source_id: str | None) -> _Facts:
        return await visit.read(
            partial(_load, account_id=visit.account_id, span=span, source_id=source_id, now_us=self._now_us())
        )

    def _listings(self, facts: _Facts, span: Range, source_id: str | None) -> dict[str, Listing]:
        now_us, rate = self._now_us(), self._default_rate
        tables: Sequence[tuple[str, Sequence[Column], list[Row], str]] = (
            (
                "latencies",
                LATENCY_COLUMNS,
                latency_rows(facts.latencies),
                "Nothing to measure yet: no message of this range has been sent.",
            ),
            (
                "queues",
                QUEUE_COLUMNS,
                queue_rows(facts.queues, now_us=now_us),
                "There is no source yet. Connect one on the page Sources.",
            ),
            (
                "sending",
                SENDING_COLUMNS,
                sending_rows(facts.rates, default_per_second=rate),
                "There is no source yet. Connect one on the page Sources.",
            ),
            (
                "webhooks",
                WEBHOOK_COLUMNS,
                webhook_rows(facts.webhooks, now_us=now_us),
                "Nobody is told what happens. Add an endpoint on the page Webhooks.",
            ),
            (
                "failures",
                FAILURE_COLUMNS,
                failure_rows(by_reason(facts.failures), source_id=source_id),
                "No message failed in this range.",
            ),
        )
        return {
            name: Listing(
                name=name,
                columns=columns,
                fetch=all_of(rows),
                empty=empty,
                query={**_query(span, source_id), "table": name},
                path=f"{PREFIX}/",
            )
            for name, columns, rows, empty in tables
        }

    async def _first_steps(self, visit: Visit) -> dict[str, bool] | None:
        """Return which of the first steps are done; None once a message has gone out."""
        found = await visit.read(lambda tx: search_messages(tx, visit.account_id, MessageFilter(), at_most=1))
        return None if found.rows else {"has_source": bool(self._sources(visit))}

    def _span_of(self, visit: Visit) -> Range:
        return parse_range(
            visit.query("range"), first_day=visit.query("from"), last_day=visit.query("to"), now_us=self._now_us()
        )

    def _source_of(self, visit: Visit) -> str | None:
        source_id = visit.query("source") or None
        if source_id is not None and source_id not in dict(self._sources(visit)):
            raise not_found("source")
        return source_id

    def _sources(self, visit: Visit) -> list[tuple[str, str]]:
        return [(one.id, one.name) for one in self._console.manage.directory.now.sources_of(visit.account_id)]

    def _now_us(self) -> int:
        return self._console.manage.clock.now_us()

    @property
    def _default_rate(self) -> float:
        return self._console.manage.settings.dispatch.number_rate_per_second


def _query(span: Range, source_id: str | None) -> dict[str, str]:
    return span.query | ({} if source_id is None else {"source": source_id})


def _load_totals(tx: Tx, *, account_id: str, span: Range, source_id: str | None) -> list[Tally]:
    return load_totals(
        tx, account_id, from_us=span.from_us, until_us=span.until_us, source_id=source_id, unit_us=span.unit_us
    )


def _load(tx: Tx, *, account_id: str, span: Range, source_id: str | None, now_us: int) -> _Facts:
    from_us, until_us = span.from_us, span.until_us
    return _Facts(
        failures=load_failures(tx, account_id, from_us=from_us, until_us=until_us, source_id=source_id),
        latencies=measure_latencies(tx, account_id, from_us=from_us, until_us=until_us, source_id=source_id),
        queues=measure_queues(tx, account_id, source_id=source_id),
        scheduled=count_scheduled(tx, account_id),
        rates=measure_sending(tx, account_id, now_us=now_us, source_id=source_id),
        webhooks=measure_endpoints(tx, account_id),
    )
