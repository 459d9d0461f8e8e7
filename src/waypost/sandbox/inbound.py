"""Messages a phone writes: from the control API's words to the Cloud API's webhook object."""

import asyncio
import base64
import binascii
import time
from typing import Any

from waypost.sandbox import ids
from waypost.sandbox.clock import now_us
from waypost.sandbox.control_errors import ControlError, bad_request
from waypost.sandbox.graph.media import DOWNLOAD_PATH
from waypost.sandbox.graph.media_kinds import INBOUND_BYTES_MAX, is_animated_webp, sniff
from waypost.sandbox.groups import Group, Groups
from waypost.sandbox.media_store import MediaStore, Medium
from waypost.sandbox.network import Inbound, Network, Number, Phone

MEDIA_TYPES = ("image", "video", "audio", "document", "sticker")
_OBJECT_TYPES = ("location", "reaction", "button", "interactive", "order", "system", "edit", "revoke")
TYPES = ("text", *MEDIA_TYPES, *_OBJECT_TYPES, "contacts", "unsupported")
_REPLIES = ("button_reply", "list_reply", "nfm_reply", "call_permission_reply")
_NEEDED = {
    "location": ("latitude", "longitude"),
    "reaction": ("message_id",),
    "button": ("text",),
    "order": ("product_items",),
    "system": ("wa_id",),
    "edit": ("original_message_id", "message"),
    "revoke": ("original_message_id",),
}


class InboundBuilder:
    """Build, store and count one inbound message; it opens the window of its number and its phone, or group."""

    def __init__(self, *, network: Network, media: MediaStore, groups: Groups) -> None:
        self._network = network
        self._groups = groups
        self._media = media

    async def build(self, phone: Phone, spec: dict[str, Any], file: "InboundFile | None", base_url: str) -> Inbound:
        """Return the stored message; raise ControlError with what is wrong with `spec`."""
        group = self._group(phone, spec)
        number = self._number(spec) if group is None else self._network.numbers[group.phone_number_id]
        kind = spec.get("type", "text")
        if kind not in TYPES:
            raise bad_request(f"type {kind!r} is not a message type.", f"Use one of: {', '.join(TYPES)}.")
        content = await self._content(kind, spec, file, number, base_url)
        at_us = self._moment(spec)
        message: dict[str, Any] = {}
        if not phone.username_only:
            message["from"] = phone.wa_id
        message["from_user_id"] = phone.user_id
        if group is not None:
            message["group_id"] = group.group_id
        message["id"] = ids.inbound_wamid(phone.wa_id)
        message["timestamp"] = str(at_us // 1_000_000)
        context = self._context(spec, number)
        if context:
            message["context"] = context
        if isinstance(spec.get("referral"), dict):
            message["referral"] = spec["referral"]
        message["type"] = kind
        message[kind] = content
        if kind == "unsupported":
            message["errors"] = [_UNSUPPORTED]
        inbound = Inbound(
            wamid=message["id"],
            phone_number_id=number.phone_number_id,
            phone=phone.number,
            at_us=at_us,
            message=message,
        )
        self._network.add_inbound(inbound)
        self._network.buckets[number.phone_number_id].take(time.monotonic())
        return inbound

    def _group(self, phone: Phone, spec: dict[str, Any]) -> Group | None:
        """Return the group that the message is written into; raise if the phone is not in it."""
        if "group_id" not in spec:
            return None
        group = self._groups.find(str(spec["group_id"]))
        if group is None:
            raise ControlError(404, "no_such_group", "There is no such group.", "GET /sandbox/groups lists all.")
        if phone.number not in group.participants:
            raise ControlError(
                409,
                "not_a_participant",
                f"{phone.number} is not in this group.",
                f'Let it join: POST /sandbox/groups/{group.group_id}/join {{"phone": "{phone.number}"}}.',
            )
        return group

    def _number(self, spec: dict[str, Any]) -> Number:
        to = spec.get("to")
        if to is None and len(self._network.numbers) == 1:
            return next(iter(self._network.numbers.values()))
        number = None if to is None else self._network.number_for(str(to))
        if number is None:
            known = ", ".join(n.display_phone_number for n in self._network.numbers.values()) or "none yet"
            raise ControlError(
                404,
                "no_such_number",
                f"There is no business number {to!r} in this sandbox.",
                f"Put one of these in `to`: {known}. PUT /sandbox/numbers/{{phone_number_id}} makes another.",
            )
        return number

    async def _content(
        self, kind: str, spec: dict[str, Any], file: "InboundFile | None", number: Number, base_url: str
    ) -> Any:
        given = spec.get(kind)
        if kind == "text":
            body = given if isinstance(given, str) else given.get("body") if isinstance(given, dict) else None
            body = spec.get("body") if body is None else body
            if not isinstance(body, str) or not body:
                raise bad_request("A text message needs a body.", 'Send {"type": "text", "text": {"body": "hi"}}.')
            return {"body": body}
        if kind in MEDIA_TYPES:
            return await self._media_content(
                kind, {**spec, **(given if isinstance(given, dict) else {})}, file, number, base_url
            )
        if kind == "contacts":
            if not isinstance(given, list) or not given:
                raise bad_request(
                    "A contacts message needs contacts.", 'Send {"contacts": [{"name": {"formatted_name": "Ann"}}]}.'
                )
            return given
        if kind == "unsupported":
            return {"type": given.get("type", "unknown") if isinstance(given, dict) else "unknown"}
        return _object_content(kind, given)

    async def _media_content(
        self, kind: str, given: dict[str, Any], file: "InboundFile | None", number: Number, base_url: str
    ) -> dict[str, Any]:
        medium = await self._medium(kind, given, file, number)
        content: dict[str, Any] = {
            "mime_type": medium.mime_type,
            "sha256": medium.sha256_base64,
            "id": medium.media_id,
            "url": f"{base_url}{DOWNLOAD_PATH}?{self._media.url_query(medium)}",
        }
        if kind in ("image", "video", "document") and isinstance(given.get("caption"), str):
            content["caption"] = given["caption"]
        if kind == "document":
            content["filename"] = medium.filename or "document"
        if kind == "audio":
            content["voice"] = bool(given.get("voice", False))
        if kind == "sticker":
            content["animated"] = is_animated_webp(await asyncio.to_thread(self._media.read, medium))
        return content

    async def _medium(self, kind: str, given: dict[str, Any], file: "InboundFile | None", number: Number) -> Medium:
        filename = given.get("filename") if isinstance(given.get("filename"), str) else None
        mime_type = given.get("mime_type")
        if file is not None:
            data, filename, mime_type = file.data, filename or file.filename, mime_type or file.mime_type
        elif isinstance(given.get("data"), str):
            try:
                data = base64.b64decode(given["data"], validate=True)
            except binascii.Error as error:
                raise bad_request("data is not base64.", "Encode the file's bytes as standard base64.") from error
        elif given.get("id") is not None:
            known = self._media.find_for_view(str(given["id"]))
            if known is None:
                raise ControlError(404, "no_such_media", f"There is no media {given['id']}.", "Send `data` instead.")
            data = await asyncio.to_thread(self._media.read, known)
            filename, mime_type = filename or known.filename, mime_type or known.mime_type
        else:
            raise bad_request(
                f"A message of type {kind} needs a file.",
                f'Send {{"{kind}": {{"data": "<base64>", "mime_type": "..."}}}}, or multipart with `file`.',
            )
        if not data or len(data) > INBOUND_BYTES_MAX:
            raise bad_request("The file must have 1 byte to 100 MB.", "Send a file of another size.")
        medium = await asyncio.to_thread(
            self._media.add,
            data,
            phone_number_id=number.phone_number_id,
            mime_type=str(mime_type or sniff(data) or "application/octet-stream"),
            filename=filename,
            origin="phone",
        )
        self._media.keep(medium)
        return medium

    @staticmethod
    def _context(spec: dict[str, Any], number: Number) -> dict[str, Any]:
        given = spec.get("context")
        if isinstance(given, str):
            given = {"message_id": given}
        if not isinstance(given, dict):
            return {}
        wamid = given.get("message_id", given.get("id"))
        context = {
            name: given[name] for name in ("forwarded", "frequently_forwarded", "referred_product") if name in given
        }
        if wamid is not None:
            context["from"] = str(given.get("from", number.display_phone_number))
            context["id"] = str(wamid)
        return context

    @staticmethod
    def _moment(spec: dict[str, Any]) -> int:
        """Return when the message was written: `timestamp` in seconds, for one from the past, or now."""
        given = spec.get("timestamp")
        if given is None:
            return now_us()
        try:
            return int(float(given) * 1e6)
        except (TypeError, ValueError) as error:
            raise bad_request("timestamp is not a number of seconds.", "Leave it out for now.") from error


class InboundFile:
    """A file that came with a multipart request."""

    __slots__ = ("data", "filename", "mime_type")

    def __init__(self, *, data: bytes, filename: str | None, mime_type: str | None) -> None:
        self.data = data
        self.filename = filename
        self.mime_type = mime_type


def _object_content(kind: str, given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise bad_request(
            f"A message of type {kind} needs an object {kind!r}.", f'Send {{"type": "{kind}", "{kind}": {{...}}}}.'
        )
    if kind == "system" and given.get("type") == "user_changed_user_id":
        return given
    for name in _NEEDED.get(kind, ()):
        if name not in given:
            raise bad_request(f"{kind} needs {name}.", f"Put {name} into the object {kind!r}.")
    if kind == "interactive" and given.get("type") not in _REPLIES:
        raise bad_request("interactive.type is not a reply.", f"Use one of: {', '.join(_REPLIES)}.")
    if kind == "interactive" and not isinstance(given.get(given["type"]), dict):
        raise bad_request(f"interactive needs {given['type']}.", f"Put an object {given['type']!r} into interactive.")
    if kind == "system":
        return {"type": "user_changed_number", "body": f"The number is now {given['wa_id']}.", **given}
    if kind == "button":
        return {"text": given["text"], "payload": given.get("payload", given["text"])}
    if kind == "location":
        return {**given, "latitude": float(given["latitude"]), "longitude": float(given["longitude"])}
    if kind == "reaction" and not given.get("emoji"):
        return {"message_id": given["message_id"]}
    return given


_UNSUPPORTED = {
    "code": 131051,
    "title": "Message type unknown",
    "message": "Message type unknown",
    "error_data": {"details": "Message type is currently not supported."},
}
