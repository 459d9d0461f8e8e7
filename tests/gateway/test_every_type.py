"""
Every type there is, out and in, through one running gateway: the golden files of ``upstream``, ``inbound``, ``failures``.

What an application sends must be on the phone as the Cloud API's object; what a phone writes must reach the webhook as
the contract's entry; what upstream says of a failure must be told in the contract's words.
"""

import base64
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import FormData, web
from tests.gateway.conftest import House
from tests.media import samples

from waypost.store.statements import Sql

GOLDEN = Path(__file__).parent.parent / "contract" / "golden"
OURS_ONLY = {"messaging_product", "recipient_type", "to", "biz_opaque_callback_data"}
ENVELOPE = {"message_id", "from", "to", "from_name", "received_at"}
FILES = {
    "image": ("bike.jpg", "image/jpeg", samples.jpeg()),
    "video": ("ride.mp4", "video/mp4", samples.mp4()),
    "audio": ("note.ogg", "audio/ogg", samples.ogg()),
    "document": ("receipt.pdf", "application/pdf", samples.pdf()),
    "sticker": ("bell.webp", "image/webp", samples.webp()),
}
BODY = {"type": "BODY", "text": "Ready."}
BODY_OF_ONE = {"type": "BODY", "text": "Hello {{1}}.", "example": {"body_text": [["Noor"]]}}
BODY_OF_TWO = {"type": "BODY", "text": "Hello {{1}}, {{2}} is ready.", "example": {"body_text": [["Noor", "B-52"]]}}
URL_BUTTON = {"type": "URL", "text": "Look", "url": "https://shop.example.org/r/{{1}}", "example": ["31"]}
TEMPLATES = {
    "bicycle_ready": [BODY_OF_TWO],
    "hours_of_ours": [BODY],
    "april_rates": [
        {"type": "HEADER", "format": "DOCUMENT", "example": {"header_handle": ["4::x"]}},
        BODY_OF_ONE,
        {"type": "BUTTONS", "buttons": [URL_BUTTON]},
    ],
    "bikes_are_in": [
        {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["4::x"]}},
        BODY_OF_ONE,
        {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Yes"}]},
    ],
    "film_is_out": [{"type": "HEADER", "format": "VIDEO", "example": {"header_handle": ["4::x"]}}, BODY],
    "bell_coupon": [BODY, {"type": "BUTTONS", "buttons": [{"type": "COPY_CODE", "example": "SPRING4"}]}],
}


def golden(directory: str) -> dict[str, dict[str, Any]]:
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted((GOLDEN / directory).glob("*"))}


def filled(value: Any, known: dict[str, str]) -> Any:
    """Return a golden value with ``<name>`` replaced by what is known; what is not known stays."""
    if isinstance(value, dict):
        return {name: filled(member, known) for name, member in value.items()}
    if isinstance(value, list):
        return [filled(item, known) for item in value]
    return known.get(value, value) if isinstance(value, str) else value


def differs(expected: Any, found: Any, place: str = "") -> str:
    """Say where two values differ, ``""`` if nowhere; ``<digits>``, ``<id>`` and ``<sha256>`` stand for any such text."""
    if isinstance(expected, dict) and isinstance(found, dict) and expected.keys() == found.keys():
        return next(
            (fault for name in expected if (fault := differs(expected[name], found[name], f"{place}.{name}"))), ""
        )
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = enumerate(zip(expected, found, strict=True))
        return next((fault for n, pair in pairs if (fault := differs(*pair, f"{place}[{n}]"))), "")
    patterns = {"<digits>": r"\d{5,}", "<id>": r"\S{5,}", "<sha256>": r"[A-Za-z0-9+/]{43}="}
    if isinstance(expected, str) and expected in patterns and isinstance(found, str):
        return "" if re.fullmatch(patterns[expected], found) else f"{place}: {found}"
    is_same = expected == found and isinstance(expected, bool) == isinstance(found, bool)
    return "" if is_same else f"{place}: {expected!r} and not {found!r}"


@asynccontextmanager
async def served_files() -> AsyncIterator[dict[str, str]]:
    """Serve the files; give ``<url:kind>`` to URL."""

    async def serve(request: web.Request) -> web.Response:
        name, mime_type, data = FILES[request.match_info["kind"]]
        assert request.match_info["name"] == name
        return web.Response(body=data, content_type=mime_type)

    app = web.Application()
    app.router.add_get("/{kind}/{name}", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        port = runner.addresses[0][1]
        yield {f"<url:{kind}>": f"http://127.0.0.1:{port}/{kind}/{name}" for kind, (name, _, _) in FILES.items()}
    finally:
        await runner.cleanup()


async def uploaded_files(house: House) -> dict[str, str]:
    found = {}
    for kind, (name, mime_type, data) in FILES.items():
        form = FormData()
        form.add_field("file", data, filename=name, content_type=mime_type)
        _, answer = await house.call("POST", "/api/v2/media/upload/", data=form)
        found[f"<media:{kind}>"] = answer["data"]["mediaId"]
    return found


async def make_templates(house: House) -> None:
    """Let the provider approve the templates, and wait until the gateway has them."""
    account = house.demo.account
    for name, components in TEMPLATES.items():
        template = {"name": name, "language": "en", "category": "UTILITY", "components": components}
        headers = {"Authorization": f"Bearer {account.access_token}"}
        await house.sandbox("POST", f"/v23.0/{account.waba_id}/message_templates", json=template, headers=headers)
    approved = Sql("SELECT name FROM templates WHERE status = 'APPROVED'")

    async def all_are_known() -> bool:
        found = await house.demo.gateway.foundation.database.read(lambda tx: tx.rows(approved))
        return TEMPLATES.keys() <= {name for (name,) in found}

    await house.eventually(all_are_known)


def phones(start: int, count: int) -> list[str]:
    return [f"1202555{number:04d}" for number in range(start, start + count)]


async def conversations(house: House, cases: dict[str, Any], by: dict[str, str]) -> dict[str, dict[str, str]]:
    """Send the phones of cases about an earlier message a text; return the ids of both sides' messages, by case."""
    names = [name for name, case in cases.items() if re.search("<(message|wamid|inbound)>", json.dumps(case))]
    sent = await house.send(*(house.entry(by[name], **{"x-apiheader": "ticket-118"}) for name in names))
    await house.becomes("read", *sent)
    known: dict[str, dict[str, str]] = {name: {} for name in cases}
    for name, message_id in zip(names, sent, strict=True):
        found = await house.sandbox("GET", f"/sandbox/phones/{by[name]}/messages")
        ids = {message["direction"]: message["wamid"] for message in found["messages"]}
        known[name] = {"<message>": message_id, "<wamid>": ids["received"], "<inbound>": ids["sent"]}
    return known


async def send_every_type(house: House) -> dict[str, str]:
    """Return what is not as its file says, by file."""
    cases = golden("upstream")
    to = dict(zip(cases, phones(1000, len(cases)), strict=True))
    await house.writes_first(*to.values())
    await make_templates(house)
    files = await uploaded_files(house)
    sent, known = {}, await conversations(house, cases, to)
    async with served_files() as urls:
        for name, case in cases.items():
            entry = filled(case["entry"], files | urls | known[name])
            [sent[name]] = await house.send({"recipient_whatsapp": to[name], "source": house.source_id, **entry})
        for name, case in cases.items():
            await house.becomes(case["ends"], sent[name])
    faults = {}
    for name, case in cases.items():
        found = await house.sandbox("GET", f"/sandbox/phones/{to[name]}/messages?direction=received")
        message = found["messages"][-1]["message"]
        content = {member: value for member, value in message.items() if member not in OURS_ONLY}
        frame = (message["recipient_type"], message["to"])
        faults[name] = differs(filled(case["upstream"], known[name]), content)
        faults[name] = faults[name] or differs(["individual", "+" + to[name]], list(frame))
    return {name: fault for name, fault in faults.items() if fault}


async def told_entries(house: House) -> dict[str, dict[str, Any]]:
    """Return the entries of incoming webhooks by the provider's message id."""
    found = await house.sandbox("GET", "/inspector/events?kind=incoming&limit=1000")
    return {entry["message_id"]: entry for event in found["events"] for entry in event["body"]["incoming_message"]}


async def kept_messages(house: House) -> dict[str, str]:
    """Return the kinds of all inbound messages by the provider's message id."""
    kept, path = {}, "/manage/v1/inbound-messages?limit=200"
    _, page = await house.call("GET", path)
    while True:
        kept |= {item["provider_id"]: item["kind"] for item in page["items"]}
        if page["next_cursor"] is None:
            return kept
        _, page = await house.call("GET", f"{path}&cursor={page['next_cursor']}")


async def write(house: House, phone: str, spec: dict[str, Any]) -> str:
    found = await house.sandbox(
        "POST", f"/sandbox/phones/{phone}/messages", json={"to": house.source_phone, "name": "Noor", **spec}
    )
    return found["wamid"]


async def hear_every_type(house: House) -> dict[str, str]:
    """Return what is not told, or kept, as its file says, by file."""
    cases = golden("inbound")
    by = dict(zip(cases, phones(2000, len(cases)), strict=True))
    await house.writes_first(*by.values())
    data = {f"<file:{kind}>": base64.b64encode(content).decode() for kind, (_, _, content) in FILES.items()}
    wamids, known = {}, await conversations(house, cases, by)
    for name, case in cases.items():
        wamids[name] = await write(house, by[name], filled(case["phone"], data | known[name]))
    await house.eventually(lambda: all_are_heard(house, wamids, cases))
    told = await told_entries(house)
    faults = {}
    for name, case in cases.items():
        entry = told.get(wamids[name])
        if case["told"] is None:
            faults[name] = "" if entry is None else "told, though it is only to be kept"
            continue
        assert entry is not None
        envelope = {member: entry.pop(member) for member in ENVELOPE}
        expected = {"from": by[name], "to": house.source_phone, "from_name": "Noor", "message_id": wamids[name]}
        faults[name] = differs(filled(case["told"], known[name]), entry)
        faults[name] = faults[name] or differs({**expected, "received_at": "<digits>"}, envelope)
    return {name: fault for name, fault in faults.items() if fault}


async def all_are_heard(house: House, wamids: dict[str, str], cases: dict[str, Any]) -> bool:
    told, kept = await told_entries(house), await kept_messages(house)
    return set(wamids.values()) <= kept.keys() and all(
        wamids[name] in told for name, case in cases.items() if case["told"] is not None
    )


async def fail_with_every_code(house: House) -> dict[str, Any]:
    """Return what the webhook said of each code, where it is not what the table says."""
    rows = [(code, row["remark"]) for row in golden("failures")["upstream_codes"]["remarks"] for code in row["codes"]]
    to = phones(3000, len(rows))
    await house.writes_first(*to)
    sent = []
    for phone, (code, _) in zip(to, rows, strict=True):
        await house.fault("failed_status", code=code, number=phone, count=1)
        sent += await house.send(house.entry(phone, **{"x-apiheader": f"code-{code}"}))
    await house.becomes("failed", *sent)
    different = {}
    for message_id, phone, (code, remark) in zip(sent, to, rows, strict=True):
        await house.is_told(message_id, "failed")
        [entry] = await house.webhooks(message_id)
        expected = {"recipient": phone, "status_remark": remark, "x-apiheader": f"code-{code}"}
        found = {member: entry[member] for member in expected}
        if found != expected:
            different[code] = found
    return different


async def a_sticker_is_told_while_the_webhook_wants_stickers(house: House) -> bool:
    """Switch stickers off at the webhook; return whether one is still told, and that it is kept all the same."""
    webhook_id = house.demo.account.endpoint_id
    status, answer = await house.call("PATCH", f"/manage/v1/webhooks/{webhook_id}", json={"stickers": False})
    assert 200 == status, answer
    [phone] = phones(4000, 1)
    data = base64.b64encode(FILES["sticker"][2]).decode()
    sticker = await write(house, phone, {"type": "sticker", "sticker": {"data": data, "mime_type": "image/webp"}})
    text = await write(house, phone, {"type": "text", "text": {"body": "did you see it?"}})

    async def text_is_told() -> bool:
        return text in await told_entries(house) and sticker in await kept_messages(house)

    await house.eventually(text_is_told)
    # It opened the window too.
    await house.send(house.entry(phone))
    return sticker in await told_entries(house)


async def changes_of_consent_told(house: House) -> list[tuple[str, str]]:
    """Let a person and the API change a consent; return what the webhook is told of it, with where it came from."""
    webhook_id = house.demo.account.endpoint_id
    await house.call("PATCH", f"/manage/v1/webhooks/{webhook_id}", json={"kinds": ["incoming", "event", "notice"]})
    [phone] = phones(5000, 1)
    recipients = [{"recipient": phone, "source": "WEB"}]
    await house.writes_first(phone)
    await house.call("POST", "/api/v2/consent/manage/", json={"type": "optout", "recipients": recipients})
    await house.call("POST", "/api/v2/consent/manage/", json={"type": "optin", "recipients": recipients})
    await house.call("POST", "/api/v2/consent/manage/", json={"type": "optin", "recipients": recipients})
    await house.call("POST", "/api/v2/consent/blocklist", json={"type": "blocklist", "recipients": recipients})
    await house.call("POST", "/api/v2/consent/blocklist", json={"type": "whitelist", "recipients": recipients})
    await write(house, phone, {"type": "text", "text": {"body": "stop"}})
    told: list[dict[str, Any]] = []

    async def the_last_is_told() -> bool:
        found = await house.sandbox("GET", "/inspector/events?kind=notice&limit=1000")
        entries = [entry for event in found["events"] for entry in event["body"]["notice"]]
        told[:] = [entry for entry in entries if entry.get("recipient") == phone]
        return len(told) >= 6

    await house.eventually(the_last_is_told)
    return [(entry["type"], entry["source"]) for entry in told]


async def test_every_type_goes_out_and_comes_in_as_the_golden_files_say(house: House) -> None:
    assert await send_every_type(house) == {}
    assert await hear_every_type(house) == {}
    assert await fail_with_every_code(house) == {}
    assert not await a_sticker_is_told_while_the_webhook_wants_stickers(house)
    assert await changes_of_consent_told(house) == [
        ("consent.opted_in", "WHATSAPP"),
        ("consent.opted_out", "WEB"),
        ("consent.opted_in", "WEB"),
        ("consent.blocked", "WEB"),
        ("consent.unblocked", "WEB"),
        ("consent.opted_out", "WHATSAPP"),
    ]
