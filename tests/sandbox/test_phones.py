"""The phones' control API."""

from typing import Any

import pytest

from .conftest import NUMBER, NUMBER_ID, PHONE, World, text

INBOUND: dict[str, Any] = {
    "location": {"latitude": 1.5, "longitude": 2, "name": "There"},
    "contacts": [{"name": {"formatted_name": "A Person"}, "phones": [{"phone": "+12025550199"}]}],
    "reaction": {"message_id": "wamid.x", "emoji": "👍"},
    "button": {"text": "Yes", "payload": "yes"},
    "order": {"catalog_id": "1", "product_items": [{"product_retailer_id": "a", "quantity": 1}]},
    "system": {"body": "changed", "type": "user_changed_number", "wa_id": "12025550177"},
    "edit": {"original_message_id": "wamid.x", "message": text()},
    "revoke": {"original_message_id": "wamid.x"},
}


@pytest.mark.parametrize("kind", INBOUND)
async def test_a_phone_writes_every_kind_of_message(world: World, kind: str) -> None:
    await world.phone_writes({"type": kind, kind: INBOUND[kind]})

    await world.receiver.until(world.receiver.messages)
    (message,) = world.receiver.messages()
    assert message["type"] == kind
    assert message[kind] == INBOUND[kind]
    assert message["timestamp"].isdecimal()
    assert ("contacts" in world.receiver.values()[0]) == (kind != "system")


@pytest.mark.parametrize("reply", ["button_reply", "list_reply", "nfm_reply"])
async def test_a_phone_answers_interactive_messages(world: World, reply: str) -> None:
    content = {"type": reply, reply: {"id": "1", "title": "Yes"}}

    await world.phone_writes({"type": "interactive", "interactive": content, "context": "wamid.asked"})

    await world.receiver.until(world.receiver.messages)
    (message,) = world.receiver.messages()
    assert message["interactive"] == content
    assert message["context"] == {"from": NUMBER, "id": "wamid.asked"}


async def test_an_unsupported_message_carries_its_error(world: World) -> None:
    await world.phone_writes({"type": "unsupported", "unsupported": {"type": "poll_creation"}})

    await world.receiver.until(world.receiver.messages)
    (message,) = world.receiver.messages()
    assert message["errors"][0]["code"] == 131051
    assert message["unsupported"] == {"type": "poll_creation"}


async def test_referral_forwarding_and_profile_name_are_told(world: World) -> None:
    more = {"referral": {"source_type": "ad", "ctwa_clid": "c"}, "context": {"forwarded": True}, "name": "Ann"}

    await world.phone_writes({**text(), **more})

    await world.receiver.until(world.receiver.messages)
    (message,) = world.receiver.messages()
    assert message["referral"] == more["referral"]
    assert message["context"] == {"forwarded": True}
    assert world.receiver.values()[0]["contacts"][0]["profile"] == {"name": "Ann"}


@pytest.mark.parametrize(
    "body",
    [
        {"to": NUMBER, "type": "hologram"},
        {"to": NUMBER, "type": "text"},
        {"to": NUMBER, "type": "image"},
        {"to": NUMBER, "type": "image", "image": {"data": "%%"}},
        {"to": NUMBER, "type": "location", "location": {}},
        {"to": NUMBER, "type": "location"},
        {"to": NUMBER, "type": "interactive", "interactive": {"type": "dance"}},
        {"to": NUMBER, "type": "interactive", "interactive": {"type": "button_reply"}},
        {"to": NUMBER, "type": "contacts"},
        {"to": NUMBER, "text": "hi", "timestamp": "soon"},
    ],
)
async def test_a_message_that_cannot_be_is_refused_with_a_hint(world: World, body: dict[str, Any]) -> None:
    status, answer = await world.call("POST", f"/sandbox/phones/{PHONE}/messages", body)

    assert status == 400
    assert set(answer) == {"error", "message", "hint"}


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("POST", f"/sandbox/phones/{PHONE}/messages", {"to": "999", "text": "hi"}, 404),
        ("POST", f"/sandbox/phones/{PHONE}/messages", {"to": NUMBER, "type": "image", "image": {"id": "9"}}, 404),
        ("PUT", f"/sandbox/phones/{PHONE}", {"reads": "sometimes"}, 400),
        ("PUT", f"/sandbox/phones/{PHONE}", {"color": "red"}, 400),
        ("PUT", f"/sandbox/phones/{PHONE}", [1], 400),
        ("POST", f"/sandbox/phones/{PHONE}/read", {"message_ids": "all"}, 400),
        ("GET", "/sandbox/phones/12", None, 400),
        ("GET", f"/sandbox/phones/{NUMBER}", None, 409),
        ("GET", f"/sandbox/phones/{PHONE}/messages?limit=0", None, 400),
        ("GET", f"/sandbox/phones/{PHONE}/messages?direction=up", None, 400),
        ("GET", "/sandbox/media/9", None, 404),
        ("GET", "/sandbox/nothing", None, 404),
        ("DELETE", "/sandbox/phones", None, 405),
        ("PUT", "/sandbox/tokens/x", {}, 400),
        ("PUT", "/sandbox/numbers/abc", {}, 400),
        ("PUT", "/sandbox/numbers/123", {}, 400),
        ("PUT", "/sandbox/numbers/123", {"display_phone_number": NUMBER}, 409),
        ("PUT", "/sandbox/numbers/123", {"display_phone_number": "12025550177", "rate": -1}, 400),
        ("PUT", "/sandbox/numbers/123", {"display_phone_number": "12025550177", "colour": 1}, 400),
        ("GET", "/sandbox/numbers/123", None, 404),
        ("PUT", "/sandbox/templates/1", {"status": "APPROVED"}, 404),
    ],
)
async def test_the_control_api_refuses_in_words(world: World, method: str, path: str, body: Any, expected: int) -> None:
    status, answer = await world.call(method, path, body)

    assert (status, set(answer)) == (expected, {"error", "message", "hint"})


async def test_an_unknown_phone_is_made_on_demand(world: World) -> None:
    status, phone = await world.call("GET", "/sandbox/phones/+1%20202%20555%200188")

    assert status == 200
    assert (phone["number"], phone["online"], phone["reads"], phone["on_whatsapp"]) == (
        "12025550188",
        True,
        "auto",
        True,
    )
    _, listed = await world.call("GET", "/sandbox/phones")
    assert [one["number"] for one in listed["phones"]] == ["12025550188"]


async def test_two_phones_cannot_share_a_wa_id(world: World) -> None:
    await world.set_phone(phone="12025550188")

    status, answer = await world.call("PUT", f"/sandbox/phones/{PHONE}", {"wa_id": "12025550188"})

    assert (status, answer["error"]) == (409, "taken")


async def test_a_thread_is_paged(world: World) -> None:
    for index in range(5):
        await world.phone_writes(text(str(index)))

    _, page = await world.call("GET", f"/sandbox/phones/{PHONE}/messages?after=1&limit=2")

    assert [message["message"]["text"]["body"] for message in page["messages"]] == ["1", "2"]
    assert (page["total"], page["next_after"]) == (5, 3)
    only = await world.phone_messages(f"?wamid={page['messages'][0]['wamid']}")
    assert len(only) == 1


async def test_a_message_may_name_the_number_by_its_id_or_not_at_all(world: World) -> None:
    assert (await world.phone_writes({**text(), "to": NUMBER_ID}))["business_number"] == NUMBER
    status, answer = await world.call("POST", f"/sandbox/phones/{PHONE}/messages", {"text": "hi"})
    assert (status, answer["business_number"]) == (201, NUMBER)


async def test_a_number_is_made_with_little_and_changed_in_part(world: World) -> None:
    status, made = await world.call(
        "PUT", "/sandbox/numbers/110000000000009", {"display_phone_number": "+1 202 555 0177"}
    )
    assert (status, made["display_phone_number"]) == (201, "12025550177")
    assert made["access_token"]
    assert made["app_secret"]

    status, changed = await world.call("PUT", "/sandbox/numbers/110000000000009", {"rate": 1000})

    assert (status, changed["rate"]) == (200, 1000)
    assert changed["access_token"] == made["access_token"]
    _, listed = await world.call("GET", "/sandbox/numbers")
    assert len(listed["numbers"]) == 2


async def test_the_home_page_shows_numbers_phones_and_commands(world: World) -> None:
    await world.set_phone(name="<Ann>")
    async with world.http.get(f"{world.url}/sandbox/") as response:
        page = await response.text()

    assert response.headers["Content-Type"].startswith("text/html")
    assert NUMBER in page
    assert f"+{PHONE}" in page
    assert "&lt;Ann&gt;" in page
    assert f"curl -s {world.url}/sandbox/phones/" in page
    for name, kind in (("style.css", "text/css"), ("icon.svg", "image/svg+xml")):
        assert f"/sandbox/{name}" in page
        async with world.http.get(f"{world.url}/sandbox/{name}") as response:
            assert response.status == 200
            assert response.headers["Content-Type"].startswith(kind)
