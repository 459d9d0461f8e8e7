"""Sources and webhooks over the manage API."""

from typing import Any

import orjson
import pytest
from tests.manage.conftest import Api
from tests.store.rows import NOW_US, add

from waypost.store.inspecting_webhooks import list_pending
from waypost.store.statements import Sql

SOURCE = {
    "name": "Shop",
    "phone_number": "+1 (202) 555-0199",
    "phone_number_id": "pn1",
    "waba_id": "w1",
    "access_token": "token-canary",
    "app_secret": "secret-canary",
}
HOOK = {"url": "https://hooks.example.org/in?x=1", "headers": {"X-Shop": "header-canary"}}
DEAD = Sql("UPDATE notifications SET state = 2, ended_at_us = 1 WHERE id = :id")


async def _source(api: Api, **members: Any) -> str:
    answer = await api.post("/sources", json={**SOURCE, **members})
    assert answer.status == 201, answer.body
    found: str = answer.json["id"]
    return found


async def _hook(api: Api, **members: Any) -> str:
    answer = await api.post("/webhooks", json={**HOOK, **members})
    assert answer.status == 201, answer.body
    found: str = answer.json["id"]
    return found


async def test_a_source_is_made_changed_and_deleted_and_its_secrets_are_never_told(api: Api) -> None:
    made = await api.post("/sources", json=SOURCE)
    path = f"/sources/{made.json['id']}"
    changed = await api.call(
        "PATCH",
        path,
        json={"name": "Workshop", "pace": {"rate_per_second": 10, "burst": 2}, "app_secret": "new-canary"},
    )
    unset = await api.call("PATCH", path, json={"pace": None})
    listed = await api.get("/sources")
    shown = await api.get(path)
    deleted = await api.call("DELETE", path)
    gone = await api.call("DELETE", path)

    assert ("12025550199", "meta", True) == (
        made.json["phone_number"],
        made.json["provider"],
        made.json["is_default"],
    )
    assert len(made.json["verify_token"]) >= 24
    assert ("Workshop", {"rate_per_second": 10.0, "burst": 2}) == (changed.json["name"], changed.json["pace"])
    assert changed.json["app_secret_old_until"] is not None
    assert unset.json["pace"] is None
    assert [unset.json] == listed.json["items"] == [shown.json]
    assert not any(b"canary" in answer.body for answer in (made, changed, unset, listed, shown))
    assert (204, 404) == (deleted.status, gone.status)


async def test_a_source_pauses_with_a_reason_and_resumes_with_a_nudge(api: Api) -> None:
    source_id = await _source(api)

    paused = await api.post(f"/sources/{source_id}/pause", json={"reason": "under review"})
    plain = await api.post(f"/sources/{source_id}/pause")
    in_memory = api.context.directory.now.sources[source_id].paused_reason
    resumed = await api.post(f"/sources/{source_id}/resume")

    assert ["under review", "paused by hand", None] == [one.json["paused_reason"] for one in (paused, plain, resumed)]
    assert in_memory == "paused by hand"
    assert "dispatch" in api.woken


async def test_a_number_connected_elsewhere_is_a_conflict(api: Api) -> None:
    await _source(api)
    other = await _source(api, phone_number_id="pn2")

    again = await api.post("/sources", key="b", json=SOURCE)
    moved = await api.call("PATCH", f"/sources/{other}", json={"phone_number_id": "pn1"})

    assert (409, 409) == (again.status, moved.status)


@pytest.mark.parametrize(
    "members",
    [
        {"phone_number": "12"},
        {"phone_number": "call me"},
        {"phone_number_id": "../me"},
        {"waba_id": ""},
        {"access_token": "with space"},
        {"access_token": "line\nbreak"},
        {"provider": "elsewhere"},
        {"pace": {"rate_per_second": 0, "burst": 1}},
        {"pace": {"rate_per_second": 1}},
        {"is_default": "yes, please"},
        {"paused_reason": "x"},
        {"account_id": "b"},
    ],
)
async def test_a_source_against_the_rules_is_refused(api: Api, members: dict[str, Any]) -> None:
    answer = await api.post("/sources", json={**SOURCE, **members})

    assert answer.status == 422
    assert b"with space" not in answer.body


async def test_a_webhook_is_made_changed_and_deleted_and_its_secrets_are_told_once(api: Api) -> None:
    source_id = await _source(api)
    made = await api.post("/webhooks", json={**HOOK, "source_ids": [source_id], "max_batch": 20})
    path = f"/webhooks/{made.json['id']}"
    changed = await api.call("PATCH", path, json={"source_ids": None, "timestamps": "unix", "kinds": ["event"]})
    bare = await api.call("PATCH", path, json={"headers": {}, "url": "https://other.example.org/", "name": "B"})
    rotated = await api.post(f"{path}/rotate-secret")
    disabled = await api.post(f"{path}/disable", json={"reason": "moving"})
    enabled = await api.post(f"{path}/enable")
    listed = await api.get("/webhooks")
    shown = await api.get(path)
    deleted = await api.call("DELETE", path)

    assert made.json["secret"].startswith("whsec_")
    assert ("hooks.example.org", ["X-Shop"], [source_id]) == (
        made.json["name"],
        made.json["header_names"],
        made.json["source_ids"],
    )
    assert (None, "unix", ["event"], 20) == tuple(
        changed.json[name] for name in ("source_ids", "timestamps", "kinds", "max_batch")
    )
    assert ([], "https://other.example.org/") == (bare.json["header_names"], bare.json["url"])
    assert rotated.json["secret"] != made.json["secret"]
    assert rotated.json["secret_old_until"] is not None
    assert ("moving", None) == (disabled.json["disabled_reason"], enabled.json["disabled_reason"])
    assert [shown.json] == listed.json["items"]
    assert not any(b"canary" in answer.body for answer in (made, changed, listed, shown))
    assert (204, 404) == (deleted.status, (await api.get(path)).status)


@pytest.mark.parametrize(
    "members",
    [
        {"url": "http://hooks.example.org/"},
        {"url": "https://127.0.0.1/"},
        {"url": "https://169.254.169.254/latest"},
        {"url": "https://0x7f000001/"},
        {"url": "https://user:pass@hooks.example.org/"},
        {"url": "https://hooks.example.org:22/"},
        {"url": "file:///etc/passwd"},
        {"url": ""},
        {"headers": {"Host": "elsewhere"}},
        {"headers": {"webhook-id": "mine"}},
        {"headers": {"X-A": "line\r\nbreak"}},
        {"headers": {f"X-{n}": "1" for n in range(21)}},
        {"source_ids": ["nobody"]},
        {"max_batch": 0},
        {"max_batch": 1001},
        {"kinds": []},
        {"kinds": ["everything"]},
        {"timestamps": "iso"},
        {"secret": "whsec_mine"},
    ],
)
async def test_a_webhook_against_the_rules_is_refused(api: Api, members: dict[str, Any]) -> None:
    made = await api.post("/webhooks", json={**HOOK, **members})
    changed = await api.call("PATCH", f"/webhooks/{await _hook(api)}", json=members)

    assert (422, 422) == (made.status, changed.status)


async def test_another_accounts_source_cannot_be_filtered_for(api: Api) -> None:
    source_id = await _source(api)

    foreign = await api.post("/webhooks", key="b", json={**HOOK, "source_ids": [source_id]})
    absent = await api.post("/webhooks", key="b", json={**HOOK, "source_ids": ["nobody"]})

    assert foreign.status == absent.status == 422
    assert foreign.json["detail"] == absent.json["detail"]


@pytest.mark.parametrize(
    ("kinds", "kind", "member"),
    [
        (["incoming", "event"], "event", "ncmessage_id"),
        (["incoming"], "incoming", "message_id"),
        (["notice"], "notice", "type"),
    ],
)
async def test_a_test_event_is_queued_like_any_other(api: Api, kinds: list[str], kind: str, member: str) -> None:
    hook = await _hook(api, kinds=kinds)

    queued = await api.post(f"/webhooks/{hook}/test")

    rows = await api.context.read(lambda tx: list_pending(tx, "a", hook, at_most=10), account_id=None)
    entry = Sql("SELECT entry FROM notifications WHERE id = :id")
    stored = await api.context.read(lambda tx: tx.one(entry, id=queued.json["notification_id"]), account_id=None)
    assert queued.status == 202
    assert [(queued.json["notification_id"], kind)] == [(row.id, row.kind) for row in rows]
    assert stored is not None
    assert member in orjson.loads(stored[0])
    assert "notify" in api.woken


async def test_dead_letters_are_listed_and_told_again_singly_and_by_span(api: Api) -> None:
    hook = await _hook(api)
    letters = [(await api.post(f"/webhooks/{hook}/test")).json["notification_id"] for _ in range(3)]
    await api.context.change(lambda tx: [tx.run(DEAD, id=letter) for letter in letters], account_id=None)
    await api.context.change(
        lambda tx: add(tx, "delivery_attempts", id="d", notification_id=letters[0], endpoint_id=hook), account_id=None
    )

    dead = (await api.get(f"/webhooks/{hook}/notifications?limit=2")).json
    rest = (await api.get(f"/webhooks/{hook}/notifications?cursor={dead['next_cursor']}")).json
    attempts = (await api.get(f"/webhooks/{hook}/notifications/{letters[0]}/attempts")).json
    one = await api.post(f"/webhooks/{hook}/notifications/{letters[0]}/replay")
    twice = await api.post(f"/webhooks/{hook}/notifications/{letters[0]}/replay")
    span = {"since": "2001-01-01T00:00:00Z", "until": "2101-01-01T00:00:00+02:00"}
    many = await api.post(f"/webhooks/{hook}/replay", json=span)
    pending = (await api.get(f"/webhooks/{hook}/notifications?state=pending")).json

    assert list(reversed(letters)) == [letter["id"] for letter in dead["items"] + rest["items"]]
    assert ("dead", None) == (dead["items"][0]["state"], dead["items"][0]["due_at"])
    assert [(500, "answered 500")] == [(one["http_status"], one["error"]) for one in attempts["items"]]
    assert (202, 1, 404) == (one.status, one.json["replayed"], twice.status)
    assert {"replayed": 2, "may_have_more": False} == many.json
    assert set(letters) == {letter["id"] for letter in pending["items"]}


async def test_nothing_is_told_to_a_disabled_webhook_on_request(api: Api) -> None:
    hook = await _hook(api)
    await api.post(f"/webhooks/{hook}/disable")
    span = {"since": "2001-01-01T00:00:00Z", "until": "2101-01-01T00:00:00Z"}

    assert (await api.post(f"/webhooks/{hook}/test")).status == 409
    assert (await api.post(f"/webhooks/{hook}/replay", json=span)).status == 409


async def test_a_span_of_time_must_be_one(api: Api) -> None:
    hook = await _hook(api)

    backwards = {"since": "2031-01-01T00:00:00Z", "until": "2031-01-01T00:00:00Z"}

    assert (await api.post(f"/webhooks/{hook}/replay", json=backwards)).status == 422
    assert (await api.post(f"/webhooks/{hook}/replay", json={})).status == 422
    assert NOW_US > 0
