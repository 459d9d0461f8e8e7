"""Media messages (contract, section 2.6)."""

from types import MappingProxyType
from typing import Any, Final

from waypost.contract.checks import as_text, is_blank, only_object, optional_text, required, required_text
from waypost.contract.decoding import JsonObject
from waypost.contract.errors import PARAMETER_MISSING, RefusedError, can_only_be, cannot_be_blank, is_invalid
from waypost.domain.message import Attachment, Media, MediaKind

CAPTION_CHARACTERS_MAX: Final = 1024
"""Cloud API, image, video and document messages, Sep 2026."""

_KINDS: Final = MappingProxyType({kind.value: kind for kind in MediaKind})
_WITHOUT_CAPTION: Final = frozenset({MediaKind.AUDIO, MediaKind.STICKER})


def is_by_id(entry: JsonObject) -> bool:
    """
    Say whether a media entry names an uploaded file, before the entry is checked.

    Whether ``source`` is required depends on it. An entry too broken to tell counts as by URL; its own fault is found
    later, in the contract's order.
    """
    attachment = _first(_first(entry.get("type_media")).get("attachments"))
    return not is_blank(attachment.get("attachment_id"))


def _first(value: Any) -> JsonObject:
    if type(value) is list and value:
        value = value[0]
    return value if type(value) is dict else {}


def parse_media(entry: JsonObject) -> Media:
    """
    Return ``type_media[0].attachments[0]``.

    The id wins over a URL. By id the kind is the stored file's and not known yet, so a caption is kept; by URL a
    caption is dropped for audio and sticker, which cannot show one.
    """
    element = only_object(only_object(entry, "type_media"), "attachments")
    file = parse_file(element, id_member="attachment_id", url_member="attachment_url")
    if file.url is None:
        return Media(attachment=file, caption=optional_text(element, "caption", at_most=CAPTION_CHARACTERS_MAX))
    value = required(element, "attachment_type")
    kind = _KINDS.get(value) if type(value) is str else None
    if kind is None:
        raise RefusedError(can_only_be("attachment_type", tuple(_KINDS)))
    caption = optional_text(element, "caption", at_most=CAPTION_CHARACTERS_MAX)
    return Media(attachment=Attachment(url=file.url, kind=kind), caption=None if kind in _WITHOUT_CAPTION else caption)


def parse_file(element: JsonObject, *, id_member: str, url_member: str) -> Attachment:
    """Return a file given by id or by URL, without its kind; the id wins, neither is 8001."""
    media_id = as_text(element.get(id_member))
    if not is_blank(media_id):
        if type(media_id) is not str:
            raise RefusedError(is_invalid(id_member))
        return Attachment(media_id=media_id)
    if not is_blank(element.get(url_member)):
        return Attachment(url=required_text(element, url_member))
    for member in (id_member, url_member):
        if member in element:
            raise RefusedError(cannot_be_blank(member))
    raise RefusedError(PARAMETER_MISSING)
