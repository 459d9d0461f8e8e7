"""
Judging whole requests: what the policy must know of all of them at once, and the verdict on each.

A free-form message to a closed window that names a fallback is judged as that template.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from waypost.accept.idempotency import Idempotency
from waypost.domain.consent import NO_CONSENT
from waypost.domain.errors import FailureReason, PolicyRefusal
from waypost.domain.message import MessageDraft, RecipientType, Template
from waypost.domain.policy import PolicyFacts, judge
from waypost.domain.template import TemplateVariant, check_template
from waypost.store.acceptance import RecipientFacts, find_contexts, load_assets, load_recipients
from waypost.store.directory import Account, Source
from waypost.store.templates import TemplateKey, load_variants
from waypost.store.transaction import Row, Tx


class Entry(NamedTuple):
    """One draft with the source it goes out from (None: unknown) and the id it will have."""

    id: str
    draft: MessageDraft
    source: Source | None


class Request(NamedTuple):
    """
    One caller's drafts. ``rows`` are what is kept of them: made where the request came in, because the writer's thread
    is what everybody waits for. ``bulk_id`` names the bulk send they belong to.
    """

    account: Account
    entries: Sequence[Entry]
    rows: Sequence[Row]
    idempotency: Idempotency | None
    now_us: int
    policy_now_us: int
    bulk_id: str | None = None


class Named(NamedTuple):
    """What of all that the requests name exists: files, quoted messages, templates by language."""

    assets: Collection[tuple[str, str]]
    contexts: Collection[tuple[str, str]]
    templates: Mapping[TemplateKey, Mapping[str, TemplateVariant]]


class Verdict(NamedTuple):
    """Why a request is refused; or the places of the entries that go out as the template they fall back to."""

    refusal: PolicyRefusal | None
    fallen: tuple[int, ...] = ()


def _entries(requests: Sequence[Request]) -> Iterator[tuple[Request, Entry]]:
    return ((request, entry) for request in requests for entry in request.entries)


def load_recipient_facts(tx: Tx, requests: Sequence[Request]) -> list[RecipientFacts]:
    return load_recipients(
        tx,
        [
            (request.account.id, "" if entry.source is None else entry.source.id, entry.draft.recipient)
            for request, entry in _entries(requests)
        ],
    )


def load_named(tx: Tx, requests: Sequence[Request]) -> Named:
    """Return which uploaded files, quoted messages and templates, named by the requests, exist."""
    media: set[tuple[str, str]] = set()
    quoted: set[tuple[str, str]] = set()
    templates: set[TemplateKey] = set()
    for request, entry in _entries(requests):
        draft = entry.draft
        for attachment in (draft.attachment, None if draft.fallback is None else draft.fallback.attachment):
            if attachment is not None and attachment.media_id is not None:
                media.add((request.account.id, attachment.media_id))
        for template in (draft.content, draft.fallback):
            if isinstance(template, Template) and entry.source is not None:
                templates.add((request.account.id, entry.source.waba_id, template.name))
        if draft.refers_to is not None:
            quoted.add((request.account.id, draft.refers_to))
    return Named(
        load_assets(tx, sorted(media)) if media else {},
        find_contexts(tx, sorted(quoted)) if quoted else set(),
        load_variants(tx, sorted(templates)) if templates else {},
    )


def judge_all(request: Request, facts: Sequence[RecipientFacts], named: Named) -> Verdict:
    """Return the first entry's refusal, or which entries fall back if all may be kept."""
    index_if_many = len(request.entries) > 1
    fallen: list[int] = []
    for index, (entry, known) in enumerate(zip(request.entries, facts, strict=True)):
        reason = _judge_one(request, entry, known, named)
        if reason is FailureReason.OUTSIDE_WINDOW and entry.draft.fallback is not None:
            fallen.append(index)
            reason = _judge_one(request, entry._replace(draft=entry.draft.fallen_back()), known, named)
        if reason is not None:
            return Verdict(PolicyRefusal(reason, index if index_if_many else None))
    return Verdict(None, tuple(fallen))


def _judge_one(request: Request, entry: Entry, known: RecipientFacts, named: Named) -> FailureReason | None:
    account, draft, source = request.account, entry.draft, entry.source
    attachment = draft.attachment
    context_id = draft.refers_to
    if context_id is not None and (account.id, context_id) not in named.contexts:
        return FailureReason.INVALID_CONTEXT
    template_fault = None
    if isinstance(draft.content, Template) and source is not None:
        variants = named.templates.get((account.id, source.waba_id, draft.content.name))
        template_fault = None if variants is None else check_template(draft.content, variants)
    return judge(
        PolicyFacts(
            has_source=source is not None,
            has_groups=source is not None and source.has_groups,
            consent=NO_CONSENT if draft.recipient_type is RecipientType.GROUP else known.consent,
            window_closes_at_us=known.window_closes_at_us,
            is_media_known=attachment is None
            or attachment.media_id is None
            or (account.id, attachment.media_id) in named.assets,
            template_fault=template_fault,
            skip_optin=account.skip_optin,
            implicit_optin=account.implicit_optin,
        ),
        kind=draft.kind,
        recipient_type=draft.recipient_type,
        now_us=request.policy_now_us,
    )
