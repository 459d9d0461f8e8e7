"""How a message's content is kept in its row: JSON of the domain's fields, read back by the message's kind."""

from typing import Any, Final

import orjson

from waypost.domain.message import (
    Attachment,
    Contacts,
    Content,
    Interactive,
    Location,
    Media,
    MediaKind,
    MessageKind,
    Reaction,
    Template,
    TemplateButton,
    Text,
)


def encode_content(content: Content) -> str:
    """Return the stored form."""
    return orjson.dumps(content).decode()


def decode_content(kind: MessageKind, stored: str) -> Content:
    """Return the content that ``encode_content`` was given."""
    return _DECODERS[kind](orjson.loads(stored))


def _attachment(fields: dict[str, Any]) -> Attachment:
    kind = fields["kind"]
    return Attachment(
        media_id=fields["media_id"],
        url=fields["url"],
        kind=None if kind is None else MediaKind(kind),
        filename=fields["filename"],
    )


def _text(fields: dict[str, Any]) -> Content:
    return Text(**fields)


def _media(fields: dict[str, Any]) -> Content:
    return Media(attachment=_attachment(fields["attachment"]), caption=fields["caption"])


def _location(fields: dict[str, Any]) -> Content:
    return Location(**fields)


def _template(fields: dict[str, Any]) -> Content:
    header, attachment = fields["header"], fields["attachment"]
    return Template(
        name=fields["name"],
        language=fields["language"],
        attributes=tuple(fields["attributes"]),
        header=None if header is None else MediaKind(header),
        attachment=None if attachment is None else _attachment(attachment),
        buttons=tuple(TemplateButton(**button) for button in fields["buttons"]),
        components=fields["components"],
    )


def _interactive(fields: dict[str, Any]) -> Content:
    return Interactive(**fields)


def _contacts(fields: dict[str, Any]) -> Content:
    return Contacts(**fields)


def _reaction(fields: dict[str, Any]) -> Content:
    return Reaction(**fields)


_DECODERS: Final = {
    MessageKind.TEXT: _text,
    MessageKind.MEDIA: _media,
    MessageKind.LOCATION: _location,
    MessageKind.TEMPLATE: _template,
    MessageKind.MEDIA_TEMPLATE: _template,
    MessageKind.INTERACTIVE: _interactive,
    MessageKind.CONTACTS: _contacts,
    MessageKind.REACTION: _reaction,
}
