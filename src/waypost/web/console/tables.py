"""
Every table of the console: its columns, its rows, its pages, and the same as a file.

    listing = Listing(name="keys", columns=(...), fetch=..., empty="There is no key yet.")
    if visit.wants_file:
        return await listing.file(visit)
    return visit.page("keys.html", table=await listing.table(visit))

Columns say how a cell is shown; ``ui.html`` has the macro ``data_table``. Rows are mappings, and may hold more than the
columns show. A phone number goes through ``kind="number"`` and is masked unless the visitor has numbers shown, in files
as on the page.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import orjson
from starlette.responses import Response

from waypost.store.paging import Page
from waypost.web.csv_text import csv_text
from waypost.web.manage.views import as_time

if TYPE_CHECKING:
    from waypost.web.console.visit import Visit

Item = TypeVar("Item")

Row = Mapping[str, Any]
Kind = Literal["text", "number", "time", "count", "size", "duration", "status", "code", "flag"]
FILE_ROWS_MAX: Final = 10_000
PAGE_ROWS: Final = 50
_FILE_PAGE_ROWS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """
    One column: ``key`` in the row, ``title`` for people.

    ``link`` is the name of the member of the row that holds the path the cell leads to, ``""`` for none; a row in which
    that is None has no link.
    """

    key: str
    title: str
    kind: Kind = "text"
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A page of rows; cursors None: nothing more that way. ``looked_to_us``: the search stopped there, unfinished."""

    rows: Sequence[Row]
    next_cursor: str | None = None
    previous_cursor: str | None = None
    looked_to_us: int | None = None


Fetch = Callable[[str | None, int], Awaitable[Rows]]
"""``(cursor, at most)``; the cursor None begins at the beginning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """
    What ``data_table`` shows; ``query`` is kept in the links of pages and files.

    ``posted`` are the fields of a search that must not stand in a URL, such as one for a number: where there are any,
    pages and files are asked for by a form that carries them.
    """

    name: str
    columns: Sequence[Column]
    page: Rows
    empty: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    posted: Mapping[str, str] = field(default_factory=dict)
    has_files: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """
    A table and where its rows come from.

    ``empty`` says what to do where there is nothing yet. ``query`` has the filters of the page, without its cursor;
    ``posted`` those that must not stand in a URL. ``path`` is where further pages are, ``""``: where this one is.
    """

    name: str
    columns: Sequence[Column]
    fetch: Fetch
    empty: str
    query: Mapping[str, str] = field(default_factory=dict)
    posted: Mapping[str, str] = field(default_factory=dict)
    path: str = ""

    async def table(self, visit: "Visit", *, at_most: int = PAGE_ROWS) -> Table:
        """Return the page that the visitor asks for."""
        page = await self.fetch(visit.cursor, at_most)
        return Table(
            name=self.name,
            columns=self.columns,
            page=page,
            empty=self.empty,
            path=self.path or visit.path,
            query={name: value for name, value in self.query.items() if value},
            posted={name: value for name, value in self.posted.items() if value},
        )

    async def file(self, visit: "Visit") -> Response:
        """
        Return all rows, 10,000 at most, as CSV or JSON that is sent while it is read.

        Raises ``Problem`` where enough exports run already.
        """
        with visit.console.manage.exports.place(visit.account_id if visit.has_account else "") as place:
            # What is wrong with the question is told with its own status: once a file has begun it can only break off.
            first = await self.fetch(None, _FILE_PAGE_ROWS)
            is_json = visit.wants_file == "json"
            return place.stream(
                (self._json if is_json else self._csv)(visit, first),
                media_type="application/json" if is_json else "text/csv; charset=utf-8",
                filename=f"{self.name}.{visit.wants_file}",
            )

    async def _csv(self, visit: "Visit", first: Rows) -> AsyncIterator[str]:
        yield csv_text([[column.key for column in self.columns]])
        async for records in self._records(visit, first):
            yield csv_text(record.values() for record in records)

    async def _json(self, visit: "Visit", first: Rows) -> AsyncIterator[bytes]:
        before = b"[\n"
        async for records in self._records(visit, first):
            yield before + orjson.dumps(records, option=orjson.OPT_INDENT_2)[len("[\n") : -len("\n]")]
            before = b",\n"
        yield b"[]" if before == b"[\n" else b"\n]"

    async def _records(self, visit: "Visit", first: Rows) -> AsyncIterator[list[dict[str, Any]]]:
        """Yield the rows page by page; a page without any is left out."""
        page, left = first, FILE_ROWS_MAX
        while True:
            if page.rows:
                yield [{column.key: _plain(visit, column, row) for column in self.columns} for row in page.rows[:left]]
            left -= len(page.rows)
            if page.next_cursor is None or left <= 0:
                return
            page = await self.fetch(page.next_cursor, min(_FILE_PAGE_ROWS, left))


def rows_of(found: Page[Item], shown: Callable[[Item], Row]) -> Rows:
    """Return a page of the store with each item as ``shown`` makes a row of it."""
    return Rows(
        rows=[shown(item) for item in found.rows],
        next_cursor=found.next_cursor,
        previous_cursor=found.previous_cursor,
        looked_to_us=found.looked_to_us,
    )


def rows_by_key(
    found: Sequence[Item], shown: Callable[[Item], Row], *, key: Callable[[Item], str], at_most: int
) -> Rows:
    """Return a page of items in the order of a key; behind a full one the next begins after the key of its last."""
    following = key(found[-1]) if len(found) == at_most else None
    return Rows(rows=[shown(item) for item in found], next_cursor=following)


def all_of(rows: Sequence[Row]) -> Fetch:
    """Return what fetches rows that are few enough for one page."""

    async def fetch(_cursor: str | None, _at_most: int) -> Rows:
        return Rows(rows=rows)

    return fetch


def _plain(visit: "Visit", column: Column, row: Row) -> Any:
    value = row.get(column.key)
    match column.kind:
        case "number" if isinstance(value, str):
            return visit.number(value)
        case "time" if isinstance(value, int):
            return as_time(value)
        case _ if isinstance(value, bool | int | float | str | datetime) or value is None:
            return value
        case _:
            return str(value)
