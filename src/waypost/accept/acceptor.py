"""
The promise: a request is judged and kept in one transaction, and only then answered.

Requests that arrive while a commit runs are judged and kept together in the next one: one read of what policy must
know for all of them, one insert, one flush.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from waypost.domain.consent import NO_CONSENT
from waypost.domain.errors import FailureReason, PolicyRefusal
from waypost.domain.message import MessageDraft, MessageState, RecipientType
from waypost.domain.policy import PolicyFacts, SourcePolicy, judge
from waypost.ports import Clock, IdFactory
from waypost.store.acceptance import (
    RecipientFacts,
    find_contexts,
    insert_idempotency,
    insert_messages,
    load_assets,
    load_idempotency,
    load_recipients,
)
from waypost.store.content import encode_content
from waypost.store.directory import Account, Directory, Source
from waypost.store.engine import Database, Lane, Step
from waypost.store.media import ASSET_KEY, URL_KEY
from waypost.store.transaction import Row, Tx

IDEMPOTENCY_SECONDS: Final = 72 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Idempotency:
    """A caller's key (hashed, since customers put phone numbers in keys) and what its request was."""

    key_hash: str
    fingerprint: str

    @classmethod
    def of(cls, key: str, body: bytes) -> "Idempotency":
        """Return the record's form of a key and of the raw body it came with."""
        return cls(key_hash=hashlib.sha256(key.encode()).hexdigest(), fingerprint=hashlib.sha256(body).hexdigest())


class Acceptance(NamedTuple):
    """The ids of what was kept, in the request's order; ``is_replay`` when an earlier request had kept it."""

    ids: tuple[str, ...]
    is_replay: bool = False


class _Entry(NamedTuple):
    """One draft with the source it goes out from (None: unknown) and the id it will have."""

    id: str
    draft: MessageDraft
    source: Source | None


class _Request(NamedTuple):
    """
    One caller's drafts. ``rows`` are what is kept of them: made where the request came in, because the writer's thread
    is what everybody waits for.
    """

    account: Account
    entries: Sequence[_Entry]
    rows: Sequence[Row]
    idempotency: Idempotency | None
    now_us: int
    policy_now_us: int


class Acceptor:
    """Accepts send requests for every account of this node."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        clock: Clock,
        ids: IdFactory,
        *,
        on_accepted: Callable[[Collection[str]], None] = lambda _: None,
    ) -> None:
        self._database = database
        self._directory = directory
        self._clock = clock
        self._ids = ids
        self._on_accepted = on_accepted
        self._step: Step[_Request, Acceptance | PolicyRefusal] = Step("accept", Lane.ACCEPT, _accept)

    async def accept(
        self, account: Account, drafts: Sequence[MessageDraft], *, idempotency: Idempotency | None = None
    ) -> Acceptance | PolicyRefusal:
        """
        Keep all drafts or none.

        Returns when they are durable. With an idempotency key seen before for the same request nothing is kept, and the
        first answer's ids come back. Raises ``StoreUnavailableError``.
        """
        new_id = self._ids.new
        entries = [_Entry(new_id(), draft, self._source_of(account, draft)) for draft in drafts]
        now_us = self._clock.now_us()
        rows = [_row(account, entry, entry.source, now_us) for entry in entries if entry.source is not None]
        request = _Request(account, entries, rows, idempotency, now_us, self._clock.policy_now_us())
        answer = await self._database.run(self._step, request)
        if isinstance(answer, Acceptance) and not answer.is_replay:
            self._on_accepted({entry.source.id for entry in entries if entry.source is not None})
        return answer

    async def find_refusal(self, account: Account, drafts: Sequence[MessageDraft]) -> PolicyRefusal | None:
        """
        Return how policy would refuse the first of the drafts that it refuses; keep nothing.

        For a request that another of its entries has spoilt already: what is reported is its first failing entry,
        whatever fails it. Raises ``StoreUnavailableError``.
        """
        entries = [_Entry("", draft, self._source_of(account, draft)) for draft in drafts]
        request = _Request(account, entries, (), None, self._clock.now_us(), self._clock.policy_now_us())

        def judge_only(tx: Tx) -> PolicyRefusal | None:
            assets, contexts = _load_named(tx, [request])
            return _judge_all(request, _recipient_facts(tx, [request]), assets, contexts)

        refusal = await self._database.read(judge_only, account_id=account.id)
        return None if refusal is None else PolicyRefusal(refusal.reason, refusal.index or 0)

    def _source_of(self, account: Account, draft: MessageDraft) -> Source | None:
        """Return the source a message goes out from, by the account's ``source_policy`` (contract, section 2.3)."""
        snapshot = self._directory.now
        if draft.names_source:
            source = snapshot.sources.get(draft.source_given or "")
            if source is not None and source.account_id == account.id:
                return source
            if account.source_policy is SourcePolicy.STRICT:
                return None
        return snapshot.default_sources.get(account.id)


def _accept(tx: Tx, requests: Sequence[_Request]) -> Sequence[Acceptance | PolicyRefusal]:
    answers: list[Acceptance | PolicyRefusal | None] = _answer_repeats(tx, requests)
    facts = iter(_recipient_facts(tx, requests))
    assets, contexts = _load_named(tx, requests)
    rows: list[Row] = []
    first_of_key: dict[tuple[str, str], int] = {}
    for place, request in enumerate(requests):
        own_facts = [next(facts) for _ in request.entries]
        if answers[place] is not None:
            continue
        first = _earlier_in_batch(request, place, first_of_key)
        if first is not None:
            answers[place] = _answer_like(request, requests[first], answers[first])
            if answers[place] is not None:
                continue
        refusal = _judge_all(request, own_facts, assets, contexts)
        if refusal is not None:
            answers[place] = refusal
            continue
        rows += request.rows
        answers[place] = Acceptance(tuple([entry.id for entry in request.entries]))
        if request.idempotency is not None:
            first_of_key[request.account.id, request.idempotency.key_hash] = place
            _keep_answer(tx, request)
    insert_messages(tx, rows)
    return [answer for answer in answers if answer is not None]


def _answer_repeats(tx: Tx, requests: Sequence[_Request]) -> list[Acceptance | PolicyRefusal | None]:
    """Answer the requests whose idempotency key was used before; the others get None."""
    keyed = [
        (request.account.id, request.idempotency.key_hash) for request in requests if request.idempotency is not None
    ]
    answers: list[Acceptance | PolicyRefusal | None] = [None] * len(requests)
    if not keyed:
        return answers
    not_before_us = requests[-1].now_us - IDEMPOTENCY_SECONDS * 1_000_000
    known = load_idempotency(tx, keyed, not_before_us=not_before_us)
    for place, request in enumerate(requests):
        if request.idempotency is None:
            continue
        record = known.get((request.account.id, request.idempotency.key_hash))
        if record is not None:
            answers[place] = _replay(request.idempotency, record.fingerprint, record.message_ids)
    return answers


def _replay(asked: Idempotency, fingerprint: str, message_ids: tuple[str, ...]) -> Acceptance | PolicyRefusal:
    if asked.fingerprint != fingerprint:
        return PolicyRefusal(FailureReason.IDEMPOTENCY_CONFLICT)
    return Acceptance(message_ids, is_replay=True)


def _earlier_in_batch(request: _Request, place: int, first_of_key: dict[tuple[str, str], int]) -> int | None:
    if request.idempotency is None:
        return None
    first = first_of_key.get((request.account.id, request.idempotency.key_hash))
    return first if first is not None and first < place else None


def _answer_like(
    request: _Request, first: _Request, answer: Acceptance | PolicyRefusal | None
) -> Acceptance | PolicyRefusal | None:
    assert request.idempotency is not None
    assert first.idempotency is not None
    if not isinstance(answer, Acceptance):
        return None
    return _replay(request.idempotency, first.idempotency.fingerprint, answer.ids)


def _keep_answer(tx: Tx, request: _Request) -> None:
    assert request.idempotency is not None
    insert_idempotency(
        tx,
        account_id=request.account.id,
        key_hash=request.idempotency.key_hash,
        fingerprint=request.idempotency.fingerprint,
        message_ids=[entry.id for entry in request.entries],
        now_us=request.now_us,
        not_before_us=request.now_us - IDEMPOTENCY_SECONDS * 1_000_000,
    )


def _entries(requests: Sequence[_Request]) -> Iterator[tuple[_Request, _Entry]]:
    return ((request, entry) for request in requests for entry in request.entries)


def _recipient_facts(tx: Tx, requests: Sequence[_Request]) -> list[RecipientFacts]:
    return load_recipients(
        tx,
        [
            (request.account.id, "" if entry.source is None else entry.source.id, entry.draft.recipient)
            for request, entry in _entries(requests)
        ],
    )


def _load_named(tx: Tx, requests: Sequence[_Request]) -> tuple[dict[tuple[str, str], str], set[tuple[str, str]]]:
    """Return which uploaded files and which quoted messages, named by the requests, exist."""
    media: set[tuple[str, str]] = set()
    quoted: set[tuple[str, str]] = set()
    for request, entry in _entries(requests):
        attachment = entry.draft.attachment
        if attachment is not None and attachment.media_id is not None:
            media.add((request.account.id, attachment.media_id))
        if entry.draft.refers_to is not None:
            quoted.add((request.account.id, entry.draft.refers_to))
    return (
        load_assets(tx, sorted(media)) if media else {},
        find_contexts(tx, sorted(quoted)) if quoted else set(),
    )


def _judge_all(
    request: _Request,
    facts: Sequence[RecipientFacts],
    assets: dict[tuple[str, str], str],
    contexts: set[tuple[str, str]],
) -> PolicyRefusal | None:
    """Return the first entry's refusal, or None if all entries may be kept."""
    account = request.account
    index_if_many = len(request.entries) > 1
    for index, (entry, known) in enumerate(zip(request.entries, facts, strict=True)):
        draft = entry.draft
        attachment = draft.attachment
        context_id = draft.refers_to
        reason: FailureReason | None
        if context_id is not None and (account.id, context_id) not in contexts:
            reason = FailureReason.INVALID_CONTEXT
        else:
            reason = judge(
                PolicyFacts(
                    has_source=entry.source is not None,
                    has_groups=entry.source is not None and entry.source.has_groups,
                    consent=NO_CONSENT if draft.recipient_type is RecipientType.GROUP else known.consent,
                    window_closes_at_us=known.window_closes_at_us,
                    is_media_known=attachment is None
                    or attachment.media_id is None
                    or (account.id, attachment.media_id) in assets,
                    skip_optin=account.skip_optin,
                    implicit_optin=account.implicit_optin,
                ),
                kind=draft.kind,
                recipient_type=draft.recipient_type,
                now_us=request.policy_now_us,
            )
        if reason is not None:
            return PolicyRefusal(reason, index if index_if_many else None)
    return None


def _row(account: Account, entry: _Entry, source: Source, now_us: int) -> Row:
    draft = entry.draft
    starts_at_us = draft.scheduled_at_us
    is_scheduled = starts_at_us is not None and starts_at_us > now_us
    due_at_us = starts_at_us if is_scheduled and starts_at_us is not None else now_us
    return (
        entry.id,
        account.id,
        source.id,
        draft.source_given,
        draft.recipient,
        1 if draft.recipient_type is RecipientType.GROUP else 0,
        draft.kind.value,
        int(draft.priority),
        int(MessageState.SCHEDULED if is_scheduled else MessageState.QUEUED),
        due_at_us,
        now_us,
        starts_at_us,
        None if draft.ttl_seconds is None else due_at_us + int(draft.ttl_seconds * 1_000_000),
        draft.caller_data,
        encode_content(draft.content),
        draft.refers_to,
        media_key(draft),
        1 if draft.track_links else 0,
        1 if (account.at_most_once if draft.at_most_once is None else draft.at_most_once) else 0,
    )


def media_key(draft: MessageDraft) -> str | None:
    """Return what a message's file is found by: ``asset:<media id>`` or ``url:<hex SHA-256 of the URL>``."""
    attachment = draft.attachment
    if attachment is None:
        return None
    if attachment.media_id is not None:
        return ASSET_KEY + attachment.media_id
    assert attachment.url is not None
    return URL_KEY + hashlib.sha256(attachment.url.encode()).hexdigest()
