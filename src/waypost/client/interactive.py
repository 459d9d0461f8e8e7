"""Messages that are answered with a tap (contract, section 2.10)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from waypost.client.messages import Entry, Message


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyButton:
    """A button: its label of up to 20 characters, and the id that the answer brings back."""

    id: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A choice of a list: id, title of up to 24 characters, description of up to 72."""

    id: str
    title: str
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of a list; with several parts each needs a title."""

    rows: Sequence[Row]
    title: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Interactive(Message):
    """
    What all of them have.

    ``body`` has up to 1024 characters (lists 4096), ``footer`` and ``header`` up to 60. ``header_image_url`` shows a
    picture instead of ``header``; lists cannot have one.
    """

    body: str
    footer: str | None = None
    header: str | None = None
    header_image_url: str | None = None

    def _interactive(self, kind: str, action: Entry) -> Entry:
        element: Entry = {"type": kind}
        if self.header_image_url is not None:
            element["header"] = {"type": "image", "url": self.header_image_url}
        elif self.header is not None:
            element["header"] = {"type": "text", "text": self.header}
        element["body"] = self.body
        if self.footer is not None:
            element["footer"] = self.footer
        return {"message_type": "interactive", "type_interactive": [element | {"action": [action]}]}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyButtons(_Interactive):
    """A text with one to three buttons; the answer comes as ``IncomingReply``."""

    buttons: Sequence[ReplyButton]

    def content(self) -> Entry:
        """See ``Message.content``."""
        buttons = [{"type": "reply", "reply": {"id": one.id, "title": one.title}} for one in self.buttons]
        return self._interactive("button", {"buttons": buttons})


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceList(_Interactive):
    """A text with a list behind a button: up to ten rows in all; the answer comes as ``IncomingReply``."""

    button: str
    sections: Sequence[Section]

    def content(self) -> Entry:
        """See ``Message.content``."""
        return self._interactive("list", {"button": self.button, "sections": [_section(one) for one in self.sections]})


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkButton(_Interactive):
    """A text with one button that opens a URL; ``name`` is free."""

    display_text: str
    url: str
    name: str = "open_link"

    def content(self) -> Entry:
        """See ``Message.content``."""
        parameters = {"display_text": self.display_text, "url": self.url}
        return self._interactive("cta_url", {"buttons": [{"name": self.name, "parameters": parameters}]})


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudInteractive(Message):
    """An interactive object of the Cloud API, forwarded as it is: products, flows, location requests (additive)."""

    definition: Mapping[str, Any]

    def content(self) -> Entry:
        """See ``Message.content``."""
        return {"message_type": "interactive", "type_interactive": [dict(self.definition)]}


def _section(section: Section) -> Entry:
    rows: list[Entry] = []
    for row in section.rows:
        description = {} if row.description is None else {"description": row.description}
        rows.append({"id": row.id, "title": row.title, **description})
    return {"rows": rows} if section.title is None else {"title": section.title, "rows": rows}
