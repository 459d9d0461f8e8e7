"""Sending messages, and asking what became of them (contract, sections 2.1 and 2.13)."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Literal

from waypost.client.calls import NOTHING, Answer, Call, Request, json_request, object_of, text_at
from waypost.client.connection import Connection, segment
from waypost.client.errors import MessageFailedError, UnexpectedAnswerError, WaitTimeoutError
from waypost.client.messages import Message
from waypost.client.moments import moment_of

MESSAGES_MAX: Final = 1000
SEND_PATH: Final = "/api/v2/message/"
PRIORITY_PATH: Final = "/api/v2/message/nc/priority"
KEY_HEADER: Final = "idempotency-key"

WaitedFor = Literal["sent", "delivered", "read"]
_PROGRESS: Final = MappingProxyType({"scheduled": 0, "accepted": 1, "sent": 2, "delivered": 3, "read": 4})
FIRST_LOOK_SECONDS: Final = 0.1
LOOK_SECONDS_MAX: Final = 2.0


@dataclass(frozen=True, slots=True)
class Sent:
    """What was accepted: an id for each message, in order. It is durable, and not delivered yet."""

    ids: tuple[str, ...]

    @property
    def id(self) -> str:
        """The id of the first message."""
        return self.ids[0]

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A message came so far, at that time (UTC; None if it cannot be read)."""

    status: str
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageReport:
    """
    Where a message stands.

    ``status`` is ``scheduled``, ``accepted``, ``sent``, ``delivered``, ``read`` or ``failed``, with its reason in
    ``status_remark``; ``timeline`` is how it got there, oldest first.
    """

    id: str
    source: str
    recipient: str = field(repr=False)
    message_type: str
    caller_data: str
    status: str
    status_remark: str
    timeline: tuple[Step, ...]
    raw: dict[str, Any] = field(repr=False)

    def has_reached(self, status: WaitedFor) -> bool:
        """Say whether it came so far or further."""
        return _PROGRESS.get(self.status, -1) >= _PROGRESS[status]


def send(
    connection: Connection, messages: Sequence[Message], *, has_priority: bool, idempotency_key: str | None
) -> Call[Sent]:
    """
    Return the call that sends 1 to 1000 messages, all or none.

    Without a key of the caller's one is made, unless the connection makes none; then a lost answer is not asked for
    again. Raises ValueError for no messages, and for more than 1000.
    """
    if not 1 <= len(messages) <= MESSAGES_MAX:
        raise ValueError(f"a request has 1 to {MESSAGES_MAX} messages, not {len(messages)}")
    entries = [message.to_entry(source=connection.source) for message in messages]
    key = idempotency_key or (str(uuid.uuid4()) if connection.makes_keys else None)

    def parse(answer: Answer) -> Sent:
        data = object_of(answer)
        ids = data.get("ids", [data.get("id")])
        if not isinstance(ids, list) or len(ids) != len(messages) or not all(isinstance(one, str) for one in ids):
            raise UnexpectedAnswerError("The answer has not one id for each message.", status=answer.status)
        return Sent(tuple(ids))

    return Call(
        request=json_request(
            "POST",
            PRIORITY_PATH if has_priority else SEND_PATH,
            {"message": entries},
            headers=NOTHING if key is None else {KEY_HEADER: key},
        ),
        parse=parse,
        is_repeatable=key is not None,
        idempotency_key=key,
    )


def look_up(message_id: str) -> Call[MessageReport]:
    """Return the call that asks where a message stands (additive). Raises NotFoundError when run."""
    return Call(
        request=Request(method="GET", path=f"{SEND_PATH}{segment(message_id)}"),
        parse=lambda answer: _report(object_of(answer)),
        is_repeatable=True,
    )


class Waiting:
    """The rule of ``wait_for``: when to look again, and when to stop."""

    __slots__ = ("_look_seconds", "_status", "_timeout_seconds")

    def __init__(self, status: WaitedFor, *, timeout_seconds: float) -> None:
        self._status = status
        self._timeout_seconds = timeout_seconds
        self._look_seconds = FIRST_LOOK_SECONDS

    def next_look(self, report: MessageReport, *, elapsed_seconds: float) -> float | None:
        """
        Return the seconds until the next look, or None if the message came as far as it was waited for.

        Raises MessageFailedError, WaitTimeoutError.
        """
        if report.status == "failed":
            raise MessageFailedError(message_id=report.id, remark=report.status_remark)
        if report.has_reached(self._status):
            return None
        left = self._timeout_seconds - elapsed_seconds
        if left <= 0:
            raise WaitTimeoutError(message_id=report.id, status=report.status)
        wait = min(self._look_seconds, left)
        self._look_seconds = min(self._look_seconds * 1.5, LOOK_SECONDS_MAX)
        return wait


def _report(data: dict[str, Any]) -> MessageReport:
    steps = [step for step in data.get("timeline") or [] if isinstance(step, dict)]
    return MessageReport(
        id=text_at(data, "id"),
        source=text_at(data, "source"),
        recipient=text_at(data, "recipient"),
        message_type=text_at(data, "message_type"),
        caller_data=text_at(data, "x-apiheader"),
        status=text_at(data, "status").lower(),
        status_remark=text_at(data, "status_remark"),
        timeline=tuple(
            Step(status=text_at(step, "status").lower(), at=moment_of(step.get("received_at"))) for step in steps
        ),
        raw=data,
    )
