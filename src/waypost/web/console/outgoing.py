"""
What operators write, sent and looked at beforehand, through the very desk that takes the API's send requests.

There are no rules here: an entry is a request body like any client's, and what the desk refuses is told in its words.
"""

from dataclasses import dataclass
from typing import Any, Final

import orjson

from waypost.accept.acceptor import Acceptance
from waypost.contract.errors import ERRORS, ContractError, ContractRefusal, refusal_of
from waypost.domain.message import MessageDraft, Priority
from waypost.store.content import encode_content
from waypost.web.console.bubble_parts import Bubble
from waypost.web.console.bubbles import Stored, show_all
from waypost.web.console.context import Console
from waypost.web.console.explaining import words_of
from waypost.web.console.visit import Visit
from waypost.web.manage.problems import Problem, ProblemKind

SENT_BEFORE: Final = "This was sent before, and is not sent again."
_STAND_IN: Final = {"source": "none"}
_STAND_IN_PERSON: Final = {"recipient_whatsapp": "12025550100", "recipient_type": "individual"}
"""What a preview is from and whom it is for as long as none has been named."""
_FORM_HINT: Final = "Mend the member that it names; nothing was sent, and nothing you typed is lost."


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What the API answers: its code, ``""`` for none, and text; and in plain words what it means and what to do."""

    code: str
    text: str
    what: str
    next: str

    @classmethod
    def of(cls, error: ContractError) -> "Refusal":
        """Return one of the contract's errors."""
        # What policy refuses has an error of its own; what is wrong in form says itself what it is.
        reason = next((reason for reason, known in ERRORS.items() if known == error), None)
        what, then = ("", _FORM_HINT) if reason is None else words_of(reason)
        return cls(code=error.code or "", text=error.text, what=what, next=then)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a message would look like, None where its form is too far from one; and why it would be refused now."""

    bubble: Bubble | None
    refusal: Refusal | None


class Outgoing:
    """Sends entries and shows them."""

    def __init__(self, console: Console) -> None:
        self._desk = console.send_desk
        self._acceptor = console.acceptor
        self._directory = console.manage.directory

    async def send(self, visit: Visit, entry: dict[str, Any], *, is_urgent: bool = False) -> Acceptance | Refusal:
        """
        Send one entry for the visitor's account; durable when this returns.

        A form that is sent twice as it is, by a nervous click, sends one message. Raises ``Problem`` while the gateway
        is overloaded and for a form without its token, ``StoreUnavailableError``.
        """
        status = self._desk.refuses(visit.account)
        if status is not None:
            raise _overloaded(status)
        body = _body(entry)
        priority = Priority.HIGH if is_urgent else Priority.NORMAL
        once_key = visit.once_key(body + priority.name.encode())
        kept = await self._desk.take(visit.account, body, idempotency_key=once_key, priority=priority)
        return Refusal.of(kept.error) if isinstance(kept, ContractRefusal) else kept

    async def look(self, visit: Visit, entry: dict[str, Any]) -> Look:
        """Return what an entry would look like and what would be said to it; nothing is kept."""
        parsed = self._parse(visit, entry)
        if isinstance(parsed, ContractRefusal):
            refusal = Refusal.of(parsed.error)
            drafts = self._parse(visit, _STAND_IN | entry | _STAND_IN_PERSON)
            if isinstance(drafts, ContractRefusal):
                return Look(bubble=None, refusal=refusal)
            return Look(bubble=await self._bubble(visit, drafts[0]), refusal=refusal)
        refused = await self._acceptor.find_refusal(visit.account, parsed)
        return Look(
            bubble=await self._bubble(visit, parsed[0]),
            refusal=None if refused is None else Refusal.of(refusal_of(refused).error),
        )

    def _parse(self, visit: Visit, entry: dict[str, Any]) -> list[MessageDraft] | ContractRefusal:
        return self._desk.parse(visit.account, _body(entry), idempotency_key=None, priority=Priority.NORMAL)

    async def _bubble(self, visit: Visit, draft: MessageDraft) -> Bubble:
        snapshot = self._directory.now
        named = snapshot.source_of(visit.account_id, draft.source_given if draft.names_source else None)
        source = named or snapshot.source_of(visit.account_id, None)
        stored = Stored(
            is_inbound=False,
            kind=draft.kind.value,
            content=encode_content(draft.content),
            source_id="" if source is None else source.id,
        )
        [bubble] = await visit.read(lambda tx: show_all(tx, visit.account_id, [stored], sources=snapshot.sources))
        return bubble


def _body(entry: dict[str, Any]) -> bytes:
    return orjson.dumps({"message": [entry]})


def _overloaded(status: int) -> Problem:
    if status == 429:
        return Problem(
            ProblemKind.THROTTLED,
            "The account's queue is full.",
            hint="Wait until messages have gone out, or raise the account's queued_messages_max.",
            retry_after_seconds=2,
        )
    return Problem(
        ProblemKind.UNAVAILABLE,
        "The gateway has as much to send as it takes.",
        hint="Try again in a moment; the overview tells how it goes.",
        retry_after_seconds=2,
    )
