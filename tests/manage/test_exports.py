"""Exports: three forms of the same rows, in memory that does not grow with them."""

import asyncio
import csv
import io
import tracemalloc
from collections.abc import AsyncIterator

import orjson
import pytest
from pyarrow import parquet
from tests.store.rows import NOW_US, add

from waypost.domain.ids import first_id_at
from waypost.store.tallies import HOUR_US
from waypost.web.manage import export_routes
from waypost.web.manage.export_places import ExportPlaces
from waypost.web.manage.problems import Problem
from waypost.web.reports import exporting
from waypost.web.reports.exporting import (
    COLUMNS,
    ROWS_PER_PAGE,
    ExportFormat,
    ExportKind,
    PageReader,
    encoder_for,
)

FIRST_ID = first_id_at(NOW_US)
SPAN = "from=2031-02-01T00:00:00Z&to=2031-04-01T00:00:00Z"


async def fill(api) -> None:
    message = {
        "recipient": "12025550143", "template_name": "welcome", "sent_at_us": NOW_US + 1,
        "delivered_at_us": NOW_US + HOUR_US, "pricing": "utility/regular/true", "priced_at_us": NOW_US + 1,
    }  # fmt: skip

    def write(tx) -> None:
        add(tx, "messages", id=FIRST_ID[:-1] + "1", caller_data="=1+1", state=80, **message)
        add(tx, "messages", id=FIRST_ID[:-1] + "2", account_id="another")
        add(tx, "inbound_messages", id=FIRST_ID[:-1] + "3", provider_id="w")

    await api.context.database.write(write)


async def test_every_form_has_the_same_rows_of_the_callers_account_alone(api):
    await fill(api)

    answers = {form: await api.get(f"/exports/messages?{SPAN}&format={form.value}") for form in ExportFormat}

    assert {form: answer.headers["content-type"].split(";")[0] for form, answer in answers.items()} == {
        form: form.media_type for form in ExportFormat
    }
    [row] = list(csv.DictReader(io.StringIO(answers[ExportFormat.CSV].body.decode())))
    [record] = [orjson.loads(line) for line in answers[ExportFormat.JSON].body.splitlines()]
    [stored] = parquet.read_table(io.BytesIO(answers[ExportFormat.PARQUET].body)).to_pylist()
    assert list(row) == list(record) == list(stored) == list(COLUMNS[ExportKind.MESSAGES])
    assert row["x-apiheader"] == "'=1+1", "a spreadsheet must not take it for a formula"
    assert record["x-apiheader"] == stored["x-apiheader"] == "=1+1"
    assert row["recipient"] == record["recipient"] == stored["recipient"] == "12025550143"
    assert (record["price_category"], record["price_billable"]) == ("utility", True)
    assert row["accepted_at"] == record["accepted_at"] == stored["accepted_at"].isoformat().replace("+00:00", "Z")

    events = (await api.get(f"/exports/events?{SPAN}&format=json")).body.splitlines()
    assert [orjson.loads(line)["event"] for line in events] == ["accepted", "sent", "delivered", "priced", "inbound"]


async def test_an_export_that_cannot_be_made_says_what_to_do(api, monkeypatch):
    def without_arrow(name: str):
        raise ImportError(name)

    monkeypatch.setattr(exporting, "import_module", without_arrow)

    missing = await api.get(f"/exports/messages?{SPAN}&format=parquet")
    no_span = await api.get("/exports/messages?from=2031-02-01T00:00:00Z")

    assert (missing.status, no_span.status) == (409, 422)
    assert "waypost[parquet]" in missing.json["hint"]
    assert export_routes.PARQUET_MISSING in missing.json["hint"]


async def test_so_many_exports_run_at_once_and_who_comes_beyond_is_told_to_wait(api):
    places, path = api.context.exports, f"/exports/messages?{SPAN}"
    nothing = "/bulk-sends/01c17ac6-a3d0-7000-8000-0000000000ff"

    async def statuses(**options) -> list[int]:
        files = [path, f"{nothing}/result.csv", f"{nothing}/outcomes"]
        answers = [await api.get(one, **options) for one in files]
        return [one.status for one in [*answers, await api.post("/consents/file", json={}, **options)]]

    with places.place("a"), places.place("a"):
        assert [429] * 4 == await statuses()
        refused = await api.get(path)
        assert [200, 404, 404, 200] == await statuses(key="b")
        with places.place("c"):
            full = await api.get(path, key="b")
    assert [200, 404, 404, 200] == await statuses(), "whatever came of the others, their places are free"

    assert (refused.headers["retry-after"], full.headers["retry-after"]) == ("5", "5")
    assert refused.json["detail"] == "2 exports of this account run already."
    assert (full.status, full.json["detail"]) == (429, "3 exports run already.")


async def test_the_place_of_an_export_is_free_when_its_reader_leaves():
    places = ExportPlaces(at_most=1, at_most_of_account=1)

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"more"

    async def leaves() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(_: object) -> None:
        with pytest.raises(Problem), places.place("a"):
            pass
        await asyncio.sleep(0)

    with places.place("a") as place:
        response = place.stream(endless(), media_type="text/csv", filename="a.csv")
    await response({"type": "http", "asgi": {"spec_version": "2.3"}}, leaves, send)

    with places.place("a"):
        pass


async def test_the_place_of_an_export_is_free_before_its_reader_sees_the_end():
    places = ExportPlaces(at_most=1, at_most_of_account=1)
    free: list[bool] = []

    async def parts() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    async def waits() -> dict[str, str]:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict[str, object]) -> None:
        if message["type"] == "http.response.body":
            try:
                with places.place("a"):
                    free.append(True)
            except Problem:
                free.append(False)

    with places.place("a") as place:
        response = place.stream(parts(), media_type="text/csv", filename="a.csv")
    await response({"type": "http", "asgi": {"spec_version": "2.3"}}, waits, send)

    assert [False, False, True] == free


@pytest.mark.parametrize("form", ExportFormat)
def test_memory_does_not_follow_the_number_of_rows(form):
    """
    Four times the pages take about the same; the rest is the directory of a Parquet file.

    Pages are small, since the ratio is the same with any size of them; but a Parquet file holds whole groups of rows.
    """
    rows = ROWS_PER_PAGE if form is ExportFormat.PARQUET else ROWS_PER_PAGE // 10

    def peak_bytes(pages: int) -> int:
        message = dict.fromkeys(COLUMNS[ExportKind.MESSAGES]) | {"id": "m", "clicks": 0}
        encoder = encoder_for(form, ExportKind.MESSAGES)
        tracemalloc.start()
        encoder.begin()
        for _ in range(pages):
            encoder.encode([dict(message) for _ in range(rows)])
        encoder.end()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    few = peak_bytes(10)
    assert peak_bytes(40) < few * 1.3


def test_pages_hold_a_bounded_number_of_rows():
    class Pages:
        def __init__(self) -> None:
            self.asked: list[int] = []

        def rows(self, _sql, *, at_most: int, **_values) -> list:
            self.asked.append(at_most)
            return []

    pages = Pages()
    reader = PageReader(ExportKind.EVENTS, "a", from_us=0, until_us=NOW_US)

    assert reader.read(pages) is None
    assert pages.asked == [exporting.ROWS_PER_PAGE] * 2
