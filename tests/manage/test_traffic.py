"""Messages, files, consents and queues over the manage API."""

import csv
import io

import orjson
from tests.manage.conftest import Api
from tests.store.rows import NOW_US, add

from waypost.domain.consent import ConsentAction, ConsentEvidence
from waypost.domain.message import MessageState
from waypost.store.consents import ConsentWrite, record_consents
from waypost.store.statements import Sql

SECOND = "01c17ac6-a3d0-7000-8000-000000000002"
FIRST = "01c17ac6-a3d0-7000-8000-000000000001"


async def _messages(api: Api) -> None:
    def write(tx):
        add(tx, "messages", id=FIRST, caller_data="ticket-1", state=90, wamid="wamid.1", sent_at_us=NOW_US + 1)
        add(
            tx,
            "messages",
            id=SECOND,
            recipient="12025550144",
            state=20,
            wait_reason="retry",
            source_given="417-220",
            accepted_at_us=NOW_US - 300_000_000_000_000,
        )
        add(tx, "messages", id="01c17ac6-a3d0-7000-8000-000000000003", account_id="b")
        add(tx, "attempts", message_id=FIRST, number=1, outcome="accepted", wamid="wamid.1")
        add(tx, "notifications", id="n1", subject_id=FIRST, batch_id="n1", state=2)
        add(tx, "delivery_attempts", id="d1", notification_id="n1")

    await api.context.change(write, account_id=None)


async def test_messages_are_listed_and_searched_without_numbers_in_urls(api: Api) -> None:
    await _messages(api)

    listed = (await api.get("/messages?limit=1")).json
    rest = (await api.get(f"/messages?limit=1&cursor={listed['next_cursor']}")).json
    back = (await api.get(f"/messages?limit=1&cursor={rest['previous_cursor']}")).json
    by_status = (await api.get("/messages?status=read&status=failed&since=2001-01-01T00:00:00Z")).json
    searches = {
        name: (await api.post("/messages/search", json=search)).json
        for name, search in {
            "recipient": {"recipient": "12025550144"},
            "header": {"x-apiheader": "ticket-1"},
            "wamid": {"wamid": "wamid.1"},
            "nobody": {"recipient": "12025550149"},
            "source": {"source_id": "s", "statuses": ["waiting"]},
            "until": {"until": "2001-01-01T00:00:00Z"},
            "id": {"id": FIRST},
            "failed": {"failures": ["expired"], "failure_codes": [131_026]},
            "oldest": {"order": "oldest"},
        }.items()
    }

    assert [SECOND, FIRST] == [one["id"] for one in listed["items"] + rest["items"]]
    assert (listed["items"], None) == (back["items"], back["looked_to"])
    assert [FIRST] == [one["id"] for one in by_status["items"]]
    assert {
        "recipient": [SECOND],
        "header": [FIRST],
        "wamid": [FIRST],
        "nobody": [],
        "source": [SECOND],
        "until": [],
        "id": [FIRST],
        "failed": [],
        "oldest": [FIRST, SECOND],
    } == {name: [one["id"] for one in found["items"]] for name, found in searches.items()}
    assert ("waiting", "retry", "417-220") == tuple(
        listed["items"][0][name] for name in ("status", "wait_reason", "source")
    )
    assert (await api.get("/messages?status=lost")).status == 422


async def test_a_message_is_shown_with_everything_that_became_of_it(api: Api) -> None:
    await _messages(api)

    shown = (await api.get(f"/messages/{FIRST}")).json

    assert ("ticket-1", {"body": "hello", "preview_url": False}) == (shown["x-apiheader"], shown["content"])
    assert ["accepted by the gateway", "sent"] == [moment["status"] for moment in shown["timeline"]]
    assert [(1, "accepted")] == [(one["number"], one["outcome"]) for one in shown["tries"]]
    assert [("n1", "dead")] == [(one["id"], one["state"]) for one in shown["notifications"]]
    assert [("n1", 500)] == [(one["notification_id"], one["http_status"]) for one in shown["deliveries"]]


async def test_a_cancelled_message_is_told_to_subscribers_once(api: Api) -> None:
    await _messages(api)
    hook = (await api.post("/webhooks", json={"url": "https://hooks.example.org/"})).json["id"]

    cancelled = await api.post(f"/messages/{SECOND}/cancel")
    again = await api.post(f"/messages/{SECOND}/cancel")
    late = await api.post(f"/messages/{FIRST}/cancel")

    entries = Sql("SELECT entry FROM notifications WHERE endpoint_id = :id")
    told = await api.context.read(
        lambda tx: [orjson.loads(row[0]) for row in tx.rows(entries, id=hook)], account_id=None
    )
    assert (200, "cancelled", "cancelled") == (cancelled.status, cancelled.json["status"], cancelled.json["failure"])
    assert "cancelled" == cancelled.json["timeline"][-1]["status"]
    assert (409, 409) == (again.status, late.status)
    assert [(SECOND, "failed", "8015", "417-220")] == [
        (one["ncmessage_id"], one["status"], one["status_remark"][:4], one["source"]) for one in told
    ]
    assert {"notify", "dispatch"} <= set(api.woken)


async def test_files_and_inbound_messages_are_listed_page_by_page(api: Api) -> None:
    def write(tx):
        for n in range(3):
            add(tx, "media_assets", id=f"m{n}", created_at_us=NOW_US + n)
            add(tx, "inbound_messages", id=f"01c17ac6-a3d0-7000-8000-00000000000{n}", provider_id=f"w{n}")

    await api.context.change(write, account_id=None)

    media = (await api.get("/media?limit=2")).json
    rest = (await api.get(f"/media?limit=2&cursor={media['next_cursor']}")).json
    inbound = (await api.get("/inbound-messages?limit=2")).json
    older = (await api.get(f"/inbound-messages?limit=2&cursor={inbound['next_cursor']}")).json

    assert ["m2", "m1", "m0"] == [one["id"] for one in media["items"] + rest["items"]]
    assert ["w2", "w1", "w0"] == [one["provider_id"] for one in inbound["items"] + older["items"]]
    assert (await api.get("/media?cursor=nonsense")).status == 422


async def test_consents_are_checked_exported_and_followed_back(api: Api) -> None:
    one, two = "12025550143", "12025550144"
    for action in (ConsentAction.OPTIN, ConsentAction.OPTOUT):
        write = ConsentWrite(
            account_id="a",
            action=action,
            evidence=tuple(ConsentEvidence(recipient=each, source="WEB") for each in (one, two)),
            now_us=NOW_US,
        )
        await api.context.change(lambda tx, write=write: record_consents(tx, api.context.ids, [write]), account_id=None)

    checked = (await api.post("/consents/check", json={"recipients": ["+12025550143", one, "12025550149"]})).json
    first = (await api.post("/consents/export", json={"limit": 1})).json
    second = (await api.post("/consents/export", json={"limit": 1, "cursor": first["next_cursor"]})).json
    history = (await api.post("/consents/history", json={"recipient": one, "limit": 1})).json
    older = (
        await api.post("/consents/history", json={"recipient": one, "limit": 5, "cursor": history["next_cursor"]})
    ).json

    assert [(one, "opted_out", "WEB")] == [(c["recipient"], c["state"], c["source"]) for c in checked["items"]]
    assert [one, two] == [c["recipient"] for c in first["items"] + second["items"]]
    assert ["optout", "optin"] == [entry["action"] for entry in history["items"] + older["items"]]
    assert (await api.post("/consents/check", json={"recipients": []})).status == 422


async def test_consents_and_their_history_are_streamed_as_files(api: Api) -> None:
    people = [f"1202555{number:04d}" for number in range(2100)]
    for start in range(0, len(people), 1000):
        write = ConsentWrite(
            account_id="a",
            action=ConsentAction.OPTIN,
            evidence=tuple(
                ConsentEvidence(recipient=each, source="WEB", user_agent='a "quoted", agent', ip="198.51.100.20")
                for each in people[start : start + 1000]
            ),
            now_us=NOW_US,
        )
        await api.context.change(lambda tx, write=write: record_consents(tx, api.context.ids, [write]), account_id=None)

    as_csv = await api.post("/consents/file", json={})
    as_json = await api.post("/consents/file", json={"content": "history", "form": "json"})

    rows = list(csv.DictReader(io.StringIO(as_csv.body.decode())))
    assert (as_csv.headers["content-type"], as_csv.headers["content-disposition"]) == (
        "text/csv; charset=utf-8",
        'attachment; filename="consents.csv"',
    )
    assert people == [row["recipient"] for row in rows]
    assert rows[7] == {
        "recipient": people[7],
        "state": "opted_in",
        "is_implied": "false",
        "is_blocklisted": "false",
        "source": "WEB",
        "user_agent": 'a "quoted", agent',
        "ip": "198.51.100.20",
        "changed_at": rows[7]["changed_at"],
    }
    assert [(who, "optin") for who in people] == [(entry["recipient"], entry["action"]) for entry in as_json.json]
    assert (await api.post("/consents/file", json={"form": "xml"})).status == 422
    of_nobody = await api.call("POST", "/consents/file", key="b", json={"form": "json"})
    assert of_nobody.json == []


async def test_the_overview_shows_queues_webhooks_and_recent_outcomes(api: Api) -> None:
    source = await api.post(
        "/sources",
        json={
            "name": "Shop",
            "phone_number": "12025550199",
            "phone_number_id": "p",
            "waba_id": "w",
            "access_token": "t",
        },
    )
    hook = (await api.post("/webhooks", json={"url": "https://hooks.example.org/"})).json["id"]
    await api.post(f"/webhooks/{hook}/test")
    now_us = api.context.clock.now_us()
    for state in (MessageState.QUEUED, MessageState.QUEUED, MessageState.READ, MessageState.SCHEDULED):
        message_id = api.context.ids.new()
        await api.context.change(
            lambda tx, message_id=message_id, state=state: add(
                tx, "messages", id=message_id, source_id=source.json["id"], state=int(state), accepted_at_us=now_us
            ),
            account_id=None,
        )

    shown = (await api.get("/overview")).json

    assert [("Shop", 2, 0)] == [(queue["name"], queue["queued"], queue["waiting"]) for queue in shown["queues"]]
    assert shown["queues"][0]["oldest_queued_at"] is not None
    assert [(hook, 1, 0)] == [(load["webhook_id"], load["pending"], load["dead"]) for load in shown["webhooks"]]
    assert shown["scheduled"] == 1
    assert ({"queued": 2, "read": 1, "scheduled": 1}, True) == (
        shown["recent"]["by_status"],
        shown["recent"]["is_complete"],
    )
