"""One conversation: what went out and what came in, as one list by time."""

from typing import Final, NamedTuple

from waypost.domain.ids import BEFORE_ALL
from waypost.store.conversations import Chat
from waypost.store.paging import Page
from waypost.store.previews import preview_inbound, preview_outbound
from waypost.store.statements import Sql
from waypost.store.transaction import Tx

TEXT_CHARACTERS_MAX: Final = 4_096

_OUTBOUND: Final = Sql(
    "SELECT m.id, 0, m.accepted_at_us, m.source_id, m.kind, m.content, m.state, m.failure, m.failure_detail, "
    "m.sent_at_us, m.delivered_at_us, m.read_at_us, NULL, m.recipient, m.caller_data, m.wamid, m.context_id "
    "FROM messages m WHERE m.account_id = :account_id AND m.recipient = :chat AND m.id < :before "
    "ORDER BY m.id DESC LIMIT :at_most"
)
_INBOUND: Final = Sql(
    "SELECT i.id, 1, i.received_at_us, i.source_id, i.kind, i.payload, NULL, NULL, NULL, NULL, NULL, NULL, "
    "i.media_id, i.sender, '', i.provider_id, NULL "
    "FROM inbound_messages i WHERE i.account_id = :account_id AND i.chat = :chat AND i.id < :before "
    "ORDER BY i.id DESC LIMIT :at_most"
)
PLANNED: Final = (_OUTBOUND, _INBOUND)
"""All statements there are, for tests of their plans."""


class ThreadEntry(NamedTuple):
    """
    One message of a conversation; ``is_inbound`` is 0 or 1.

    ``content`` is JSON as it is stored: the content of an outbound message, the whole ``InboundMessage`` of an inbound
    one. ``text`` is what it says. ``person`` is who wrote or was written to: in a group, the sender or the group.
    ``provider_id`` is the provider's id of it; ``at_us`` is our time of acceptance or receipt.
    """

    id: str
    is_inbound: int
    at_us: int
    source_id: str
    kind: str
    content: str
    state: int | None
    failure: str | None
    failure_detail: str | None
    sent_at_us: int | None
    delivered_at_us: int | None
    read_at_us: int | None
    media_id: str | None
    person: str
    caller_data: str
    provider_id: str | None
    context_id: str | None
    text: str = ""


def page_thread(
    tx: Tx, account_id: str, chat: Chat, *, cursor: str | None = None, at_most: int = 50
) -> Page[ThreadEntry]:
    """Return the newest messages of a conversation, newest first; ``next_cursor`` leads to the ones before them."""
    before = cursor or BEFORE_ALL
    rows = [
        ThreadEntry(*row)
        for statement in (_OUTBOUND, _INBOUND)
        for row in tx.rows(statement, account_id=account_id, chat=chat.key, before=before, at_most=at_most)
    ]
    newest = sorted(rows, key=lambda row: row.id, reverse=True)[:at_most]
    return Page(rows=[_with_text(row) for row in newest], next_cursor=newest[-1].id if len(newest) == at_most else None)


def _with_text(entry: ThreadEntry) -> ThreadEntry:
    preview = preview_inbound if entry.is_inbound else preview_outbound
    return entry._replace(text=preview(entry.content, at_most=TEXT_CHARACTERS_MAX))
