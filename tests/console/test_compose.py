"""Compose: what the form makes of what is typed is on the phone what the API would send, and what it refuses is told."""

import asyncio
import json
import re
from html import unescape
from typing import Any

import pytest
from aiohttp import FormData
from tests.console.conftest import Office, Visitor
from tests.media import samples

OURS_ONLY = {"messaging_product", "recipient_type", "to", "biz_opaque_callback_data"}
_FREE = {
    "text": {"type": "text", "content": "Ready: https://shop.example.org/118\nSee you", "preview_url": "yes"},
    "location": {"type": "location", "latitude": "38.8977", "longitude": "-77.0365", "place_name": "Workshop"},
    "contacts": {
        "type": "contacts",
        "k_name": ["Noor Sample", ""],
        "k_first_name": ["Noor", ""],
        "k_phones": ["+12025550143, +12025550144", ""],
        "k_company": ["Sample Bicycles", ""],
        "k_department": ["Repairs", ""],
        "k_city": ["Sample Town", ""],
        "k_birthday": ["1990-12-31", ""],
    },
    "buttons": {
        "type": "interactive",
        "interactive": "button",
        "i_header_kind": "text",
        "i_header_text": "Collection",
        "i_body": "When?",
        "i_footer": "Until six",
        "b_title": ["Morning", "Evening", ""],
        "b_id": ["am", "pm", ""],
    },
    "list": {
        "type": "interactive",
        "interactive": "list",
        "i_body": "What do you need?",
        "l_button": "Services",
        "l_title": ["Brakes", "Gears", "Lamp"],
        "l_id": ["r1", "r2", "r3"],
        "l_section": ["Repairs", "", "Parts"],
        "l_description": ["Pads and cables", "", ""],
    },
    "link": {
        "type": "interactive",
        "interactive": "cta_url",
        "i_body": "New helmets are in",
        "u_label": "Look",
        "u_url": "https://shop.example.org/h",
    },
    "product": {"type": "interactive", "interactive": "product", "p_catalog": "7001", "p_product": "helmet-1"},
    "products": {
        "type": "interactive",
        "interactive": "product_list",
        "i_header_kind": "text",
        "i_header_text": "Spring",
        "i_body": "Ours",
        "p_catalog": "7001",
        "p_products": "# Helmets\nhelmet-1\nhelmet-2\n# Bells\nbell-1",
    },
    "catalogue": {"type": "interactive", "interactive": "catalog_message", "i_body": "All we have"},
    "flow": {
        "type": "interactive",
        "interactive": "flow",
        "i_body": "Choose a time",
        "w_flow": "9001",
        "w_label": "Book",
        "w_token": "t-118",
        "w_action": "navigate",
        "w_screen": "DATES",
        "w_data": '{"days": [1, 2]}',
    },
    "ask a place": {"type": "interactive", "interactive": "location_request_message", "i_body": "Where?"},
    "ask an address": {
        "type": "interactive",
        "interactive": "address_message",
        "i_body": "Where do you live?",
        "a_country": "IN",
    },
    "ask for contact": {"type": "interactive", "interactive": "request_contact_info", "i_body": "How can we call you?"},
    "carousel": {
        "type": "interactive",
        "interactive": "carousel",
        "i_body": "Our helmets",
        "c_kind": "product",
        "c_catalog": "7001",
        "c_body": ["", ""],
        "c_product": ["helmet-1", "helmet-2"],
    },
    "template": {
        "type": "template",
        "t_template": "repair_done|en",
        "t_attribute": ["Noor", "B-52"],
        "caller_data": "ticket-118",
        "ttl": "0.5",
    },
    "template with a button": {
        "type": "template",
        "t_template": "track_repair|en",
        "t_button_0": "118",
        "t_button_1": "call",
    },
    "json": {
        "type": "raw",
        "raw": '{"message_type": "text", "type_text": [{"content": "typed as JSON"}], "delivery": "at_most_once"}',
    },
}


def blocks_of(page: str) -> list[str]:
    """Return what can be copied from a page: curl, Python, JSON."""
    return [unescape(found) for found in re.findall(r"<code>(.*?)</code></pre>", page, re.DOTALL)]


async def phone_has(office: Office, number: str) -> list[dict[str, Any]]:
    found = await office.house.sandbox("GET", f"/sandbox/phones/{number}/messages?direction=received")
    return [
        {member: value for member, value in one["message"].items() if member not in OURS_ONLY}
        for one in found["messages"]
    ]


def run_python(source: str) -> str:
    """Run a program as its reader would; return the id of what it sent."""
    names: dict[str, Any] = {}
    exec(compile(source, "copied", "exec"), names)
    return names["sent"].id


async def composed(visitor: Visitor, **fields: Any) -> str:
    """Send the form; return the id of the message."""
    answer = await visitor.post("/console/compose", **fields)
    assert 303 == answer.status, answer.words
    return answer.headers["location"].rpartition("/")[2]


async def test_every_type_arrives_as_the_api_and_the_copied_requests_send_it(
    office: Office, monkeypatch: pytest.MonkeyPatch
):
    house, operator = office.house, await office.visitor("operator")
    monkeypatch.setenv("WAYPOST_API_KEY", house.api_key)
    files = {name: await uploaded(operator, data) for name, data in FILES.items()}
    cases: dict[str, dict[str, Any]] = {
        **_FREE,
        **{name: {"type": "media", "m_id": media_id} for name, media_id in files.items()},
        "picture template": {
            "type": "template",
            "t_template": "bicycle_photo|en",
            "t_header": "image",
            "t_media_id": files["image.jpg"],
            "t_attribute": ["Noor"],
        },
        "document template": {
            "type": "template",
            "t_template": "spring_rates|en",
            "t_header": "document",
            "t_media_id": files["receipt.pdf"],
            "t_filename": "rates.pdf",
            "t_attribute": ["April"],
            "t_button_0": "r/31",
        },
    }
    to = {name: f"1202555{5000 + place:04d}" for place, name in enumerate(cases)}
    await house.writes_first(*to.values())
    sent = []
    for name, fields in cases.items():
        form = {"to": to[name], "source": house.source_id, **fields}
        sent.append(await composed(operator, **form))
        page = await operator.post("/console/compose/preview", **form)
        assert "the API would accept this now" in page.words, (name, page.words[:500])
        curl, python, body = blocks_of(page.text)
        assert body in curl
        assert house.api_key not in page.text
        address = house.demo.gateway.foundation.settings.base_url
        sent.append(await asyncio.to_thread(run_python, python.replace(address, house.base_url)))
        sent += await house.send(*json.loads(body)["message"])
    await house.becomes("read", *sent)

    different = {}
    for name in cases:
        by_form, by_python, by_json = await phone_has(office, to[name])
        if not by_form == by_python == by_json:
            different[name] = (by_form, by_python, by_json)
    assert {} == different


FILES = {
    "image.jpg": samples.jpeg(),
    "ride.mp4": samples.mp4(),
    "note.ogg": samples.ogg(),
    "receipt.pdf": samples.pdf(),
    "bell.webp": samples.webp(),
}


async def uploaded(visitor: Visitor, data: bytes) -> str:
    """Upload a file as the form's script does; return the id that it puts into the form."""
    form = FormData()
    form.add_field("csrf_token", visitor.csrf_token)
    form.add_field("m_file", data, filename="file.bin")
    answer = await visitor.send("/console/compose/files", data=form)
    assert 200 == answer.status, answer.words
    found = re.search(r'name="m_id" value="([^"]+)"', answer.text)
    assert found is not None
    return found[1]


async def test_a_file_chosen_without_scripts_goes_with_the_form(office: Office):
    house, operator = office.house, await office.visitor("operator")
    await house.writes_first("12025550610")
    members = {"type": "media", "to": "12025550610", "source": house.source_id, "m_caption": "After"}

    answer = await operator.send("/console/compose", data=form_with_file(operator, **members))

    message_id = answer.headers["location"].rpartition("/")[2]
    await house.becomes("read", message_id)
    [message] = await phone_has(office, "12025550610")
    assert ("image", "After") == (message["type"], message["image"]["caption"])


def form_with_file(visitor: Visitor, *, once: str = "a-token-of-this-page", **fields: str) -> FormData:
    """Return a form with a file chosen in it, as a browser without scripts sends it."""
    form = FormData()
    for name, value in {"csrf_token": visitor.csrf_token, "once": once, **fields}.items():
        form.add_field(name, value)
    form.add_field("m_file", samples.jpeg(), filename="bike.jpg")
    return form


REFUSED = (
    ({"content": ""}, "8006 content cannot be null or blank"),
    ({"to": "123", "content": "kept <b>text</b>"}, "8006 recipient_whatsapp cannot be less than 10 digits"),
    ({"to": "12025550777", "content": "kept <b>text</b>"}, "8002 Phone number is not opted in"),
    ({"type": "location", "latitude": "north", "longitude": "1"}, "8006 latitude is invalid"),
    ({"type": "template", "t_template": "|", "t_name": "nothing", "t_language": "en"}, "8009 Invalid Template"),
    ({"content": "later", "scheduled_at": "soon"}, "8006 scheduled_at is invalid"),
    ({"source": "no-such-source", "content": "hello"}, "8004 Client details not found"),
)


async def test_what_the_api_refuses_is_told_and_nothing_typed_is_lost(office: Office):
    house, operator = office.house, await office.visitor("operator")
    await house.writes_first("12025550630")
    for changes, told in REFUSED:
        fields = {"type": "text", "source": house.source_id, "to": "12025550630", **changes}

        answer = await operator.post("/console/compose", **fields)

        assert 422 == answer.status
        assert f"Not sent: {told}" in answer.words
        for name, value in fields.items():
            assert name in ("source", "t_template") or value in unescape(answer.text)
        assert "<b>text</b>" not in answer.text


async def test_a_time_is_sent_with_the_offset_of_the_viewers_zone(office: Office):
    operator = await office.visitor("operator")
    form = {"type": "text", "to": "12025550143", "content": "later"}

    page = await operator.post(
        "/console/compose/preview", **form, scheduled_at="2026-06-01T10:30", scheduled_offset="+05:30"
    )

    [entry] = json.loads(blocks_of(page.text)[2])["message"]
    assert "2026-06-01T10:30:00+05:30" == entry["scheduled_at"]


async def test_options_of_the_envelope_stand_in_the_request(office: Office):
    operator = await office.visitor("operator")

    page = await operator.post(
        "/console/compose/preview",
        type="text",
        to="120363@g.us",
        group="group-1",
        recipient_type="group",
        content="hello",
        caller_data="ticket 1",
        context="wamid.X",
        track_links="yes",
        is_urgent="yes",
        f_template="repair_done|en",
        f_attribute=["Noor", "B-52"],
    )

    curl, python, body = blocks_of(page.text)
    [entry] = json.loads(body)["message"]
    assert ("group", "group-1", "1") == (entry["recipient_type"], entry["recipient_whatsapp"], entry["cta_link_track"])
    assert ({"message_id": "wamid.X"}, "ticket 1") == (entry["context"], entry["x-apiheader"])
    assert "repair_done" == entry["fallback_template"]["name"]
    assert "/api/v2/message/nc/priority'" in curl
    assert "has_priority=True" in python


async def test_viewers_may_not_compose_and_strangers_find_nothing_of_this_account(office: Office):
    viewer, stranger = await office.visitor("viewer"), await office.visitor("stranger")

    for path in ("/console/compose", "/console/compose/preview", "/console/compose/files", "/console/compose/form"):
        assert 403 == (await viewer.post(path, type="text", content="x")).status
    assert 403 == (await viewer.get("/console/compose")).status
    page = await stranger.get("/console/compose")
    assert "There is no number to send from yet." in page.words
    assert "repair_done" not in page.text
    assert office.house.source_id not in page.text


async def test_a_preview_of_markup_is_text(office: Office):
    operator = await office.visitor("operator")
    hostile = "</textarea><script>alert(1)</script><img src=x onerror=alert(1)>"
    fields = {"to": "12025550143", "content": hostile, "type": "text", "caller_data": hostile, "i_body": hostile}

    for path in ("/console/compose/preview", "/console/compose/form", "/console/compose"):
        answer = await operator.post(path, **{**fields, "to": "1" if path.endswith("compose") else "12025550143"})
        assert "<script>alert" not in answer.text
        assert "<img src=x" not in answer.text
