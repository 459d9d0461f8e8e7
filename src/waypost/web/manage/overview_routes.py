"""What there is to do and what was done: queues, webhooks, recent outcomes, and who changed what."""

from datetime import datetime
from typing import Final

from fastapi import APIRouter
from pydantic import Field

from waypost.domain.ids import BEFORE_ALL
from waypost.store.audit import list_changes
from waypost.store.inspecting_webhooks import measure_endpoints
from waypost.store.inspection import RECENT_ROWS_MAX, count_recent, count_scheduled, measure_queues
from waypost.store.transaction import Tx
from waypost.web.manage.context import ManageContext
from waypost.web.manage.guarding import Calling, Calls
from waypost.web.manage.page_parameters import Cursor, Limit
from waypost.web.manage.paging import PAGE_ROWS, Listing, next_cursor
from waypost.web.manage.traffic_views import EndpointLoadView, QueueView, status_name
from waypost.web.manage.views import AuditView, View, as_time

RECENT_US: Final = 24 * 3_600 * 1_000_000


class RecentView(View):
    """Where the messages of the last 24 hours stand."""

    since: datetime
    by_status: dict[str, int]
    is_complete: bool = Field(description=f"False: only the newest {RECENT_ROWS_MAX:,} were counted.")


class OverviewView(View):
    """An account at a glance."""

    queues: list[QueueView]
    scheduled: int = Field(description="Messages for later, of all numbers.")
    webhooks: list[EndpointLoadView]
    recent: RecentView


class OverviewRoutes:
    """The account at a glance, and its audit log."""

    def __init__(self, context: ManageContext) -> None:
        self._context = context

    def add_to(self, router: APIRouter) -> None:
        """Add the routes."""
        calls = Calls(router, tag="Overview")
        calls.add("GET", "/overview", self.show, "overview.get")
        calls.add("GET", "/audit", self.audit, "audit.list")

    async def show(self, caller: Calling) -> OverviewView:
        """Show queues by number, webhooks, and where the messages of the last 24 hours stand."""
        since_us = self._context.clock.now_us() - RECENT_US
        return await self._context.read(
            lambda tx: measure_account(tx, caller.account_id, since_us=since_us), account_id=caller.account_id
        )

    async def audit(self, caller: Calling, cursor: Cursor = None, limit: Limit = PAGE_ROWS) -> Listing[AuditView]:
        """List who changed what, newest first."""
        entries = await self._context.read(
            lambda tx: list_changes(tx, caller.account_id, before=cursor or BEFORE_ALL, at_most=limit),
            account_id=caller.account_id,
        )
        return Listing(
            items=[AuditView.of(entry) for entry in entries],
            next_cursor=next_cursor([entry.id for entry in entries], limit=limit),
        )


def measure_account(tx: Tx, account_id: str, *, since_us: int) -> OverviewView:
    """Return an account at a glance."""
    counts = count_recent(tx, account_id, since_us=since_us)
    return OverviewView(
        queues=[QueueView.of(row) for row in measure_queues(tx, account_id)],
        scheduled=count_scheduled(tx, account_id),
        webhooks=[EndpointLoadView.of(load) for load in measure_endpoints(tx, account_id)],
        recent=RecentView(
            since=as_time(since_us),
            by_status={status_name(state): count for state, count in counts.items()},
            is_complete=sum(counts.values()) < RECENT_ROWS_MAX,
        ),
    )
