"""
What a message looks like on a phone, as values for the macro ``bubble`` of ``templates/bubbles.html``.

    shown = await visit.read(lambda tx: show_all(tx, visit.account_id, stored, sources=directory.now.sources))

``Stored`` is a message as its row has it, in either direction; ``show_all`` looks up what its bubble needs besides (the
text of templates, what attached files are). ``outbound_bubble`` and ``inbound_bubble`` do without a database, for what
is being composed. Whatever strangers have written is text in here, of bounded length: the templates escape it, and no
URL of theirs becomes a link that a page follows by itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from waypost.domain.errors import FailureReason
from waypost.domain.message import MessageKind, MessageState
from waypost.store.directory import Source
from waypost.store.media import FAILED, find_asset
from waypost.store.template_reading import TemplateRecord, find_named_templates
from waypost.store.threads import ThreadEntry
from waypost.store.transaction import Tx
from waypost.web.console.bubble_parts import Bubble, BubbleFile, Envelope, object_of, text_of
from waypost.web.console.explaining import words_of
from waypost.web.console.inbound_bubbles import read_inbound
from waypost.web.console.outbound_bubbles import read_outbound

REMOVED: Final = "The content is no longer kept."


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """
    A message as it is stored.

    ``content`` is JSON: the content of an outbound message, the whole ``InboundMessage`` of an inbound one; ``""``
    where retention has taken it. ``media_id`` is the file of an inbound message. ``envelope`` None: the bubble alone
    is shown, without time and state.
    """

    is_inbound: bool
    kind: str
    content: str
    source_id: str = ""
    media_id: str | None = None
    envelope: Envelope | None = None

    @classmethod
    def of(cls, entry: ThreadEntry) -> "Stored":
        """Return an entry of a conversation."""
        return cls(
            is_inbound=bool(entry.is_inbound),
            kind=entry.kind,
            content=entry.content,
            source_id=entry.source_id,
            media_id=entry.media_id,
            envelope=Envelope(
                id=entry.id,
                at_us=entry.at_us,
                state="" if entry.state is None else MessageState(entry.state).name.lower(),
                failure=entry.failure or "",
                failure_detail=entry.failure_detail or "",
                explained=" ".join(words_of(FailureReason(entry.failure))) if entry.failure else "",
                sent_at_us=entry.sent_at_us,
                delivered_at_us=entry.delivered_at_us,
                read_at_us=entry.read_at_us,
                source_id=entry.source_id,
                person=entry.person,
                caller_data=entry.caller_data,
                provider_id=entry.provider_id or "",
                context_id=entry.context_id or "",
            ),
        )


def show_all(tx: Tx, account_id: str, stored: Sequence[Stored], *, sources: Mapping[str, Source]) -> list[Bubble]:
    """Return a bubble for each message, in order; ``sources`` are those of the directory, by id."""
    known: dict[tuple[str, str], list[TemplateRecord]] = {}

    def template_of(one: Stored, fields: Mapping[str, Any]) -> TemplateRecord | None:
        source = sources.get(one.source_id)
        name, language = text_of(fields, "name"), text_of(fields, "language")
        if source is None or not name:
            return None
        key = (source.waba_id, name)
        if key not in known:
            known[key] = find_named_templates(tx, account_id, *key)
        return next((record for record in known[key] if record.language == language), None)

    bubbles: list[Bubble] = []
    for one in stored:
        fields = _decoded(one.content)
        is_template = not one.is_inbound and one.kind in (MessageKind.TEMPLATE, MessageKind.MEDIA_TEMPLATE)
        file = _file_of(tx, account_id, one, fields)
        if one.is_inbound:
            bubble = inbound_bubble(one.content, file=file, envelope=one.envelope)
        else:
            template = template_of(one, fields) if is_template else None
            bubble = outbound_bubble(one.kind, one.content, template=template, file=file, envelope=one.envelope)
        bubbles.append(bubble)
    return bubbles


def outbound_bubble(
    kind: str,
    content: str | Mapping[str, Any],
    *,
    template: TemplateRecord | None = None,
    file: BubbleFile | None = None,
    envelope: Envelope | None = None,
) -> Bubble:
    """
    Return the bubble of an outbound message.

    ``content`` is as it is stored, JSON or decoded. ``template`` is the one it is from, as mirrored; ``file`` tells of
    an attached file what it is, where that is known better than from the content.
    """
    fields = _decoded(content) if isinstance(content, str) else content
    if not fields:
        return Bubble(is_inbound=False, kind=kind, note=REMOVED, envelope=envelope)
    return read_outbound(kind, fields, template=template, file=file, envelope=envelope)


def inbound_bubble(content: str, *, file: BubbleFile | None = None, envelope: Envelope | None = None) -> Bubble:
    """Return the bubble of an inbound message from its ``InboundMessage`` as stored; ``file`` as above."""
    message = _decoded(content)
    if not message:
        return Bubble(is_inbound=True, kind="unknown", note=REMOVED, envelope=envelope)
    return read_inbound(message, file=file, envelope=envelope)


def _file_of(tx: Tx, account_id: str, one: Stored, fields: Mapping[str, Any]) -> BubbleFile | None:
    """Return what is known of the file of a message; None where it has none of ours."""
    media_id = one.media_id if one.is_inbound else text_of(object_of(fields, "attachment"), "media_id")
    asset = find_asset(tx, account_id, media_id) if media_id else None
    if asset is None or not media_id:
        return None
    return BubbleFile(
        kind=asset.kind or "document",
        media_id=media_id,
        name=asset.filename or "",
        size_bytes=asset.size_bytes,
        mime_type=asset.mime_type or "",
        is_stored=asset.state != FAILED,
    )


def _decoded(content: str) -> dict[str, Any]:
    if not content:
        return {}
    found = orjson.loads(content)
    return found if isinstance(found, dict) else {}
