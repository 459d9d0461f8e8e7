"""Bulk sends: one entry to many recipients, fed by the gateway, to be paused, resumed, cancelled and followed."""

from typing import Annotated, Final

from fastapi import APIRouter, Query
from starlette.responses import StreamingResponse

from waypost.domain.bulk import BulkState
from waypost.domain.ids import BEFORE_ALL
from waypost.store.bulk import BulkRecord, RowOutcome, count_outcomes, count_unsent, list_bulks, list_rows
from waypost.store.transaction import Tx
from waypost.web.manage.bulk_editing import (
    add_bulk,
    cancel_bulk,
    pause_bulk,
    put_rows,
    start_bulk,
)
from waypost.web.manage.bulk_following import RESULT_COLUMNS, cancel_all_messages, found_bulk, open_result
from waypost.web.manage.bulk_models import (
    BulkCancellation,
    BulkCreation,
    BulkOutcomeView,
    BulkProgressView,
    BulkRows,
    BulkRowView,
    BulkView,
    outcome_of,
)
from waypost.web.manage.context import ManageContext
from waypost.web.manage.guarding import Calling, Calls
from waypost.web.manage.page_parameters import Cursor, Limit
from waypost.web.manage.paging import PAGE_ROWS, Listing, next_cursor
from waypost.web.manage.problems import invalid
from waypost.web.manage.traffic_views import status_name

_POSITION_MAX: Final = 2_000_000_000
_UNSENT_COUNTED_MAX: Final = 100_000

First = Annotated[int, Query(alias="from", ge=0, le=_POSITION_MAX, description="Position of the first row, from 0.")]


class BulkRoutes:
    """Bulk sends of an account."""

    def __init__(self, context: ManageContext) -> None:
        self._context = context

    def add_to(self, router: APIRouter) -> None:
        """Add the routes."""
        calls = Calls(router, tag="Bulk sends")
        calls.add("POST", "/bulk-sends", self.create, "bulk.create")
        calls.add("GET", "/bulk-sends", self.list_page, "bulk.list")
        calls.add("GET", "/bulk-sends/{bulk_id}", self.show, "bulk.show")
        calls.add("PUT", "/bulk-sends/{bulk_id}/rows", self.put, "bulk.put_rows")
        calls.add("GET", "/bulk-sends/{bulk_id}/rows", self.rows, "bulk.rows")
        calls.add("POST", "/bulk-sends/{bulk_id}/start", self.start, "bulk.start")
        calls.add("POST", "/bulk-sends/{bulk_id}/pause", self.pause, "bulk.pause")
        calls.add("POST", "/bulk-sends/{bulk_id}/resume", self.resume, "bulk.resume")
        calls.add("POST", "/bulk-sends/{bulk_id}/cancel", self.cancel, "bulk.cancel")
        calls.add("GET", "/bulk-sends/{bulk_id}/outcomes", self.outcomes, "bulk.outcomes")
        calls.add(
            "GET",
            "/bulk-sends/{bulk_id}/result.csv",
            self.result,
            "bulk.result",
            responses={200: {"description": "The file, streamed.", "content": {"text/csv": {"schema": _CSV}}}},
        )

    async def create(self, caller: Calling, request: BulkCreation) -> BulkView:
        """Make a bulk send without rows, or find the one of the same digest."""
        policy = self._context.directory.now.accounts[caller.account_id].source_policy
        record = await self._context.database.write(
            lambda tx: add_bulk(tx, caller.editor, caller.account_id, request, source_policy=policy),
            account_id=caller.account_id,
        )
        return BulkView.of(record)

    async def list_page(self, caller: Calling, cursor: Cursor = None, limit: Limit = PAGE_ROWS) -> Listing[BulkView]:
        """List bulk sends, newest first."""
        records = await self._context.read(
            lambda tx: list_bulks(tx, caller.account_id, before=cursor or BEFORE_ALL, at_most=limit),
            account_id=caller.account_id,
        )
        return Listing(
            items=[BulkView.of(record) for record in records],
            next_cursor=next_cursor([record.id for record in records], limit=limit),
        )

    async def show(self, caller: Calling, bulk_id: str) -> BulkProgressView:
        """Show one bulk send, and how far it is."""

        def look(tx: Tx) -> tuple[BulkRecord, int]:
            return found_bulk(tx, caller.account_id, bulk_id), count_unsent(
                tx, caller.account_id, bulk_id, at_most=_UNSENT_COUNTED_MAX
            )

        record, unsent = await self._context.read(look, account_id=caller.account_id)
        return BulkProgressView.measured(record, messages_unsent=unsent)

    async def put(self, caller: Calling, bulk_id: str, request: BulkRows, first: First = 0) -> BulkView:
        """Put rows into a draft, from a position on. A position that has a row keeps it: a call may be repeated."""
        rows_max = self._context.settings.bulk.rows_max
        record = await self._context.database.write(
            lambda tx: put_rows(tx, caller.account_id, bulk_id, request.rows, first=first, rows_max=rows_max),
            account_id=caller.account_id,
        )
        return BulkView.of(record)

    async def start(self, caller: Calling, bulk_id: str) -> BulkView:
        """Start a bulk send: its rows become messages. One that runs or is done stays so."""
        record = await self._context.database.write(
            lambda tx: start_bulk(tx, caller.editor, caller.account_id, bulk_id), account_id=caller.account_id
        )
        self._context.feed_now()
        return BulkView.of(record)

    async def resume(self, caller: Calling, bulk_id: str) -> BulkView:
        """Go on with a paused bulk send. The same as starting it."""
        return await self.start(caller, bulk_id)

    async def pause(self, caller: Calling, bulk_id: str) -> BulkView:
        """Pause a bulk send: no more of its rows become messages. Messages that exist go out."""
        record = await self._context.database.write(
            lambda tx: pause_bulk(tx, caller.editor, caller.account_id, bulk_id), account_id=caller.account_id
        )
        return BulkView.of(record)

    async def cancel(self, caller: Calling, bulk_id: str, request: BulkCancellation | None = None) -> BulkProgressView:
        """Cancel a bulk send for good. With `messages` its messages that were not sent yet are cancelled too."""
        context, account_id = self._context, caller.account_id
        await context.database.write(
            lambda tx: cancel_bulk(tx, caller.editor, account_id, bulk_id), account_id=account_id
        )
        if request is not None and request.messages:
            await cancel_all_messages(context, caller.editor, account_id, bulk_id)
        return await self.show(caller, bulk_id)

    async def rows(
        self, caller: Calling, bulk_id: str, cursor: Cursor = None, first: First = 0, limit: Limit = PAGE_ROWS
    ) -> Listing[BulkRowView]:
        """List rows in their order, with what became of each."""
        start = first if cursor is None else _position_of(cursor)

        def look(tx: Tx) -> tuple[BulkRecord, list[RowOutcome]]:
            found = found_bulk(tx, caller.account_id, bulk_id)
            return found, list_rows(tx, caller.account_id, bulk_id, first=start, at_most=limit)

        record, rows = await self._context.read(look, account_id=caller.account_id)
        is_cancelled = record.state == BulkState.CANCELLED
        return Listing(
            items=[BulkRowView.of(row, is_cancelled=is_cancelled) for row in rows],
            next_cursor=next_cursor([str(row.position + 1) for row in rows], limit=limit),
        )

    async def outcomes(self, caller: Calling, bulk_id: str) -> Listing[BulkOutcomeView]:
        """Count rows by what became of them. Looks at every row, and counts as an export while it does."""

        def look(tx: Tx) -> tuple[BulkRecord, dict[tuple[int, int | None], int]]:
            return found_bulk(tx, caller.account_id, bulk_id), count_outcomes(tx, caller.account_id, bulk_id)

        with self._context.exports.place(caller.account_id):
            record, counts = await self._context.read(look, account_id=caller.account_id)
        is_cancelled = record.state == BulkState.CANCELLED
        return Listing(
            items=[
                BulkOutcomeView(
                    outcome=outcome_of(state, is_cancelled=is_cancelled),
                    status=None if message_state is None else status_name(message_state),
                    rows=count,
                )
                for (state, message_state), count in sorted(counts.items(), key=lambda one: (one[0][0], one[0][1] or 0))
            ],
            next_cursor=None,
        )

    async def result(self, caller: Calling, bulk_id: str) -> StreamingResponse:
        """Read what became of every row, as CSV: position, recipient, outcome, message_id, status, remark."""
        with self._context.exports.place(caller.account_id) as place:
            # The first page is read before the answer begins: what is wrong is then still told with its own status.
            lines = await open_result(self._context, caller.account_id, bulk_id)
            return place.stream(lines, media_type="text/csv", filename=f"{bulk_id}.result.csv")


_CSV: Final = {"type": "string", "examples": [",".join(RESULT_COLUMNS)]}


def _position_of(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdigit()) or len(cursor) > 10 or int(cursor) > _POSITION_MAX:
        raise invalid("cursor", "is not one of ours", hint="Give the next_cursor of the page before, unchanged.")
    return int(cursor)
