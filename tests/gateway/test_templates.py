"""Templates: known here before they are sent, refused by what is known, sent as the provider wants them, fallen back to."""

from datetime import UTC, datetime, timedelta

import aiohttp

from waypost.app.demo_story import write_picture
from waypost.store.statements import Sql

PHONES = [f"120255501{number:02}" for number in range(43, 53)]
PHONE = PHONES[0]
PAUSE_SECONDS = 5.0
_CLOSE_WINDOWS = Sql("UPDATE windows SET closes_at_us = 1")


def template(name, *attributes, locale="en", **more):
    return {"name": name, "attributes": list(attributes), "language": {"locale": locale}, **more}


def of_template(house, phone, name, *attributes, media=None, **more):
    changes = {} if media is None else {"type_media_template": media}
    kind = "template" if media is None else "media_template"
    return house.entry(phone, message_type=kind, type_template=[template(name, *attributes, **more)], **changes)


async def refusal(house, entry):
    _, answer = await house.call("POST", "/api/v2/message/", json={"message": [entry]})
    return answer["error"]["code"] if answer["status"] == "failure" else None


async def graph(house, method, path, body=None):
    headers = {"Authorization": f"Bearer {house.demo.account.access_token}"}
    return await house.sandbox(method, f"/v25.0/{path}", json=body, headers=headers)


async def make_template(house, name, *components, category="MARKETING"):
    """Have the provider approve a template, and wait until the gateway knows it."""
    waba_id = house.demo.account.waba_id
    body = {"name": name, "language": "en", "category": category, "components": list(components)}
    made = await graph(house, "POST", f"{waba_id}/message_templates", body)
    await house.sandbox("PUT", f"/sandbox/templates/{made['id']}", json={"status": "APPROVED"})
    return made["id"]


async def is_refused_as(house, entry, code, *, seconds=60.0):
    async def is_refused():
        return await refusal(house, entry) == code

    await house.eventually(is_refused, seconds=seconds)


async def mirror_is_held(house):
    """Wait until the gateway has a copy of the provider's list: from then on an unknown template is refused."""
    await is_refused_as(house, of_template(house, PHONE, "no_such_template"), "8009")


async def sample_id(house, name):
    listed = await house.sandbox("GET", "/sandbox/templates")
    return next(found["id"] for found in listed["templates"] if found["name"] == name)


async def arrived(house, entry):
    """Send, wait until the phone has shown it, and return the message as it reached the provider."""
    [message_id] = await house.send(entry)
    await house.becomes("read", message_id)
    found = await house.sandbox("GET", f"/sandbox/phones/{entry['recipient_whatsapp']}/messages?direction=received")
    return message_id, found["messages"][-1]["message"]


async def close_windows(house):
    await house.demo.gateway.foundation.database.write(lambda tx: tx.run(_CLOSE_WINDOWS))


def soon(seconds):
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def text(value):
    return {"type": "text", "text": value}


BODY = {"type": "BODY", "text": "Hi {{1}}", "example": {"body_text": [["a"]]}}
CARD = {
    "components": [
        {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["4::a"]}},
        {"type": "BODY", "text": "Card {{1}}", "example": {"body_text": [["a"]]}},
        {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "More"}]},
    ]
}
LISTED = {
    "offer_carousel": [BODY, {"type": "CAROUSEL", "cards": [CARD, CARD]}],
    "offer_coupon": [BODY, {"type": "BUTTONS", "buttons": [{"type": "COPY_CODE", "example": "SPRING"}]}],
    "offer_limited": [
        {"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"text": "Spring", "has_expiration": True}},
        BODY,
        {"type": "BUTTONS", "buttons": [{"type": "COPY_CODE", "example": "SPRING"}]},
    ],
    "offer_catalog": [BODY, {"type": "BUTTONS", "buttons": [{"type": "CATALOG", "text": "View"}]}],
    "offer_flow": [BODY, {"type": "BUTTONS", "buttons": [{"type": "FLOW", "text": "Book", "flow_id": "1"}]}],
    "named_text": [
        {
            "type": "BODY",
            "text": "Hi {{customer}}, see {{place}}",
            "example": {"body_text_named_params": [{"param_name": "customer", "example": "a"}]},
        }
    ],
}


def body_part(value="Noor"):
    return {"type": "body", "parameters": [text(value)]}


def card_part(place, image):
    parts = [
        {"type": "header", "parameters": [{"type": "image", "image": {"id": image}}]},
        body_part(f"number {place}"),
        {
            "type": "button",
            "sub_type": "quick_reply",
            "index": "0",
            "parameters": [{"type": "payload", "payload": f"CARD_{place}"}],
        },
    ]
    return {"card_index": place, "components": parts}


def coupon_part():
    return {
        "type": "button",
        "sub_type": "copy_code",
        "index": "0",
        "parameters": [{"type": "coupon_code", "coupon_code": "SPRING25"}],
    }


async def upload(house, data):
    form = aiohttp.FormData()
    form.add_field("file", data, filename="picture.png", content_type="image/png")
    _, answer = await house.call("POST", "/api/v2/media/upload/", data=form)
    return answer["data"]["mediaId"]


async def test_templates_are_checked_before_acceptance_and_sent_as_the_provider_has_them(house, tmp_path):
    await house.writes_first(*PHONES)
    await mirror_is_held(house)
    await close_windows(house)

    for entry, code in (
        (of_template(house, PHONE, "no_such_template"), "8009"),
        (of_template(house, PHONE, "repair_done", "Noor", "B-52", locale="hi"), "8011"),
        (of_template(house, PHONE, "repair_done", "Noor"), "8010"),
        (of_template(house, PHONE, "repair_done", "Noor", "B-52", "late"), "8010"),
        (of_template(house, PHONE, "bicycle_photo", "Noor"), "8010"),
        (of_template(house, PHONE, "track_repair"), "8010"),
        (
            of_template(
                house, PHONE, "track_repair", media={"type": "text", "button": [{"index": "7", "payload": "x"}]}
            ),
            "8010",
        ),
        (of_template(house, PHONE, "repair_done", components=[{"type": "body", "parameters": []}]), "8010"),
    ):
        assert code == await refusal(house, entry), entry

    _, plain = await arrived(house, of_template(house, PHONES[1], "repair_done", "Noor", "B-52"))
    assert plain["template"] == {
        "name": "repair_done",
        "language": {"code": "en", "policy": "deterministic"},
        "components": [{"type": "body", "parameters": [text("Noor"), text("B-52")]}],
    }

    media_id = await upload(house, write_picture(tmp_path).read_bytes())
    by_id = of_template(house, PHONES[2], "bicycle_photo", "Noor", media={"type": "image", "media_id": media_id})
    _, photo = await arrived(house, by_id)
    header = photo["template"]["components"][0]
    assert ("header", ["id"]) == (header["type"], list(header["parameters"][0]["image"]))
    provider_id = header["parameters"][0]["image"]["id"]

    buttons = [{"index": "0", "payload": "https://shop.example.org/repairs/118"}, {"index": "1", "payload": "CALL_118"}]
    _, tracked = await arrived(
        house, of_template(house, PHONES[3], "track_repair", media={"type": "text", "button": buttons})
    )
    assert tracked["template"]["components"] == [
        {"type": "button", "sub_type": "url", "index": "0", "parameters": [text("118")]},
        {
            "type": "button",
            "sub_type": "quick_reply",
            "index": "1",
            "parameters": [{"type": "payload", "payload": "CALL_118"}],
        },
    ]

    _, code = await arrived(house, of_template(house, PHONES[4], "login_code", "314159"))
    assert code["template"]["components"] == [
        {"type": "body", "parameters": [text("314159")]},
        {"type": "button", "sub_type": "url", "index": "0", "parameters": [text("314159")]},
    ]

    await by_components(house, provider_id)


async def by_components(house, provider_id):
    for name, components in LISTED.items():
        await make_template(house, name, *components)
    # The last one is known, so all of them are.
    await is_refused_as(house, of_template(house, PHONE, "named_text"), "8010")
    action = {"thumbnail_product_retailer_id": "bell-1"}
    view = {"type": "button", "sub_type": "catalog", "index": "0", "parameters": [{"type": "action", "action": action}]}
    end = {"type": "limited_time_offer", "limited_time_offer": {"expiration_time_ms": 1_930_000_000_000}}
    sent = {
        "offer_carousel": [
            body_part(),
            {"type": "carousel", "cards": [card_part(0, provider_id), card_part(1, provider_id)]},
        ],
        "offer_limited": [{"type": "limited_time_offer", "parameters": [end]}, body_part(), coupon_part()],
        "offer_catalog": [body_part(), view],
    }
    for phone, (name, components) in zip(PHONES[5:], sent.items(), strict=False):
        _, message = await arrived(house, of_template(house, phone, name, components=components))
        assert components == message["template"]["components"]

    coupon = {"type": "text", "button": [{"index": "0", "payload": "SPRING25"}]}
    _, message = await arrived(house, of_template(house, PHONES[8], "offer_coupon", "Noor", media=coupon))
    assert [body_part(), coupon_part()] == message["template"]["components"]
    _, message = await arrived(house, of_template(house, PHONES[9], "named_text", "Noor", "the shop"))
    [body] = message["template"]["components"]
    assert [("customer", "Noor"), ("place", "the shop")] == [
        (parameter["parameter_name"], parameter["text"]) for parameter in body["parameters"]
    ]
    assert "8010" == await refusal(house, of_template(house, PHONE, "offer_carousel", "Noor"))
    assert "8010" == await refusal(house, of_template(house, PHONE, "offer_carousel", components=[body_part()]))


async def test_a_template_out_of_use_is_refused_within_seconds_and_fails_what_was_accepted(house):
    await house.writes_first(PHONE)
    await mirror_is_held(house)
    entry = of_template(house, PHONE, "repair_done", "Noor", "B-52")
    [later] = await house.send({**entry, "scheduled_at": soon(4)})

    template_id = await sample_id(house, "repair_done")
    await house.sandbox("PUT", f"/sandbox/templates/{template_id}", json={"status": "PAUSED"})
    await is_refused_as(house, entry, "8009", seconds=PAUSE_SECONDS)

    await house.becomes("failed", later)
    await house.is_told(later, "failed")
    assert "8009 Invalid Template" == (await house.webhooks(later))[0]["status_remark"]
    assert [] == await house.ledger()

    await house.sandbox("PUT", f"/sandbox/templates/{template_id}", json={"status": "APPROVED"})
    await is_refused_as(house, entry, None, seconds=PAUSE_SECONDS)


async def test_a_message_to_a_closed_window_goes_out_as_the_template_it_falls_back_to(house, tmp_path):
    open_phone, early, late, pictured = PHONES[:4]
    await house.writes_first(open_phone, early, late, pictured)
    await mirror_is_held(house)
    fallback = template("repair_done", "Noor", "B-52")
    media_id = await upload(house, write_picture(tmp_path).read_bytes())
    photo = template("bicycle_photo", "Noor", type_media_template={"type": "image", "media_id": media_id})

    message_id, message = await arrived(house, house.entry(open_phone, fallback_template=fallback))
    assert "text" == message["type"]

    [later] = await house.send(house.entry(late, fallback_template=photo, scheduled_at=soon(3)))
    await close_windows(house)

    assert "8007" == await refusal(house, house.entry(early))
    wrong = {**fallback, "attributes": ["Noor"]}
    assert "8010" == await refusal(house, house.entry(early, fallback_template=wrong))
    message_id, message = await arrived(house, house.entry(early, fallback_template=fallback))
    assert "repair_done" == message["template"]["name"]
    assert "template" == await type_of(house, message_id)

    _, message = await arrived(house, house.entry(pictured, fallback_template=photo))
    assert "bicycle_photo" == message["template"]["name"]

    await house.becomes("read", later)
    found = await house.sandbox("GET", f"/sandbox/phones/{late}/messages?direction=received")
    sent = found["messages"][-1]["message"]["template"]
    assert ["header", "body"] == [part["type"] for part in sent["components"]]
    assert "media_template" == await type_of(house, later)


async def type_of(house, message_id):
    _, answer = await house.call("GET", f"/api/v2/message/{message_id}")
    return answer["data"]["message_type"]
