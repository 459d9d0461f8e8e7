"""
A demo that people have used: conversations, failures, a bulk send. For screenshots, and for tests of whole pages.

Everything is done from outside, over HTTP, as an application and its customers would.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

PHONES: Final = tuple(f"120255501{number:02d}" for number in range(50, 56))
_BRAKES: Final = {"id": "r1", "title": "Brakes", "description": "Pads and cables"}
_LOOK_AGAIN_SECONDS: Final = 0.05
_PATIENCE_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a demo is, and what it takes to use it."""

    base_url: str
    sandbox_url: str
    api_key: str
    source_id: str
    source_phone: str
    picture: Path


class Furnisher:
    """Fills a demo through its API and its phones."""

    def __init__(self, http: aiohttp.ClientSession, place: Place) -> None:
        self._http = http
        self._place = place

    async def furnish(self) -> None:
        """Let customers write, answer them in many ways, and let some of it fail; return when all of it has ended."""
        for number, text in zip(PHONES, _QUESTIONS, strict=True):
            await self._sandbox("PUT", f"/sandbox/phones/{number}", {"name": f"Customer {number[-2:]}"})
            await self._writes(number, {"type": "text", "text": {"body": text}})
        for number in PHONES:
            await self._until(lambda number=number: self._is_opted_in(number))
        media_id = await self._upload()
        ids = [await self._send(PHONES[place % len(PHONES)], entry) for place, entry in enumerate(_entries(media_id))]
        await self._fault({"kind": "failed_status", "code": 131026, "count": 1, "number": PHONES[5]})
        ids.append(await self._send(PHONES[5], _text("Your bicycle can be collected.")))
        await self._fault({"kind": "graph_error", "code": 130472, "count": 1, "number": PHONES[4]})
        ids.append(await self._send(PHONES[4], _text("Do you still want the helmet?")))
        await self._fault({"kind": "http_5xx", "status": 503, "count": 1, "number": PHONES[3]})
        ids.append(await self._send(PHONES[3], _text("We close at six today.")))
        await self._writes(PHONES[0], {"type": "location", "location": {"latitude": 38.8977, "longitude": -77.0365}})
        await self._writes(PHONES[1], {"type": "text", "text": {"body": "Thank you, see you tomorrow!"}})
        await self._send(
            PHONES[2], _text("This is your reminder.") | {"scheduled_at": "2099-01-01T09:00:00Z"}, may_fail=True
        )
        await self._call("POST", "/api/v2/consent/blocklist", {"type": "optout", "recipients": [PHONES[5]]})
        await self._bulk()
        for message_id in ids:
            await self._until(lambda message_id=message_id: self._has_ended(message_id))

    async def _bulk(self) -> None:
        entry = {
            "message_type": "template",
            "source": self._place.source_id,
            "type_template": [
                {"name": "repair_done", "language": {"locale": "en"}, "attributes": ["{{name}}", "{{bicycle}}"]}
            ],
        }
        bulk = await self._call("POST", "/manage/v1/bulk-sends", {"name": "Repairs of this week", "entry": entry})
        rows = [
            {"recipient": number, "fields": {"name": "friend", "bicycle": f"B-{place}"}}
            for place, number in enumerate([*PHONES[:4], "1"])
        ]
        await self._call("PUT", f"/manage/v1/bulk-sends/{bulk['id']}/rows?from=0", {"rows": rows})
        await self._call("POST", f"/manage/v1/bulk-sends/{bulk['id']}/start", None)

    async def _send(self, number: str, entry: dict[str, Any], *, may_fail: bool = False) -> str:
        whole = {"recipient_whatsapp": number, "source": self._place.source_id, "x-apiheader": f"order-{number[-2:]}"}
        answer = await self._call("POST", "/api/v2/message/", {"message": [whole | entry]})
        if answer["status"] != "success":
            assert may_fail, answer
            return ""
        return str(answer["data"]["id"])

    async def _upload(self) -> str:
        form = aiohttp.FormData()
        form.add_field("file", self._place.picture.read_bytes(), filename="bicycle.png", content_type="image/png")
        url = self._place.base_url + "/api/v2/media/upload/"
        async with self._http.post(url, data=form, headers=self._headers) as response:
            return str((await response.json())["data"]["mediaId"])

    async def _writes(self, number: str, message: dict[str, Any]) -> None:
        await self._sandbox("POST", f"/sandbox/phones/{number}/messages", {"to": self._place.source_phone} | message)

    async def _fault(self, rule: dict[str, Any]) -> None:
        await self._sandbox("POST", "/sandbox/faults", rule)

    async def _is_opted_in(self, number: str) -> bool:
        answer = await self._call("POST", "/api/v2/consent/", {"phone_number": number})
        return bool(answer["status"] == "success")

    async def _has_ended(self, message_id: str) -> bool:
        answer = await self._call("GET", f"/api/v2/message/{message_id}", None)
        return answer["data"]["status"] in ("read", "delivered", "failed")

    async def _until(self, condition: Any) -> None:
        never = asyncio.Event()
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while not await condition():
                try:
                    await asyncio.wait_for(never.wait(), _LOOK_AGAIN_SECONDS)
                except TimeoutError:
                    continue

    async def _call(self, method: str, path: str, body: Any) -> Any:
        async with self._http.request(
            method, self._place.base_url + path, json=body, headers=self._headers
        ) as response:
            return await response.json(content_type=None)

    async def _sandbox(self, method: str, path: str, body: Any) -> Any:
        async with self._http.request(method, self._place.sandbox_url + path, json=body) as response:
            assert response.status < 300, await response.text()
            return await response.json()

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._place.api_key}"}


_QUESTIONS: Final = (
    "Hello, is my bicycle ready?",
    "When do you open tomorrow?",
    "Can you look at my brakes?",
    "Do you have helmets for children?",
    "How much is a new chain?",
    "Please call me back",
)


def _text(content: str) -> dict[str, Any]:
    return {"message_type": "text", "type_text": [{"content": content}]}


def _interactive(definition: dict[str, Any]) -> dict[str, Any]:
    return {"message_type": "interactive", "type_interactive": [definition]}


def _entries(media_id: str) -> list[dict[str, Any]]:
    """Return one message of most kinds."""
    attachment = {"attachment_id": media_id, "caption": "Ready for collection"}
    replies = [{"type": "reply", "reply": {"id": f"slot_{name}", "title": name}} for name in ("Morning", "Evening")]
    name = {"formatted_name": "Sample Bicycles", "first_name": "Sample"}
    return [
        {"message_type": "media", "recipient_type": "individual", "type_media": [{"attachments": [attachment]}]},
        _text("From nine to six. *Do come by*: https://shop.example.org/"),
        _interactive(
            {
                "type": "list",
                "body": "What do you need?",
                "action": [{"button": "Services", "sections": [{"title": "Repairs", "rows": [_BRAKES]}]}],
            }
        ),
        _interactive({"type": "button", "body": "When will you come?", "action": [{"buttons": replies}]}),
        {
            "message_type": "template",
            "type_template": [{"name": "repair_done", "language": {"locale": "en"}, "attributes": ["friend", "B-52"]}],
        },
        {"message_type": "contacts", "type_contacts": [{"name": name, "phones": [{"phone": "12025550199"}]}]},
        {
            "message_type": "location",
            "type_location": [
                {"longitude": -77.0365, "latitude": 38.8977, "name": "Workshop", "address": "12 Sample Street"}
            ],
        },
    ]
