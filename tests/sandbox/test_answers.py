"""Phones answer what a message asks for."""

import json
from typing import Any

import pytest

from .conftest import NUMBER, PHONE, WABA, World
from .test_requests import A_REPLY, carousel_of, interactive

BODY = {"type": "BODY", "text": "Look."}
PRODUCT = {"catalog_id": "7001", "product_retailer_id": "helmet-1"}
SECTION = {
    "title": "S",
    "rows": [{"id": "r1", "title": "Brakes", "description": "Pads"}, {"id": "r2", "title": "Gears"}],
}


def named(kind: str, name: str, **parameters: Any) -> dict[str, Any]:
    return interactive(type=kind, action={"name": name, **({"parameters": parameters} if parameters else {})})


ASKED: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "button by title": (
        interactive(action={"buttons": [{"type": "reply", "reply": {"id": "am", "title": "Morning"}}]}),
        {"choose": "Morning"},
        {"interactive": {"type": "button_reply", "button_reply": {"id": "am", "title": "Morning"}}},
    ),
    "row by id": (
        interactive(type="list", action={"button": "Open", "sections": [SECTION]}),
        {"choose": "r2"},
        {"interactive": {"type": "list_reply", "list_reply": {"id": "r2", "title": "Gears"}}},
    ),
    "first row": (
        interactive(type="list", action={"button": "Open", "sections": [SECTION]}),
        {},
        {"interactive": {"type": "list_reply", "list_reply": SECTION["rows"][0]}},  # type: ignore[index]
    ),
    "card of a carousel": (
        carousel_of(A_REPLY, A_REPLY),
        {"choose": "yes"},
        {"interactive": {"type": "button_reply", "button_reply": {"id": "yes", "title": "Yes"}}},
    ),
    "leave to call": (
        named("call_permission_request", "call_permission_request"),
        {"choose": "reject"},
        {"interactive": {"type": "call_permission_reply", "call_permission_reply": {"response": "reject"}}},
    ),
    "place": (
        named("location_request_message", "send_location"),
        {"data": {"latitude": 1, "longitude": 2}},
        {"location": {"latitude": 1.0, "longitude": 2.0}},
    ),
    "product": (
        interactive(type="product", action=PRODUCT),
        {},
        {
            "order": {
                "catalog_id": "7001",
                "product_items": [
                    {"product_retailer_id": "helmet-1", "quantity": 1, "item_price": 1, "currency": "USD"}
                ],
            }
        },
    ),
    "catalogue": (
        named("catalog_message", "catalog_message"),
        {"data": {"product_items": [{"product_retailer_id": "b"}], "catalog_id": "7"}},
        {"order": {"catalog_id": "7", "product_items": [{"product_retailer_id": "b"}]}},
    ),
}


async def asked(world: World, message: dict[str, Any]) -> str:
    """Send the phone a message that asks for something, and return its id."""
    body = {name: value for name, value in message.items() if value is not None}
    return await world.send_wamid(body)


async def answer(world: World, answer: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    return await world.call("POST", f"/sandbox/phones/{PHONE}/messages", {"answer": answer})


@pytest.mark.parametrize("case", ASKED)
async def test_a_phone_answers_what_it_is_asked(open_world: World, case: str) -> None:
    message, done, expected = ASKED[case]
    wamid = await asked(open_world, message)

    status, shown = await answer(open_world, done)

    assert status == 201, shown
    reply = shown["message"]
    assert {name: reply[name] for name in expected} == expected
    assert reply["type"] == next(iter(expected))
    assert reply["context"] == {"from": NUMBER, "id": wamid}


async def test_forms_are_answered_with_their_values(open_world: World) -> None:
    flow = {"flow_message_version": "3", "flow_id": "1", "flow_cta": "Book", "flow_token": "t-118"}
    first = await asked(open_world, named("flow", "flow", **flow))
    await asked(open_world, named("address_message", "address_message", country="IN"))

    _, booked = await answer(open_world, {"wamid": first, "data": {"day": "Monday"}})
    _, addressed = await answer(open_world, {"data": {"city": "Pune"}})

    replies = [shown["message"]["interactive"]["nfm_reply"] for shown in (booked, addressed)]
    assert [reply["name"] for reply in replies] == ["flow", "address_message"]
    assert [json.loads(reply["response_json"]) for reply in replies] == [
        {"flow_token": "t-118", "day": "Monday"},
        {"values": {"city": "Pune"}},
    ]


async def test_a_request_for_the_number_is_answered_with_it(open_world: World) -> None:
    await asked(open_world, named("request_contact_info", "request_contact_info"))

    _, shown = await answer(open_world, {})

    [card] = shown["message"]["contacts"]
    assert (card["origin"], card["phones"][0]["phone"]) == ("contact_request", f"+{PHONE}")


async def test_a_templates_quick_reply_has_the_payload_that_was_sent_with_it(open_world: World) -> None:
    buttons = [{"type": "QUICK_REPLY", "text": "Confirm"}, {"type": "QUICK_REPLY", "text": "Decline"}]
    components = [{"type": "BODY", "text": "Will you come?"}, {"type": "BUTTONS", "buttons": buttons}]
    body = {"name": "visit", "language": "en", "category": "UTILITY", "components": components}
    await open_world.call("POST", f"/v23.0/{WABA}/message_templates", body)
    await open_world.receiver.until(lambda: [v for v in open_world.receiver.values() if v.get("event") == "APPROVED"])
    parameters = [{"type": "payload", "payload": "CONFIRM_52"}]
    sent = [{"type": "button", "sub_type": "quick_reply", "index": "0", "parameters": parameters}]
    template = {"name": "visit", "language": {"code": "en"}, "components": sent}
    await asked(open_world, {"type": "template", "template": template})

    _, confirmed = await answer(open_world, {"choose": "Confirm"})
    _, declined = await answer(open_world, {"choose": "Decline"})

    assert confirmed["message"]["button"] == {"text": "Confirm", "payload": "CONFIRM_52"}
    assert declined["message"]["button"] == {"text": "Decline", "payload": "Decline"}


async def test_a_quick_reply_on_a_templates_card_is_answered(open_world: World) -> None:
    card = {"components": [BODY, {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "More"}]}]}
    components = [BODY, {"type": "CAROUSEL", "cards": [card, card]}]
    body = {"name": "cards", "language": "en", "category": "MARKETING", "components": components}
    await open_world.call("POST", f"/v23.0/{WABA}/message_templates", body)
    await open_world.receiver.until(lambda: [v for v in open_world.receiver.values() if v.get("event") == "APPROVED"])
    payload = [{"type": "payload", "payload": "SECOND"}]
    button = {"type": "button", "sub_type": "quick_reply", "index": "0", "parameters": payload}
    cards = [{"card_index": 0, "components": []}, {"card_index": 1, "components": [button]}]
    sent = [{"type": "carousel", "cards": cards}]
    await asked(
        open_world, {"type": "template", "template": {"name": "cards", "language": {"code": "en"}, "components": sent}}
    )

    _, second = await answer(open_world, {"choose": "SECOND"})
    _, first = await answer(open_world, {"choose": "More"})

    assert second["message"]["button"] == {"text": "More", "payload": "SECOND"}
    assert first["message"]["button"] == {"text": "More", "payload": "More"}


async def test_what_cannot_be_answered_is_said_in_words(open_world: World) -> None:
    assert (await answer(open_world, {"wamid": "wamid.none"}))[0] == 404
    await open_world.send_wamid()
    assert (await answer(open_world, {}))[0] == 400
    await asked(open_world, ASKED["row by id"][0])
    status, refusal = await answer(open_world, {"choose": "Wheels"})
    assert (status, refusal["hint"]) == (400, "The message offers: Brakes, Gears.")
    assert (await answer(open_world, {"data": []}))[0] == 400  # type: ignore[dict-item]
    assert (await open_world.call("POST", f"/sandbox/phones/{PHONE}/messages", {"answer": "yes"}))[0] == 400
    await asked(open_world, named("catalog_message", "catalog_message"))
    assert (await answer(open_world, {}))[0] == 400
    await asked(open_world, named("voice_call", "voice_call"))
    assert (await answer(open_world, {}))[0] == 400


async def test_the_network_tells_of_a_new_number(open_world: World) -> None:
    to = f"/sandbox/phones/{PHONE}/messages"

    _, shown = await open_world.call("POST", to, {"type": "system", "system": {"wa_id": "12025550177"}})

    system = shown["message"]["system"]
    assert (system["type"], system["wa_id"]) == ("user_changed_number", "12025550177")
    by_user_id = {"type": "user_changed_user_id", "previous_user_id": "US.1"}
    assert (await open_world.call("POST", to, {"type": "system", "system": by_user_id}))[0] == 201
    assert (await open_world.call("POST", to, {"type": "system", "system": {}}))[0] == 400
    assert (await open_world.call("POST", to, {"type": "edit", "edit": {"original_message_id": "wamid.x"}}))[0] == 400
