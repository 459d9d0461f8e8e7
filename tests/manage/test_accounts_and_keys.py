"""Accounts and keys over the manage API."""

from tests.manage.conftest import Api


async def test_an_operator_makes_changes_and_disables_an_account(api: Api) -> None:
    made = await api.post("/accounts", key="operator", json={"name": "Bicycle shop", "skip_optin": True})
    path = f"/accounts/{made.json['id']}"
    changed = await api.call(
        "PATCH", path, key="operator", json={"stop_words": ["HALT"], "requests_per_second_max": 5, "name": "Workshop"}
    )
    unset = await api.call("PATCH", path, key="operator", json={"requests_per_second_max": None})
    disabled = await api.post(f"{path}/disable", key="operator")
    enabled = await api.post(f"{path}/enable", key="operator")

    assert (201, True, ["STOP", "UNSUBSCRIBE", "OPT OUT", "CANCEL"]) == (
        made.status,
        made.json["skip_optin"],
        made.json["stop_words"],
    )
    assert ("Workshop", ["HALT"], 5.0, True) == (
        changed.json["name"],
        changed.json["stop_words"],
        changed.json["requests_per_second_max"],
        changed.json["skip_optin"],
    )
    assert unset.json["requests_per_second_max"] is None
    assert disabled.json["disabled_at"] is not None
    assert enabled.json == unset.json == (await api.get(path, key="operator")).json


async def test_accounts_are_listed_page_by_page(api: Api) -> None:
    first = (await api.get("/accounts?limit=2", key="operator")).json
    second = (await api.get(f"/accounts?limit=2&cursor={first['next_cursor']}", key="operator")).json

    assert ["a", "b", "operator"] == [one["id"] for one in first["items"] + second["items"]]
    assert second["next_cursor"] is None


async def test_a_disabled_account_is_shut_out_and_an_operator_cannot_shut_itself_out(api: Api) -> None:
    await api.post("/accounts/b/disable", key="operator")

    assert (await api.get("/keys", key="b")).status == 401
    assert (await api.post("/accounts/operator/disable", key="operator")).status == 409


async def test_an_account_sees_itself_only(api: Api) -> None:
    assert "a" == (await api.get("/account")).json["id"]
    assert (await api.get("/accounts/a")).status == 403


async def test_a_key_is_shown_once_works_and_ends(api: Api) -> None:
    made = await api.post("/keys", json={"name": "shop", "scopes": ["keys:read"], "expires_at": "2101-01-01T00:00:00Z"})
    key, key_id = made.json["key"], made.json["id"]

    listed = (await api.get("/keys", key=key)).json["items"]
    shown = (await api.get(f"/keys/{key_id}", key=key)).json
    revoked = await api.post(f"/keys/{key_id}/revoke")
    again = await api.post(f"/keys/{key_id}/revoke")

    assert made.status == 201
    assert shown in listed
    assert "key" not in shown
    assert revoked.json == again.json
    assert (await api.get("/keys", key=key)).status == 401


async def test_a_key_gives_no_scope_that_it_does_not_have(api: Api) -> None:
    writer = await api.key("keys:write", "messages:read")

    granted = await api.post("/keys", key=writer, json={"name": "x", "scopes": ["messages:read"]})
    refused = await api.post("/keys", key=writer, json={"name": "x", "scopes": ["messages:send"]})
    operator = await api.post("/keys", json={"name": "x", "scopes": ["manage"]})

    assert (201, 403, 403) == (granted.status, refused.status, operator.status)
    assert "messages:send" in refused.json["detail"]


async def test_an_operator_makes_keys_for_accounts_but_none_of_its_own_kind(api: Api) -> None:
    made = await api.post("/keys", key="operator", account="b", json={"name": "x", "scopes": ["account:read"]})
    refused = await api.post("/keys", key="operator", account="b", json={"name": "x", "scopes": ["manage"]})

    assert "b" == (await api.get("/account", key=made.json["key"])).json["id"]
    assert refused.status == 403


async def test_every_change_is_in_the_audit_log_of_its_account(api: Api) -> None:
    made = await api.post("/keys", json={"name": "x", "scopes": ["keys:read"]})
    await api.post(f"/keys/{made.json['id']}/revoke")

    first = (await api.get("/audit?limit=1")).json
    second = (await api.get(f"/audit?limit=1&cursor={first['next_cursor']}")).json
    entries = first["items"] + second["items"]

    assert ["key.revoke", "key.create"] == [entry["action"] for entry in entries]
    assert {made.json["id"]} == {entry["target"] for entry in entries}
    assert {f"key:{api.keys['a'].split('_')[1]}"} == {entry["actor"] for entry in entries}
    assert [] == (await api.get("/audit", key="b")).json["items"]


async def test_a_key_may_end_with_time_itself(api: Api) -> None:
    end = "9999-12-31T23:59:59-23:59"

    made = await api.post("/keys", json={"name": "shop", "scopes": ["keys:read"], "expires_at": end})

    assert (201, "9999-12-31T23:59:59Z") == (made.status, made.json["expires_at"])
