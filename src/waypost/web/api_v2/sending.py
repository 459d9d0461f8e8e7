"""``POST /api/v2/message/`` in its four spellings: the hottest path, so plain ASGI."""

from collections.abc import Callable
from typing import Protocol

from waypost.accept.acceptor import Acceptance, Acceptor
from waypost.accept.idempotency import Idempotency
from waypost.contract.errors import ContractRefusal, refusal_of
from waypost.contract.replies import FailureReplies, messages_accepted, three_key
from waypost.contract.requests import check_idempotency_key, parse_send_request
from waypost.domain.errors import PolicyRefusal
from waypost.domain.message import MessageDraft, Priority
from waypost.ports import Clock
from waypost.store.directory import Account
from waypost.store.engine import StoreUnavailableError
from waypost.store.transaction import Tx
from waypost.web.auth import Principal
from waypost.web.exchange import (
    JSON,
    BodyTooLargeError,
    ClientGoneError,
    Header,
    Receive,
    Scope,
    Send,
    answer,
    answer_reply,
    header_of,
    read_body,
)

RETRY_AFTER_SECONDS = 2
_REPLAYED: tuple[Header, ...] = (JSON, (b"idempotent-replayed", b"true"))
RETRY_LATER: tuple[Header, ...] = ((b"retry-after", b"%d" % RETRY_AFTER_SECONDS),)


class SendObserver(Protocol):
    """Told of every send request's end; for metrics."""

    def accepted(self, drafts: list[MessageDraft]) -> None: ...
    def replayed(self) -> None: ...
    def refused(self, code: str) -> None: ...


class Overload(Protocol):
    """Knows how full the gateway is."""

    def refuses(self, account: Account) -> int | None:
        """Return the HTTP status to refuse with, 429 or 503, or None while there is room."""


class SendDesk:
    """
    Takes send requests, whoever brings them: parses, accepts and counts them by the one set of rules there is.

    What it returns is durable; its caller has authenticated, and put it into words.
    """

    def __init__(self, acceptor: Acceptor, clock: Clock, observer: SendObserver, overload: Overload) -> None:
        self._acceptor = acceptor
        self._clock = clock
        self._observer = observer
        self._overload = overload

    def refuses(self, account: Account) -> int | None:
        """Return the HTTP status to refuse with, 429 or 503, or None while there is room."""
        return self._overload.refuses(account)

    async def take(
        self, account: Account, body: bytes, *, idempotency_key: str | None, priority: Priority
    ) -> Acceptance | ContractRefusal:
        """
        Keep all messages of a request or none.

        With an idempotency key seen before for the same body nothing is kept, and the first answer's ids come back.
        Raises ``StoreUnavailableError``.
        """
        parsed = self.parse(account, body, idempotency_key=idempotency_key, priority=priority)
        if isinstance(parsed, ContractRefusal):
            return self._refused(await self._earlier_refusal(account, parsed) or parsed)
        idempotency = None if idempotency_key is None else Idempotency.of(idempotency_key, body)
        return await self.keep(account, parsed, idempotency=idempotency)

    async def keep(
        self,
        account: Account,
        drafts: list[MessageDraft],
        *,
        idempotency: Idempotency | None = None,
        also: Callable[[Tx], None] | None = None,
    ) -> Acceptance | ContractRefusal:
        """
        Keep messages whose form is known to be right, all or none; ``also`` in the same transaction.

        Raises ``StoreUnavailableError``.
        """
        kept = await self._acceptor.accept(account, drafts, idempotency=idempotency, also=also)
        if isinstance(kept, PolicyRefusal):
            return self._refused(refusal_of(kept))
        if kept.is_replay:
            self._observer.replayed()
        else:
            self._observer.accepted(drafts)
        return kept

    def parse(
        self, account: Account, body: bytes, *, idempotency_key: str | None, priority: Priority
    ) -> list[MessageDraft] | ContractRefusal:
        """Return the drafts of a request, or why its form is refused; nothing is kept."""
        refusal = None if idempotency_key is None else check_idempotency_key(idempotency_key)
        if refusal is not None:
            return refusal
        return parse_send_request(
            body,
            source_policy=account.source_policy,
            now_us=self._clock.now_us(),
            priority=priority,
        )

    async def _earlier_refusal(self, account: Account, parsed: ContractRefusal) -> ContractRefusal | None:
        """Return the refusal by policy of an entry before the one whose form is at fault."""
        if not parsed.drafts_before:
            return None
        refusal = await self._acceptor.find_refusal(account, parsed.drafts_before)
        return None if refusal is None else refusal_of(refusal)

    def _refused(self, refusal: ContractRefusal) -> ContractRefusal:
        self._observer.refused(refusal.error.code or "none")
        return refusal


class SendEndpoint:
    """Reads, has it taken, answers; the answer goes out only after the commit."""

    def __init__(self, desk: SendDesk, replies: FailureReplies, *, body_bytes_max: int) -> None:
        self._desk = desk
        self._replies = replies
        self._body_bytes_max = body_bytes_max

    async def handle(
        self, principal: Principal, scope: Scope, receive: Receive, send: Send, *, priority: Priority
    ) -> None:
        """Answer one request of an authenticated caller."""
        try:
            body = await read_body(receive, bytes_max=self._body_bytes_max)
        except BodyTooLargeError:
            await answer_reply(send, three_key(413))
            return
        except ClientGoneError:
            return
        status = self._desk.refuses(principal.account)
        if status is not None:
            await answer_reply(send, three_key(429 if status == 429 else 503), headers=RETRY_LATER)
            return
        key = (header_of(scope, b"idempotency-key") or b"").strip().decode("latin-1") or None
        try:
            kept = await self._desk.take(principal.account, body, idempotency_key=key, priority=priority)
        except StoreUnavailableError:
            await answer_reply(send, three_key(503), headers=RETRY_LATER)
            return
        if isinstance(kept, ContractRefusal):
            await answer_reply(send, self._replies.refused(kept))
        else:
            await answer(send, 200, messages_accepted(kept.ids), headers=_REPLAYED if kept.is_replay else (JSON,))
