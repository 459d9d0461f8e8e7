"""
Looking for outbound messages of one account.

Each search goes along the index that narrows it most: an id, the provider's id, a recipient, a tag, failures, or all
messages of the account. What is asked for besides is a condition on the rows found there, of which a page looks at a
bounded number.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from waypost.domain.ids import BEFORE_ALL, first_id_at
from waypost.domain.message import MessageState
from waypost.store.inspection import MESSAGE_ROW_COLUMNS, MessageRow
from waypost.store.paging import Order, Page, Span, Walk
from waypost.store.statements import Sql
from waypost.store.transaction import Tx

ID_MARGIN_US: Final = 60_000_000
"""How far a message's id and its time of acceptance may lie apart."""
TIME_MAX_US: Final = 2**55
"""Later than any time that an id can tell."""
_ENDED_BADLY: Final = frozenset(
    {MessageState.FAILED, MessageState.EXPIRED, MessageState.CANCELLED, MessageState.UNKNOWN}
)
"""States whose messages all have a reason of failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFilter:
    """
    What messages must match; None matches all, and so do no ``failures`` and no ``failure_codes``.

    ``caller_data`` is the contract's ``x-apiheader``; ``failures`` are reasons, ``failure_codes`` the provider's own.
    ``since_us`` and ``until_us`` bound the time of acceptance.
    """

    id: str | None = None
    recipient: str | None = None
    caller_data: str | None = None
    wamid: str | None = None
    source_id: str | None = None
    states: Sequence[MessageState] = field(default=tuple(MessageState))
    failures: Sequence[str] = ()
    failure_codes: Sequence[int] = ()
    since_us: int = 0
    until_us: int = 2**62


_KEYS: Final = MappingProxyType(
    {
        "id": "m.account_id = :account_id AND m.id = :id",
        "wamid": "m.wamid = :wamid AND m.account_id = :account_id",
        "recipient": "m.account_id = :account_id AND m.recipient = :recipient",
        # The condition of a partial index stands in its own words: SQLite uses it only then.
        "caller_data": "m.account_id = :account_id AND m.caller_data <> '' AND m.caller_data = :caller_data",
        "failed": "m.account_id = :account_id AND m.failure IS NOT NULL",
        "account": "m.account_id = :account_id",
    }
)
_INDEXES: Final = MappingProxyType(
    {
        "id": "",
        "wamid": " INDEXED BY messages_wamid",
        "recipient": " INDEXED BY messages_recipient",
        "caller_data": " INDEXED BY messages_tag",
        "failed": " INDEXED BY messages_failed",
        "account": " INDEXED BY messages_account",
    }
)
_CONDITIONS: Final = MappingProxyType(
    {
        "recipient": "m.recipient = :recipient",
        "caller_data": "m.caller_data = :caller_data",
        "source_id": "m.source_id = :source_id",
        "states": "m.state = ANY(:states)",
        "failures": "m.failure = ANY(:failures)",
        "failure_codes": "m.failure_code = ANY(:failure_codes)",
        "since_us": "m.accepted_at_us >= :since_us",
        "until_us": "m.accepted_at_us < :until_us",
    }
)
_EVERY: Final = tuple(MessageState)


@cache
def walk_along(path: str, conditions: tuple[str, ...]) -> Walk:
    """Return the walk along a path with these conditions; each combination is put together once."""
    matches = " AND ".join(_CONDITIONS[name] for name in conditions)
    return Walk(MESSAGE_ROW_COLUMNS, f"messages m{_INDEXES[path]}", keys=_KEYS[path], matches=matches)


def planned() -> list[Sql]:
    """Return the statements of all ways with no condition and with every one, for tests of their plans."""
    return [
        statement
        for path in _KEYS
        for conditions in ((), tuple(name for name in _CONDITIONS if name != path))
        for statement in walk_along(path, conditions).statements
    ]


def search_messages(
    tx: Tx,
    account_id: str,
    wanted: MessageFilter,
    *,
    order: Order = Order.NEWEST,
    cursor: str | None = None,
    at_most: int,
) -> Page[MessageRow]:
    """Return a page of the messages that match; ``cursor`` is one of another page of the same search."""
    path = _path(wanted)
    given = _given(wanted)
    conditions = tuple(name for name in _CONDITIONS if name in given and name != path)
    page = walk_along(path, conditions).page(
        tx,
        {"account_id": account_id, **({path: getattr(wanted, path)} if path in ("id", "wamid", *given) else {})},
        {name: given[name] for name in conditions},
        order=order,
        cursor=cursor,
        span=span_of(since_us=wanted.since_us, until_us=wanted.until_us),
        at_most=at_most,
    )
    return page.of(lambda row: MessageRow(*row))


def span_of(*, since_us: int, until_us: int) -> Span:
    """Return the ids that messages accepted in ``[since_us, until_us)`` can have: an index narrows the time by them."""
    return Span(
        floor=first_id_at(since_us - ID_MARGIN_US) if since_us else "",
        ceiling=first_id_at(until_us + ID_MARGIN_US) if until_us < TIME_MAX_US else BEFORE_ALL,
    )


def _path(wanted: MessageFilter) -> str:
    if wanted.id is not None:
        return "id"
    if wanted.wamid is not None:
        return "wamid"
    if wanted.recipient is not None:
        return "recipient"
    if wanted.caller_data:
        return "caller_data"
    if wanted.failures or wanted.failure_codes or (wanted.states and _ENDED_BADLY.issuperset(wanted.states)):
        return "failed"
    return "account"


def _given(wanted: MessageFilter) -> dict[str, Any]:
    """Return the conditions that let not everything through, with their parameters."""
    given: dict[str, Any] = {
        name: getattr(wanted, name)
        for name in ("recipient", "caller_data", "source_id")
        if getattr(wanted, name) is not None
    }
    if set(wanted.states) != set(_EVERY):
        given["states"] = [int(state) for state in wanted.states]
    if wanted.failures:
        given["failures"] = list(wanted.failures)
    if wanted.failure_codes:
        given["failure_codes"] = list(wanted.failure_codes)
    if wanted.since_us:
        given["since_us"] = wanted.since_us
    if wanted.until_us < TIME_MAX_US:
        given["until_us"] = wanted.until_us
    return given
