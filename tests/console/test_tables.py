"""Tables as files: sent while they are read, and the same rows in both forms."""

import csv
import json
from types import SimpleNamespace
from typing import Any

import pytest

from waypost.web.console.tables import FILE_ROWS_MAX, Column, Listing, Rows
from waypost.web.manage.export_places import ExportPlaces

COLUMNS = (Column(key="id", title="Id"), Column(key="phone", title="Phone", kind="number"))


class Pages:
    """A listing's rows, a page for each number of them; tells how many pages were asked for."""

    def __init__(self, *sizes: int) -> None:
        self._sizes = sizes
        self.asked = 0

    async def fetch(self, cursor: str | None, _at_most: int) -> Rows:
        place = int(cursor or 0)
        self.asked += 1
        rows = [{"id": f"{place}.{number}", "phone": "12025550143"} for number in range(self._sizes[place])]
        return Rows(rows=rows, next_cursor=None if place + 1 == len(self._sizes) else str(place + 1))


async def file_of(pages: Pages, form: str) -> Any:
    exports = ExportPlaces(at_most=1, at_most_of_account=1)
    visit: Any = SimpleNamespace(
        console=SimpleNamespace(manage=SimpleNamespace(exports=exports)),
        has_account=False,
        wants_file=form,
        number=lambda text: f"{text[:4]}…",
    )
    listing = Listing(name="people", columns=COLUMNS, fetch=pages.fetch, empty="")
    return await listing.file(visit)


async def text_of(response: Any) -> str:
    parts = [part async for part in response.body_iterator]
    return "".join(part if isinstance(part, str) else part.decode() for part in parts)


@pytest.mark.parametrize(
    ("sizes", "rows"), [((0,), 0), ((2,), 2), ((2, 0, 1), 3), ((0, 3), 3), ((6_000, 6_000, 1), FILE_ROWS_MAX)]
)
async def test_a_file_has_the_rows_of_all_pages_in_both_forms(sizes: tuple[int, ...], rows: int) -> None:
    as_csv, as_json = [await text_of(await file_of(Pages(*sizes), form)) for form in ("csv", "json")]

    records = json.loads(as_json)
    assert len(records) == rows
    assert [record["phone"] for record in records] == ["1202…"] * rows
    assert list(csv.reader(as_csv.splitlines())) == [["id", "phone"], *([*record.values()] for record in records)]


@pytest.mark.parametrize("form", ["csv", "json"])
async def test_a_file_begins_before_its_last_rows_are_read(form: str) -> None:
    pages = Pages(2, 2, 2)
    response = await file_of(pages, form)

    begun = [await anext(response.body_iterator), pages.asked]

    assert begun[0]
    assert (begun[1], response.headers["content-disposition"]) == (1, f'attachment; filename="people.{form}"')
    await response.body_iterator.aclose()
