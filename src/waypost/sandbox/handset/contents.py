"""What a message shows on a phone, in the few shapes that the page can draw."""

from typing import Any
from urllib.parse import quote

import orjson

from waypost.sandbox.graph.links import LinkFetcher
from waypost.sandbox.graph.templates import Template, Templates
from waypost.sandbox.handset.interactive import interactive_card
from waypost.sandbox.handset.reading import Spec, object_at, objects_at, text_at
from waypost.sandbox.handset.templates import template_card
from waypost.sandbox.ledger import Accepted
from waypost.sandbox.media_store import MediaStore, Medium
from waypost.sandbox.network import Inbound, Network

_MEDIA = ("image", "video", "audio", "document", "sticker")


class Contents:
    """
    Give the content of messages, with `kind` one of: text, image, video, audio, document, sticker, location, contacts,
    card, reaction, choice, form, order, system, edit, revoke, notice, unsupported.

    Files are named by URLs relative to the handset's page.
    """

    def __init__(self, *, network: Network, media: MediaStore, links: LinkFetcher, templates: Templates) -> None:
        self._network = network
        self._media = media
        self._links = links
        self._templates = templates

    def received(self, entry: Accepted) -> tuple[Spec, str]:
        """Return what a message of a business shows, and the id of the message it replies to, or ''."""
        body = orjson.loads(entry.body)
        node = body.get(entry.type)
        links = Links(entry.wamid)

        def media_of(kind: str, value: Any) -> Spec | None:
            medium = self._media.find_for_view(text_at(value, "id"))
            if medium is not None:
                return media_view(medium)
            link = text_at(value, "link")
            return {"url": links.add(kind, link), "kind": kind} if link else None

        match entry.type:
            case "template":
                content = template_card(object_at(node), self._template(entry, object_at(node)), media_of)
            case "interactive":
                content = interactive_card(object_at(node), media_of)
            case "pin":
                word = "unpinned" if text_at(node, "type") == "unpin" else "pinned"
                content = {"kind": "notice", "text": f"The business {word} a message."}
            case _:
                content = self._plain(entry.type, node, entry.wamid)
        return content, text_at(body, "context", "message_id")

    def sent(self, inbound: Inbound) -> tuple[Spec, str]:
        """Return what a message that a phone wrote shows, and the id of the message it replies to, or ''."""
        message = inbound.message
        kind: str = message["type"]
        node = message.get(kind)
        match kind:
            case "button":
                content: Spec = {"kind": "choice", "title": text_at(node, "text"), "description": ""}
            case "interactive":
                content = _answer(object_at(node))
            case "order":
                content = {"kind": "order", "items": _items(node), "text": text_at(node, "text")}
            case "system":
                content = {"kind": "system", "text": text_at(node, "body")}
            case "edit":
                edited = object_at(node, "message")
                new, _ = self._edited(edited, inbound.wamid)
                content = {"kind": "edit", "target": text_at(node, "original_message_id"), "content": new}
            case "revoke":
                content = {"kind": "revoke", "target": text_at(node, "original_message_id")}
            case _:
                content = self._plain(kind, node, inbound.wamid)
        return content, text_at(message, "context", "id")

    async def linked(self, entry: Accepted, place: int) -> Medium | None:
        """Return the file behind one of the links in a card, fetched at the first time; None if it cannot be had."""
        links = Links(entry.wamid)
        node = object_at(orjson.loads(entry.body), entry.type)

        def media_of(kind: str, value: Any) -> Spec | None:
            link = text_at(value, "link")
            return {"url": links.add(kind, link)} if link else None

        if entry.type == "template":
            template_card(node, self._template(entry, node), media_of)
        else:
            interactive_card(node, media_of)
        if place >= len(links.found):
            return None
        kind, link = links.found[place]
        return await self._links.fetch_for_view(
            link, key=f"{entry.wamid}#{place}", kind=kind, number=entry.phone_number_id
        )

    def _template(self, entry: Accepted, node: Spec) -> Template | None:
        number = self._network.numbers.get(entry.phone_number_id)
        if number is None:
            return None
        return self._templates.named(number.waba_id, text_at(node, "name"), text_at(node, "language", "code"))

    def _edited(self, message: Spec, wamid: str) -> tuple[Spec, str]:
        kind = text_at(message, "type") or "text"
        return self._plain(kind, message.get(kind), wamid), ""

    def _plain(self, kind: str, node: Any, wamid: str) -> Spec:
        """Return what looks alike in both directions."""
        if kind == "text":
            return {"kind": "text", "text": text_at(node, "body")}
        if kind in _MEDIA:
            return self._file(kind, object_at(node), wamid)
        if kind == "location":
            names = ("latitude", "longitude", "name", "address", "url")
            return {"kind": "location", **{name: text_at(node, name) for name in names}}
        if kind == "contacts":
            return {"kind": "contacts", "contacts": [_contact(one) for one in objects_at(node)]}
        if kind == "reaction":
            return {"kind": "reaction", "target": text_at(node, "message_id"), "emoji": text_at(node, "emoji")}
        return {"kind": "unsupported", "type": text_at(node, "type") if kind == "unsupported" else kind}

    def _file(self, kind: str, node: Spec, wamid: str) -> Spec:
        medium = self._media.find_for_view(text_at(node, "id") or self._links.fetched.get(wamid, ""))
        content: Spec = {"kind": kind, "media": None if medium is None else media_view(medium)}
        if kind in ("image", "video", "document"):
            content["text"] = text_at(node, "caption")
        if kind == "document":
            link = text_at(node, "link").partition("?")[0].rpartition("/")[2]
            name = text_at(node, "filename") or (medium.filename if medium is not None else "") or link
            content["name"] = name or "Document"
        if kind == "audio":
            content["voice"] = node.get("voice") is True
        return content


class Links:
    """The links that a card shows, in order; each has its own address at the handset."""

    def __init__(self, wamid: str) -> None:
        self._wamid = wamid
        self.found: list[tuple[str, str]] = []

    def add(self, kind: str, link: str) -> str:
        """Note a link to a file of this kind, and return its address."""
        self.found.append((kind, link))
        return f"linked/{quote(self._wamid, safe='')}/{len(self.found) - 1}"


def media_view(medium: Medium) -> Spec:
    """Return what the page needs to show a file; its URL is relative to the handset's page."""
    return {
        "url": f"../media/{medium.media_id}",
        "mime_type": medium.mime_type,
        "size_bytes": medium.size_bytes,
        "kind": medium.mime_type.partition("/")[0],
    }


def _contact(contact: Spec) -> Spec:
    addresses = [
        ", ".join(filter(None, (text_at(one, part) for part in ("street", "city", "state", "zip", "country"))))
        for one in objects_at(contact, "addresses")
    ]
    return {
        "name": text_at(contact, "name", "formatted_name"),
        "org": ", ".join(filter(None, (text_at(contact, "org", part) for part in ("company", "title")))),
        "birthday": text_at(contact, "birthday"),
        "phones": [
            {"phone": text_at(one, "phone"), "type": text_at(one, "type")} for one in objects_at(contact, "phones")
        ],
        "emails": [text_at(one, "email") for one in objects_at(contact, "emails")],
        "urls": [text_at(one, "url") for one in objects_at(contact, "urls")],
        "addresses": [one for one in addresses if one],
    }


def _answer(node: Spec) -> Spec:
    kind = text_at(node, "type")
    chosen = object_at(node, kind)
    if kind == "nfm_reply":
        try:
            values = orjson.loads(text_at(chosen, "response_json"))
        except orjson.JSONDecodeError:
            values = {}
        rows = values.get("values", values) if isinstance(values, dict) else {}
        shown = {name: text_at(value) for name, value in object_at(rows).items() if name != "flow_token"}
        return {"kind": "form", "title": text_at(chosen, "body") or "Sent", "values": shown}
    if kind == "call_permission_reply":
        allowed = text_at(chosen, "response") == "accept"
        return {"kind": "choice", "title": "Calls allowed" if allowed else "Calls not allowed", "description": ""}
    return {"kind": "choice", "title": text_at(chosen, "title"), "description": text_at(chosen, "description")}


def _items(node: Any) -> list[Spec]:
    names = ("product_retailer_id", "quantity", "item_price", "currency")
    return [{name: text_at(item, name) for name in names} for item in objects_at(node, "product_items")]
