"""
The promise: a request is judged and kept in one transaction, and only then answered.

Requests that arrive while a commit runs are judged and kept together in the next one: one read of what policy must
know for all of them, one insert, one flush.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Final, NamedTuple

from waypost.accept.idempotency import Idempotency
from waypost.accept.judging import Entry, Request, judge_all, load_named, load_recipient_facts
from waypost.domain.errors import FailureReason, PolicyRefusal
from waypost.domain.message import MessageDraft, MessageState, RecipientType, Template
from waypost.domain.policy import SourcePolicy
from waypost.ports import Clock, IdFactory
from waypost.store.acceptance import insert_idempotency, insert_messages, load_idempotency
from waypost.store.content import encode_content
from waypost.store.directory import Account, Directory, Source
from waypost.store.engine import Database, Lane, Step
from waypost.store.provider_media import media_key_of
from waypost.store.transaction import Row, Tx

IDEMPOTENCY_SECONDS: Final = 72 * 3600


class Acceptance(NamedTuple):
    """The ids of what was kept, in the request's order; ``is_replay`` when an earlier request had kept it."""

    ids: tuple[str, ...]
    is_replay: bool = False


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
        self._step: Step[Request, Acceptance | PolicyRefusal] = Step("accept", Lane.ACCEPT, keep_prepared)

    async def accept(
        self,
        account: Account,
        drafts: Sequence[MessageDraft],
        *,
        idempotency: Idempotency | None = None,
        also: Callable[[Tx], None] | None = None,
    ) -> Acceptance | PolicyRefusal:
        """
        Keep all drafts or none.

        Returns when they are durable. With an idempotency key seen before for the same request nothing is kept, and the
        first answer's ids come back. ``also`` is done in the same transaction if anything is kept; not for what is hot.
        As all of acceptance it names its account itself: PostgreSQL's wall between accounts does not stand around it.
        Raises ``StoreUnavailableError``.
        """
        request = self.prepare(account, drafts, idempotency=idempotency)
        if also is None:
            answer = await self._database.run(self._step, request)
        else:
            answer = await self._database.write(lambda tx: _keep_and(tx, request, also), lane=Lane.ACCEPT)
        if isinstance(answer, Acceptance) and not answer.is_replay:
            self._on_accepted(sources_of(request))
        return answer

    def prepare(
        self,
        account: Account,
        drafts: Sequence[MessageDraft],
        *,
        idempotency: Idempotency | None = None,
        bulk_id: str | None = None,
    ) -> Request:
        """Return drafts made ready for ``keep_prepared``; ``bulk_id`` names the bulk send they belong to."""
        new_id = self._ids.new
        entries = [Entry(new_id(), draft, self._source_of(account, draft)) for draft in drafts]
        now_us = self._clock.now_us()
        rows = [_row(account, entry, entry.source, now_us, bulk_id) for entry in entries if entry.source is not None]
        return Request(account, entries, rows, idempotency, now_us, self._clock.policy_now_us(), bulk_id)

    async def find_refusal(self, account: Account, drafts: Sequence[MessageDraft]) -> PolicyRefusal | None:
        """
        Return how policy would refuse the first of the drafts that it refuses; keep nothing.

        For a request that another of its entries has spoilt already: what is reported is its first failing entry,
        whatever fails it. Raises ``StoreUnavailableError``.
        """
        entries = [Entry("", draft, self._source_of(account, draft)) for draft in drafts]
        request = Request(account, entries, (), None, self._clock.now_us(), self._clock.policy_now_us())

        def judge_only(tx: Tx) -> PolicyRefusal | None:
            return judge_all(request, load_recipient_facts(tx, [request]), load_named(tx, [request])).refusal

        refusal = await self._database.read(judge_only, account_id=account.id)
        return None if refusal is None else PolicyRefusal(refusal.reason, refusal.index or 0)

    def _source_of(self, account: Account, draft: MessageDraft) -> Source | None:
        """Return the source a message goes out from, by the account's ``source_policy`` (contract, section 2.3)."""
        snapshot = self._directory.now
        if draft.names_source:
            source = snapshot.source_of(account.id, draft.source_given)
            if source is not None or account.source_policy is SourcePolicy.STRICT:
                return source
        return snapshot.source_of(account.id, None)


def _keep_and(tx: Tx, request: Request, also: Callable[[Tx], None]) -> Acceptance | PolicyRefusal:
    [answer] = keep_prepared(tx, [request])
    if isinstance(answer, Acceptance) and not answer.is_replay:
        also(tx)
    return answer


def sources_of(request: Request) -> set[str]:
    """Return the ids of the sources that a request sends from."""
    return {entry.source.id for entry in request.entries if entry.source is not None}


def keep_prepared(tx: Tx, requests: Sequence[Request]) -> Sequence[Acceptance | PolicyRefusal]:
    """
    Judge prepared requests, each by itself, and keep those that pass, in the caller's transaction.

    Returns an answer for each, in order. Whoever commits wakes the dispatcher for ``sources_of`` what was kept.
    """
    answers: list[Acceptance | PolicyRefusal | None] = _answer_repeats(tx, requests)
    facts = iter(load_recipient_facts(tx, requests))
    named = load_named(tx, requests)
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
        verdict = judge_all(request, own_facts, named)
        if verdict.refusal is not None:
            answers[place] = verdict.refusal
            continue
        rows += request.rows if not verdict.fallen else _rows_fallen_back(request, verdict.fallen)
        answers[place] = Acceptance(tuple([entry.id for entry in request.entries]))
        if request.idempotency is not None:
            first_of_key[request.account.id, request.idempotency.key_hash] = place
            _keep_answer(tx, request)
    insert_messages(tx, rows)
    return [answer for answer in answers if answer is not None]


def _answer_repeats(tx: Tx, requests: Sequence[Request]) -> list[Acceptance | PolicyRefusal | None]:
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


def _earlier_in_batch(request: Request, place: int, first_of_key: dict[tuple[str, str], int]) -> int | None:
    if request.idempotency is None:
        return None
    first = first_of_key.get((request.account.id, request.idempotency.key_hash))
    return first if first is not None and first < place else None


def _answer_like(
    request: Request, first: Request, answer: Acceptance | PolicyRefusal | None
) -> Acceptance | PolicyRefusal | None:
    assert request.idempotency is not None
    assert first.idempotency is not None
    if not isinstance(answer, Acceptance):
        return None
    return _replay(request.idempotency, first.idempotency.fingerprint, answer.ids)


def _keep_answer(tx: Tx, request: Request) -> None:
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


def _rows_fallen_back(request: Request, fallen: Sequence[int]) -> list[Row]:
    """Return a request's rows, those at the places in ``fallen`` made anew as the templates they fall back to."""
    rows = list(request.rows)
    for place in fallen:
        entry = request.entries[place]
        assert entry.source is not None
        template = entry._replace(draft=entry.draft.fallen_back())
        rows[place] = _row(request.account, template, entry.source, request.now_us, request.bulk_id)
    return rows


def _row(account: Account, entry: Entry, source: Source, now_us: int, bulk_id: str | None) -> Row:
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
        media_key_of(draft.attachment),
        draft.content.name if isinstance(draft.content, Template) else None,
        None if draft.fallback is None else encode_content(draft.fallback),
        bulk_id,
        1 if draft.track_links and account.linktrack else 0,
        1 if (account.at_most_once if draft.at_most_once is None else draft.at_most_once) else 0,
    )
