"""The control API of phones: what a person would do with theirs."""

import asyncio
import dataclasses
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import Response

from waypost.sandbox.answers import answered
from waypost.sandbox.control_errors import ControlError, answer, bad_request, json_body, page_of
from waypost.sandbox.graph.media import send_ranged
from waypost.sandbox.graph.media_kinds import INBOUND_BYTES_MAX
from waypost.sandbox.inbound import InboundBuilder, InboundFile
from waypost.sandbox.ledger import Accepted
from waypost.sandbox.media_headers import media_headers
from waypost.sandbox.media_store import Medium
from waypost.sandbox.network import Inbound, Phone, digits_of
from waypost.sandbox.wire import Receive, Scope, Send

if TYPE_CHECKING:
    from waypost.sandbox.app import Sandbox

_MESSAGES_PAGE_MAX = 10_000


class PhoneControl:
    """Handlers under /sandbox/phones/."""

    def __init__(self, sandbox: "Sandbox") -> None:
        self._sandbox = sandbox
        self._network = sandbox.network
        self._builder = InboundBuilder(network=sandbox.network, media=sandbox.media, groups=sandbox.groups)

    async def list_phones(self, request: Request) -> Response:
        after, limit = page_of(request, limit_max=_MESSAGES_PAGE_MAX, limit_default=1000)
        phones = list(self._network.phones.values())
        page = phones[after : after + limit]
        more = after + limit if after + limit < len(phones) else None
        return answer({"phones": [self._view(phone) for phone in page], "total": len(phones), "next_after": more})

    async def show(self, request: Request) -> Response:
        return answer(self._view(self._phone(request)))

    async def change(self, request: Request) -> Response:
        """Change what is named in the body and leave the rest."""
        body = await json_body(request)
        phone = self._phone(request)
        changes = _checked_changes(body)
        if "wa_id" in changes and (other := self._network.find_phone(changes["wa_id"])) not in (None, phone):
            assert other is not None
            raise ControlError(
                409, "taken", f"{changes['wa_id']} is the phone {other.number}.", "Choose another wa_id."
            )
        for name, value in changes.items():
            setattr(phone, name, value)
        self._network.save_phone(phone)
        self._sandbox.delivery.phone_changed(phone)
        return answer(self._view(phone))

    async def write(self, request: Request) -> Response:
        """Write a message from this phone to a business number, or give the answer that a received one asks for."""
        phone = self._phone(request)
        spec, file = await _spec_of(request)
        if "answer" in spec:
            spec = answered(phone, spec, templates=self._sandbox.templates.every())
        name = spec.get("name", spec.get("profile_name"))
        if isinstance(name, str) and name and name != phone.name:
            phone.name = name
            self._network.save_phone(phone)
        base_url = self._sandbox.base_url_of(request.scope)
        inbound = await self._builder.build(phone, spec, file, base_url)
        self._sandbox.delivery.tell_inbound(inbound)
        return answer(self._message_view(phone, inbound, base_url), 201)

    async def read_messages(self, request: Request) -> Response:
        """List the thread, oldest first: `after` is how many to leave out, `direction` is received or sent."""
        phone = self._phone(request)
        after, limit = page_of(request, limit_max=_MESSAGES_PAGE_MAX, limit_default=1000)
        thread: list[Accepted | Inbound] = phone.thread
        direction, wamid = request.query_params.get("direction"), request.query_params.get("wamid")
        if direction not in (None, "received", "sent"):
            raise bad_request("direction is neither received nor sent.", "Leave it out for both.")
        if direction is not None:
            thread = [message for message in thread if _direction(phone, message) == direction]
        if wamid is not None:
            thread = [message for message in thread if message.wamid == wamid]
        base_url = self._sandbox.base_url_of(request.scope)
        page = thread[after : after + limit]
        more = after + limit if after + limit < len(thread) else None
        views = [self._message_view(phone, message, base_url) for message in page]
        return answer({"messages": views, "total": len(thread), "next_after": more})

    async def read(self, request: Request) -> Response:
        """Open the chat: read all, or the messages in `message_ids`."""
        body = await json_body(request)
        wamids = body.get("message_ids")
        if wamids is not None and not (isinstance(wamids, list) and all(isinstance(w, str) for w in wamids)):
            raise bad_request("message_ids is not a list of ids.", "Leave it out to read everything.")
        phone = self._phone(request)
        read = self._sandbox.delivery.read(phone, None if wamids is None else set(wamids))
        return answer({"read": read})

    async def close_windows(self, request: Request) -> Response:
        """Forget that this phone ever wrote, as if 24 hours had passed."""
        self._network.close_windows(self._phone(request).number)
        return answer({"windows": {}})

    async def media(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the bytes of any medium, for checkers and pages; no token is asked for."""
        del receive
        medium = self._sandbox.media.find_for_view(scope["path_params"]["media_id"])
        if medium is None:
            raise ControlError(404, "not_found", "There is no such media.", "See media_url of a message.")
        data = await asyncio.to_thread(self._sandbox.media.read, medium)
        mime_type, headers = media_headers(medium.mime_type, medium.filename)
        await send_ranged(scope, send, data=data, mime_type=mime_type, more=headers)

    def _phone(self, request: Request) -> Phone:
        digits = digits_of(request.path_params["number"])
        if not 5 <= len(digits) <= 20:
            raise bad_request(
                f"{request.path_params['number']!r} is not a phone number.", "Use 5 to 20 digits with the country code."
            )
        if self._network.number_for(digits) is not None:
            raise ControlError(
                409, "business_number", f"{digits} is a business number.", "Phones are other numbers: choose one."
            )
        return self._network.phone(digits)

    def _view(self, phone: Phone) -> dict[str, Any]:
        return {
            **phone.record(),
            "opted_out": {"no": False, "marketing": True}.get(phone.opted_out, phone.opted_out),
            "messages": len(phone.thread),
            "last_wrote_us": self._network.windows_of(phone.number),
        }

    def _message_view(self, phone: Phone, message: Accepted | Inbound, base_url: str) -> dict[str, Any]:
        number = self._network.numbers.get(message.phone_number_id)
        view: dict[str, Any] = {
            "wamid": message.wamid,
            "direction": _direction(phone, message),
            "phone_number_id": message.phone_number_id,
            "business_number": None if number is None else number.display_phone_number,
        }
        if isinstance(message, Accepted):
            content = orjson.loads(message.body)
            view |= {"time": _time(message.arrival_us), "time_us": message.arrival_us, "type": message.type}
            shown = self._ticks_of(phone, message)
            view |= {"status": _status(shown), "ticks": _ticks(shown), "failed_code": message.failed_code or None}
            if message.is_group:
                view["group_id"] = message.to
        else:
            content = message.message
            ticks = {
                "delivered": _time(message.at_us) if message.acknowledged else None,
                "read": _time(message.read_us),
            }
            view |= {"time": _time(message.at_us), "time_us": message.at_us, "type": content["type"]}
            view |= {"status": "read" if message.read_us else "delivered" if message.acknowledged else "sent"}
            view |= {"ticks": {"sent": _time(message.at_us), **ticks}, "typing": _time(message.typing_us)}
            if message.group_id is not None:
                view |= {"group_id": message.group_id, "from": message.phone}
        view["message"] = content
        medium = self._medium_of(message, content)
        if medium is not None:
            view |= {"media_url": f"{base_url}/sandbox/media/{medium.media_id}", "media_id": medium.media_id}
            view |= {"sha256": medium.sha256, "size": medium.size_bytes, "mime_type": medium.mime_type}
        return view

    def _ticks_of(self, phone: Phone, entry: Accepted) -> Accepted:
        """Return the message with the times that count on this phone: in a group each has its own."""
        if not entry.is_group:
            return entry
        receipt = self._sandbox.delivery.receipts.receipt(entry.wamid, phone.number)
        return dataclasses.replace(entry, delivered_us=receipt.delivered_us, read_us=receipt.read_us)

    def _medium_of(self, message: Accepted | Inbound, content: dict[str, Any]) -> Medium | None:
        node = content.get(content.get("type", "text"))
        media_id = node.get("id") if isinstance(node, dict) else None
        media_id = media_id or self._sandbox.links.fetched.get(message.wamid)
        return None if media_id is None else self._sandbox.media.find_for_view(str(media_id))


def _checked_changes(body: dict[str, Any]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for name, value in body.items():
        if (name in ("online", "on_whatsapp", "username_only") and isinstance(value, bool)) or (
            name == "reads" and value in ("auto", "manual", "never")
        ):
            changes[name] = value
        elif name == "blocks" and isinstance(value, bool | list):
            changes[name] = value if isinstance(value, bool) else [digits_of(str(one)) for one in value]
        elif name == "opted_out" and (isinstance(value, bool) or value in ("marketing", "all", "no")):
            changes[name] = {True: "marketing", False: "no"}.get(value, value)
        elif (name == "name" and isinstance(value, str) and value) or (
            name == "username" and (value is None or isinstance(value, str))
        ):
            changes[name] = value
        elif name == "wa_id" and isinstance(value, str) and 5 <= len(digits_of(value)) <= 20:
            changes[name] = digits_of(value)
        elif name == "user_id" and isinstance(value, str) and value:
            changes[name] = value
        else:
            raise bad_request(
                f"{name}: {value!r} cannot be set.",
                "online, on_whatsapp, username_only: true or false; reads: auto, manual or never; blocks: true, false "
                'or a list of business numbers; opted_out: true, false or "all"; name, username, wa_id, user_id: text.',
            )
    return changes


async def _spec_of(request: Request) -> tuple[dict[str, Any], InboundFile | None]:
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await json_body(request), None
    try:
        form = await request.form(max_files=1, max_fields=50)
    except MultiPartException as error:
        raise bad_request("The form cannot be read.", "Send JSON, or multipart/form-data with `file`.") from error
    try:
        spec: dict[str, Any] = {name: value for name, value in form.items() if isinstance(value, str)}
        if "message" in spec:
            spec |= orjson.loads(spec.pop("message"))
        upload = form.get("file")
        if not isinstance(upload, UploadFile):
            return spec, None
        data = await upload.read(INBOUND_BYTES_MAX + 1)
        return spec, InboundFile(data=data, filename=upload.filename, mime_type=upload.content_type)
    except orjson.JSONDecodeError as error:
        raise bad_request("The field message is not JSON.", "Put the message's JSON object into it.") from error
    finally:
        await form.close()


def _time(at_us: int) -> str | None:
    return datetime.fromtimestamp(at_us / 1e6, UTC).isoformat(timespec="milliseconds") if at_us else None


def _direction(phone: Phone, message: Accepted | Inbound) -> str:
    return "sent" if isinstance(message, Inbound) and message.phone == phone.number else "received"


def _status(entry: Accepted) -> str:
    if entry.failed_us:
        return "failed"
    return "read" if entry.read_us else "delivered" if entry.delivered_us else "sent" if entry.sent_us else "accepted"


def _ticks(entry: Accepted) -> dict[str, str | None]:
    ticks = {"sent": entry.sent_us, "delivered": entry.delivered_us, "read": entry.read_us, "failed": entry.failed_us}
    return {name: _time(at_us) for name, at_us in ticks.items()}
