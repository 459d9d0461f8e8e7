"""Bulk sends made of a file, looked at, steered and read as a file; by the rules of the command line."""

import contextlib
import re

import aiohttp
from tests.console.conftest import Answer, Office, Visitor

from waypost.web.console.visit import new_once

PHONES = [f"120255506{number:02}" for number in range(12)]
FILE = "phone,name\n" + "".join(f"{phone},guest {number}\n" for number, phone in enumerate(PHONES))


async def upload_bulk(visitor: Visitor, content: str | bytes, **fields: str) -> Answer:
    typed = {"kind": "text", "text": "Hello {{name}}", "once": new_once(), **fields}
    form = aiohttp.FormData({"csrf_token": visitor.csrf_token, **typed})
    data = content.encode() if isinstance(content, str) else content
    form.add_field("file", data, filename="guests.csv", content_type="text/csv")
    return await visitor.send("/console/bulk/new", data=form)


def _id_of(answer: Answer) -> str:
    assert 303 == answer.status, answer.words
    return answer.headers["location"].rpartition("/")[2]


async def test_a_file_becomes_a_draft_with_a_preview_and_is_sent_when_started(office: Office):
    await office.house.writes_first(*PHONES)
    operator, viewer = await office.visitor("operator"), await office.visitor("viewer")

    bulk_id = _id_of(await upload_bulk(operator, FILE, name="Spring & <b>sun</b>"))
    path = f"/console/bulk/{bulk_id}"
    draft = await viewer.get(path)
    assert 403 == (await viewer.post(f"{path}/start")).status
    assert "Spring &amp; &lt;b&gt;sun&lt;/b&gt;" in draft.text
    assert "Hello guest 0" in draft.words
    assert f"{path}/start" not in draft.text
    assert f"{path}/start" in (await operator.get(path)).text

    assert 303 == (await operator.post(f"{path}/start")).status

    async def is_done() -> bool:
        return (
            "✓ 12 of 12" in (await viewer.get(path)).words or "100.0 % 12 of 12 rows" in (await viewer.get(path)).words
        )

    await office.house.eventually(is_done)
    outcomes = await viewer.get(f"{path}/outcomes")
    result = await viewer.get(f"{path}/result.csv")
    with contextlib.ExitStack() as running:
        for _ in range(4):
            running.enter_context(office.console.manage.exports.place(office.house.demo.account.account_id))
        busy = [await viewer.get(one) for one in (f"{path}/outcomes", f"{path}/result.csv", "/console/bulk?export=csv")]
    again = await upload_bulk(operator, FILE)
    listed = await viewer.get("/console/bulk")

    assert "accepted" in outcomes.words
    assert 13 == len(result.text.splitlines())
    assert not any(phone in result.text for phone in PHONES)
    assert [(429, "5")] * 3 == [(one.status, one.headers["retry-after"]) for one in busy]
    assert "4 exports of this account run already." in busy[0].words
    assert bulk_id == _id_of(again), "the same file and message are the same bulk send"
    assert path in listed.text


async def test_refused_rows_are_shown_with_their_reasons_and_numbers_masked(office: Office):
    operator = await office.visitor("operator")
    bulk_id = _id_of(await upload_bulk(operator, "phone,name\n12025550999,nobody\n"))
    path = f"/console/bulk/{bulk_id}"
    await operator.post(f"{path}/start")

    async def is_refused() -> bool:
        return "8002 Phone number is not opted in" in (await operator.get(path)).words

    await office.house.eventually(is_refused)
    page = await operator.get(path)
    saved = await operator.get(f"{path}?export=csv")

    assert "1202•••••99" in page.words
    assert "12025550999" not in page.text + saved.text
    assert "8002 Phone number is not opted in" in saved.text


async def test_a_draft_is_cancelled_for_good_and_a_pause_of_one_is_refused(office: Office):
    operator = await office.visitor("operator")
    bulk_id = _id_of(await upload_bulk(operator, FILE, again="yes", once="a-token-of-this-page"))
    path = f"/console/bulk/{bulk_id}"
    assert bulk_id == _id_of(await upload_bulk(operator, FILE, again="yes", once="a-token-of-this-page"))
    assert bulk_id != _id_of(await upload_bulk(operator, FILE, again="yes"))

    paused = await operator.post(f"{path}/pause")
    cancelled = await operator.post(f"{path}/cancel", messages="yes")
    started = await operator.post(f"{path}/start")

    assert (409, 303, 409) == (paused.status, cancelled.status, started.status)
    assert "The bulk send cannot pause: it is draft." in paused.words
    assert "The bulk send cannot start: it is cancelled." in started.words


async def test_a_file_that_cannot_be_sent_says_why_and_nothing_is_kept(office: Office):
    operator = await office.visitor("operator")

    before = (await operator.get("/console/bulk?export=json")).text
    bad_rows = await upload_bulk(operator, "phone,name\n12025550143,Ann\n123,<b>Bob</b>\n")
    no_column = await upload_bulk(operator, "phone,nick\n12025550143,Ann\n")
    no_header = await upload_bulk(operator, "12025550143,Ann\n")
    no_text = await upload_bulk(operator, b"phone,name\n12025550143,\xff\n")
    empty = await upload_bulk(operator, "phone,name\n")
    entry = await upload_bulk(operator, FILE, kind="entry", entry="{")
    refused = await upload_bulk(operator, FILE, kind="entry", entry='{"message_type":"smoke"}')
    template = await upload_bulk(operator, FILE, kind="template", template="")
    after = (await operator.get("/console/bulk?export=json")).text

    answers = [bad_rows, no_column, no_header, no_text, empty, entry, refused, template]
    assert {422} == {answer.status for answer in answers}
    for answer, said in zip(
        answers,
        [
            "1 of 2 rows cannot be sent. Nothing was kept.",
            "guests.csv has no column name.",
            "guests.csv has no header: its first line is a recipient.",
            "guests.csv is not UTF-8.",
            "The file has no recipient.",
            "entry: is not JSON",
            "would be refused: 8006",
            "template: is not chosen",
        ],
        strict=True,
    ):
        assert said in answer.words, (said, answer.words)
    assert "Line 3: the recipient has less than 10 digits" in bad_rows.words
    assert before == after
    skipped = await upload_bulk(operator, "phone,name\n12025550143,Ann\n123,Bob\n", skip_bad="yes")
    assert 303 == skipped.status


async def test_json_lines_and_a_template_make_a_bulk_send(office: Office):
    operator = await office.visitor("operator")
    lines = '{"to": "12025550143", "name": "Ann", "order": 118}\n{"to": 12025550144, "name": "Bob", "order": 119}\n'
    form = (await operator.get("/console/bulk/new")).text
    offered = re.search(r'<option value="(\w+ \w+)"', form)
    assert offered is not None, "the demo has approved templates"

    answer = await upload_bulk(operator, lines, kind="template", template=offered[1], columns="name, order")
    page = await operator.get(f"/console/bulk/{_id_of(answer)}")

    assert "0 of 2 rows" in page.words
    assert "{{name}}" in page.words


async def test_other_accounts_bulk_sends_are_not_there(office: Office):
    operator, stranger = await office.visitor("operator"), await office.visitor("stranger")
    bulk_id = _id_of(await upload_bulk(operator, FILE, again="yes"))

    for below in ("", "/part", "/outcomes", "/result.csv"):
        assert 404 == (await stranger.get(f"/console/bulk/{bulk_id}{below}")).status
    for act in ("start", "pause", "cancel"):
        assert 404 == (await stranger.post(f"/console/bulk/{bulk_id}/{act}")).status
    assert bulk_id not in (await stranger.get("/console/bulk")).text
