"""
The request that carried a message upstream, made anew from what is stored.

It is not a recording: requests are not kept. Token and callback data are left out, numbers are masked as elsewhere, and
tracked links stand as they were given.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from waypost.domain.message import Media, MediaKind, MessageKind, Reaction, RecipientType, Template
from waypost.ports import OutboundRequest
from waypost.providers.cloud_api.payloads import encode_message
from waypost.settings import Settings
from waypost.store.content import decode_content
from waypost.store.directory import Source
from waypost.store.inspection import MessageRow
from waypost.store.message_facts import MessageFacts
from waypost.store.provider_media import load_provider_media
from waypost.store.templates import load_variants
from waypost.store.transaction import Tx

HIDDEN: Final = "•••"
_UNKNOWN_FILE: Final = "(the provider's id of the file)"
_NUMBER_MEMBERS: Final = frozenset({"to", "recipient", "phone", "wa_id", "phone_number"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuiltRequest:
    """``line`` is method and URL, ``body`` JSON, indented, without secrets."""

    line: str
    body: str


def rebuild_request(
    tx: Tx,
    account_id: str,
    row: MessageRow,
    content: str,
    facts: MessageFacts,
    *,
    source: Source,
    settings: Settings,
    now_us: int,
    number: Callable[[str], str],
) -> RebuiltRequest | None:
    """Return the request; None where the content is no longer kept. ``number`` masks what is a phone number."""
    if not content:
        return None
    kind = MessageKind(row.kind)
    decoded = decode_content(kind, content)
    quoted = facts.context_id
    if isinstance(decoded, Reaction) and quoted is not None:
        decoded, quoted = replace(decoded, message_id=quoted), None
    key = (account_id, row.source_id, facts.media_key or "")
    ready = load_provider_media(tx, [key], now_us).get(key) if facts.media_key else None
    shape = None
    if isinstance(decoded, Template):
        named = (account_id, source.waba_id, decoded.name)
        variant = load_variants(tx, [named]).get(named, {}).get(decoded.language)
        shape = None if variant is None else variant.shape
    attachment = decoded.attachment if isinstance(decoded, Media | Template) else None
    request = OutboundRequest(
        recipient=row.recipient,
        recipient_type=RecipientType.GROUP if row.is_group else RecipientType.INDIVIDUAL,
        content=decoded,
        token=HIDDEN,
        context_provider_id=quoted,
        provider_media_id=ready.provider_media_id if ready else None if attachment is None else _UNKNOWN_FILE,
        media_kind=_media_kind(ready.kind if ready else None, decoded),
        filename=ready.filename if ready else None,
        template_shape=shape,
    )
    body = _masked(orjson.loads(encode_message(request)), number)
    base_url = (settings.sandbox_url if source.provider == "sandbox" else None) or settings.graph_url
    return RebuiltRequest(
        line=f"POST {base_url}/{source.phone_number_id}/messages",
        body=orjson.dumps(body, option=orjson.OPT_INDENT_2).decode(),
    )


def _media_kind(known: str | None, content: Any) -> MediaKind | None:
    if known is not None:
        return MediaKind(known)
    if isinstance(content, Media):
        return content.attachment.kind or MediaKind.DOCUMENT
    return None


def _masked(found: Any, number: Callable[[str], str], member: str = "") -> Any:
    match found:
        case str() if member in _NUMBER_MEMBERS:
            return number(found)
        case Mapping():
            return {name: _masked(value, number, name) for name, value in found.items()}
        case list():
            return [_masked(value, number, member) for value in found]
        case _:
            return found
