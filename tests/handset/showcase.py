"""One message of every kind that a business can send and a customer can write, with files that a browser can show."""

import math
import struct
import zlib
from typing import Any

from tests.media import samples

Spec = dict[str, Any]


def png(width: int = 320, height: int = 220, hue: int = 0) -> bytes:
    """Return a picture of hills under a sun."""
    rows = []
    for y in range(height):
        row = bytearray(b"\0")
        for x in range(width):
            hill = height * 0.62 + 22 * math.sin(x / 41 + hue) + 12 * math.sin(x / 17)
            far = height * 0.5 + 18 * math.sin(x / 63 + 2 + hue)
            is_sun = (x - width * 0.72) ** 2 + (y - height * 0.28) ** 2 < 26**2
            if y > hill:
                row += bytes((38 + hue * 20 % 60, 122, 84))
            elif y > far:
                row += bytes((92, 164, 128))
            elif is_sun:
                row += bytes((255, 214, 120))
            else:
                row += bytes((150 + 80 * y // height, 205, 235 - 40 * y // height))
        rows.append(bytes(row))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b""))
    )


def mp3(seconds: float = 3.0) -> bytes:
    """Return silence: frames of MPEG 1 layer III at 128 kbit/s and 44.1 kHz, which decode to nothing heard."""
    frame = b"\xff\xfb\x90\xc0" + bytes(413)
    return frame * round(seconds * 44100 / 1152)


FILES = {
    "image": ("hills.png", "image/png", png()),
    "video": ("ride.mp4", "video/mp4", samples.mp4()),
    "audio": ("note.mp3", "audio/mpeg", mp3()),
    "document": ("Invoice 118.pdf", "application/pdf", samples.pdf()),
    "sticker": ("bell.webp", "image/webp", samples.webp()),
}

BODY = {"type": "BODY", "text": "Hello {{1}}, your *bicycle* is ready.", "example": {"body_text": [["Noor"]]}}
PLAIN = {"type": "BODY", "text": "New in our shop:"}
CARD = [
    {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["4::x"]}},
    {"type": "BODY", "text": "A fine bicycle."},
    {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "I want it"}]},
]
TEMPLATES: dict[str, tuple[str, list[Spec]]] = {
    "ready": (
        "UTILITY",
        [
            {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["4::x"]}},
            BODY,
            {"type": "FOOTER", "text": "Sample Bicycles"},
            {
                "type": "BUTTONS",
                "buttons": [
                    {"type": "QUICK_REPLY", "text": "On my way"},
                    {"type": "URL", "text": "Track it", "url": "https://shop.example.org/r/{{1}}", "example": ["1"]},
                    {"type": "PHONE_NUMBER", "text": "Call us", "phone_number": "+12025550100"},
                    {"type": "COPY_CODE", "example": "SPRING4"},
                ],
            },
        ],
    ),
    "code": (
        "AUTHENTICATION",
        [
            {"type": "BODY", "add_security_recommendation": True},
            {"type": "FOOTER", "code_expiration_minutes": 10},
            {"type": "BUTTONS", "buttons": [{"type": "OTP", "otp_type": "COPY_CODE", "text": "Copy code"}]},
        ],
    ),
    "spring": (
        "MARKETING",
        [
            PLAIN,
            {"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"text": "Spring sale", "has_expiration": True}},
            {"type": "CAROUSEL", "cards": [{"components": CARD}, {"components": CARD}]},
        ],
    ),
}


def interactive(kind: str, action: Spec, body: str, **more: Any) -> Spec:
    return {"type": "interactive", "interactive": {"type": kind, "body": {"text": body}, "action": action, **more}}


def named(kind: str, name: str, body: str, parameters: Spec | None = None) -> Spec:
    return interactive(kind, {"name": name, "parameters": parameters or {}}, body)


def reply(key: str, title: str) -> Spec:
    return {"type": "reply", "reply": {"id": key, "title": title}}


def _template(name: str, components: list[Spec]) -> Spec:
    return {"type": "template", "template": {"name": name, "language": {"code": "en"}, "components": components}}


def of_business(media: dict[str, str], link: str) -> dict[str, Spec]:
    """Return every kind of message of a business, by a name; `media` are uploaded ids, `link` leads to a picture."""
    picture = {"type": "image", "image": {"id": media["image"]}}
    link_picture = {"type": "image", "image": {"link": link}}
    ride = {"display_text": "Look", "url": "https://shop.example.org/0"}
    row = {"id": "brakes", "title": "Brakes", "description": "Pads and cables"}
    seven = {"catalog_id": "7001", "product_retailer_id": "helmet-0"}
    sections = [{"title": "Repairs", "rows": [row, {"id": "gears", "title": "Gears"}]}]
    quick = {"type": "quick_reply", "quick_reply": {"id": "want", "title": "I want it"}}
    cards = [
        {
            "card_index": index,
            "type": "cta_url",
            "header": link_picture,
            "body": {"text": f"Bicycle {index}"},
            "action": {"buttons": [quick]},
        }
        for index in range(2)
    ]
    offer = {"type": "limited_time_offer", "limited_time_offer": {"expiration_time_ms": 4102444800000}}
    card_parts = [{"type": "header", "parameters": [picture]}]
    return {
        "text": {
            "type": "text",
            "text": {"body": "Is it *bold*, _slanted_, ~gone~ or `code`? See https://example.org/a?b=1."},
        },
        "image": {"type": "image", "image": {"id": media["image"], "caption": "Ready for _collection_"}},
        "video": {"type": "video", "video": {"id": media["video"], "caption": "A ride"}},
        "audio": {"type": "audio", "audio": {"id": media["audio"]}},
        "voice": {"type": "audio", "audio": {"id": media["audio"], "voice": True}},
        "document": {"type": "document", "document": {"id": media["document"], "filename": "Invoice 118.pdf"}},
        "sticker": {"type": "sticker", "sticker": {"id": media["sticker"]}},
        "location": {
            "type": "location",
            "location": {"latitude": 38.8977, "longitude": -77.0063, "name": "Our shop", "address": "50 Sample Avenue"},
        },
        "contacts": {
            "type": "contacts",
            "contacts": [
                {"name": {"formatted_name": "Workshop"}, "phones": [{"phone": "+12025550177", "type": "WORK"}]}
            ],
        },
        "template": _template(
            "ready",
            [
                {"type": "header", "parameters": [picture]},
                {"type": "body", "parameters": [{"type": "text", "text": "Noor"}]},
                {
                    "type": "button",
                    "sub_type": "quick_reply",
                    "index": "0",
                    "parameters": [{"type": "payload", "payload": "COMING"}],
                },
                {"type": "button", "sub_type": "url", "index": "1", "parameters": [{"type": "text", "text": "31"}]},
                {
                    "type": "button",
                    "sub_type": "copy_code",
                    "index": "3",
                    "parameters": [{"type": "coupon_code", "coupon_code": "RIDE10"}],
                },
            ],
        ),
        "code": _template(
            "code",
            [
                {"type": "body", "parameters": [{"type": "text", "text": "482913"}]},
                {"type": "button", "sub_type": "url", "index": "0", "parameters": [{"type": "text", "text": "482913"}]},
            ],
        ),
        "offer": _template(
            "spring",
            [
                {"type": "limited_time_offer", "parameters": [offer]},
                {"type": "carousel", "cards": [{"card_index": n, "components": card_parts} for n in range(2)]},
            ],
        ),
        "buttons": interactive(
            "button",
            {"buttons": [reply("am", "Morning"), reply("pm", "Evening")]},
            "When will you come?",
            header={"type": "text", "text": "Collection"},
            footer={"text": "Until six"},
        ),
        "buttons under a picture": interactive(
            "button", {"buttons": [reply("ok", "Good")]}, "Is this yours?", header=link_picture
        ),
        "list": interactive("list", {"button": "See repairs", "sections": sections}, "What shall we repair?"),
        "cta": interactive("cta_url", {"name": "cta_url", "parameters": ride}, "Our new bicycles"),
        "carousel": interactive("carousel", {"cards": cards}, "Our bicycles"),
        "flow": named(
            "flow", "flow", "Book a repair", {"flow_message_version": "3", "flow_id": "1", "flow_cta": "Book now"}
        ),
        "address": named("address_message", "address_message", "Where shall we deliver?", {"country": "IN"}),
        "place": interactive("location_request_message", {"name": "send_location"}, "Where are you?"),
        "product": interactive("product", seven, "A helmet"),
        "products": interactive(
            "product_list",
            {
                "catalog_id": "7001",
                "sections": [{"title": "Helmets", "product_items": [{"product_retailer_id": "helmet-0"}]}],
            },
            "Our helmets",
            header={"type": "text", "text": "Helmets"},
        ),
        "catalogue": named("catalog_message", "catalog_message", "All we have"),
        "contact asked for": named("request_contact_info", "request_contact_info", "May we call?"),
        "calls": named("call_permission_request", "call_permission_request", "May we call you?"),
        "payment": interactive("order_details", {}, "Your order"),
    }


def of_customer() -> dict[str, Spec]:
    """Return every kind of message of a customer that is sent without a file."""
    reply_row = {"id": "x", "title": "Gears", "description": "All of them"}
    return {
        "text": {"type": "text", "text": {"body": "```\nline 1\n```\n> cited\n- one"}},
        "location": {"type": "location", "location": {"latitude": 38.9, "longitude": -77.02, "name": "Here"}},
        "contacts": {"type": "contacts", "contacts": [{"name": {"formatted_name": "My neighbour"}}]},
        "button": {"type": "button", "button": {"text": "Confirm", "payload": "YES"}},
        "list": {"type": "interactive", "interactive": {"type": "list_reply", "list_reply": reply_row}},
        "form": {
            "type": "interactive",
            "interactive": {
                "type": "nfm_reply",
                "nfm_reply": {"name": "flow", "body": "Sent", "response_json": '{"day":"Monday"}'},
            },
        },
        "order": {
            "type": "order",
            "order": {
                "product_items": [{"product_retailer_id": "lamp-3", "quantity": 2, "item_price": 9, "currency": "USD"}]
            },
        },
        "system": {"type": "system", "system": {"wa_id": "12025550143", "body": "The number has changed."}},
        "unsupported": {"type": "unsupported", "unsupported": {"type": "poll"}},
    }
