"""``POST /api/v2/message/`` in its four spellings: the hottest path, so plain ASGI."""

from typing import Protocol

from waypost.accept.acceptor import Acceptor
from waypost.accept.idempotency import Idempotency
from waypost.contract.errors import ContractRefusal, refusal_of
from waypost.contract.replies import FailureReplies, messages_accepted, three_key
from waypost.contract.requests import check_idempotency_key, parse_send_request
from waypost.domain.errors import PolicyRefusal
from waypost.domain.message import MessageDraft, Priority
from waypost.ports import Clock
from waypost.store.directory import Account
from waypost.store.engine import StoreUnavailableError
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


class SendEndpoint:
    """Parses, accepts, answers; the answer goes out only after the commit."""

    def __init__(
        self,
        acceptor: Acceptor,
        replies: FailureReplies,
        clock: Clock,
        observer: SendObserver,
        overload: Overload,
        *,
        body_bytes_max: int,
    ) -> None:
        self._acceptor = acceptor
        self._replies = replies
        self._clock = clock
        self._observer = observer
        self._overload = overload
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
        status = self._overload.refuses(principal.account)
        if status is not None:
            await answer_reply(send, three_key(429 if status == 429 else 503), headers=RETRY_LATER)
            return
        key = (header_of(scope, b"idempotency-key") or b"").strip() or None
        parsed = self._parse(principal.account, body, key, priority)
        try:
            if isinstance(parsed, ContractRefusal):
                earlier = await self._earlier_refusal(principal.account, parsed)
                await self._refuse(send, earlier or parsed)
                return
            kept = await self._acceptor.accept(
                principal.account,
                parsed,
                idempotency=None if key is None else Idempotency.of(key.decode("latin-1"), body),
            )
        except StoreUnavailableError:
            await answer_reply(send, three_key(503), headers=RETRY_LATER)
            return
        if isinstance(kept, PolicyRefusal):
            await self._refuse(send, refusal_of(kept))
        elif kept.is_replay:
            self._observer.replayed()
            await answer(send, 200, messages_accepted(kept.ids), headers=_REPLAYED)
        else:
            self._observer.accepted(parsed)
            await answer(send, 200, messages_accepted(kept.ids))

    def _parse(
        self, account: Account, body: bytes, key: bytes | None, priority: Priority
    ) -> list[MessageDraft] | ContractRefusal:
        if key is not None:
            refusal = check_idempotency_key(key.decode("latin-1"))
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

    async def _refuse(self, send: Send, refusal: ContractRefusal) -> None:
        self._observer.refused(refusal.error.code or "none")
        await answer_reply(send, self._replies.refused(refusal))
