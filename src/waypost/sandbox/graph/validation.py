"""Checks of a message body as Meta makes them before it accepts.

Limits: Cloud API send-messages pages, Sep and Oct 2026. Which of 100, 131008 and 131009 answers what is from
observation: 100 for a body of the wrong shape, 131008 for a parameter that is missing, 131009 for one whose value
cannot be.
"""

import re
from collections.abc import Callable
from typing import Any

from waypost.sandbox.graph.errors import GraphError, invalid, malformed, missing
from waypost.sandbox.graph.interactive import check_interactive
from waypost.sandbox.graph.shape import a_list, a_text, an_object

BODY_CHARS_MAX = 4096
CAPTION_CHARS_MAX = 1024
OPAQUE_CHARS_MAX = 512
CONTACTS_MAX = 257

# A flag, a keycap, or pictures joined into one (Unicode Technical Standard 51).
_PICTURE = (
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u27bf\u2900-\u297f\u2b00-\u2bff\u3030\u303d"
    "\u3297\u3299\U0001f000-\U0001f1e5\U0001f200-\U0001faff]\ufe0f?[\U0001f3fb-\U0001f3ff]?\ufe0f?"
)
_EMOJI = re.compile(
    "[\U0001f1e6-\U0001f1ff]{2}|[0-9#*]\ufe0f?\u20e3|"
    f"{_PICTURE}(?:[\U000e0020-\U000e007e]+\U000e007f|(?:\u200d{_PICTURE})*)"
)

MEDIA_TYPES = ("image", "video", "audio", "document", "sticker")
_WITH_CAPTION = ("image", "video", "document")


def check_message(body: dict[str, Any]) -> str:
    """Check a message body, all but what needs the world (templates, media ids, recipients); return its type.

    Raises GraphError: 100, 131008, 131009, 131051.
    """
    if body.get("messaging_product") != "whatsapp":
        raise GraphError(100, "The parameter messaging_product is required and must be whatsapp.")
    _check_recipient(body)
    kind = body.get("type", "text")
    check = _CHECKS.get(kind) if isinstance(kind, str) else None
    if check is None:
        raise malformed(f"Param type must be one of {{{', '.join(name.upper() for name in _CHECKS)}}} - got {kind!r}.")
    if kind not in body:
        raise missing(str(kind))
    token = body.get("biz_opaque_callback_data")
    if token is not None and (not isinstance(token, str) or len(token) > OPAQUE_CHARS_MAX):
        raise invalid(f"biz_opaque_callback_data must be a string of at most {OPAQUE_CHARS_MAX} characters.")
    if "context" in body:
        context = an_object(body, "context", at="context")
        a_text(context, "message_id", at="context['message_id']")
        if kind == "reaction":
            raise invalid("A reaction cannot be a contextual reply.")
    check(body)
    return str(kind)


def _check_recipient(body: dict[str, Any]) -> None:
    recipient_type = body.get("recipient_type", "individual")
    if recipient_type not in ("individual", "group"):
        raise malformed("Param recipient_type must be one of {INDIVIDUAL, GROUP}.")
    to = body.get("to")
    if to is None:
        recipient = body.get("recipient")
        if recipient is None:
            raise GraphError(100, "The parameter to is required.")
        if not isinstance(recipient, str):
            raise malformed("Param recipient must be a string.")
    elif not isinstance(to, str) or not to.strip():
        raise malformed("Param to must be a string.")


def _check_text(body: dict[str, Any]) -> None:
    text = body["text"]
    if not isinstance(text, dict):
        raise malformed("Param text must be a JSON object.")
    content = text.get("body")
    if content is None:
        raise missing("text['body']")
    if not isinstance(content, str):
        raise malformed("Param text['body'] must be a string.")
    if not content.strip():
        raise missing("text['body']")
    if len(content) > BODY_CHARS_MAX:
        raise malformed(f"Param text['body'] must be at most {BODY_CHARS_MAX} characters long.")
    if not isinstance(text.get("preview_url", False), bool):
        raise malformed("Param text['preview_url'] must be a boolean.")


def check_media_node(node: dict[str, Any], *, at: str) -> None:
    """Check that exactly one of id (digits) and link (http or https) is given."""
    media_id, link = node.get("id"), node.get("link")
    if media_id is None and link is None:
        raise missing(f"{at}['id'] or {at}['link']")
    if media_id is not None and link is not None:
        raise invalid(f"Only one of {at}['id'] and {at}['link'] may be given.")
    if media_id is not None and not (isinstance(media_id, str) and media_id.isdecimal()):
        raise invalid(f"Param {at}['id'] is not a valid media id.")
    if link is not None and not (isinstance(link, str) and link.startswith(("http://", "https://"))):
        raise malformed(f"Param {at}['link'] is not a valid URL.")


def _check_media(kind: str) -> Callable[[dict[str, Any]], None]:
    def check(body: dict[str, Any]) -> None:
        node = an_object(body, kind, at=kind)
        check_media_node(node, at=kind)
        if "caption" in node and kind not in _WITH_CAPTION:
            raise malformed(f"Unexpected key caption on param {kind}.")
        a_text(node, "caption", at=f"{kind}['caption']", chars_max=CAPTION_CHARS_MAX, is_required=False)
        if kind == "document":
            a_text(node, "filename", at="document['filename']", chars_max=240, is_required=False)
        if kind == "audio" and not isinstance(node.get("voice", False), bool):
            raise malformed("Param audio['voice'] must be a boolean.")

    return check


def _check_location(body: dict[str, Any]) -> None:
    location = an_object(body, "location", at="location")
    for name, bound in (("latitude", 90), ("longitude", 180)):
        value = location.get(name)
        if value is None or isinstance(value, bool):
            raise missing(f"location['{name}']")
        try:
            degrees = float(value)
        except (TypeError, ValueError):
            raise invalid(f"Param location['{name}'] must be a number.") from None
        if not -bound <= degrees <= bound:
            raise invalid(f"Param location['{name}'] must be between -{bound} and {bound}.")
    a_text(location, "name", at="location['name']", chars_max=1000, is_required=False)
    a_text(location, "address", at="location['address']", chars_max=1000, is_required=False)


def _check_contacts(body: dict[str, Any]) -> None:
    contacts = a_list(body, "contacts", at="contacts", least=1, most=CONTACTS_MAX)
    for index, contact in enumerate(contacts):
        at = f"contacts[{index}]"
        if not isinstance(contact, dict):
            raise malformed(f"Param {at} must be a JSON object.")
        name = an_object(contact, "name", at=f"{at}['name']")
        a_text(name, "formatted_name", at=f"{at}['name']['formatted_name']")
        for part in ("phones", "emails", "urls", "addresses"):
            if part in contact:
                a_list(contact, part, at=f"{at}['{part}']", least=0, most=100)


def _check_reaction(body: dict[str, Any]) -> None:
    reaction = an_object(body, "reaction", at="reaction")
    a_text(reaction, "message_id", at="reaction['message_id']")
    emoji = reaction.get("emoji")
    if emoji is None:
        raise missing("reaction['emoji']")
    if not isinstance(emoji, str) or (emoji and not _EMOJI.fullmatch(emoji)):
        raise invalid("Param reaction['emoji'] must be a single emoji or an empty string.")


def _check_template(body: dict[str, Any]) -> None:
    template = an_object(body, "template", at="template")
    a_text(template, "name", at="template['name']", chars_max=512)
    language = an_object(template, "language", at="template['language']")
    a_text(language, "code", at="template['language']['code']")
    if "components" in template:
        components = a_list(template, "components", at="template['components']", least=0, most=50)
        if not all(isinstance(component, dict) for component in components):
            raise malformed("Param template['components'] must hold JSON objects.")


def _check_interactive(body: dict[str, Any]) -> None:
    check_interactive(an_object(body, "interactive", at="interactive"))


def _check_pin(body: dict[str, Any]) -> None:
    pin = an_object(body, "pin", at="pin")
    if pin.get("type") not in ("pin", "unpin"):
        raise invalid("Param pin['type'] must be pin or unpin.")
    a_text(pin, "message_id", at="pin['message_id']")
    if body.get("recipient_type") != "group":
        raise invalid("Pins are for groups only.")


_CHECKS: dict[str, Callable[[dict[str, Any]], None]] = {
    "text": _check_text,
    **{kind: _check_media(kind) for kind in MEDIA_TYPES},
    "location": _check_location,
    "contacts": _check_contacts,
    "reaction": _check_reaction,
    "template": _check_template,
    "interactive": _check_interactive,
    "pin": _check_pin,
}
