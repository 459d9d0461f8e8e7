"""Sending what was sent before once more: a new message, judged as any other."""

from typing import Final

import orjson

from waypost.accept.acceptor import Acceptance
from waypost.accept.idempotency import Idempotency
from waypost.contract.errors import ContractRefusal
from waypost.domain.message import MessageDraft, MessageKind, Reaction, RecipientType, Template
from waypost.store.content import decode_content
from waypost.store.directory import Account
from waypost.store.inspection import MessageRow, find_message
from waypost.store.message_facts import MessageFacts, find_message_facts
from waypost.store.transaction import Tx
from waypost.web.api_v2.sending import SendDesk
from waypost.web.manage.editing import Editor
from waypost.web.manage.problems import Problem, ProblemKind, not_found

_HINTS: Final = {
    "8002": "Record the person's opt-in on the page Consent, or let them write first.",
    "8004": "Look at the page Sources: the source it was sent from is gone, or is no default any more.",
    "8007": "They have not written within 24 hours. Send a template instead.",
    "8008": "The file is gone. Upload it again and compose the message anew.",
    "8009": "Look at the page Templates: it is gone, paused or not approved.",
    "8010": "The template has changed since. Compose the message anew.",
    "8011": "The template has lost this language. Compose the message anew.",
}


def draft_again(tx: Tx, account_id: str, message_id: str) -> MessageDraft:
    """
    Return a message as it was asked for: to the same recipient, by the same source, at once.

    A ``ttl`` is as long as it was. Raises ``Problem``: there is no such message, or its content is no longer kept.
    """
    found, facts = find_message(tx, account_id, message_id), find_message_facts(tx, account_id, message_id)
    if found is None or facts is None:
        raise not_found("message")
    row, content = found
    if not content:
        raise Problem(
            ProblemKind.CONFLICT,
            "What this message says is no longer kept, so it cannot be sent again.",
            hint="Compose it anew. How long contents are kept: WAYPOST_RETENTION__TEXT_DAYS.",
        )
    return _draft(row, content, facts)


async def send_again(
    desk: SendDesk,
    editor: Editor,
    *,
    account: Account,
    draft: MessageDraft,
    message_id: str,
    idempotency: Idempotency,
) -> Acceptance:
    """
    Accept the draft made of a message by the rules of the API, with its entry in the audit log.

    Asked for once more under the same key, nothing is sent.

    Raises ``Problem`` with the contract's code and text where the API would refuse it.
    """
    status = desk.refuses(account)
    if status is not None:
        raise Problem(
            ProblemKind.THROTTLED if status == 429 else ProblemKind.UNAVAILABLE,
            "The gateway takes no messages just now: too many wait already.",
            hint="Try again when the queues on the overview are shorter.",
            retry_after_seconds=2,
        )
    kept = await desk.keep(
        account,
        [draft],
        idempotency=idempotency,
        also=lambda tx: editor.note(tx, account_id=account.id, action="message.resend", target=message_id),
    )
    if isinstance(kept, ContractRefusal):
        code, text = kept.error.code or "", kept.error.text
        raise Problem(
            ProblemKind.CONFLICT,
            f"The message was refused: {code} {text}",
            hint=_HINTS.get(code, "docs/errors.md explains each code. Nothing was sent."),
        )
    return kept


def _draft(row: MessageRow, content: str, facts: MessageFacts) -> MessageDraft:
    kind = MessageKind(row.kind)
    decoded = decode_content(kind, content)
    starts_at_us = row.accepted_at_us if row.scheduled_at_us is None else row.scheduled_at_us
    return MessageDraft(
        recipient=row.recipient,
        kind=kind,
        content=decoded,
        recipient_type=RecipientType.GROUP if row.is_group else RecipientType.INDIVIDUAL,
        source_given=row.source_given,
        caller_data=row.caller_data,
        ttl_seconds=None if row.expires_at_us is None else max(1, row.expires_at_us - starts_at_us) / 1_000_000,
        context_message_id=None if isinstance(decoded, Reaction) else facts.context_id,
        track_links=bool(facts.track_links),
        at_most_once=bool(facts.at_most_once),
        fallback=_fallback(facts.fallback),
    )


def _fallback(stored: str | None) -> Template | None:
    if not stored:
        return None
    fields = orjson.loads(stored)
    kind = MessageKind.MEDIA_TEMPLATE if fields.get("header") else MessageKind.TEMPLATE
    template = decode_content(kind, stored)
    assert isinstance(template, Template)
    return template
