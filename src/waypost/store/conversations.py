"""
Conversations: everybody an account has exchanged messages with, by the newest message in either direction.

There is no table of conversations. A page walks both tables of messages from the newest back, in step, and takes each
person or group where the newest message of theirs stands: at an older one they have been named before. So a
conversation is found by two indexes, whatever was sent between; a page looks at a bounded number of messages.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from waypost.domain.consent import NO_CONSENT, Consent
from waypost.domain.ids import BEFORE_ALL, made_at_us
from waypost.store.consents import find_consents
from waypost.store.paging import Page
from waypost.store.previews import preview_inbound, preview_outbound, profile_name_of
from waypost.store.statements import Sql
from waypost.store.transaction import Tx

SEARCHED_MAX: Final = 2_000
"""Messages of each direction looked at for one page."""
_FIRST_STEP: Final = 256
UNANSWERED_MAX: Final = 100

_OUTBOUND_STEP: Final = Sql(
    "SELECT m.id, m.recipient, m.is_group FROM messages m WHERE m.account_id = :account_id AND m.id < :before "
    "ORDER BY m.id DESC LIMIT :at_most",
    columns=3,
)
_INBOUND_STEP: Final = Sql(
    "SELECT i.id, i.chat, CASE WHEN i.chat = i.sender THEN 0 ELSE 1 END FROM inbound_messages i "
    "WHERE i.account_id = :account_id AND i.id < :before ORDER BY i.id DESC LIMIT :at_most",
    columns=3,
)
_NEWEST: Final = Sql(
    "SELECT v.chat, "
    "(SELECT MAX(m.id) FROM messages m INDEXED BY messages_recipient "
    "WHERE m.account_id = v.account_id AND m.recipient = v.chat), "
    "(SELECT MAX(i.id) FROM inbound_messages i INDEXED BY inbound_messages_chat "
    "WHERE i.account_id = v.account_id AND i.chat = v.chat) "
    "FROM ROWS(:account_id text, :chat text) AS v",
    columns=3,
)
_OUTBOUND: Final = Sql(
    "SELECT m.recipient, m.id, m.accepted_at_us, m.kind, m.content, m.state, m.failure, m.source_id FROM messages m "
    "WHERE m.account_id = :account_id AND m.id = ANY(:ids)"
)
_INBOUND: Final = Sql(
    "SELECT i.chat, i.id, i.received_at_us, i.kind, i.payload, i.source_id FROM inbound_messages i "
    "WHERE i.account_id = :account_id AND i.id = ANY(:ids)"
)
_UNANSWERED: Final = Sql(
    "SELECT v.chat, (SELECT COUNT(*) FROM (SELECT 1 FROM inbound_messages i WHERE i.account_id = v.account_id "  # noqa: S608
    f"AND i.chat = v.chat AND i.id > v.since LIMIT {UNANSWERED_MAX}) AS n) "
    "FROM ROWS(:account_id text, :chat text, :since text) AS v"
)
_WINDOWS: Final = Sql(
    "SELECT w.recipient, w.source_id, w.closes_at_us, w.last_inbound_at_us FROM ROWS(:chat text) AS v "
    "JOIN sources s ON s.account_id = :account_id JOIN windows w ON w.source_id = s.id AND w.recipient = v.chat "
    "ORDER BY w.recipient, w.closes_at_us DESC, w.source_id"
)
_SUBJECTS: Final = Sql(
    "SELECT g.id, g.subject FROM chat_groups g WHERE g.account_id = :account_id AND g.id = ANY(:ids)"
)
_FIND_OUTBOUND: Final = Sql(
    "SELECT m.recipient, m.is_group FROM messages m WHERE m.id = :id AND m.account_id = :account_id"
)
_FIND_INBOUND: Final = Sql(
    "SELECT i.chat, CASE WHEN i.chat = i.sender THEN 0 ELSE 1 END FROM inbound_messages i "
    "WHERE i.id = :id AND i.account_id = :account_id"
)
PLANNED: Final = (
    _OUTBOUND_STEP,
    _INBOUND_STEP,
    _NEWEST,
    _OUTBOUND,
    _INBOUND,
    _UNANSWERED,
    _WINDOWS,
    _SUBJECTS,
    _FIND_OUTBOUND,
    _FIND_INBOUND,
)
"""All statements there are, for tests of their plans."""


class Chat(NamedTuple):
    """Who a conversation is with: a person's number or user id, or a group's id; never to stand in a URL."""

    key: str
    is_group: bool


class WindowRow(NamedTuple):
    """The window of one source with somebody: free-form content may be sent until it closes."""

    source_id: str
    closes_at_us: int
    last_inbound_at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatFacts:
    """
    What is known of the other side; ``profile_name`` and ``group_subject`` are ``""`` where unknown.

    ``newest_id`` is the newest message in either direction, ``last_source_id`` the number it went or came by; None:
    there is none any more. ``windows`` are those that were ever open, the one that closes last first.
    """

    consent: Consent
    windows: tuple[WindowRow, ...]
    profile_name: str
    group_subject: str
    newest_id: str | None
    last_source_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationRow:
    """
    One conversation by its newest message, ``newest_id``.

    ``text`` is the beginning of what it says, ``""`` where that is no text. ``state`` and ``failure`` are those of an
    outbound message. ``unanswered`` is how many messages came in since the last one out, no more than 100.
    """

    chat: str
    is_group: bool
    newest_id: str
    at_us: int
    is_inbound: bool
    kind: str
    text: str
    state: int | None
    failure: str | None
    source_id: str
    profile_name: str
    group_subject: str
    unanswered: int
    consent: Consent
    windows: tuple[WindowRow, ...]


def find_chat(tx: Tx, account_id: str, message_id: str) -> Chat | None:
    """Return whose conversation a message stands in, sent or received; None if there is no such message."""
    for statement in (_FIND_OUTBOUND, _FIND_INBOUND):
        row = tx.one(statement, account_id=account_id, id=message_id)
        if row is not None:
            return Chat(row[0], bool(row[1]))
    return None


def find_newest_id(tx: Tx, account_id: str, key: str) -> str | None:
    """Return the id of the newest message with a person or group, in either direction."""
    [(_, outbound, inbound)] = tx.rows(_NEWEST, account_id=[account_id], chat=[key])
    return max(filter(None, (outbound, inbound)), default=None)


def describe_chat(tx: Tx, account_id: str, chat: Chat) -> ChatFacts:
    """Return what is known of the other side of a conversation."""
    [(_, outbound, inbound)] = tx.rows(_NEWEST, account_id=[account_id], chat=[chat.key])
    sent = tx.one(_OUTBOUND, account_id=account_id, ids=[outbound]) if outbound else None
    received = tx.one(_INBOUND, account_id=account_id, ids=[inbound]) if inbound else None
    newest_id = max(filter(None, (outbound, inbound)), default=None)
    newest = received if newest_id == inbound else sent
    return ChatFacts(
        consent=_consents(tx, account_id, [chat.key]).get(chat.key, NO_CONSENT),
        windows=_windows(tx, account_id, [chat.key]).get(chat.key, ()),
        profile_name="" if received is None or chat.is_group else profile_name_of(received[4]),
        group_subject=_subjects(tx, account_id, [chat]).get(chat.key, ""),
        newest_id=newest_id,
        last_source_id=None if newest is None else newest[-1],
    )


def list_conversations(
    tx: Tx, account_id: str, *, cursor: str | None = None, at_most: int = 50
) -> Page[ConversationRow]:
    """
    Return a page of conversations, by their newest message, newest first; ``cursor`` is another page's ``next_cursor``.

    Each stands once: one in which something happens while somebody turns pages moves to the front.
    """
    found: dict[str, _Newest] = {}
    named: set[str] = set()
    before, looked, step = cursor or BEFORE_ALL, 0, _FIRST_STEP
    while looked < SEARCHED_MAX:
        size = min(step, SEARCHED_MAX - looked)
        rows, horizon = _step(tx, account_id, before=before, size=size)
        looked, step = looked + size, step * 2
        for chat in _newest_of(tx, account_id, rows, known=named):
            found[chat.chat.key] = chat
            if len(found) == at_most:
                return Page(rows=_describe(tx, account_id, list(found.values())), next_cursor=chat.id)
        if horizon is None:
            return Page(rows=_describe(tx, account_id, list(found.values())))
        before = horizon
    return Page(
        rows=_describe(tx, account_id, list(found.values())), next_cursor=before, looked_to_us=made_at_us(before)
    )


class _Newest(NamedTuple):
    """A conversation, its newest message, and its newest of each direction."""

    chat: Chat
    id: str
    outbound_id: str | None
    inbound_id: str | None


def _step(tx: Tx, account_id: str, *, before: str, size: int) -> tuple[list[tuple[str, Chat]], str | None]:
    """Return the next messages of both directions as one list, newest first, and where it ends; None: at the end."""
    rows: list[tuple[str, Chat]] = []
    horizons: list[str] = []
    for statement in (_OUTBOUND_STEP, _INBOUND_STEP):
        own = tx.rows(statement, account_id=account_id, before=before, at_most=size)
        rows += [(id_, Chat(key, bool(is_group))) for id_, key, is_group in own]
        if len(own) == size:
            horizons.append(own[-1][0])
    # Beyond the end of one table's rows nothing is known of what that table has in between.
    horizon = max(horizons, default=None)
    return sorted((row for row in rows if horizon is None or row[0] >= horizon), reverse=True), horizon


def _newest_of(tx: Tx, account_id: str, rows: Sequence[tuple[str, Chat]], *, known: set[str]) -> list[_Newest]:
    """Return the conversations whose newest message is among these rows, newest first; ``known`` learns all there."""
    first: dict[str, tuple[str, Chat]] = {}
    for id_, chat in rows:
        # What a person without a number or an id has written stands in no conversation.
        if chat.key and chat.key not in known:
            first.setdefault(chat.key, (id_, chat))
    if not first:
        return []
    known.update(first)
    newest = {
        key: (outbound, inbound)
        for key, outbound, inbound in tx.rows(_NEWEST, account_id=[account_id] * len(first), chat=list(first))
    }
    return [
        _Newest(chat, id_, *newest[key])
        for key, (id_, chat) in first.items()
        if id_ == max(filter(None, newest[key]), default=None)
    ]


def _describe(tx: Tx, account_id: str, found: Sequence[_Newest]) -> list[ConversationRow]:
    """Return what a list shows of conversations; the number of statements does not depend on how many they are."""
    if not found:
        return []
    keys = [one.chat.key for one in found]
    newest = {one.id for one in found}
    sent = {row[1]: row for row in tx.rows(_OUTBOUND, account_id=account_id, ids=sorted(newest))}
    inbound_ids = sorted(one.inbound_id for one in found if one.inbound_id is not None)
    received = {row[1]: row for row in tx.rows(_INBOUND, account_id=account_id, ids=inbound_ids)}
    since = [one.outbound_id or "" for one in found]
    unanswered = {
        row[0]: row[1] for row in tx.rows(_UNANSWERED, account_id=[account_id] * len(keys), chat=keys, since=since)
    }
    consents = _consents(tx, account_id, keys)
    windows = _windows(tx, account_id, keys)
    subjects = _subjects(tx, account_id, [one.chat for one in found])
    rows: list[ConversationRow] = []
    for one in found:
        is_inbound = one.id == one.inbound_id
        at_us, kind, stored = (received if is_inbound else sent)[one.id][2:5]
        last_in = received.get(one.inbound_id) if one.inbound_id is not None else None
        rows.append(
            ConversationRow(
                chat=one.chat.key,
                is_group=one.chat.is_group,
                newest_id=one.id,
                at_us=at_us,
                is_inbound=is_inbound,
                kind=kind,
                text=preview_inbound(stored) if is_inbound else preview_outbound(stored),
                state=None if is_inbound else sent[one.id][5],
                failure=None if is_inbound else sent[one.id][6],
                source_id=(received if is_inbound else sent)[one.id][-1],
                profile_name="" if last_in is None or one.chat.is_group else profile_name_of(last_in[4]),
                group_subject=subjects.get(one.chat.key, ""),
                unanswered=unanswered[one.chat.key],
                consent=consents.get(one.chat.key, NO_CONSENT),
                windows=windows.get(one.chat.key, ()),
            )
        )
    return rows


def _consents(tx: Tx, account_id: str, keys: Sequence[str]) -> dict[str, Consent]:
    return {key: record.consent for key, record in find_consents(tx, account_id, keys).items()}


def _windows(tx: Tx, account_id: str, keys: Sequence[str]) -> dict[str, tuple[WindowRow, ...]]:
    windows: dict[str, tuple[WindowRow, ...]] = {}
    for key, *window in tx.rows(_WINDOWS, account_id=account_id, chat=list(keys)):
        windows[key] = (*windows.get(key, ()), WindowRow(*window))
    return windows


def _subjects(tx: Tx, account_id: str, chats: Sequence[Chat]) -> dict[str, str]:
    ids = [chat.key for chat in chats if chat.is_group]
    return {row[0]: row[1] for row in tx.rows(_SUBJECTS, account_id=account_id, ids=ids)} if ids else {}
