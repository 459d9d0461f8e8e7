"""The pages of consents: no number in a URL or, masked, on a page; changes; lists in and out."""

import re

import aiohttp
from tests.console.conftest import Answer, Office, Visitor

from waypost.store.consents import ConsentRecord, find_consents

WHOLE = re.compile(r"1202555\d{4}")


async def standing(office: Office, number: str) -> ConsentRecord | None:
    account_id = office.house.demo.account.account_id
    return (await office.read(lambda tx: find_consents(tx, account_id, [number]))).get(number)


async def send_list(
    visitor: Visitor, text: str | bytes, path: str = "/console/consent/import", **fields: str
) -> Answer:
    form = aiohttp.FormData(quote_fields=False)
    for name, value in {"csrf_token": visitor.csrf_token, "action": "optin", **fields}.items():
        form.add_field(name, value)
    form.add_field("file", text.encode() if isinstance(text, str) else text, filename="list.csv")
    return await visitor.send(path, data=form)


async def test_an_opt_in_is_recorded_and_its_page_is_named_without_the_number(office: Office):
    operator, viewer, stranger = [await office.visitor(name) for name in ("operator", "viewer", "stranger")]

    made = await operator.post("/console/consent/record", number="+1 202-555-0111", action="optin", source="PHONE")
    path = made.headers["location"]
    page = await viewer.get(path)

    assert 303 == made.status
    assert WHOLE.search(path) is None
    assert WHOLE.search(page.text) is None
    assert "1202•••••11" in page.words
    assert "PHONE" in page.words
    assert "opted_in" == (await standing(office, "12025550111")).consent.state
    assert (404, 404) == ((await stranger.get(path)).status, (await viewer.get(path[:-2] + "AA")).status)

    for action in ("blocklist", "whitelist", "optout"):
        assert 303 == (await operator.post(f"{path}/change", action=action, source="PHONE")).status
    record = await standing(office, "12025550111")
    assert ("opted_out", False) == (record.consent.state, record.consent.is_blocklisted)
    words = (await viewer.get(path)).words
    assert words.index("optout") < words.index("whitelist") < words.index("blocklist")
    assert 403 == (await viewer.post(f"{path}/change", action="optin", source="WEB")).status


async def test_wrong_input_is_named_and_changes_nothing(office: Office):
    operator = await office.visitor("operator")

    short = await operator.post("/console/consent/record", number="12025", action="optin", source="WEB")
    nothing = await operator.post("/console/consent/record", number="12025550112", action="optin", source="")
    odd = await operator.post("/console/consent/record", number="12025550112", action="forget", source="WEB")

    assert {422} == {one.status for one in (short, nothing, odd)}
    assert "action: is none of optin, optout, blocklist, whitelist" in odd.words
    assert await standing(office, "12025550112") is None


async def test_searches_go_by_forms_and_show_no_more_than_the_visitor_may_see(office: Office):
    operator, viewer = await office.visitor("operator"), await office.visitor("viewer")
    rows = "\n".join(f"120255513{place:02}" for place in range(60))
    assert 200 == (await send_list(operator, f"recipient\n{rows}\n", source="WEB")).status

    first = await operator.post("/console/consent", number="1202555130", state="opted_in")
    everybody = await operator.post("/console/consent", number="120255513")
    cursor = re.search(r'name="cursor" value="([^"]+)"', everybody.text)[1]
    second = await operator.post("/console/consent", number="120255513", cursor=cursor)
    guessing = await viewer.post("/console/consent", number="120255513")
    whole = await viewer.post("/console/consent", number="12025551305")

    assert 10 == first.text.count("1202•••••0")
    assert (50, 10) == (everybody.text.count("1202•"), second.text.count("1202•"))
    assert WHOLE.search(cursor) is None
    assert WHOLE.search(everybody.text) is None
    assert (422, True) == (guessing.status, "is neither whole nor its first 4 digits" in guessing.words)
    assert 1 == whole.text.count("1202•••••05")


async def test_a_list_is_tried_first_and_its_faults_are_named_by_row(office: Office):
    operator, viewer = await office.visitor("operator"), await office.visitor("viewer")
    rows = "recipient,source,ip\n12025550121,WEB,192.0.2.1\nnobody,WEB,\n12025550122,,\n12025550121,WEB,\n"

    tried = await send_list(operator, rows, "/console/consent/import/try")
    assert "Nothing was changed yet. Rows 4 Would be recorded 1 Known already, or twice 1" in tried.words
    assert "Row 3" in tried.words
    assert "Row 4" in tried.words
    assert await standing(office, "12025550121") is None

    done = await send_list(operator, rows)
    assert "The list is imported. Rows 4 Recorded 1" in done.words
    record = await standing(office, "12025550121")
    assert ("WEB", "192.0.2.1") == (record.origin, record.ip)

    no_column = await send_list(operator, "number\n12025550121\n")
    no_text = await send_list(operator, b"recipient\n\xff\n")
    assert "file: has no column `recipient`" in no_column.words
    assert (422, 403) == (no_text.status, (await send_list(viewer, rows)).status)


async def test_files_hold_whole_numbers_only_for_those_who_have_them_shown(office: Office):
    operator = await office.visitor("operator")
    await operator.post("/console/consent/record", number="12025550131", action="optin", source="=1+1")

    masked = await operator.post("/console/consent/file", content="consents", form="csv")
    listed = await operator.post("/console/consent", export="json", search="yes")
    await operator.post("/console/numbers", show="yes", back="/console/consent")
    whole = await operator.post("/console/consent/file", content="history", form="json")
    await operator.post("/console/numbers", show="no", back="/console/consent")

    assert WHOLE.search(masked.text + listed.text) is None
    assert "'=1+1" in masked.text
    assert "attachment" in masked.headers["content-disposition"]
    assert "12025550131" in whole.text
