"""
Tracked links: what a phone opens in place of a message's own URL, and how it finds its way back.

A link is ``{base}/l/{token}``. The token is URL-safe base64, 36 characters, of the message's id (16 bytes), the place
of the URL in the message (1 byte) and the first 10 bytes of an HMAC-SHA256 over both: nothing is stored for it, and
nobody else can make one. It holds no URL. Where it leads stands in the message.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from hmac import compare_digest
from typing import Final
from urllib.parse import quote, urlsplit
from uuid import UUID

from waypost.domain.mac import hmac_sha256_hex
from waypost.domain.message import Content, Interactive, Template
from waypost.domain.template import ButtonKind, TemplateShape
from waypost.domain.value import value

LINK_PATH: Final = "/l/"
PLACE_OF_CTA: Final = 255
"""Of the one link of an interactive message; a template's buttons are counted from 0."""
_TAG_BYTES: Final = 10
_ID_BYTES: Final = 16
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{36}")
_URL_SAFE: Final = "!#$%&'()*+,-./:;=?@[]_~"


@value
class LinkPlace:
    """Which URL of which message a genuine token stands for."""

    message_id: str
    place: int


class LinkTracker:
    """
    Makes links and reads them.

    ``base_url`` is where phones reach this gateway, without a slash at its end; ``key`` is the install's own for this.
    """

    def __init__(self, *, base_url: str, key: bytes) -> None:
        self._prefix = base_url + LINK_PATH
        self._key = key

    def link(self, message_id: str, place: int) -> str:
        """Return the tracked link; the same message and place always have the same one."""
        return self._prefix + self._token(message_id, place)

    def parse(self, token: str) -> LinkPlace | None:
        """Return what a token stands for, None if this install did not make it."""
        if not _TOKEN.fullmatch(token):
            return None
        raw = urlsafe_b64decode(token)
        named, tag = raw[:-_TAG_BYTES], raw[-_TAG_BYTES:]
        if not compare_digest(tag, self._tag(named)):
            return None
        return LinkPlace(message_id=str(UUID(bytes=named[:_ID_BYTES])), place=named[_ID_BYTES])

    def track(self, content: Content, message_id: str, shape: TemplateShape | None) -> Content:
        """
        Return the content with tracked links in place of its URLs, or the same object if it has none to track.

        Those are the URL of an interactive message with one (``cta_url``), and the value of a template's URL button
        whose fixed part is this gateway's prefix; ``shape`` is what the template is made of, None if nobody knows.
        """
        match content:
            case Interactive():
                url = _cta_url(content)
                if url is None:
                    return content
                action = content.definition["action"]
                parameters = {**action["parameters"], "url": self.link(message_id, PLACE_OF_CTA)}
                return Interactive(definition={**content.definition, "action": {**action, "parameters": parameters}})
            case Template() if shape is not None and content.components is None:
                buttons = tuple(
                    replace(button, payload=self._token(message_id, button.index))
                    if self._is_ours(shape, button.index) and web_target(button.payload) is not None
                    else button
                    for button in content.buttons
                )
                return content if buttons == content.buttons else replace(content, buttons=buttons)
            case _:
                return content

    def _is_ours(self, shape: TemplateShape, index: int) -> bool:
        button = shape.button_at(index)
        return (
            button is not None
            and button.kind is ButtonKind.URL
            and button.is_dynamic
            and button.fixed_part == self._prefix
        )

    def _token(self, message_id: str, place: int) -> str:
        named = UUID(message_id).bytes + bytes((place,))
        return urlsafe_b64encode(named + self._tag(named)).decode()

    def _tag(self, named: bytes) -> bytes:
        return bytes.fromhex(hmac_sha256_hex(self._key, named))[:_TAG_BYTES]


def target_of(content: Content, place: int) -> str | None:
    """Return where the link at a place of a message leads, fit for a header; None if there is none."""
    match content:
        case Interactive() if place == PLACE_OF_CTA:
            url = _cta_url(content)
            return None if url is None else web_target(url)
        case Template():
            payloads = [button.payload for button in content.buttons if button.index == place]
            return web_target(payloads[0]) if payloads else None
        case _:
            return None


def web_target(url: str) -> str | None:
    """Return an ``http`` or ``https`` URL with what a header cannot hold percent-encoded; None for all else."""
    try:
        parts = urlsplit(url)
        is_web = parts.scheme.lower() in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return None
    return quote(url, safe=_URL_SAFE) if is_web else None


def _cta_url(content: Interactive) -> str | None:
    definition = content.definition
    action = definition.get("action")
    parameters = action.get("parameters") if type(action) is dict else None
    url = parameters.get("url") if type(parameters) is dict else None
    is_link = definition.get("type") == "cta_url" and type(url) is str and web_target(url) is not None
    return url if is_link else None
