"""Everything that is kept of one message, out or in, for whoever looks at it by itself. Reads only."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from waypost.store.statements import Sql
from waypost.store.transaction import Tx

_FACTS: Final = Sql(
    "SELECT context_id, media_key, template_name, fallback, bulk_id, track_links, at_most_once, pricing, priced_at_us, "
    "clicked_at_us, clicks FROM messages WHERE account_id = :account_id AND id = :id"
)
_INBOUND: Final = Sql(
    "SELECT id, source_id, provider_id, sender, chat, kind, payload, media_id, occurred_at_us, received_at_us "
    "FROM inbound_messages WHERE account_id = :account_id AND id = :id"
)
_ENTRIES: Final = Sql(
    "SELECT id, entry FROM notifications WHERE subject_id = :subject_id AND account_id = :account_id "
    "ORDER BY id LIMIT :at_most"
)
_OUTBOUND_NAMED: Final = Sql("SELECT id FROM messages WHERE id = :named AND account_id = :account_id")
# Without statistics SQLite takes the account's index for a provider's id, and reads all of the account's messages.
_OUTBOUND_UPSTREAM: Final = Sql(
    "SELECT m.id FROM messages m INDEXED BY messages_wamid "
    "WHERE m.wamid = :named AND m.wamid IS NOT NULL AND m.account_id = :account_id LIMIT 1"
)
_INBOUND_UPSTREAM: Final = Sql(
    "SELECT i.id FROM sources s JOIN inbound_messages i ON i.source_id = s.id "
    "WHERE s.account_id = :account_id AND i.provider_id = :named LIMIT 1"
)
_IDS_UPSTREAM: Final = Sql(
    "SELECT m.wamid, m.id FROM messages m INDEXED BY messages_wamid "
    "WHERE m.wamid = ANY(:wamids) AND m.wamid IS NOT NULL AND m.account_id = :account_id"
)
PLANNED: Final = (_FACTS, _INBOUND, _ENTRIES, _OUTBOUND_NAMED, _OUTBOUND_UPSTREAM, _INBOUND_UPSTREAM, _IDS_UPSTREAM)
"""All statements there are, for tests of their plans."""


class MessageFacts(NamedTuple):
    """
    What a message was asked for with, and what upstream and its readers said later.

    ``fallback`` is a template encoded as ``content`` is; ``pricing`` is ``category/type/billable``.
    """

    context_id: str | None
    media_key: str | None
    template_name: str | None
    fallback: str | None
    bulk_id: str | None
    track_links: int
    at_most_once: int
    pricing: str | None
    priced_at_us: int | None
    clicked_at_us: int | None
    clicks: int


class InboundFacts(NamedTuple):
    """A message that came in; ``payload`` is the JSON of the whole ``InboundMessage``, ``""`` once it is forgotten."""

    id: str
    source_id: str
    provider_id: str
    sender: str
    chat: str
    kind: str
    payload: str
    media_id: str | None
    occurred_at_us: int
    received_at_us: int


class Named(NamedTuple):
    """A message that another one names; ``id`` is ours."""

    id: str
    is_inbound: bool


def find_message_facts(tx: Tx, account_id: str, message_id: str) -> MessageFacts | None:
    """Return what is kept of an outbound message beside its row and its content."""
    row = tx.one(_FACTS, account_id=account_id, id=message_id)
    return None if row is None else MessageFacts(*row)


def find_inbound(tx: Tx, account_id: str, message_id: str) -> InboundFacts | None:
    """Return a message that came in, by our id of it."""
    row = tx.one(_INBOUND, account_id=account_id, id=message_id)
    return None if row is None else InboundFacts(*row)


def find_named(tx: Tx, account_id: str, named: str) -> Named | None:
    """Return the message of the account that is meant by our id of it, or by the provider's."""
    for statement, is_inbound in ((_OUTBOUND_NAMED, False), (_OUTBOUND_UPSTREAM, False), (_INBOUND_UPSTREAM, True)):
        row = tx.one(statement, account_id=account_id, named=named)
        if row is not None:
            return Named(row[0], is_inbound)
    return None


def find_ids_upstream(tx: Tx, account_id: str, wamids: Sequence[str]) -> dict[str, str]:
    """Return our ids of the account's outbound messages by the provider's; those that nobody knows are left out."""
    return dict(tx.rows(_IDS_UPSTREAM, account_id=account_id, wamids=wamids)) if wamids else {}


def load_entries(tx: Tx, account_id: str, subject_id: str, *, at_most: int) -> dict[str, str]:
    """Return what subscribers are told of one message, as JSON by the notification's id; the oldest first."""
    return dict(tx.rows(_ENTRIES, account_id=account_id, subject_id=subject_id, at_most=at_most))
