"""Conversations: listed by last activity, shown in both directions, answered by the rules of the API."""

import json
import re
from typing import Any

from aiohttp import FormData
from tests.console.conftest import Answer, Office, Visitor
from tests.media import samples

from waypost.store.audit import search_audit
from waypost.store.statements import Sql

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "{{ 7*7 }}",
    "javascript:alert(1)",
    "</textarea><svg onload=alert(1)>",
    "\u202egnp.exe",
)
_CLOSE_WINDOW = Sql("UPDATE windows SET closes_at_us = :at_us WHERE recipient = :recipient")


async def writes(office: Office, number: str, **message: Any) -> None:
    """Let a phone write to the shop, and wait until the conversation has it."""
    house = office.house
    spec = message or {"type": "text", "text": {"body": "Is it ready?"}}
    sent = await house.sandbox(
        "POST", f"/sandbox/phones/{number}/messages", json={"to": house.source_phone, "name": "Noor Sample", **spec}
    )

    async def is_heard() -> bool:
        _, page = await house.call("GET", "/manage/v1/inbound-messages?limit=200")
        return any(item["provider_id"] == sent["wamid"] for item in page["items"])

    await house.eventually(is_heard)


async def found(visitor: Visitor, number: str) -> str:
    """Return the path of the conversation with a number."""
    answer = await visitor.post("/console/conversations/find", number=number)
    assert 303 == answer.status, answer.words
    return answer.headers["location"]


async def page_has(office: Office, visitor: Visitor, path: str, words: str) -> Answer:
    """Wait until a page says this."""
    pages: list[Answer] = []

    async def says() -> bool:
        pages.append(await visitor.get(path))
        return words in pages[-1].words

    await office.house.eventually(says)
    return pages[-1]


async def phone_has(office: Office, number: str) -> list[dict[str, Any]]:
    answer = await office.house.sandbox("GET", f"/sandbox/phones/{number}/messages?direction=received")
    return [one["message"] for one in answer["messages"]]


async def test_the_list_tells_name_text_window_and_consent_and_masks_the_number(office: Office):
    viewer = await office.visitor("viewer")
    await writes(office, "12025550701")

    page = await viewer.get("/console/conversations")
    file = await viewer.get("/console/conversations?export=json")

    assert "Noor Sample 1202•••••01" in page.words
    assert "Is it ready? 1 unanswered open for 23 h 59 min opted in by writing Demo shop" in page.words
    assert "12025550701" not in page.text + file.text
    [row] = [row for row in json.loads(file.text) if row["number"] == "1202•••••01"]
    assert ("in", "Is it ready?", 1) == (row["direction"], row["said"], row["unanswered"])


async def test_a_part_that_has_not_changed_is_not_sent_again(office: Office):
    viewer = await office.visitor("viewer")
    await writes(office, "12025550702")
    path = await found(viewer, "+1 202-555-0702")
    for part in ("/console/conversations/part", f"{path}/thread?since=0"):
        first = await viewer.get(part)
        version = re.search(r'data-version="(\w+)"', first.text)
        assert version is not None

        again = await viewer.get(part, **{"X-Fragment": version[1]})

        assert 204 == again.status


async def test_a_number_is_found_by_a_form_and_never_stands_in_a_path(office: Office):
    viewer = await office.visitor("viewer")
    await writes(office, "12025550703")

    path = await found(viewer, "12025550703")
    unknown = await viewer.post("/console/conversations/find", number="12025559999")

    assert re.fullmatch(r"/console/conversations/[0-9a-f-]{36}", path)
    assert 404 == unknown.status
    assert "There is no conversation with this number." in unknown.words


async def test_another_accounts_conversation_cannot_be_seen_or_answered(office: Office):
    operator, stranger = await office.visitor("operator"), await office.visitor("stranger")
    await writes(office, "12025550704")
    path = await found(operator, "12025550704")

    shown = [(await stranger.get(path + part)).status for part in ("", "/head", "/thread", "/older")]
    done = [(await stranger.post(path + part, type="text", content="x", action="optout")).status for part in ACTIONS]

    assert {404} == {*shown, *done}
    assert 404 == (await stranger.post("/console/conversations/find", number="12025550704")).status
    assert "Is it ready?" not in (await stranger.get("/console/conversations")).text


ACTIONS = ("/reply", "/reply/form", "/reply/preview", "/react", "/consent")


async def test_viewers_read_conversations_and_change_nothing(office: Office):
    viewer = await office.visitor("viewer")
    await writes(office, "12025550705")
    path = await found(viewer, "12025550705")

    page = await viewer.get(path)

    assert "Replying takes the role operator." in page.words
    assert "Record opt-out" not in page.text
    assert {403} == {(await viewer.post(path + part, type="text", content="x")).status for part in ACTIONS}


async def test_a_reply_quotes_arrives_and_is_ticked_off(office: Office):
    house, operator = office.house, await office.visitor("operator")
    await writes(office, "12025550706")
    path = await found(operator, "12025550706")
    inbound_id = path.rpartition("/")[2]

    answer = await operator.post(
        f"{path}/reply", type="text", content="Yes, until six.\n", source=house.source_id, context=inbound_id
    )

    assert 303 == answer.status, answer.words
    await house.becomes("read", answer.headers["location"].rpartition("/")[2])
    [message] = await phone_has(office, "12025550706")
    [own] = (await house.sandbox("GET", "/sandbox/phones/12025550706/messages?direction=sent"))["messages"]
    assert ("Yes, until six.\n", own["wamid"]) == (message["text"]["body"], message["context"]["message_id"])
    page = await page_has(office, operator, path, "✓✓ read")
    assert "Is it ready? Yes, until six." in page.words
    assert "12025550706" not in page.text


async def test_a_reply_by_script_clears_the_box_and_a_refused_one_keeps_what_was_typed(office: Office):
    house, operator = office.house, await office.visitor("operator")
    await writes(office, "12025550707")
    path = await found(operator, "12025550707")
    headers = {"Sec-Fetch-Site": "same-origin", "HX-Request": "true", "X-CSRF-Token": operator.csrf_token}
    typed = {"type": "text", "source": house.source_id, "once": "a-token-of-this-page"}

    sent = await operator.send(f"{path}/reply", data={**typed, "content": "Come by"}, headers=headers)
    refused = await operator.send(f"{path}/reply", data={**typed, "content": "x" * 4097}, headers=headers)

    assert '{"changed":null,"replied":null}' == sent.headers["hx-trigger-after-swap"]
    assert "Come by" not in sent.text
    assert "a-token-of-this-page" not in sent.text, "what is typed next is another reply"
    assert "a-token-of-this-page" in refused.text
    assert "Not sent: 8006 content cannot be greater than 4096 characters" in refused.words
    assert "x" * 4097 in refused.text


async def test_a_file_and_a_reaction_go_out_from_a_conversation(office: Office):
    house, operator = office.house, await office.visitor("operator")
    await writes(office, "12025550708")
    path = await found(operator, "12025550708")
    form = FormData()
    once = "a-token-of-this-page"
    members = {"csrf_token": operator.csrf_token, "type": "media", "source": house.source_id, "once": once}
    for name, value in members.items():
        form.add_field(name, value)
    form.add_field("m_file", samples.jpeg(), filename='"><script>alert(1)</script>.jpg')
    form.add_field("m_caption", "After")

    file = await operator.send(f"{path}/reply", data=form)
    reaction = await operator.post(
        f"{path}/react", r_message_id=path.rpartition("/")[2], emoji="🎉", source=house.source_id
    )

    assert (303, 303) == (file.status, reaction.status)
    await house.becomes("read", file.headers["location"].rpartition("/")[2])
    page = await page_has(office, operator, path, "After")
    assert re.search(r'<img class="picture image" src="/console/media/[0-9a-f-]{36}/content"', page.text)
    assert "<script>alert" not in page.text

    async def has_both() -> bool:
        return [one["type"] for one in await phone_has(office, "12025550708")] == ["image", "reaction"]

    await house.eventually(has_both)


async def test_with_a_closed_window_there_are_templates_only_and_the_page_says_why(office: Office):
    house, operator = office.house, await office.visitor("operator")
    await writes(office, "12025550709")
    path = await found(operator, "12025550709")
    await office.write(lambda tx: tx.run(_CLOSE_WINDOW, at_us=1, recipient="12025550709"))

    page = await operator.get(path)
    refused = await operator.post(f"{path}/reply", type="text", content="hello", source=house.source_id)
    preview = await operator.post(
        f"{path}/reply/preview", type="template", t_template="repair_done|en", t_attribute=["Noor", "B-52"]
    )
    sent = await operator.post(
        f"{path}/reply",
        type="template",
        t_template="repair_done|en",
        t_attribute=["Noor", "B-52"],
        source=house.source_id,
    )

    assert "The 24-hour window has closed: WhatsApp takes only approved templates until they write." in page.words
    assert 'id="type-text"' not in page.text
    assert (422, True) == (refused.status, "Not sent: 8007" in refused.words)
    assert "Hello Noor, your bicycle B-52 is ready for collection." in preview.words
    assert 303 == sent.status
    await house.becomes("read", sent.headers["location"].rpartition("/")[2])


async def test_consent_is_recorded_and_told_in_the_audit_log(office: Office):
    house, operator = office.house, await office.visitor("operator")
    await writes(office, "12025550710")
    path = await found(operator, "12025550710")

    out = await operator.post(f"{path}/consent", action="optout")
    page = await operator.get(path)
    refused = await operator.post(f"{path}/reply", type="text", content="hello", source=house.source_id)
    back = await operator.post(f"{path}/consent", action="optin")

    assert (303, 303) == (out.status, back.status)
    assert "opted out" in page.words
    assert "8002 Phone number is not opted in" in refused.words
    log = await office.read(lambda tx: search_audit(tx, house.demo.account.account_id, at_most=50))
    told = {(entry.action, entry.target) for entry in log.rows if entry.actor == "user:operator"}
    assert {("consent.optin", path.rpartition("/")[2]), ("consent.optout", path.rpartition("/")[2])} <= told


async def test_whatever_somebody_writes_is_text_on_every_page(office: Office):
    operator = await office.visitor("operator")
    for text in HOSTILE:
        await writes(office, "12025550711", name=text, type="text", text={"body": text})
    place = {"latitude": 1.0, "longitude": 2.0, "name": HOSTILE[0], "address": HOSTILE[1]}
    await writes(office, "12025550711", name=HOSTILE[0], type="location", location=place)
    path = await found(operator, "12025550711")

    pages = [await operator.get(one) for one in (path, "/console/conversations", f"{path}/thread", f"{path}/head")]

    for page in pages:
        assert not re.search(r"<script>alert|<img src=x|<svg onload|\sonmouseover=\"alert|>49<", page.text)
        assert HOSTILE[0] in page.words or "&lt;script&gt;alert" in page.text
    assert "{{ 7*7 }}" in pages[0].text


async def test_older_messages_are_loaded_before_those_shown(office: Office):
    house, operator = office.house, await office.visitor("operator")
    await writes(office, "12025550712")
    sent = await house.send(*(house.entry("12025550712", f"number {place:02d}.") for place in range(45)))
    path = await found(operator, "12025550712")

    page = await operator.get(path)
    older = re.search(r'hx-get="(/console/conversations/[^"]*/older\?cursor=[^"]+)"', page.text)

    assert older is not None
    assert "number 44." in page.words
    assert "number 02." not in page.words
    more = await operator.get(older[1])
    assert "Is it ready? " in more.words
    assert "This is where it begins." in more.words
    assert 45 == len(sent)
