"""Whatever sends does so once, however often its form is posted, and again only when it is meant again."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

from tests.console.conftest import Office
from tests.console.test_compose import composed, form_with_file

from waypost.store.audit import list_changes
from waypost.store.statements import Sql

TOKEN = re.compile(r'<input type="hidden" name="once" value="([\w-]{16})">')


async def test_a_form_sent_twice_sends_one_message_and_a_changed_one_another(office: Office):
    house, operator = office.house, await office.visitor("operator")
    await house.writes_first("12025550620")
    form = {"type": "text", "to": "12025550620", "content": "once", "once": "a-token-of-this-page"}

    first, second = await composed(operator, **form), await composed(operator, **form)
    changed = await composed(operator, **{**form, "content": "twice"})
    hurried = await composed(operator, **{**form, "is_urgent": "true"})

    assert first == second
    assert 3 == len({first, changed, hurried})
    assert 422 == (await operator.post("/console/compose", **{**form, "once": ""})).status


async def test_forms_sent_again_and_again_at_once_send_one_message_and_keep_their_file_once(office: Office):
    house, operator = office.house, await office.visitor("operator")
    await house.writes_first("12025550621")
    found = await operator.post("/console/conversations/find", number="12025550621")
    conversation = found.headers["location"]
    [one] = await house.send(house.entry("12025550621", "as new"))
    media = {"type": "media", "source": house.source_id, "m_caption": "once"}
    tokens = {"csrf_token": operator.csrf_token, "once": "token-of-the-page"}
    forms: dict[str, Callable[[], Any]] = {
        "/console/compose": lambda: form_with_file(operator, once="token-of-compose", to="12025550621", **media),
        f"{conversation}/reply": lambda: form_with_file(operator, once="token-of-the-reply", **media),
        f"{conversation}/react": lambda: {
            **tokens,
            "source": house.source_id,
            "emoji": "🎉",
            "r_message_id": conversation.rpartition("/")[2],
        },
        f"/console/messages/{one}/resend": lambda: tokens,
    }
    kept = await count(office, "messages"), await count(office, "media_assets")
    for path, form in forms.items():
        answers = await asyncio.gather(*(operator.send(path, data=form()) for _ in range(3)))
        answers.append(await operator.send(path, data=form()))

        assert {303} == {answer.status for answer in answers}, (path, [answer.words for answer in answers])
        assert 1 == len({answer.headers["location"] for answer in answers}), path

    assert (kept[0] + len(forms), kept[1] + 2) == (await count(office, "messages"), await count(office, "media_assets"))
    media_id = (await office.read(lambda tx: tx.rows(_NEWEST_FILE)))[0][0]
    await operator.post(f"/console/media/{media_id}/delete")
    anew = await operator.send(
        f"{conversation}/reply", data=form_with_file(operator, once="token-of-the-reply", **media)
    )
    assert anew.headers["location"] not in {answer.headers["location"] for answer in answers}, "its file was deleted"
    audit = await office.read(lambda tx: list_changes(tx, house.demo.account.account_id, at_most=200))
    assert 1 == len([entry for entry in audit if (entry.action, entry.target) == ("message.resend", one)])


_NEWEST_FILE = Sql("SELECT id FROM media_assets WHERE deleted_at_us IS NULL ORDER BY id DESC LIMIT 1")


async def count(office: Office, table: str) -> int:
    sql = Sql(f"SELECT COUNT(*) FROM {table}")
    return (await office.read(lambda tx: tx.rows(sql)))[0][0]


async def test_every_form_that_sends_has_a_token_by_which_it_is_known_again(office: Office):
    operator = await office.visitor("operator")
    await office.house.writes_first("12025550622")
    found = await operator.post("/console/conversations/find", number="12025550622")
    conversation = found.headers["location"]
    [message_id] = await office.house.send(office.house.entry("12025550622"))
    await office.house.is_told(message_id, "sent", "delivered", "read")
    pages = ["/console/compose", conversation, f"/console/messages/{message_id}", "/console/bulk/new"]
    seen = set()
    for path in pages:
        page = await operator.get(path)
        for action, form in re.findall(
            r'<form[^>]*action="[^"]*/(compose|reply|react|resend|bulk/new)"(.*?)</form>', page.text, re.DOTALL
        ):
            assert TOKEN.search(form), (path, action)
            seen.add(action)
    assert seen == {"compose", "reply", "react", "resend", "bulk/new"}

    part = f"/console/messages/{message_id}/part"
    versions = [re.search(r'data-version="(\w+)"', (await operator.get(part)).text) for _ in range(2)]
    assert versions[0][1] == versions[1][1], "new tokens alone are no change"


async def test_an_emoji_put_back_after_another_is_sent_again(office: Office):
    house, operator = office.house, await office.visitor("operator")
    await house.writes_first("12025550623")
    conversation = (await operator.post("/console/conversations/find", number="12025550623")).headers["location"]
    form = {"source": house.source_id, "r_message_id": conversation.rpartition("/")[2], "once": "token-of-the-page"}
    by_script = {"Sec-Fetch-Site": "same-origin", "HX-Request": "true"}
    kept = await count(office, "messages")

    for emoji in ("🎉", "👍", "🎉"):
        data = {"csrf_token": operator.csrf_token, **form, "emoji": emoji}
        answer = await operator.send(f"{conversation}/react", data=data, headers=by_script)
        form["once"] = TOKEN.search(answer.text)[1]

    assert kept + 3 == await count(office, "messages")
