"""What is done with a bulk send beyond one transaction: its result as a file, and taking back its messages."""

from collections.abc import AsyncIterator, Callable
from typing import Final

from waypost.domain.bulk import BulkState
from waypost.store.bulk import BulkRecord, RowOutcome, find_bulk, list_rows
from waypost.store.transaction import Tx
from waypost.web.csv_text import csv_text
from waypost.web.manage.bulk_editing import cancel_some_messages
from waypost.web.manage.bulk_models import outcome_of, remark_on
from waypost.web.manage.context import ManageContext
from waypost.web.manage.editing import Editor
from waypost.web.manage.problems import not_found
from waypost.web.manage.traffic_views import status_name

RESULT_COLUMNS: Final = ("position", "recipient", "outcome", "message_id", "status", "remark")
_ROWS_PER_READ: Final = 1_000

_Page = tuple[BulkRecord, list[RowOutcome]]


def found_bulk(tx: Tx, account_id: str, bulk_id: str) -> BulkRecord:
    """Return a bulk send of the account. Raises ``Problem``: there is none."""
    record = find_bulk(tx, account_id, bulk_id)
    if record is None:
        raise not_found("bulk send")
    return record


async def cancel_all_messages(context: ManageContext, editor: Editor, account_id: str, bulk_id: str) -> None:
    """Cancel the messages of a bulk send that were not sent yet, chunk by chunk; subscribers are told."""
    while True:
        snapshot = context.directory.now
        lanes = await context.database.write(
            lambda tx, snapshot=snapshot: cancel_some_messages(  # type: ignore[misc]
                tx, editor, account_id, bulk_id, snapshot=snapshot
            ),
            account_id=account_id,
        )
        if not lanes:
            return
        context.lanes_ended(lanes)
        context.notify_now()


async def open_result(
    context: ManageContext, account_id: str, bulk_id: str, *, number: Callable[[str], str] = str
) -> AsyncIterator[str]:
    """
    Return what became of every row as CSV, read as it is asked for; the first page of it is read now.

    ``number`` is how a recipient is shown. Raises ``Problem``: there is no such bulk send.
    """
    return _lines(context, account_id, bulk_id, await _page(context, account_id, bulk_id, 0), number)


async def _page(context: ManageContext, account_id: str, bulk_id: str, start: int) -> _Page:
    def look(tx: Tx) -> _Page:
        record = found_bulk(tx, account_id, bulk_id)
        return record, list_rows(tx, account_id, bulk_id, first=start, at_most=_ROWS_PER_READ)

    return await context.read(look, account_id=account_id)


async def _lines(
    context: ManageContext, account_id: str, bulk_id: str, page: _Page, number: Callable[[str], str]
) -> AsyncIterator[str]:
    yield csv_text([RESULT_COLUMNS])
    while True:
        record, rows = page
        is_cancelled = record.state == BulkState.CANCELLED
        yield csv_text(
            (
                row.position,
                number(row.recipient),
                outcome_of(row.state, is_cancelled=is_cancelled),
                row.message_id,
                None if row.message_state is None else status_name(row.message_state),
                remark_on(row),
            )
            for row in rows
        )
        if len(rows) < _ROWS_PER_READ:
            return
        page = await _page(context, account_id, bulk_id, rows[-1].position + 1)
