"""The pieces a bubble is made of, and how they are read out of JSON that anybody may have written."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup, escape

TEXT_CHARACTERS_MAX: Final = 4_096
_SHORT_CHARACTERS_MAX: Final = 500
PARTS_MAX: Final = 30
"""Of buttons, rows, cards and the like; a stranger's message may hold any number."""
_MARKS: Final = (
    (re.compile(r"```(\S(?:[^`]{0,2000}\S)?)```"), "code"),
    (re.compile(r"(?<![\w*])\*(\S(?:[^*\n]{0,2000}\S)?)\*(?![\w*])"), "strong"),
    (re.compile(r"(?<![\w_])_(\S(?:[^_\n]{0,2000}\S)?)_(?![\w_])"), "em"),
    (re.compile(r"(?<![\w~])~(\S(?:[^~\n]{0,2000}\S)?)~(?![\w~])"), "s"),
)
"""Formatting of texts (WhatsApp help centre, 2026)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BubbleFile:
    """
    A file in a bubble.

    ``kind`` is image, video, audio, document or sticker. ``media_id`` is the id under which we serve it, ``""`` for one
    that is elsewhere: then ``url`` tells where, and is shown but never loaded. ``is_stored`` False: it could not be
    fetched from the provider. One that has not been fetched yet is, when the page asks for it.
    """

    kind: str
    media_id: str = ""
    url: str = ""
    name: str = ""
    size_bytes: int | None = None
    mime_type: str = ""
    is_stored: bool = True

    @property
    def path(self) -> str:
        """Where the page finds it; ``""`` if it does not."""
        return f"/console/media/{self.media_id}/content" if self.media_id and self.is_stored else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BubbleButton:
    """A button: its label, what it does (``reply``, ``url``, ``list``…), and its id or where it leads."""

    label: str
    kind: str = "reply"
    target: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BubbleRow:
    """A row of a list, or a product."""

    title: str
    description: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BubbleSection:
    """A part of a list; ``title`` may be ``""``."""

    title: str
    rows: tuple[BubbleRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BubbleContact:
    """A contact card; ``lines`` are (what it is, value), and of kind ``phone`` those that are shown masked."""

    name: str
    lines: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BubblePlace:
    """A place; degrees as text, ``""`` where they are none."""

    latitude: str
    longitude: str
    name: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """
    What is known of a message besides what it says; ``""`` and None where it is not known.

    ``state`` is a ``MessageState`` in lower case, ``""`` for inbound. ``person`` is a number, a user id or a group's
    id: only to be shown through ``number``. ``explained`` says in plain words why it failed and what to do.
    ``context_id`` is the message that it quotes, ours or the provider's id.
    """

    id: str = ""
    at_us: int | None = None
    state: str = ""
    failure: str = ""
    failure_detail: str = ""
    explained: str = ""
    sent_at_us: int | None = None
    delivered_at_us: int | None = None
    read_at_us: int | None = None
    source_id: str = ""
    person: str = ""
    caller_data: str = ""
    provider_id: str = ""
    context_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bubble:
    """
    One message as it is shown; what it does not have is ``""``, None or empty.

    ``kind`` is the contract's ``message_type`` or the kind of an inbound message. ``template`` is the name of the
    template it is from, with its language. ``list_label`` opens ``sections``. ``facts`` are further members by name,
    for what has no look of its own. ``note`` is said by us, in italics. ``quotes`` is the id of the message that it
    answers, ours or the provider's.
    """

    is_inbound: bool
    kind: str
    header: str = ""
    file: BubbleFile | None = None
    text: str = ""
    footer: str = ""
    buttons: tuple[BubbleButton, ...] = ()
    list_label: str = ""
    sections: tuple[BubbleSection, ...] = ()
    cards: tuple["Bubble", ...] = ()
    contacts: tuple[BubbleContact, ...] = ()
    place: BubblePlace | None = None
    emoji: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    note: str = ""
    template: str = ""
    language: str = ""
    profile_name: str = ""
    quotes: str = ""
    envelope: Envelope | None = None

    @property
    def said(self) -> Markup:
        """What it says, with the marks of bold, italic, struck and fixed text as the phone shows them."""
        # Escaped first: what follows only puts elements of ours around parts of it.
        text = str(escape(self.text))
        for pattern, element in _MARKS:
            text = pattern.sub(rf"<{element}>\1</{element}>", text)
        return Markup(text)  # noqa: S704 - escaped above


def text_of(holder: Mapping[str, Any], member: str, *, at_most: int = TEXT_CHARACTERS_MAX) -> str:
    """Return a text or a number as text, cut to its most characters; ``""`` for anything else."""
    found = holder.get(member)
    if isinstance(found, str):
        return found if len(found) <= at_most else found[: at_most - 1] + "…"
    return str(found) if type(found) in (int, float) else ""


def short_of(holder: Mapping[str, Any], member: str) -> str:
    """Return a text for a single line."""
    return text_of(holder, member, at_most=_SHORT_CHARACTERS_MAX)


def object_of(holder: Mapping[str, Any], member: str) -> Mapping[str, Any]:
    """Return an object; an empty one for anything else."""
    found = holder.get(member)
    return found if isinstance(found, dict) else {}


def objects_of(holder: Mapping[str, Any], member: str, *, at_most: int = PARTS_MAX) -> Sequence[Mapping[str, Any]]:
    """Return the objects of an array, the first ones; none for anything else."""
    found = holder.get(member)
    items: list[object] = found if isinstance(found, list) else []
    return [item for item in items if isinstance(item, dict)][:at_most]


def contacts_of(holder: Mapping[str, Any]) -> tuple[BubbleContact, ...]:
    """Return the contact cards in ``contacts``, which have one form in both directions."""
    return tuple(_contact(card) for card in objects_of(holder, "contacts"))


def _contact(card: Mapping[str, Any]) -> BubbleContact:
    lines = [("phone", short_of(phone, "phone") or short_of(phone, "wa_id")) for phone in objects_of(card, "phones")]
    lines += [("e-mail", short_of(email, "email")) for email in objects_of(card, "emails")]
    lines += [("page", short_of(url, "url")) for url in objects_of(card, "urls")]
    org = object_of(card, "org")
    lines += [(name, short_of(org, name)) for name in ("company", "department", "title")]
    lines += [
        ("address", ", ".join(filter(None, (short_of(one, part) for part in ("street", "zip", "city", "country")))))
        for one in objects_of(card, "addresses")
    ]
    lines.append(("birthday", short_of(card, "birthday")))
    name = object_of(card, "name")
    shown = short_of(name, "formatted_name") or short_of(name, "first_name")
    return BubbleContact(name=shown or "no name", lines=tuple(line for line in lines if line[1]))


def place_of(holder: Mapping[str, Any]) -> BubblePlace:
    """Return a place."""
    return BubblePlace(
        latitude=short_of(holder, "latitude"),
        longitude=short_of(holder, "longitude"),
        name=short_of(holder, "name"),
        address=short_of(holder, "address"),
    )
