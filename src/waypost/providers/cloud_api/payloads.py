"""Outbound content in the Cloud API's JSON (contract, section 9.1; messages reference, Sep 2026)."""

from typing import Any, Final, assert_never

import orjson

from waypost.domain.message import (
    Contacts,
    Content,
    Interactive,
    Location,
    Media,
    MediaKind,
    Reaction,
    RecipientType,
    Template,
    Text,
)
from waypost.ports import OutboundRequest
from waypost.providers.cloud_api.template_payloads import template_components

JsonObject = dict[str, Any]

_WITH_CAPTION: Final = frozenset({MediaKind.IMAGE, MediaKind.VIDEO, MediaKind.DOCUMENT})


def encode_message(request: OutboundRequest) -> bytes:
    """
    Return the body of ``POST /{phone_number_id}/messages``.

    A recipient of digits is sent as ``+`` and digits, a group by its id, and any other recipient as the business-scoped
    user id it must be. Raises ValueError for a file that has neither the provider's id nor a URL: a defect of ours.
    """
    recipient = request.recipient
    if request.recipient_type is RecipientType.GROUP:
        body: JsonObject = {"messaging_product": "whatsapp", "recipient_type": "group", "to": recipient}
    elif recipient.isdigit():
        body = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": "+" + recipient}
    else:
        body = {"messaging_product": "whatsapp", "recipient_type": "individual", "recipient": recipient}
    kind, payload = _typed(request.content, request)
    body["type"] = kind
    body[kind] = payload
    if request.context_provider_id is not None:
        body["context"] = {"message_id": request.context_provider_id}
    body["biz_opaque_callback_data"] = request.token
    return orjson.dumps(body)


def _typed(content: Content, request: OutboundRequest) -> tuple[str, JsonObject | list[JsonObject]]:
    match content:
        case Text():
            return "text", {"body": content.body, "preview_url": content.preview_url}
        case Media():
            return _media(content, request)
        case Location():
            return "location", _location(content)
        case Template():
            return "template", _template(content, request)
        case Interactive():
            return "interactive", content.definition
        case Contacts():
            return "contacts", content.contacts
        case Reaction():
            return "reaction", {"message_id": content.message_id, "emoji": content.emoji}
        case other:
            assert_never(other)


def _media(media: Media, request: OutboundRequest) -> tuple[str, JsonObject]:
    kind = request.media_kind or media.attachment.kind
    if kind is None:
        raise ValueError("a media message was handed over without its kind")
    file = _file(request, url=media.attachment.url)
    if media.caption and kind in _WITH_CAPTION:
        file["caption"] = media.caption
    filename = request.filename or media.attachment.filename
    if filename and kind is MediaKind.DOCUMENT:
        file["filename"] = filename
    return kind.value, file


def _file(request: OutboundRequest, *, url: str | None) -> JsonObject:
    """Return the file's reference: the provider's id, else a link for the provider to fetch; never both."""
    if request.provider_media_id is not None:
        return {"id": request.provider_media_id}
    if url is None:
        raise ValueError("a file was handed over without the provider's id and without a URL")
    return {"link": url}


def _location(location: Location) -> JsonObject:
    place: JsonObject = {"latitude": location.latitude, "longitude": location.longitude}
    if location.name:
        place["name"] = location.name
    if location.address:
        place["address"] = location.address
    return place


def _template(template: Template, request: OutboundRequest) -> JsonObject:
    components = template.components
    if components is None:
        components = template_components(template, request.template_shape, header=_header(template, request))
    named: JsonObject = {"name": template.name, "language": {"code": template.language, "policy": "deterministic"}}
    return {**named, "components": components} if components else named


def _header(template: Template, request: OutboundRequest) -> list[JsonObject]:
    kind = template.header
    if kind is None:
        return []
    attachment = template.attachment
    file = _file(request, url=None if attachment is None else attachment.url)
    # What the caller calls the file goes before what it was called where it came from.
    filename = (None if attachment is None else attachment.filename) or request.filename
    if filename and kind is MediaKind.DOCUMENT:
        file["filename"] = filename
    return [{"type": "header", "parameters": [{"type": kind.value, kind.value: file}]}]
