"""Who is let in, what is read, and how refusals are worded."""

import pytest
from tests.manage.conftest import Api

from waypost.store.engine import StoreUnavailableError
from waypost.web.auth import SCOPES
from waypost.web.manage.app import build_manage_app
from waypost.web.manage.guarding import PREFIX


async def test_without_a_right_key_nothing_is_answered(api: Api) -> None:
    answers = [
        await api.get("/keys", key=None),
        await api.get("/keys", key="wp_wrong"),
        await api.get("/keys", key=None, headers={"Authorization": "Basic abc"}),
        await api.post("/keys", key=None, body=b"{", headers={"Content-Type": "application/json"}),
        await api.get(f"/keys?api_key={api.keys['a']}", key=None),
    ]

    assert [answer.status for answer in answers] == [401] * 5
    assert all(answer.headers["WWW-Authenticate"].startswith("Bearer") for answer in answers)
    assert all(answer.headers["Content-Type"] == "application/problem+json" for answer in answers)


async def test_a_problem_says_what_is_wrong_and_what_to_do(api: Api) -> None:
    problem = (await api.get("/sources/nope")).json

    assert {"type", "title", "status", "detail", "hint", "id"} == set(problem)
    assert (problem["type"], problem["status"]) == ("urn:waypost:problem:not-found", 404)


async def test_bad_keys_are_throttled_after_fifty_tries(api: Api) -> None:
    statuses = [(await api.get("/keys", key="wp_wrong")).status for _ in range(51)]
    right = await api.get("/keys")
    late = await api.get("/keys", key="wp_wrong")

    assert statuses == [401] * 50 + [429]
    assert int(late.headers["Retry-After"]) >= 1
    assert right.status == 200


async def test_a_key_does_only_what_its_scopes_allow(api: Api) -> None:
    reader = await api.key("sources:read")

    assert (await api.get("/sources", key=reader)).status == 200
    for method, path in (("POST", "/sources"), ("GET", "/keys"), ("GET", "/accounts"), ("DELETE", "/sources/x")):
        answer = await api.call(method, path, key=reader)
        assert (answer.status, answer.json["type"].rpartition(":")[2]) == (403, "forbidden")


async def test_every_route_has_a_scope_and_is_closed_to_a_key_without_it(api: Api) -> None:
    bare = await api.key("media:write")
    routes = [
        (method, path, operation["operationId"])
        for path, methods in build_manage_app(api.context).openapi()["paths"].items()
        for method, operation in methods.items()
    ]
    assert len(routes) > 40

    for method, path, operation in routes:
        assert path.startswith(PREFIX)
        assert operation in SCOPES
        answer = await api.call(method.upper(), path.removeprefix(PREFIX), key=bare)
        assert answer.status == 403, operation


async def test_a_revoked_key_is_refused_at_once(api: Api) -> None:
    key = await api.key("keys:read", "keys:write")
    key_id = key.split("_")[1]

    revoked = await api.post(f"/keys/{key_id}/revoke")

    assert revoked.status == 200
    assert (await api.get("/keys", key=key)).status == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[" * 100_000, 400),
        (b'{"name":' + b"9" * 5_000 + b"}", 400),
        (b'{"name":"\\ud800"}', 400),
        (b'{"name":"a\\u0000b"}', 400),
        (b'{"name":NaN}', 400),
        (b"\xff\xfe", 400),
        (b"[]", 422),
        (b'"x"', 422),
        (b"null", 422),
        (b"", 422),
        (b'{"name":"x","scopes":["messages:send"],"account_id":"b"}', 422),
        (b'{"name":"x","scopes":["messages:steal"]}', 422),
        (b'{"name":"","scopes":["messages:send"]}', 422),
        (b'{"name":"x","scopes":[]}', 422),
        (b'{"name":"x","scopes":["messages:send"],"expires_at":"2001-01-01T00:00:00Z"}', 422),
        (b'{"name":"x","scopes":["messages:send"],"expires_at":"2031-01-01T00:00:00"}', 422),
    ],
)
async def test_a_bad_body_is_refused_in_words_and_never_a_defect(api: Api, body: bytes, status: int) -> None:
    answer = await api.post("/keys", body=body, headers={"Content-Type": "application/json"})

    assert answer.status == status
    assert answer.json["hint"]
    assert b"Traceback" not in answer.body


async def test_faults_name_their_place(api: Api) -> None:
    problem = (await api.post("/keys", json={"name": "x", "scopes": ["messages:send"], "status": 1})).json

    assert problem["faults"] == [{"place": "body.status", "message": "Extra inputs are not permitted"}]


async def test_a_body_that_is_not_json_or_too_large_is_refused(api: Api) -> None:
    typed = await api.post("/keys", body=b"{}", headers={"Content-Type": "text/plain"})
    large = await api.post(
        "/keys",
        body=b" " * (api.context.settings.limits.other_body_bytes_max + 1),
        headers={"Content-Type": "application/json"},
    )

    assert (typed.status, large.status) == (415, 413)


async def test_unknown_paths_and_methods_have_problems_of_their_own(api: Api) -> None:
    unknown = await api.get("/nothing")
    method = await api.call("DELETE", "/keys")

    assert (unknown.status, unknown.json["detail"]) == (404, "There is no such path.")
    assert method.status == 405
    assert method.json["type"].endswith("method-not-allowed")
    assert "GET" in method.headers["Allow"]


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "cursor=" + "x" * 601])
async def test_pages_are_bounded(api: Api, query: str) -> None:
    assert (await api.get(f"/keys?{query}")).status == 422
    assert (await api.get(f"/messages?{query}")).status == 422
    assert (await api.get("/keys?limit=200")).status == 200


@pytest.mark.parametrize("path", ["keys", "messages", "inbound-messages", "sources", "webhooks", "audit"])
async def test_any_cursor_within_the_bound_is_taken(api: Api, path: str) -> None:
    assert (await api.get(f"/{path}?cursor=" + "x" * 600)).status == 200


async def test_the_export_of_consents_goes_on_behind_the_longest_recipient(api: Api) -> None:
    cursor = "US." + "1" * 509

    assert (await api.post("/consents/export", json={"cursor": cursor})).status == 200


async def test_an_id_with_a_nul_is_not_found(api: Api) -> None:
    assert (await api.get("/sources/a%00b")).status == 404
    assert (await api.get("/keys?cursor=a%00b")).status == 404


async def test_only_an_operator_may_name_an_account(api: Api) -> None:
    own = await api.get("/sources", account="a")
    foreign = await api.get("/sources", account="b")
    absent = await api.get("/sources", account="nobody")
    operator = await api.get("/account", key="operator", account="b")
    nobody = await api.get("/account", key="operator", account="nobody")

    assert own.status == 200
    assert (foreign.status, absent.status) == (403, 403)
    assert foreign.json["detail"] == absent.json["detail"]
    assert (operator.status, operator.json["id"]) == (200, "b")
    assert nobody.status == 404


async def test_answers_are_not_kept_by_anyone(api: Api) -> None:
    for answer in (await api.get("/keys"), await api.get("/keys", key=None), await api.get("/nothing")):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Server" not in answer.headers


async def test_a_lost_database_is_503_and_a_defect_500_without_detail(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(_operation: object, **_options: object) -> None:
        raise StoreUnavailableError("secret detail")

    async def broken(_operation: object, **_options: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(api.context.database, "read", lost)
    unavailable = await api.get("/keys")
    monkeypatch.setattr(api.context.database, "read", broken)
    defect = await api.get("/keys")

    assert (unavailable.status, unavailable.headers["Retry-After"]) == (503, "2")
    assert defect.status == 500
    assert b"secret detail" not in unavailable.body + defect.body
