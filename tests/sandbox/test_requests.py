"""What POST /messages refuses, and with which error."""

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any

import pytest

from .conftest import NUMBER, NUMBER_ID, PHONE, TOKEN, WABA, World, text

BUTTON = {"type": "reply", "reply": {"id": "1", "title": "Yes"}}


def interactive(**changes: Any) -> dict[str, Any]:
    whole = {"type": "button", "body": {"text": "Choose"}, "action": {"buttons": [BUTTON]}, **changes}
    return {"type": "interactive", "interactive": whole}


def a_list(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return interactive(type="list", action={"button": "Open", "sections": [{"title": "One", "rows": rows}]})


REFUSED = {
    "no product": ({"messaging_product": None}, 100),
    "no recipient": ({"to": None}, 100),
    "recipient is not text": ({"to": 12025550143}, 100),
    "recipient is no number": ({"to": "+12"}, 131009),
    "recipient is the sender": ({"to": f"+{NUMBER}"}, 131021),
    "unknown recipient type": ({"recipient_type": "crowd"}, 100),
    "a group nobody made": ({"recipient_type": "group", "to": "Z3JvdXA="}, 131041),
    "unknown type": ({"type": "hologram"}, 100),
    "type without its object": ({"type": "image"}, 131008),
    "text without body": ({"text": {}}, 131008),
    "text of spaces": ({"text": {"body": "  "}}, 131008),
    "text that is a number": ({"text": {"body": 5}}, 100),
    "text too long": (text("x" * 4097), 100),
    "opaque data too long": ({"biz_opaque_callback_data": "x" * 513}, 131009),
    "context without id": ({"context": {}}, 131008),
    "image without id or link": ({"type": "image", "image": {}}, 131008),
    "image with id and link": ({"type": "image", "image": {"id": "1", "link": "http://127.0.0.1/a"}}, 131009),
    "image with a strange id": ({"type": "image", "image": {"id": "abc"}}, 131009),
    "image nobody uploaded": ({"type": "image", "image": {"id": "1234567890123456"}}, 131009),
    "link that is no URL": ({"type": "image", "image": {"link": "ftp://127.0.0.1/a"}}, 100),
    "caption too long": ({"type": "image", "image": {"link": "http://127.0.0.1/a", "caption": "x" * 1025}}, 131009),
    "caption on audio": ({"type": "audio", "audio": {"link": "http://127.0.0.1/a", "caption": "x"}}, 100),
    "location without longitude": ({"type": "location", "location": {"latitude": "1"}}, 131008),
    "location beyond the pole": ({"type": "location", "location": {"latitude": 91, "longitude": 0}}, 131009),
    "location in words": ({"type": "location", "location": {"latitude": "north", "longitude": 0}}, 131009),
    "no contacts": ({"type": "contacts", "contacts": []}, 131009),
    "contact without name": ({"type": "contacts", "contacts": [{"phones": []}]}, 131008),
    "reaction without target": ({"type": "reaction", "reaction": {"emoji": "👍"}}, 131008),
    "reaction with words": ({"type": "reaction", "reaction": {"message_id": "wamid.x", "emoji": "ok"}}, 131009),
    "four buttons": (interactive(action={"buttons": [BUTTON] * 4}), 131009),
    "two equal buttons": (interactive(action={"buttons": [BUTTON] * 2}), 131009),
    "long button": (
        interactive(action={"buttons": [{"type": "reply", "reply": {"id": "1", "title": "x" * 21}}]}),
        131009,
    ),
    "buttons without body": (interactive(body=None), 131008),
    "eleven rows": (a_list([{"id": str(i), "title": "row"} for i in range(11)]), 131009),
    "equal rows": (a_list([{"id": "1", "title": "row"}] * 2), 131009),
    "unknown interactive": (interactive(type="puzzle"), 100),
    "cta without URL": (
        interactive(type="cta_url", action={"name": "cta_url", "parameters": {"display_text": "Go", "url": "x"}}),
        131009,
    ),
    "flow without cta": (
        interactive(type="flow", action={"name": "flow", "parameters": {"flow_message_version": "3", "flow_id": "1"}}),
        131008,
    ),
    "one card": (interactive(type="carousel", action={"cards": [{"type": "cta_url", "action": {}}]}), 131009),
    "template nobody made": (
        {"type": "template", "template": {"name": "ghost", "language": {"code": "en_US"}}},
        132001,
    ),
    "template without language": ({"type": "template", "template": {"name": "ghost"}}, 131008),
    "pin outside of a group": ({"type": "pin", "pin": {"type": "pin", "message_id": "wamid.x"}}, 131009),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_bad_message_is_refused_with_the_code_that_names_its_fault(world: World, case: str) -> None:
    changes, code = REFUSED[case]
    message = {"messaging_product": "whatsapp", "to": f"+{PHONE}", **text(), **changes}

    body = {name: value for name, value in message.items() if value is not None}
    _, answer = await world.call("POST", f"/v23.0/{NUMBER_ID}/messages", body)

    error = answer["error"]
    assert error["code"] == code
    assert error["message"].startswith(f"(#{code}) ")
    assert error["type"] == "OAuthException"
    assert error["fbtrace_id"].startswith("A")
    assert error["error_data"]["messaging_product"] == "whatsapp"


ACCEPTED: dict[str, dict[str, Any]] = {
    "location": {"type": "location", "location": {"latitude": "52.5", "longitude": "13.4", "name": "There"}},
    "contacts": {"type": "contacts", "contacts": [{"name": {"formatted_name": "A Person", "first_name": "A"}}]},
    "buttons": interactive(),
    "list": a_list([{"id": "1", "title": "row", "description": "words"}]),
    "cta": interactive(
        type="cta_url",
        action={"name": "cta_url", "parameters": {"display_text": "Go", "url": "https://shop.invalid/"}},
    ),
    "location request": interactive(type="location_request_message", action={"name": "send_location"}),
    "reply": {**text(), "context": {"message_id": "wamid.x"}},
    "text without type": {"type": None, "text": {"body": "hi"}},
}


@pytest.mark.parametrize("case", ACCEPTED)
async def test_every_kind_of_message_is_accepted_and_delivered(open_world: World, case: str) -> None:
    body = {name: value for name, value in {**text(), **ACCEPTED[case]}.items() if value is not None}
    message = {"messaging_product": "whatsapp", "to": f"+{PHONE}", **body}

    status, answer = await open_world.call("POST", f"/{NUMBER_ID}/messages", message)

    assert status == 200, answer
    assert answer["contacts"] == [{"input": f"+{PHONE}", "wa_id": PHONE}]
    wamid = answer["messages"][0]["id"]
    await open_world.receiver.until(lambda: "read" in open_world.receiver.words(wamid))


@pytest.mark.parametrize("version", ["/v23.0", "/v19.0", ""])
async def test_any_version_or_none_may_be_asked(open_world: World, version: str) -> None:
    message = {"messaging_product": "whatsapp", "to": f"+{PHONE}", **text()}

    status, _ = await open_world.call("POST", f"{version}/{NUMBER_ID}/messages", message)

    assert status == 200


@pytest.mark.parametrize("token", [None, "another-token"])
async def test_a_missing_or_unknown_token_is_refused_with_190(world: World, token: str | None) -> None:
    status, answer = await world.call("POST", f"/v23.0/{NUMBER_ID}/messages", text(), token=token)

    assert status == 401
    assert answer["error"]["code"] == 190


async def test_an_expired_token_is_refused_until_it_is_good_again(world: World) -> None:
    await world.call("PUT", f"/sandbox/tokens/{TOKEN}", {"expired": True})

    status, answer = await world.send()
    assert (status, answer["error"]["code"], answer["error"]["error_subcode"]) == (401, 190, 463)

    await world.call("PUT", f"/sandbox/tokens/{TOKEN}", {"expired": False})
    status, _ = await world.send()
    assert status == 200


async def test_an_unknown_number_is_no_object(world: World) -> None:
    status, answer = await world.call("POST", "/v23.0/999/messages", {"messaging_product": "whatsapp", **text()})

    assert status == 400
    assert (answer["error"]["code"], answer["error"]["error_subcode"]) == (100, 33)


async def test_a_token_does_not_see_the_numbers_of_another_account(world: World) -> None:
    other = {"display_phone_number": "12025550101", "waba_id": "999000", "access_token": "other"}
    await world.call("PUT", "/sandbox/numbers/110000000000002", other)

    _, answer = await world.call("POST", f"/v23.0/{NUMBER_ID}/messages", text(), token="other")

    assert answer["error"]["error_subcode"] == 33


async def test_a_number_that_is_not_registered_cannot_send(world: World) -> None:
    await world.call("POST", f"/v23.0/{NUMBER_ID}/deregister", {})
    _, answer = await world.send()
    assert answer["error"]["code"] == 133010

    await world.call("POST", f"/v23.0/{NUMBER_ID}/register", {"messaging_product": "whatsapp", "pin": "123456"})
    status, _ = await world.send()
    assert status == 200


async def test_a_body_that_is_not_json_is_refused(world: World) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with world.http.post(f"{world.url}/{NUMBER_ID}/messages", data=b"{", headers=headers) as response:
        answer = await response.json()

    assert response.status == 400
    assert answer["error"]["code"] == 100


async def test_marking_read_shows_on_the_phone_and_marks_what_came_before(world: World) -> None:
    first = await world.phone_writes(text("one"))
    second = await world.phone_writes(text("two"))
    body = {"messaging_product": "whatsapp", "status": "read", "message_id": second["wamid"]}

    status, answer = await world.call(
        "POST", f"/v23.0/{NUMBER_ID}/messages", {**body, "typing_indicator": {"type": "text"}}
    )

    assert (status, answer) == (200, {"success": True})
    thread = await world.phone_messages("?direction=sent")
    assert [message["wamid"] for message in thread] == [first["wamid"], second["wamid"]]
    assert all(message["ticks"]["read"] for message in thread)
    assert thread[1]["typing"]


async def test_marking_an_unknown_message_read_is_refused(world: World) -> None:
    body = {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.x"}

    status, answer = await world.call("POST", f"/v23.0/{NUMBER_ID}/messages", body)

    assert (status, answer["error"]["code"]) == (400, 131009)


async def test_a_wamid_has_the_form_seen_in_the_wild(open_world: World) -> None:
    wamid = await open_world.send_wamid()

    import base64

    raw = base64.b64decode(wamid.removeprefix("wamid."))
    assert raw[:2] == b"\x1c\x18"
    assert raw[3 : 3 + raw[2]] == PHONE.encode()
    assert raw[3 + raw[2] :].startswith(b"\x15\x02\x00\x11\x18")


async def test_the_account_is_the_one_registered(world: World) -> None:
    _, answer = await world.call("GET", f"/v23.0/{WABA}")

    assert answer["id"] == WABA


A_REPLY = {"buttons": [{"type": "quick_reply", "quick_reply": {"id": "yes", "title": "Yes"}}]}
A_LINK = {"name": "cta_url", "parameters": {"display_text": "Look", "url": "https://shop.invalid/"}}


def carousel_of(*actions: dict[str, Any]) -> dict[str, Any]:
    header = {"type": "image", "image": {"link": "https://shop.invalid/a.jpg"}}
    cards = [
        {"card_index": place, "type": "cta_url", "header": header, "body": {"text": "x"}, "action": action}
        for place, action in enumerate(actions)
    ]
    return interactive(type="carousel", action={"cards": cards})


MORE_INTERACTIVE: dict[str, tuple[dict[str, Any], int]] = {
    "good flow": (
        interactive(
            type="flow",
            header={"type": "text", "text": "Head"},
            footer={"text": "Foot"},
            action={
                "name": "flow",
                "parameters": {"flow_message_version": "3", "flow_id": "1", "flow_cta": "Open"},
            },
        ),
        200,
    ),
    "good product": (
        {
            "type": "interactive",
            "interactive": {"type": "product", "action": {"catalog_id": "1", "product_retailer_id": "a"}},
        },
        200,
    ),
    "good product list": (
        interactive(
            type="product_list",
            header={"type": "text", "text": "Head"},
            action={
                "catalog_id": "1",
                "sections": [{"title": "S", "product_items": [{"product_retailer_id": "a"}]}],
            },
        ),
        200,
    ),
    "good carousel": (
        interactive(
            type="carousel",
            action={
                "cards": [
                    {"card_index": i, "type": "product", "action": {"catalog_id": "1", "product_retailer_id": f"{i}"}}
                    for i in (0, 1)
                ]
            },
        ),
        200,
    ),
    "carousel of replies": (carousel_of(A_REPLY, A_REPLY), 200),
    "carousel of links": (carousel_of(A_LINK, A_LINK), 200),
    "carousel of replies and links": (carousel_of(A_REPLY, A_LINK), 131009),
    "carousel with a long reply": (
        carousel_of(*({"buttons": [{"type": "quick_reply", "quick_reply": {"id": "i" * 21, "title": "Yes"}}]},) * 2),
        131009,
    ),
    "carousel out of order": (
        interactive(type="carousel", action={"cards": [{"card_index": 1, "type": "product"}] * 2}),
        131009,
    ),
    "products of two catalogues": (
        interactive(
            type="carousel",
            action={
                "cards": [
                    {
                        "card_index": i,
                        "type": "product",
                        "action": {"catalog_id": f"{i}", "product_retailer_id": "1"},
                    }
                    for i in (0, 1)
                ]
            },
        ),
        131009,
    ),
    "address of no country": (
        interactive(type="address_message", action={"name": "address_message", "parameters": {}}),
        131008,
    ),
    "two emoji": ({"type": "reaction", "reaction": {"message_id": "wamid.x", "emoji": "👍🎉"}}, 131009),
    "an emoji of several": ({"type": "reaction", "reaction": {"message_id": "wamid.x", "emoji": "👩🏽‍🔧"}}, 200),
    "a flag": ({"type": "reaction", "reaction": {"message_id": "wamid.x", "emoji": "🇮🇳"}}, 200),
    "picture header": (interactive(header={"type": "image", "image": {"link": "https://shop.invalid/a.jpg"}}), 200),
    "header with id and link": (interactive(header={"type": "image", "image": {"id": "1", "link": "x"}}), 131009),
    "header of no kind": (interactive(header={"type": "smell"}), 131009),
    "product list without header": (interactive(type="product_list", action={"catalog_id": "1"}), 131008),
    "too many products": (
        interactive(
            type="product_list",
            header={"type": "text", "text": "Head"},
            action={
                "catalog_id": "1",
                "sections": [{"title": "S", "product_items": [{"product_retailer_id": "a"}] * 20}] * 2,
            },
        ),
        131009,
    ),
    "section that is no object": (
        interactive(type="list", action={"button": "Open", "sections": ["rows"]}),
        100,
    ),
    "row that is no object": (a_list(["row"]), 100),  # type: ignore[list-item]
    "card of no kind": (interactive(type="carousel", action={"cards": [{"card_index": 0, "type": "ace"}] * 2}), 131009),
    "card that is no object": (interactive(type="carousel", action={"cards": [1, 2]}), 100),
    "wrong action name": (interactive(type="location_request_message", action={"name": "stay"}), 131009),
    "button of another kind": (interactive(action={"buttons": [{"type": "url"}]}), 131009),
    "flow of another version": (
        interactive(type="flow", action={"name": "flow", "parameters": {"flow_message_version": "2"}}),
        131009,
    ),
    "flow by id and name": (
        interactive(
            type="flow",
            action={"name": "flow", "parameters": {"flow_message_version": "3", "flow_id": "1", "flow_name": "n"}},
        ),
        131009,
    ),
    "no type": (interactive(type=None), 131008),
    "no object": ({"type": "interactive", "interactive": "button"}, 100),
    "long footer": (interactive(footer={"text": "x" * 61}), 131009),
    "text is no object": ({"text": "hi"}, 100),
    "preview is no boolean": ({"text": {"body": "hi", "preview_url": "yes"}}, 100),
    "recipient id is no text": ({"to": None, "recipient": 5}, 100),
    "recipient id is unknown": ({"to": None, "recipient": "US.1"}, 131009),
    "voice is no boolean": ({"type": "audio", "audio": {"link": "http://127.0.0.1/a", "voice": 1}}, 100),
    "contact is no object": ({"type": "contacts", "contacts": ["Ann"]}, 100),
    "contact with phones in words": (
        {"type": "contacts", "contacts": [{"name": {"formatted_name": "A"}, "phones": "many"}]},
        100,
    ),
    "reaction without emoji": ({"type": "reaction", "reaction": {"message_id": "wamid.x"}}, 131008),
    "reaction as reply": (
        {"type": "reaction", "reaction": {"message_id": "w", "emoji": ""}, "context": {"message_id": "w"}},
        131009,
    ),
    "components are no objects": (
        {"type": "template", "template": {"name": "x", "language": {"code": "en"}, "components": [1]}},
        100,
    ),
    "pin of no kind": ({"type": "pin", "pin": {"type": "nail", "message_id": "w"}}, 131009),
}


@pytest.mark.parametrize("case", MORE_INTERACTIVE)
async def test_rich_messages_are_looked_at_part_by_part(world: World, case: str) -> None:
    changes, expected = MORE_INTERACTIVE[case]
    message = {"messaging_product": "whatsapp", "to": f"+{PHONE}", **text(), **changes}
    body = {name: value for name, value in message.items() if value is not None}

    status, answer = await world.call("POST", f"/v23.0/{NUMBER_ID}/messages", body)

    assert (status if status == 200 else answer["error"]["code"]) == expected


async def test_the_token_may_stand_in_the_query(world: World) -> None:
    message = {"messaging_product": "whatsapp", "to": f"+{PHONE}", **text()}

    status, _ = await world.call("POST", f"/{NUMBER_ID}/messages?access_token={TOKEN}", message, token=None)

    assert status == 200


async def test_a_body_that_is_too_large_or_not_an_object_is_refused(world: World) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    for raw in (io.BytesIO(b'{"a":"' + b"x" * (5 << 20) + b'"}'), io.BytesIO(b"[]")):
        async with world.http.post(f"{world.url}/{NUMBER_ID}/messages", data=raw, headers=headers) as response:
            answer = await response.json()

        assert answer["error"]["code"] == 100


async def test_a_body_may_come_in_chunks(world: World) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"messaging_product":"whatsapp","to":"+12025550143",'
        await asyncio.sleep(0)
        yield b'"type":"text","text":{"body":"hi"}}'

    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with world.http.post(f"{world.url}/{NUMBER_ID}/messages", data=chunks(), headers=headers) as response:
        assert response.status == 200


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"status": "read", "message_id": "w"}, 100),
        ({"messaging_product": "whatsapp", "status": "eaten", "message_id": "w"}, 100),
        ({"messaging_product": "whatsapp", "status": "read"}, 131008),
    ],
)
async def test_a_read_receipt_is_checked(world: World, body: dict[str, Any], code: int) -> None:
    _, answer = await world.call("POST", f"/{NUMBER_ID}/messages", body)

    assert answer["error"]["code"] == code
