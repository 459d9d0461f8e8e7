"""What happened to a message: found, told step by step, and sent, cancelled, moved and told again from its page."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from tests.console.conftest import OTHER_ACCOUNT, Office

from waypost.store.inspecting_webhooks import list_of_subject
from waypost.store.inspection import find_message
from waypost.store.statements import Sql
from waypost.web.manage.editing import Editor

PHONE = "12025550171"
STRANGER = "12025550172"
MASKED = "1202•••••71"
_FAILED_TRY = Sql(
    "INSERT INTO delivery_attempts (id, notification_id, account_id, endpoint_id, started_at_us, duration_us, "
    "http_status, error, answer) VALUES (:id, :notification_id, :account_id, :endpoint_id, 1, 1, 500, NULL, :answer)"
)
HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(2)>'


async def _sent(office: Office, text: str = "Your bicycle is ready.", **changes) -> str:
    house = office.house
    await house.writes_first(PHONE)
    return (await house.send(house.entry(PHONE, text, **changes)))[0]


async def _wamid(office: Office, message_id: str) -> str:
    found = await office.read(lambda tx: find_message(tx, office.house.demo.account.account_id, message_id))
    return found[0].wamid


async def _settled(office: Office, message_id: str) -> None:
    await office.house.becomes("read", message_id)
    await office.house.is_told(message_id, "sent", "delivered", "read")


async def _audit(office: Office, action: str) -> list[str]:
    from waypost.store.audit import list_changes

    account_id = office.house.demo.account.account_id
    entries = await office.read(lambda tx: list_changes(tx, account_id, at_most=200))
    return [entry.target for entry in entries if entry.action == action]


async def _console_id(answer) -> str:
    return answer.headers["location"].rpartition("/")[2]


async def test_a_message_tells_its_whole_story_with_numbers_masked_and_no_token(office: Office):
    message_id = await _sent(office, HOSTILE, **{"x-apiheader": "ticket-118"})
    await _settled(office, message_id)
    viewer = await office.visitor("viewer")

    answer = await viewer.get(f"/console/messages/{message_id}")

    assert answer.status == 200, answer.words
    for said in (
        "Accepted by the gateway",
        "Attempt 1",
        "taken by WhatsApp",
        "Sent: WhatsApp has passed it on",
        "Delivered to the phone",
        "Read",
        "was told",
        "rebuilt from what is stored",
        "Authorization: Bearer •••",
        "ticket-118",
        MASKED,
    ):
        assert said in answer.words, said
    assert PHONE not in answer.text
    assert office.house.demo.account.access_token not in answer.text
    assert "<script>alert" not in answer.text
    assert "<img src=x" not in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text
    assert "/resend" not in answer.text, "a viewer has no actions"


async def test_messages_are_found_by_every_thing_that_is_known_of_them(office: Office):
    message_id = await _sent(office, **{"x-apiheader": "find me"})
    await _settled(office, message_id)
    viewer = await office.visitor("viewer")
    wamid = await _wamid(office, message_id)

    by_number = await viewer.post("/console/messages", recipient=f"+1 (202) 555-{PHONE[-4:]}")
    by_tag = await viewer.post("/console/messages", tag="find me")
    by_id = await viewer.post("/console/messages", id=message_id.upper(), follows=True)
    by_wamid = await viewer.post("/console/messages", wamid=wamid)
    in_the_url = await viewer.get(f"/console/messages?wamid={wamid}x")
    by_state = await viewer.get(f"/console/messages?state=read&source={office.house.source_id}&order=oldest")
    elsewhere = await viewer.get("/console/messages?state=failed&failure=bad_media&code=131053")

    for answer in (by_number, by_tag, by_id, by_wamid, by_state):
        assert answer.status == 200, answer.words
        assert f"/console/messages/{message_id}" in answer.text
        assert PHONE not in answer.text.replace(f'value="+1 (202) 555-{PHONE[-4:]}"', "")
    assert "No message matches." in elsewhere.words
    assert "No message matches." not in in_the_url.words, "it holds a number, and no number stands in a URL"


async def test_ids_that_hold_a_number_and_webhooks_that_send_it_back_do_not_show_it(office: Office):
    message_id = await _sent(office)
    await _settled(office, message_id)
    wamid, account_id = await _wamid(office, message_id), office.house.demo.account.account_id
    told = (await office.read(lambda tx: list_of_subject(tx, account_id, message_id, at_most=1)))[0]
    cut_off = f'{{"data": {{"recipient": "{PHONE}", "id": "{wamid}"'
    keys = {"account_id": account_id, "endpoint_id": told.endpoint_id, "notification_id": told.id, "answer": cut_off}
    await office.write(lambda tx: tx.run(_FAILED_TRY, id=office.editor.ids.new(), **keys))
    viewer, admin = await office.visitor("viewer"), await office.visitor("admin")
    paths = (f"/console/messages/{message_id}", f"/console/webhooks/{told.endpoint_id}/notifications/{told.id}")

    hidden = [await viewer.get(path) for path in paths]
    await admin.post("/console/numbers", show="yes")
    shown = await admin.get(paths[0])
    await admin.post("/console/numbers", show="no")

    for answer in hidden:
        assert 200 == answer.status, answer.words
        assert "wamid.•••" in answer.text
        assert "recipient&#34;: &#34;1202•••••71" in answer.text
        assert wamid not in answer.text
        assert PHONE not in answer.text
    assert wamid in shown.text


async def test_a_search_for_a_number_pages_and_exports_without_the_number_in_a_url(office: Office):
    house = office.house
    await house.writes_first(STRANGER)
    ids = await house.send(*(house.entry(STRANGER, f"number {place}") for place in range(60)))
    viewer = await office.visitor("viewer")

    first = await viewer.post("/console/messages", recipient=STRANGER)
    cursor = re.search(r'name="cursor" value="([^"]+)">Next', first.text)
    assert cursor is not None
    second = await viewer.post("/console/messages", recipient=STRANGER, cursor=cursor[1])
    saved = await viewer.post("/console/messages", recipient=STRANGER, export="json")

    seen = [set(re.findall(r"/console/messages/([0-9a-f-]{36})", page.text)) for page in (first, second)]
    assert (50, 10) == (len(seen[0]), len(seen[1]))
    assert set(ids) == seen[0] | seen[1]
    assert not re.findall(rf'href="[^"]*{STRANGER}', first.text + second.text)
    assert ">Previous</button>" in second.text
    rows = json.loads(saved.text)
    assert 60 == len(rows)
    assert {"1202•••••72"} == {row["recipient"] for row in rows}


async def test_wrong_filters_say_which_and_keep_what_was_typed(office: Office):
    viewer = await office.visitor("viewer")

    code = await viewer.get("/console/messages?code=x1")
    span = await viewer.get("/console/messages?since=2031-01-02T00:00&until=2031-01-01T00:00")
    time = await viewer.get("/console/messages?since=yesterday")

    assert (422, True) == (code.status, "code: is no number" in code.words)
    assert 'value="x1"' in code.text
    assert "until: is not after the beginning" in span.words
    assert "since: is no time" in time.words


async def test_resending_makes_a_new_message_by_the_rules_of_the_api(office: Office):
    message_id = await _sent(office, "Once more", **{"x-apiheader": "again"})
    operator = await office.visitor("operator")
    viewer = await office.visitor("viewer")

    refused = await viewer.post(f"/console/messages/{message_id}/resend")
    answer = await operator.post(f"/console/messages/{message_id}/resend")

    assert 403 == refused.status
    assert 303 == answer.status, answer.words
    new_id = await _console_id(answer)
    assert new_id != message_id
    _, found = await office.house.call("GET", f"/api/v2/message/{new_id}")
    assert "again" == found["data"]["x-apiheader"]
    await _settled(office, new_id)
    phone = await office.house.sandbox("GET", f"/sandbox/phones/{PHONE}/messages")
    assert "Once more" in json.dumps(phone)
    assert message_id in await _audit(office, "message.resend")

    block = {"type": "blocklist", "recipients": [{"recipient": PHONE, "source": "WEB"}]}
    await office.house.call("POST", "/api/v2/consent/blocklist/", json=block)
    blocked = await operator.post(f"/console/messages/{message_id}/resend")
    await office.house.call("POST", "/api/v2/consent/blocklist/", json={**block, "type": "whitelist"})
    assert 409 == blocked.status
    assert "The message was refused: 8002 Phone number is not opted in" in blocked.words


async def test_a_resend_that_the_audit_log_does_not_take_sends_nothing(office: Office, monkeypatch: pytest.MonkeyPatch):
    message_id = await _sent(office, "Told or not sent")
    operator = await office.visitor("operator")
    count = Sql("SELECT COUNT(*) FROM messages")
    before = await office.read(lambda tx: tx.rows(count))

    def fail(*_: object, **__: object) -> None:
        raise OSError("no room")

    with monkeypatch.context() as patched:
        patched.setattr(Editor, "note", fail)
        failed = await operator.post(f"/console/messages/{message_id}/resend", once="a-token-of-this-page")
    nothing = await office.read(lambda tx: tx.rows(count))
    again = await operator.post(f"/console/messages/{message_id}/resend", follows=True, once="a-token-of-this-page")

    assert (500, 200) == (failed.status, again.status)
    assert nothing == before
    assert "Sent again: this is the new message." in again.words
    assert message_id in await _audit(office, "message.resend")


async def test_a_scheduled_message_is_moved_and_cancelled_and_then_explained(office: Office):
    at = (datetime.now(UTC) + timedelta(hours=3)).isoformat()
    message_id = await _sent(office, "Later", scheduled_at=at)
    operator = await office.visitor("operator")
    path = f"/console/messages/{message_id}"
    later = (datetime.now(UTC) + timedelta(hours=5)).strftime("%Y-%m-%dT%H:%M:%S")

    before = await operator.get(path)
    too_far = await operator.post(f"{path}/reschedule", at="2099-01-01T00:00")
    missing = await operator.post(f"{path}/reschedule", at="")
    moved = await operator.post(f"{path}/reschedule", at=later)
    after = await operator.get(path)
    cancelled = await operator.post(f"{path}/cancel")
    again = await operator.post(f"{path}/cancel")
    ended = await operator.get(path)

    assert "Scheduled for then" in before.words
    assert (422, 422, 303) == (too_far.status, missing.status, moved.status)
    assert f'value="{later}"' in after.text
    assert (303, 409) == (cancelled.status, again.status)
    assert "It was cancelled before it was sent." in ended.words
    assert "8015 Platform Error: message was cancelled before it was sent" in ended.words
    assert "/cancel" not in ended.text
    assert message_id in await _audit(office, "message.reschedule")
    assert message_id in await _audit(office, "message.cancel")


async def test_webhooks_of_a_message_are_told_again_under_their_ids(office: Office):
    message_id = await _sent(office, "Tell again")
    await _settled(office, message_id)
    operator = await office.visitor("operator")

    answer = await operator.post(f"/console/messages/{message_id}/replay")

    assert 303 == answer.status, answer.words

    async def told_twice() -> bool:
        return 6 == len(await office.house.webhooks(message_id))

    await office.house.eventually(told_twice)
    assert message_id in await _audit(office, "message.replay")
    page = await operator.get(f"/console/messages/{message_id}", follows=True)
    assert 200 == page.status


async def test_an_inbound_message_shows_what_it_says_and_who_was_told(office: Office):
    house = office.house
    said = {"to": house.source_phone, "type": "text", "text": {"body": f"hi {HOSTILE}"}}
    await house.sandbox("POST", f"/sandbox/phones/{PHONE}/messages", json=said)
    from waypost.store.inspection import list_inbound

    account_id = house.demo.account.account_id

    async def newest():
        rows = await office.read(lambda tx: list_inbound(tx, account_id, at_most=1))
        return rows[0] if rows and rows[0].sender == PHONE else None

    async def is_there() -> bool:
        return await newest() is not None

    await house.eventually(is_there)
    found = await newest()
    viewer, operator = await office.visitor("viewer"), await office.visitor("operator")

    answer = await viewer.get(f"/console/inbound/{found.id}")
    refused = await viewer.post(f"/console/inbound/{found.id}/replay")
    unchanged = await viewer.get(f"/console/inbound/{found.id}/part")
    version = re.search(r'data-version="([0-9a-f]+)"', unchanged.text)
    assert version is not None

    assert 200 == answer.status, answer.words
    assert MASKED in answer.words
    assert PHONE not in answer.text
    assert "<script>alert" not in answer.text
    assert 403 == refused.status
    assert (await operator.get(f"/console/inbound/{found.id}")).status == 200


async def test_other_accounts_messages_are_not_there(office: Office):
    message_id = await _sent(office)
    stranger = await office.visitor("stranger")

    for path in (f"/console/messages/{message_id}", f"/console/inbound/{message_id}"):
        assert 404 == (await stranger.get(path)).status
    for act in ("resend", "cancel", "replay"):
        assert 404 == (await stranger.post(f"/console/messages/{message_id}/{act}")).status
    assert message_id not in (await stranger.get("/console/messages")).text
    assert OTHER_ACCOUNT


async def test_an_open_list_is_answered_anew_only_when_it_has_changed(office: Office):
    viewer = await office.visitor("viewer")
    first = await viewer.get("/console/messages/rows")
    version = re.search(r'data-version="([0-9a-f]+)"', first.text)
    assert version is not None

    same = await viewer.get("/console/messages/rows", **{"X-Fragment": version[1]})
    assert same.status in {200, 204}
    await _sent(office, "One more")
    changed = await viewer.get("/console/messages/rows", **{"X-Fragment": version[1]})

    assert 200 == changed.status
