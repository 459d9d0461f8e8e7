"""One message as its account may see it."""

from dataclasses import dataclass

from waypost.store.statements import Sql
from waypost.store.transaction import Tx

_FIND = Sql(
    "SELECT id, source_given, recipient, kind, caller_data, state, failure, sent_at_us, delivered_at_us, read_at_us, "
    "failed_at_us, ended_at_us FROM messages WHERE id = :id AND account_id = :account_id"
)

_FIND_INBOUND = Sql(
    "SELECT source_id FROM inbound_messages INDEXED BY inbound_messages_provider "
    "WHERE source_id = ANY(:source_ids) AND provider_id = :provider_id AND account_id = :account_id"
)


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """What the look-up needs; ``failed_at_us`` is upstream's word, ``ended_at_us`` the gateway's own end."""

    id: str
    source_given: str | None
    recipient: str
    kind: str
    caller_data: str
    state: int
    failure: str | None
    sent_at_us: int | None
    delivered_at_us: int | None
    read_at_us: int | None
    failed_at_us: int | None
    ended_at_us: int | None


def find_message(tx: Tx, account_id: str, message_id: str) -> MessageRecord | None:
    """Return the account's message, or None: another account's is the same as none."""
    row = tx.one(_FIND, id=message_id, account_id=account_id)
    return None if row is None else MessageRecord(*row)


def find_inbound_source(tx: Tx, account_id: str, provider_id: str, *, source_ids: list[str]) -> str | None:
    """Return which of these sources received an inbound message, by the provider's id of it; None if none did."""
    row = tx.one(_FIND_INBOUND, source_ids=source_ids, provider_id=provider_id, account_id=account_id)
    return None if row is None else str(row[0])
