"""Consents and their history as files: CSV or JSON, read page by page, so that no file is too long for the memory."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final, Literal

import orjson

from waypost.store.consents import ConsentRecord, HistoryEntry, list_all_history, list_consents
from waypost.store.transaction import Tx
from waypost.web.csv_text import csv_text
from waypost.web.manage.consent_views import ConsentEntryView, ConsentView
from waypost.web.manage.views import View

FileKind = Literal["consents", "history"]
FileForm = Literal["csv", "json"]

PAGE_ROWS: Final = 1000
MEDIA_TYPES: Final = {"csv": "text/csv; charset=utf-8", "json": "application/json"}

Page = Sequence[ConsentRecord] | Sequence[HistoryEntry]
"""Up to ``PAGE_ROWS`` rows of a file, in its order; a shorter one is the last."""


def read_page(tx: Tx, account_id: str, kind: FileKind, *, last: ConsentRecord | HistoryEntry | None) -> Page:
    """Return the page behind a row, None for the first page."""
    if kind == "history":
        after = ("", "") if not isinstance(last, HistoryEntry) else (last.recipient, last.id)
        return list_all_history(tx, account_id, after=after, at_most=PAGE_ROWS)
    return list_consents(tx, account_id, after="" if last is None else last.recipient, at_most=PAGE_ROWS)


class FileWriter:
    """
    Writes the pages of one file as pieces of text, in their order: ``begin``, then ``write`` each, then ``end``.

    ``show_number`` makes of each recipient what is written of it.
    """

    def __init__(self, kind: FileKind, form: FileForm, *, show_number: Callable[[str], str] = str) -> None:
        self._show_number = show_number
        self._columns = tuple((ConsentEntryView if kind == "history" else ConsentView).model_fields)
        self._form = form
        self._has_rows = False

    def begin(self) -> str:
        """Return what stands before the first row."""
        return csv_text([self._columns]) if self._form == "csv" else "["

    def write(self, page: Page) -> str:
        """Return a page's rows."""
        shown = [{**_view(row).model_dump(mode="json"), "recipient": self._show_number(row.recipient)} for row in page]
        if self._form == "csv":
            return csv_text([row[column] for column in self._columns] for row in shown)
        between = ",\n" if self._has_rows else "\n"
        self._has_rows = self._has_rows or bool(shown)
        return between + ",\n".join(orjson.dumps(row).decode() for row in shown) if shown else ""

    def end(self) -> str:
        """Return what stands behind the last row."""
        return "" if self._form == "csv" else "\n]\n"


async def stream_file(
    kind: FileKind,
    form: FileForm,
    read: Callable[[ConsentRecord | HistoryEntry | None], Any],
    *,
    show_number: Callable[[str], str] = str,
) -> AsyncIterator[str]:
    """Yield a file page by page; ``read`` is awaited with the last row seen and returns the page behind it."""
    writer = FileWriter(kind, form, show_number=show_number)
    yield writer.begin()
    last: ConsentRecord | HistoryEntry | None = None
    is_more = True
    while is_more:
        page: Page = await read(last)
        yield writer.write(page)
        is_more = len(page) == PAGE_ROWS
        last = page[-1] if page else None
    yield writer.end()


def _view(row: ConsentRecord | HistoryEntry) -> View:
    return ConsentEntryView.of(row) if isinstance(row, HistoryEntry) else ConsentView.of(row)
