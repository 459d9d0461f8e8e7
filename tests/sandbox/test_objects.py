"""Numbers, accounts and templates as Graph objects."""

from typing import Any

import pytest

from .conftest import NUMBER, NUMBER_ID, TOKEN, WABA, World

TEMPLATE: dict[str, Any] = {
    "name": "order_ready",
    "language": "en_US",
    "category": "UTILITY",
    "components": [
        {"type": "BODY", "text": "Hello {{1}}, order {{2}} is ready.", "example": {"body_text": [["Ann", "17"]]}}
    ],
}


def send_of(*texts: str, name: str = "order_ready", language: str = "en_US") -> dict[str, Any]:
    parameters = [{"type": "text", "text": text} for text in texts]
    components = [{"type": "body", "parameters": parameters}]
    return {"type": "template", "template": {"name": name, "language": {"code": language}, "components": components}}


async def approved(world: World, **changes: Any) -> str:
    status, made = await world.call("POST", f"/v23.0/{WABA}/message_templates", {**TEMPLATE, **changes})
    assert status == 200, made
    assert made["status"] == "PENDING"
    events = lambda: [v for v in world.receiver.values() if v.get("event") == "APPROVED"]  # noqa: E731
    await world.receiver.until(events)
    return str(made["id"])


async def test_a_number_shows_the_fields_asked_for(world: World) -> None:
    _, default = await world.call("GET", f"/v23.0/{NUMBER_ID}")
    _, asked = await world.call("GET", f"/v23.0/{NUMBER_ID}?fields=status,throughput,health_status")

    assert default["display_phone_number"] == f"+{NUMBER}"
    assert set(asked) == {"id", "status", "throughput", "health_status"}
    assert asked["status"] == "CONNECTED"


async def test_a_field_that_is_not_there_is_refused(world: World) -> None:
    status, answer = await world.call("GET", f"/v23.0/{NUMBER_ID}?fields=shoe_size")

    assert (status, answer["error"]["code"]) == (400, 100)


@pytest.mark.parametrize("path", ["/v23.0/123456", f"/v23.0/{NUMBER_ID}/dreams", f"/{WABA}/dreams", "/a/b/c", "/"])
async def test_what_is_not_there_answers_100_with_subcode_33(world: World, path: str) -> None:
    status, answer = await world.call("GET", path)

    assert status == 400
    assert (answer["error"]["code"], answer["error"]["error_subcode"]) == (100, 33)


async def test_an_account_lists_its_numbers_by_pages(world: World) -> None:
    await world.call(
        "PUT", "/sandbox/numbers/110000000000002", {"display_phone_number": "12025550101", "waba_id": WABA}
    )

    _, first = await world.call("GET", f"/v23.0/{WABA}/phone_numbers?limit=1")
    after = first["paging"]["cursors"]["after"]
    _, second = await world.call("GET", f"/v23.0/{WABA}/phone_numbers?limit=1&after={after}")

    assert [page["data"][0]["id"] for page in (first, second)] == [NUMBER_ID, "110000000000002"]
    assert "next" in first["paging"]
    assert "next" not in second["paging"]
    assert (await world.call("GET", f"/v23.0/{WABA}/phone_numbers?after=x"))[1]["error"]["code"] == 131059


async def test_the_profile_is_kept(world: World) -> None:
    path = f"/v23.0/{NUMBER_ID}/whatsapp_business_profile"
    body = {"messaging_product": "whatsapp", "about": "open", "websites": ["https://shop.invalid/"]}

    assert await world.call("POST", path, body) == (200, {"success": True})

    _, answer = await world.call("GET", path)
    assert answer["data"][0]["about"] == "open"
    assert (await world.call("POST", path, {"about": "x" * 140}))[1]["error"]["code"] == 131009
    assert (await world.call("POST", path, {"websites": ["a", "b", "c"]}))[1]["error"]["code"] == 131009


async def test_settings_and_blocked_users_are_kept(world: World) -> None:
    await world.call("POST", f"/{NUMBER_ID}/settings", {"user_identity_change": {"enable_identity_key_check": True}})
    assert "user_identity_change" in (await world.call("GET", f"/{NUMBER_ID}/settings"))[1]

    users = {"messaging_product": "whatsapp", "block_users": [{"user": "12025550143"}]}
    await world.call("POST", f"/{NUMBER_ID}/block_users", users)
    assert (await world.call("GET", f"/{NUMBER_ID}/block_users"))[1]["data"][0]["wa_id"] == "12025550143"
    await world.call("DELETE", f"/{NUMBER_ID}/block_users", users)
    assert (await world.call("GET", f"/{NUMBER_ID}/block_users"))[1] == {"data": []}
    assert (await world.call("POST", f"/{NUMBER_ID}/block_users", {}))[1]["error"]["code"] == 131008


async def test_a_template_is_approved_told_and_sent(world: World) -> None:
    template_id = await approved(world)

    _, shown = await world.call("GET", f"/v23.0/{template_id}?fields=name,status")
    assert shown == {"id": template_id, "name": "order_ready", "status": "APPROVED"}
    (event,) = [value for value in world.receiver.values() if value.get("event") == "APPROVED"]
    assert event["message_template_id"] == int(template_id)
    assert event["reason"] is None
    _, answer = await world.send(send_of("Ann", "17"))
    assert answer["messages"][0]["message_status"] == "accepted"
    wamid = answer["messages"][0]["id"]
    await world.receiver.until(lambda: "read" in world.receiver.words(wamid))


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (send_of("Ann"), 132000),
        (send_of("Ann", "17", "more"), 132000),
        (send_of("Ann", "17", language="de"), 132001),
        (send_of("Ann", "17", name="ghost"), 132001),
        (send_of("Ann", "x" * 5000), 132005),
    ],
    ids=["too few", "too many", "language", "name", "too long"],
)
async def test_a_template_is_checked_when_sent(world: World, message: dict[str, Any], code: int) -> None:
    await approved(world)

    _, answer = await world.send(message)

    assert answer["error"]["code"] == code


async def test_a_picture_header_wants_a_picture(world: World) -> None:
    header = {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["4::x"]}}
    await approved(world, components=[header, *TEMPLATE["components"]])

    _, answer = await world.send(send_of("Ann", "17"))

    assert answer["error"]["code"] == 132012


@pytest.mark.parametrize(("status", "code"), [("PAUSED", 132015), ("DISABLED", 132016), ("REJECTED", 132001)])
async def test_a_template_out_of_use_cannot_be_sent(world: World, status: str, code: int) -> None:
    template_id = await approved(world)
    await world.call("PUT", f"/sandbox/templates/{template_id}", {"status": status, "reason": "INVALID_FORMAT"})

    _, answer = await world.send(send_of("Ann", "17"))

    assert answer["error"]["code"] == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": "Order Ready"}, 131009),
        ({"category": "NEWS"}, 131009),
        ({"components": [{"type": "FOOTER", "text": "x"}]}, 131008),
        ({"components": [{"type": "BODY", "text": "x" * 1025}]}, 131009),
        ({"components": [{"type": "BODY", "text": "Hi {{1}}"}]}, 100),
        ({"language": None}, 131008),
        ({"components": "none"}, 100),
    ],
    ids=["name", "category", "no body", "long body", "no example", "no language", "no list"],
)
async def test_a_template_that_cannot_be_is_refused(world: World, changes: dict[str, Any], code: int) -> None:
    _, answer = await world.call("POST", f"/v23.0/{WABA}/message_templates", {**TEMPLATE, **changes})

    assert answer["error"]["code"] == code


async def test_templates_are_listed_edited_and_deleted(world: World) -> None:
    template_id = await approved(world)
    _, again = await world.call("POST", f"/v23.0/{WABA}/message_templates", TEMPLATE)
    assert again["error"]["error_subcode"] == 2388024

    path = f"/v23.0/{WABA}/message_templates"
    _, listed = await world.call("GET", f"{path}?name=order_ready&fields=name,status")
    assert [one["id"] for one in listed["data"]] == [template_id]
    assert (await world.call("GET", f"{path}?status=REJECTED"))[1]["data"] == []
    _, edited = await world.call("POST", f"/v23.0/{template_id}", {"category": "MARKETING"})
    assert edited["success"]
    await world.receiver.until(lambda: sum(v.get("event") == "APPROVED" for v in world.receiver.values()) == 2)
    assert (await world.call("GET", f"/{template_id}"))[1]["category"] == "MARKETING"

    assert (await world.call("DELETE", f"{path}?name=order_ready"))[0] == 200

    assert (await world.call("DELETE", f"{path}?name=order_ready"))[0] == 400
    assert (await world.call("GET", f"/{template_id}"))[1]["error"]["error_subcode"] == 33


async def test_the_name_of_a_deleted_template_is_blocked_in_its_language(world: World) -> None:
    await approved(world)
    path = f"/v23.0/{WABA}/message_templates"
    await world.call("DELETE", f"{path}?name=order_ready")

    _, again = await world.call("POST", path, TEMPLATE)
    other, _ = await world.call("POST", path, {**TEMPLATE, "language": "de"})

    assert again["error"]["error_subcode"] == 2388023
    assert other == 200


async def test_a_sample_is_uploaded_in_a_session_of_its_own(world: World) -> None:
    headers = {"Authorization": f"OAuth {TOKEN}", "file_offset": "0"}
    query = "file_name=a.png&file_length=4&file_type=image/png"
    status, session = await world.call("POST", f"/v23.0/app/uploads?{query}")
    assert status == 200

    async with world.http.post(f"{world.url}/v23.0/{session['id']}", data=b"more!", headers=headers) as answer:
        assert answer.status == 400
    async with world.http.post(f"{world.url}/v23.0/{session['id']}", data=b"four", headers=headers) as answer:
        handle = (await answer.json())["h"]
    _, progress = await world.call("GET", f"/v23.0/{session['id']}")

    assert handle.startswith("4::")
    assert progress == {"id": session["id"], "file_offset": 4}
    assert (await world.call("GET", "/v23.0/app"))[1]["name"] == "Sandbox app"
    for path in ("/v23.0/upload:unknown", "/v23.0/app/nothing"):
        assert (await world.call("GET", path))[1]["error"]["error_subcode"] == 33
    for wrong in ("file_length=4", "file_length=-1&file_type=a/b", "file_length=4&file_type=png"):
        assert (await world.call("POST", f"/v23.0/app/uploads?{wrong}"))[0] == 400
    later = {**headers, "file_offset": "2"}
    async with world.http.post(f"{world.url}/v23.0/{session['id']}", data=b"four", headers=later) as answer:
        assert answer.status == 400


async def test_who_opted_out_of_marketing_gets_no_marketing_template(world: World) -> None:
    await approved(world, category="MARKETING")
    await world.set_phone(opted_out=True)

    wamid = await world.send_wamid(send_of("Ann", "17"))

    await world.receiver.until(lambda: world.receiver.words(wamid))
    assert world.receiver.statuses(wamid)[0]["errors"][0]["code"] == 131050
