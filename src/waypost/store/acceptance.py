"""The transaction that accepts messages: what policy must know, and the rows that are the promise."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from waypost.domain.consent import NO_CONSENT, Consent, ConsentState
from waypost.store.statements import InsertMany, Sql
from waypost.store.tables import IDEMPOTENCY_RECORDS, MESSAGES
from waypost.store.tallies import AcceptedCounter
from waypost.store.transaction import Tx

MESSAGE_COLUMNS = (
    "id",
    "account_id",
    "source_id",
    "source_given",
    "recipient",
    "is_group",
    "kind",
    "priority",
    "state",
    "due_at_us",
    "accepted_at_us",
    "scheduled_at_us",
    "expires_at_us",
    "caller_data",
    "content",
    "context_id",
    "media_key",
    "template_name",
    "fallback",
    "bulk_id",
    "track_links",
    "at_most_once",
)

_INSERT_MESSAGES = InsertMany(MESSAGES, MESSAGE_COLUMNS)
_COUNTER = AcceptedCounter(MESSAGE_COLUMNS)

_RECIPIENTS = Sql(
    """
    SELECT c.state, c.is_implied, c.is_blocklisted, w.closes_at_us
    FROM ROWS(:account_id text, :source_id text, :recipient text, :place integer) AS v
    LEFT JOIN consents c ON c.account_id = v.account_id AND c.recipient = v.recipient
    LEFT JOIN windows w ON w.source_id = v.source_id AND w.recipient = v.recipient
    ORDER BY v.place
    """,
    columns=4,
)
_ASSETS = Sql(
    """
    SELECT m.account_id, m.id, m.kind
    FROM ROWS(:account_id text, :media_id text) AS v
    JOIN media_assets m ON m.account_id = v.account_id AND m.id = v.media_id
    WHERE m.deleted_at_us IS NULL AND m.state <> 'failed'
    """
)
_CONTEXTS = Sql(
    """
    SELECT v.account_id, v.context_id
    FROM ROWS(:account_id text, :context_id text) AS v
    WHERE EXISTS (SELECT 1 FROM messages m WHERE m.id = v.context_id AND m.account_id = v.account_id)
       OR EXISTS (SELECT 1 FROM messages m WHERE m.wamid = v.context_id AND m.account_id = v.account_id)
       OR EXISTS (
            SELECT 1 FROM sources s JOIN inbound_messages i ON i.source_id = s.id
            WHERE s.account_id = v.account_id AND i.provider_id = v.context_id
          )
    """
)
_IDEMPOTENCY = Sql(
    """
    SELECT r.account_id, r.key_hash, r.fingerprint, r.message_ids
    FROM ROWS(:account_id text, :key_hash text) AS v
    JOIN idempotency_records r
      ON r.account_id = v.account_id AND r.operation = 'send' AND r.key_hash = v.key_hash
    WHERE r.created_at_us > :not_before_us
    """
)
_FORGET_IDEMPOTENCY = Sql(
    "DELETE FROM idempotency_records WHERE account_id = :account_id AND operation = 'send' AND key_hash = :key_hash "
    "AND created_at_us <= :not_before_us"
)
_INSERT_IDEMPOTENCY = InsertMany(
    IDEMPOTENCY_RECORDS, ("account_id", "operation", "key_hash", "fingerprint", "message_ids", "created_at_us")
)

RecipientKey = tuple[str, str, str]
"""(account id, source id, recipient)."""


@dataclass(frozen=True, slots=True)
class RecipientFacts:
    """What is known of one recipient: consent with the account, and when the window with the source closes."""

    consent: Consent
    window_closes_at_us: int | None


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    """The answer once given: its request's fingerprint, and the ids it named."""

    fingerprint: str
    message_ids: tuple[str, ...]


def load_recipients(tx: Tx, keys: Sequence[RecipientKey]) -> list[RecipientFacts]:
    """Return what is known of each recipient, in the order asked; one statement whatever their number."""
    rows = tx.rows(
        _RECIPIENTS,
        place=list(range(len(keys))),
        account_id=[key[0] for key in keys],
        source_id=[key[1] for key in keys],
        recipient=[key[2] for key in keys],
    )
    return [
        _UNKNOWN
        if state is None and closes_at_us is None and not is_blocklisted
        else RecipientFacts(
            NO_CONSENT
            if state is None and not is_blocklisted
            else Consent(
                state=None if state is None else ConsentState(state),
                is_implied=bool(is_implied),
                is_blocklisted=bool(is_blocklisted),
            ),
            closes_at_us,
        )
        for state, is_implied, is_blocklisted, closes_at_us in rows
    ]


_UNKNOWN = RecipientFacts(NO_CONSENT, None)


def load_assets(tx: Tx, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return the kinds of those (account id, media id) that can be sent."""
    rows = tx.rows(_ASSETS, account_id=[key[0] for key in keys], media_id=[key[1] for key in keys])
    return {(account_id, media_id): kind for account_id, media_id, kind in rows}


def find_contexts(tx: Tx, keys: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return those (account id, message id) that name a message of the account, by our id or the provider's."""
    rows = tx.rows(_CONTEXTS, account_id=[key[0] for key in keys], context_id=[key[1] for key in keys])
    return {(account_id, context_id) for account_id, context_id in rows}


def load_idempotency(
    tx: Tx, keys: Sequence[tuple[str, str]], *, not_before_us: int
) -> dict[tuple[str, str], IdempotencyRecord]:
    """Return the live records of these (account id, key hash)."""
    rows = tx.rows(
        _IDEMPOTENCY,
        account_id=[key[0] for key in keys],
        key_hash=[key[1] for key in keys],
        not_before_us=not_before_us,
    )
    return {
        (account_id, key_hash): IdempotencyRecord(fingerprint, tuple(orjson.loads(message_ids)))
        for account_id, key_hash, fingerprint, message_ids in rows
    }


def insert_messages(tx: Tx, rows: Sequence[tuple[Any, ...]]) -> None:
    """Keep messages, and count them; tuples in the order of ``MESSAGE_COLUMNS``."""
    tx.write_many(_INSERT_MESSAGES, rows)
    _COUNTER.count(tx, rows)


def insert_idempotency(
    tx: Tx,
    *,
    account_id: str,
    key_hash: str,
    fingerprint: str,
    message_ids: Sequence[str],
    now_us: int,
    not_before_us: int,
) -> None:
    """
    Keep the answer of one request; an outlived record of the same key gives way.

    Two nodes that race for one key collide on the primary key: the later one's work is rolled back and done again, and
    then finds the record.
    """
    tx.run(_FORGET_IDEMPOTENCY, account_id=account_id, key_hash=key_hash, not_before_us=not_before_us)
    row = (account_id, "send", key_hash, fingerprint, orjson.dumps(list(message_ids)).decode(), now_us)
    tx.write_many(_INSERT_IDEMPOTENCY, [row])
