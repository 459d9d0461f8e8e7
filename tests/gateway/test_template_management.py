"""Templates managed through the contract: listed, made, changed and deleted, here and at the provider."""

import io
import json

import aiohttp
import pytest
from tests.isolation.conftest import _PNG_REST

BODY = {"type": "BODY", "text": "Dear {{1}}, it is ready.", "example": {"body_text": [["Noor"]]}}
NEW = {"category": "utility", "name": "wheel_ready", "language": "en", "components": [BODY]}
PNG = b"\x89PNG\r\n\x1a\n" + _PNG_REST
V2 = "/api/v2/metainfo/template"
V3 = "/api/v3/metainfo"


async def made(house, path=f"{V2}/create", method="POST", **request):
    status, answer = await house.call(method, path, **request)
    assert (200, "success") == (status, answer["status"]), answer
    return answer["data"]


async def refused(house, method, path, **request):
    status, answer = await house.call(method, path, **request)
    assert (200, "failure") == (status, answer["status"]), answer
    return answer["error"]["code"], answer["error"]["message"]


async def graph(house, method, path, **request):
    headers = {"Authorization": f"Bearer {house.demo.account.access_token}"}
    return await house.sandbox(method, f"/v25.0/{path}", headers=headers, **request)


async def test_a_template_is_made_shown_changed_and_deleted_through_the_contract(house):
    first = await made(house, json=NEW | {"allow_category_change": True})
    assert {"id": first["id"], "status": "PENDING", "category": "UTILITY"} == first
    wrapped = {"meta_payload": NEW | {"name": "wheel_trued", "language": "en_US", "components": [BODY]}}
    second = await made(house, f"{V3}/template/create", json=wrapped | {"nc_payload": {"a": 1}})

    # At once, whatever the mirror's next reading says later.
    [status] = await made(house, f"{V2}/status?templatename=wheel_ready", "GET")
    assert {"name", "language", "status", "category", "id"} == set(status)
    assert ("wheel_ready", "en", first["id"]) == (status["name"], status["language"], status["id"])
    assert [{"name": "wheel_ready", "language": "en", "components": [BODY]}] == await made(
        house, f"{V2}/preview?templatename=wheel_ready", "GET"
    )
    [full] = await made(house, f"{V3}/template/status?templateid={second['id']}", "GET")
    assert "wheel_trued" == full["name"]
    assert {"quality", "rejected_reason"} <= set(full)

    every = await made(house, f"{V2}/list?language=english&limit=100&template_type=1,2", "GET")
    names = [one["name"] for one in every["templates"]]
    assert {"wheel_ready", "wheel_trued"} <= set(names)
    page = await made(house, f"{V2}/list?language=english&limit=1&offset=1&template_type=1,2", "GET")
    assert ([names[1]], len(names), 1, 1) == (
        [one["name"] for one in page["templates"]],
        page["total"],
        page["limit"],
        page["offset"],
    )
    page = await made(house, f"{V3}/template/list?language=EN_us&template_name=WHEEL_TRUED", "GET")
    assert 1 == page["total"]
    assert set(names).isdisjoint(
        one["name"] for one in (await made(house, f"{V2}/list?template_type=3", "GET"))["templates"]
    )
    assert 0 == (await made(house, f"{V2}/list?status=Rejected", "GET"))["total"]

    async def is_approved():
        listed = await graph(house, "GET", f"{first['id']}?fields=status")
        return listed["status"] == "APPROVED"

    await house.eventually(is_approved)
    changed = {"meta_payload": {"name": "wheel_ready", "components": [{"type": "BODY", "text": "It is ready."}]}}
    assert first["id"] == (await made(house, f"{V3}/template/edit", "PUT", json=changed))["id"]
    assert "It is ready." == (await graph(house, "GET", first["id"]))["components"][0]["text"]

    async def is_approved_again():
        listed = await graph(house, "GET", f"{first['id']}?fields=status")
        return listed["status"] == "APPROVED"

    await house.eventually(is_approved_again)
    await made(house, f"{V3}/template/edit_category?template_name=wheel_ready&new_category=marketing")
    assert "MARKETING" == (await graph(house, "GET", first["id"]))["category"]
    assert "MARKETING" == (await made(house, f"{V2}/status?templatename=wheel_ready", "GET"))[0]["category"]

    gone = await made(house, f"{V3}/template/delete", json={"name": "wheel_ready"})
    assert {"name": "wheel_ready", "languages": ["en"]} == gone
    assert ("8009", "Invalid Template") == await refused(house, "GET", f"{V2}/status?templatename=wheel_ready")
    left = await graph(house, "GET", f"{house.demo.account.waba_id}/message_templates?fields=name")
    assert "wheel_trued" in {one["name"] for one in left["data"]}
    assert "wheel_ready" not in {one["name"] for one in left["data"]}

    _, log = await house.call("GET", "/manage/v1/audit")
    actions = [entry["action"] for entry in log["items"] if entry["action"].startswith("template.")]
    assert ["template.delete", "template.change", "template.change", "template.create", "template.create"] == actions


@pytest.mark.parametrize("database_url", ["migrated_sqlite_url"], indirect=True)
async def test_what_cannot_be_is_refused_in_the_contracts_words(house):
    await made(house, json=NEW)

    assert ("8006", "name is invalid") == await refused(house, "POST", f"{V2}/create", json=NEW)
    body = NEW | {"name": "other", "components": [{"type": "BODY", "text": "Dear {{1}}"}]}
    assert ("8006", "components is invalid") == await refused(house, "POST", f"{V2}/create", json=body)
    for query, error in (
        ("status", ("8001", "Required parameter is missing")),
        ("status?templatename=", ("8006", "templatename cannot be null or blank")),
        ("preview?templatename=no", ("8009", "Invalid Template")),
        ("status?templatename=%00", ("8001", "Required parameter is missing")),
        ("list?status=%00", ("8001", "Required parameter is missing")),
        ("list?limit=0", ("8006", "limit is invalid")),
        ("list?offset=x", ("8006", "offset is invalid")),
        ("list?template_type=9", ("8006", "template_type can only be 1/2/3.")),
        ("list?source=no", ("8004", "Client details not found")),
    ):
        assert error == await refused(house, "GET", f"{V2}/{query}"), query
    edit = f"{V3}/template/edit"
    for method, path, request, error in (
        ("POST", f"{V2}/create", {"source": "no"} | NEW, "8004 Client details not found"),
        ("PUT", edit, {"meta_payload": {"name": "no", "category": "UTILITY"}}, "8009 Invalid Template"),
        (
            "PUT",
            edit,
            {"meta_payload": {"name": "wheel_ready", "language": "de", "category": "UTILITY"}},
            "8011 Invalid Template language",
        ),
        ("POST", f"{V3}/template/delete", {"name": "no"}, "8009 Invalid Template"),
        (
            "POST",
            f"{V3}/template/delete",
            {"name": "wheel_ready", "language": "de"},
            "8011 Invalid Template language",
        ),
        ("POST", f"{V3}/template/delete", {"name": "wheel_ready", "source": "no"}, "8004 Client details not found"),
        (
            "PUT",
            edit,
            {"source": "no", "template_id": 1, "meta_payload": {"category": "UTILITY"}},
            "8004 Client details not found",
        ),
        ("POST", f"{V3}/template/edit_category", {}, "8001 Required parameter is missing"),
        ("POST", f"{V3}/template/edit_category?x=%00", {}, "8001 Required parameter is missing"),
    ):
        assert tuple(error.split(" ", 1)) == await refused(house, method, path, json=request), (path, request)

    await house.sandbox(
        "POST", "/sandbox/faults", json={"kind": "graph_error", "code": 80007, "target": "objects", "count": 50}
    )
    assert ("8005", "Technical error occurred") == await refused(
        house, "POST", f"{V2}/create", json=NEW | {"name": "another"}
    )


@pytest.mark.parametrize("database_url", ["migrated_sqlite_url"], indirect=True)
async def test_numbers_samples_and_webhooks_are_managed_by_v3(house):
    described = await made(house, f"{V3}/template/display_number_details", "GET")
    assert ("VERIFIED", "GREEN", f"+{house.source_phone}", "Demo shop") == (
        described["verified_status"],
        described["quality_rating"],
        described["whatsapp_number"],
        described["business_name"],
    )
    assert {"client_name": "Demo shop", "client_profile_url": ""} == await made(house, f"{V3}/profiledetails", "GET")
    assert {"code": "UTILITY", "name": "Utility"} in await made(house, f"{V3}/template/categorylist", "GET")
    assert {"code": "en_US", "name": "English (US)"} in await made(house, f"{V3}/template/languagelist", "GET")

    def form(kind="image", data=PNG):
        sent = aiohttp.FormData()
        sent.add_field("format", kind)
        sent.add_field("file", io.BytesIO(data), filename="bike.png", content_type="image/png")
        return sent

    upload = f"{V3}/template/create_media_handler"
    sample = await made(house, upload, data=form())
    assert sample["sample_id"].startswith("4::")
    assert (200, PNG) == await house.call("GET", "/api/v2/media/" + sample["url"].rpartition("/")[2])
    _, metrics = await house.call("GET", "/metrics")
    assert f"waypost_media_stored_bytes_total {float(len(PNG))}" in metrics.decode()
    header = {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": [sample["sample_id"]]}}
    await made(house, json=NEW | {"components": [header, BODY]})
    listed = await made(house, f"{V2}/list?template_type=2", "GET")
    assert "wheel_ready" in {one["name"] for one in listed["templates"]}
    assert ("8008", "Invalid Media id or bad media") == await refused(house, "POST", upload, data=form("video"))
    assert ("8006", "format can only be image/video/document.") == await refused(
        house, "POST", upload, data=form("gif")
    )
    assert ("8001", "Required parameter is missing") == await refused(house, "POST", upload, json={})
    path = f"{upload}?source=no"
    assert ("8004", "Client details not found") == await refused(house, "POST", path, data=form())
    for path in ("template/display_number_details", "profiledetails"):
        assert "8004" == (await refused(house, "GET", f"{V3}/{path}?source=no"))[0]

    [incoming, event] = await made(house, f"{V3}/webhook/list_webhook", "GET")
    assert ("incoming", "event", "enable") == (incoming["type"], event["type"], event["status"])
    url = f"{house.sandbox_url}/inspector/webhooks?shop=1"
    change = {"type": "event", "name": "inspector", "url": url, "headers": json.dumps({"X-Shop": "north"})}
    updated = await made(house, f"{V3}/webhook/update_webhook", json=change | {"source": house.source_id})
    assert {"name": "inspector", "url": url, "status": "enable", "type": "event"} == updated
    assert [event | {"url": url}] == await made(house, f"{V3}/webhook/list_webhook?type=event", "GET")
    _, [shown] = (
        (await house.call("GET", "/manage/v1/webhooks"))[0],
        (await house.call("GET", "/manage/v1/webhooks"))[1]["items"],
    )
    assert (["X-Shop"], [house.source_id]) == (shown["header_names"], shown["source_ids"])
    for changed, error in (
        ({"name": "nobody"}, "8006 name is invalid"),
        ({"url": "ftp://example.org"}, "8006 url is invalid"),
        ({"headers": "{"}, "8006 headers is invalid"),
        ({"headers": '{"Host":"x"}'}, "8006 headers is invalid"),
        ({"headers": {"X-A": 1}}, "8006 headers is invalid"),
        ({"source": "no"}, "8004 Client details not found"),
        ({"type": "notice"}, "8006 type can only be incoming/event."),
    ):
        assert tuple(error.split(" ", 1)) == await refused(
            house, "POST", f"{V3}/webhook/update_webhook", json=change | changed
        )
    assert ("8006", "type can only be incoming/event.") == await refused(
        house, "GET", f"{V3}/webhook/list_webhook?type=x"
    )


@pytest.mark.parametrize("database_url", ["migrated_sqlite_url"], indirect=True)
async def test_templates_are_managed_by_the_manage_api(house):
    def manage(method, path="", **request):
        return house.call(method, f"/manage/v1/templates{path}", **request)

    buttons = {
        "type": "BUTTONS",
        "buttons": [
            {"type": "URL", "text": "Look", "url": "https://shop.example.org/{{1}}", "example": ["x"]},
            {"type": "COPY_CODE", "text": "Copy", "example": "SAVE"},
        ],
    }
    header = {"type": "HEADER", "format": "TEXT", "text": "For {{1}}", "example": {"header_text": ["Noor"]}}
    new = NEW | {"components": [header, BODY, {"type": "FOOTER", "text": "The shop"}, buttons]}
    status, first = await manage("POST", json=new)
    assert 201 == status, first
    assert (201, "UTILITY", "PENDING") == (status, first["category"], first["status"])
    _, second = await manage("POST", json=NEW | {"language": "de", "source_id": house.source_id})
    status, problem = await manage("POST", json=NEW)
    assert (422, "body.name") == (status, problem["faults"][0]["place"])
    assert "provider refuses" in problem["detail"]
    assert 422 == (await manage("POST", json=NEW | {"source_id": "no"}))[0]
    assert 422 == (await manage("POST", json=NEW | {"components": [{"text": "x"}]}))[0]

    _, page = await manage("GET", "?limit=1")
    _, rest = await manage("GET", f"?limit=1&cursor={page['next_cursor']}")
    assert page["items"][0]["id"] < rest["items"][0]["id"]
    _, german = await manage("GET", f"?language=German&name=WHEEL_READY&source_id={house.source_id}")
    assert [second["id"]] == [one["id"] for one in german["items"]]
    assert 422 == (await manage("GET", "?source_id=no"))[0]
    assert 404 == (await manage("GET", "/no"))[0]

    values = {"parameters": ["Ms Sato", "Noor"], "buttons": [{"index": 0, "value": "b/52"}, {"index": 1, "value": "C"}]}
    _, shown = await manage("POST", f"/{first['id']}/preview", json=values)
    assert ("For Ms Sato", "Dear Noor, it is ready.", "The shop") == (shown["header"], shown["body"], shown["footer"])
    assert ["https://shop.example.org/b/52", "C"] == [one["target"] for one in shown["buttons"]]
    status, _ = await manage("POST", f"/{first['id']}/preview", json={"parameters": ["a", "b", "c"]})
    assert 422 == status

    async def both_are_approved():
        _, page = await manage("GET", "?status=approved&category=utility&name=wheel_ready")
        return 2 == len(page["items"])

    await house.eventually(both_are_approved)
    assert 422 == (await manage("PATCH", f"/{first['id']}", json={}))[0]
    status, after = await manage("PATCH", f"/{first['id']}", json={"components": [{"type": "BODY", "text": "Ready."}]})
    assert (200, "Ready.") == (status, after["components"][0]["text"])
    assert 204 == (await manage("DELETE", f"/{second['id']}"))[0]
    assert (await manage("GET", f"/{first['id']}"))[0] == 200
    assert 204 == (await manage("DELETE", f"/{first['id']}?all_languages=true"))[0]
    assert [] == (await manage("GET", "?name=wheel_ready"))[1]["items"]


@pytest.mark.parametrize("database_url", ["migrated_sqlite_url"], indirect=True)
async def test_what_the_provider_says_of_a_change_is_told_as_a_problem(house):
    def manage(method, path="", **request):
        return house.call(method, f"/manage/v1/templates{path}", **request)

    account = house.demo.account
    elsewhere = {"name": "made_elsewhere", "language": "en", "category": "UTILITY", "components": [BODY]}
    await graph(house, "POST", f"{account.waba_id}/message_templates", json=elsewhere)
    _, lists = await manage("POST", "/sync", json={"source_id": house.source_id})
    assert [account.waba_id] == [one["waba_id"] for one in lists["items"]]

    async def is_mirrored():
        return 1 == len((await manage("GET", "?name=made_elsewhere"))[1]["items"])

    await house.eventually(is_mirrored)
    await house.call("PATCH", f"/manage/v1/sources/{house.source_id}", json={"access_token": "wrong"})
    status, problem = await manage("POST", json=NEW | {"name": "never"})
    assert (409, True) == (status, "token" in problem["detail"])
    await house.call("PATCH", f"/manage/v1/sources/{house.source_id}", json={"access_token": account.access_token})
    for code, expected in ((80007, 429), (131000, 502), (132007, 409)):
        rule = {"kind": "graph_error", "code": code, "target": "objects", "count": 50}
        made_rule = await house.sandbox("POST", "/sandbox/faults", json=rule)
        status, problem = await manage("POST", json=NEW | {"name": "never"})
        assert expected == status, problem
        await house.sandbox("DELETE", f"/sandbox/faults/{made_rule['id']}")
    [one] = (await manage("GET", "?name=made_elsewhere"))[1]["items"]
    await house.call("PATCH", f"/manage/v1/sources/{house.source_id}", json={"waba_id": "1"})
    status, problem = await manage("DELETE", f"/{one['id']}")
    assert (409, True) == (status, "business account" in problem["detail"])
