"""``/settings``, ``/stats``, ``/messages`` and ``/summary_stats``, at the root as the contract has them (section 6)."""

from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from waypost.contract.errors import ContractRefusal
from waypost.contract.replies import FailureReplies
from waypost.contract.report_queries import ReportQuery, parse_report_query
from waypost.contract.report_replies import (
    MessageLine,
    Summary,
    messages_shown,
    settings_shown,
    stats_shown,
    summary_shown,
)
from waypost.domain.message import MessageState
from waypost.domain.pricing import PriceList, parse_pricing
from waypost.store.engine import Database
from waypost.store.reporting import ReportedMessage, count_tags, load_tallies_of_tag, page_messages
from waypost.store.tallies import DAY_US, Tally, load_tallies
from waypost.store.transaction import Tx
from waypost.web.auth import Principal
from waypost.web.reports.figures import by_failure, by_period, by_price, by_template, total_of
from waypost.web.responses import json_response, reply_response

TAGS_MAX: Final = 100


class ReportEndpoints:
    """Answers for the account of the key. ``prices`` is the operator's list; None: costs are not known."""

    def __init__(self, database: Database, replies: FailureReplies, *, prices: PriceList | None) -> None:
        self._database = database
        self._replies = replies
        self._prices = prices

    async def settings(self, principal: Principal, _: Request) -> Response:
        """Answer the account's switches."""
        account = principal.account
        return json_response(settings_shown(linktrack=account.linktrack, skip_optin=account.skip_optin))

    async def stats(self, principal: Principal, request: Request) -> Response:
        """Answer counts by day, week or month."""
        query = parse_report_query(request.query_params)
        if isinstance(query, ContractRefusal):
            return reply_response(self._replies.refused(query))
        tallies = await self._read(principal, query)
        periods = by_period(tallies, query.span, query.granularity)
        return json_response(stats_shown(query.span, query.granularity.value, periods, total_of(tallies)))

    async def messages(self, principal: Principal, request: Request) -> Response:
        """Answer a page of messages, oldest first."""
        query = parse_report_query(request.query_params)
        if isinstance(query, ContractRefusal):
            return reply_response(self._replies.refused(query))
        page = await self._database.read(
            lambda tx: page_messages(
                tx,
                principal.account_id,
                from_us=query.span.from_us,
                until_us=query.span.until_us,
                after=query.cursor,
                at_most=query.limit,
                tag=query.tag,
            ),
            account_id=principal.account_id,
        )
        next_cursor = page[-1].id if len(page) == query.limit else ""
        return json_response(messages_shown(query.span, [_line(row) for row in page], next_cursor=next_cursor))

    async def summary(self, principal: Principal, request: Request) -> Response:
        """Answer totals, and the same by template, failure, price and tag."""
        query = parse_report_query(request.query_params)
        if isinstance(query, ContractRefusal):
            return reply_response(self._replies.refused(query))
        tallies = await self._read(principal, query)
        span = query.span
        tags, has_all_tags = await self._database.read(
            lambda tx: count_tags(
                tx, principal.account_id, from_us=span.from_us, until_us=span.until_us, at_most=TAGS_MAX
            ),
            account_id=principal.account_id,
        )
        prices, cost = by_price(tallies, self._prices)
        return json_response(
            summary_shown(
                span,
                Summary(
                    total=total_of(tallies),
                    templates=by_template(tallies),
                    failures=by_failure(tallies),
                    prices=prices,
                    cost=cost,
                    tags=tags,
                    has_all_tags=has_all_tags,
                ),
            )
        )

    async def _read(self, principal: Principal, query: ReportQuery) -> list[Tally]:
        return await self._database.read(
            partial(_load, account_id=principal.account_id, query=query), account_id=principal.account_id
        )


def _load(tx: Tx, account_id: str, query: ReportQuery) -> list[Tally]:
    if query.tag is None:
        load = partial(load_tallies, unit_us=DAY_US)
    else:
        load = partial(load_tallies_of_tag, tag=query.tag)
    return load(
        tx,
        account_id,
        from_us=query.span.from_us,
        until_us=query.span.until_us,
        source_id=query.source,
        template=query.template,
    )


def _line(row: ReportedMessage) -> MessageLine:
    return MessageLine(
        message_id=row.id,
        source=row.source_given or "",
        recipient=row.recipient,
        kind=row.kind,
        template_name=row.template_name or "",
        caller_data=row.caller_data,
        state=MessageState(row.state),
        failure=row.failure,
        accepted_at_us=row.accepted_at_us,
        sent_at_us=row.sent_at_us,
        delivered_at_us=row.delivered_at_us,
        read_at_us=row.read_at_us,
        failed_at_us=row.ended_at_us if row.failed_at_us is None else row.failed_at_us,
        clicks=row.clicks,
        pricing=None if row.pricing is None else parse_pricing(row.pricing),
    )
