"""What the provider's webhooks leave behind: raw forms, inbound messages, windows, consents, files, heartbeats."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from waypost.domain.consent import ConsentAction
from waypost.store.consents import ConsentKey, claim_consents
from waypost.store.statements import InsertMany, Sql, UpdateMany
from waypost.store.tables import CONSENT_HISTORY, INGRESS_GAPS, MEDIA_ASSETS, RAW_WEBHOOKS, WINDOWS
from waypost.store.transaction import Row, Tx

INBOUND_ORIGIN: Final = "WHATSAPP"
"""Where consent was gained or lost when a person's own message says so (contract, section 3.1)."""

_KEEP_RAW: Final = InsertMany(
    RAW_WEBHOOKS, ("id", "digest", "received_at_us", "body", "parked_reason"), on_conflict="(digest) DO NOTHING"
)
_FIND_RAW: Final = Sql("SELECT digest, id, parked_reason FROM raw_webhooks WHERE digest = ANY(:digests)", columns=3)
_EXPLAIN_RAW: Final = UpdateMany(RAW_WEBHOOKS, ("parked_reason",), keys=("digest",))
_INSERT_INBOUND: Final = Sql(
    "INSERT INTO inbound_messages (id, account_id, source_id, provider_id, sender, chat, kind, payload, media_id, "
    "occurred_at_us, received_at_us) "
    "SELECT v.id, v.account_id, v.source_id, v.provider_id, v.sender, v.chat, v.kind, v.payload, v.media_id, "
    "v.occurred_at_us, v.received_at_us FROM ROWS(:id text, :account_id text, :source_id text, :provider_id text, "
    ":sender text, :chat text, :kind text, :payload text, :media_id text, :occurred_at_us bigint, "
    ":received_at_us bigint) AS v "
    "WHERE true ON CONFLICT (source_id, provider_id) DO NOTHING RETURNING id"
)
_WIDEN_WINDOWS: Final = InsertMany(
    WINDOWS,
    ("source_id", "recipient", "closes_at_us", "last_inbound_at_us"),
    on_conflict="(source_id, recipient) DO UPDATE SET "
    "closes_at_us = CASE WHEN excluded.closes_at_us > windows.closes_at_us "
    "THEN excluded.closes_at_us ELSE windows.closes_at_us END, "
    "last_inbound_at_us = CASE WHEN excluded.last_inbound_at_us > windows.last_inbound_at_us "
    "THEN excluded.last_inbound_at_us ELSE windows.last_inbound_at_us END",
)
_IMPLY_OPTINS: Final = Sql(
    "INSERT INTO consents (account_id, recipient, state, is_implied, origin, changed_at_us) "
    "SELECT v.account_id, v.recipient, 'opted_in', 1, CAST(:origin AS text), v.at_us "
    "FROM ROWS(:account_id text, :recipient text, :at_us bigint) AS v WHERE true "
    "ON CONFLICT (account_id, recipient) DO UPDATE SET state = 'opted_in', is_implied = 1, origin = excluded.origin, "
    "user_agent = '', ip = '', changed_at_us = excluded.changed_at_us "
    "WHERE consents.state IS NULL "
    "OR (consents.state = 'opted_out' AND consents.changed_at_us < excluded.changed_at_us) "
    "RETURNING account_id, recipient, changed_at_us"
)
_RECORD_OPTOUTS: Final = Sql(
    "INSERT INTO consents (account_id, recipient, state, is_implied, origin, changed_at_us) "
    "SELECT v.account_id, v.recipient, 'opted_out', 0, CAST(:origin AS text), v.at_us "
    "FROM ROWS(:account_id text, :recipient text, :at_us bigint) AS v WHERE true "
    "ON CONFLICT (account_id, recipient) DO UPDATE SET state = 'opted_out', is_implied = 0, origin = excluded.origin, "
    "user_agent = '', ip = '', changed_at_us = excluded.changed_at_us "
    "WHERE consents.state IS NULL OR consents.changed_at_us <= excluded.changed_at_us "
    "RETURNING account_id, recipient, changed_at_us"
)
_INSERT_HISTORY: Final = InsertMany(
    CONSENT_HISTORY, ("id", "account_id", "recipient", "action", "origin", "user_agent", "ip", "at_us")
)
_INSERT_MEDIA: Final = InsertMany(
    MEDIA_ASSETS,
    ("account_id", "id", "origin", "state", "mime_type", "kind", "filename", "source_id", "created_at_us", "due_at_us"),
    on_conflict="DO NOTHING",
)
_FIND_QUOTED: Final = Sql("SELECT account_id, wamid, id, caller_data FROM messages WHERE wamid = ANY(:wamids)")
_LAST_BEAT: Final = Sql("SELECT value FROM meta WHERE name = 'ingress_beat_at_us' FOR UPDATE")
_BEAT: Final = Sql(
    "INSERT INTO meta (name, value) VALUES ('ingress_beat_at_us', :value) "
    "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
_RECORD_GAP: Final = InsertMany(INGRESS_GAPS, ("started_at_us", "ended_at_us"), on_conflict="DO NOTHING")


class RawWebhook(NamedTuple):
    """One POST as it came; ``digest`` is the hex SHA-256 of the body, ``parked_reason`` None if all of it was read."""

    id: str
    digest: str
    received_at_us: int
    body: bytes
    parked_reason: str | None


class InboundRow(NamedTuple):
    """
    One inbound message; ``payload`` is the JSON of the whole ``InboundMessage``, ``chat`` the group or else the sender.

    ``media_id`` is the id under which its file is kept, None if it has none.
    """

    id: str
    account_id: str
    source_id: str
    provider_id: str
    sender: str
    chat: str
    kind: str
    payload: str
    media_id: str | None
    occurred_at_us: int
    received_at_us: int


def keep_webhooks(tx: Tx, webhooks: Sequence[RawWebhook]) -> set[str]:
    """
    Keep POSTs as they came, each digest once; return the digests of those whose content is still to be kept.

    These are the new ones, and those of which something was parked before: then its reason is renewed. What follows
    from any other was committed together with its row.
    """
    if tx.write_many(_KEEP_RAW, webhooks) == len(webhooks):
        return {webhook.digest for webhook in webhooks}
    found = tx.rows(_FIND_RAW, digests=[webhook.digest for webhook in webhooks])
    known = {digest: (row_id, parked_reason) for digest, row_id, parked_reason in found}
    fresh: set[str] = set()
    renewed: list[tuple[str | None, str]] = []
    for webhook in webhooks:
        row_id, parked_reason = known[webhook.digest]
        if row_id == webhook.id:
            fresh.add(webhook.digest)
        elif parked_reason is not None:
            fresh.add(webhook.digest)
            renewed.append((webhook.parked_reason, webhook.digest))
    tx.write_many(_EXPLAIN_RAW, renewed)
    return fresh


def insert_inbound(tx: Tx, rows: Sequence[InboundRow]) -> set[str]:
    """Keep inbound messages; return the ids of those that are new, by (source, the provider's id)."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    found = tx.rows(_INSERT_INBOUND, **dict(zip(InboundRow._fields, columns, strict=True)))
    return {row[0] for row in found}


def widen_windows(tx: Tx, rows: Sequence[tuple[str, str, int, int]]) -> None:
    """Record (source id, recipient, closes at, last inbound at), each pair once; a window never becomes shorter."""
    tx.write_many(_WIDEN_WINDOWS, rows)


def record_inbound_consents(
    tx: Tx, *, optouts: Sequence[tuple[ConsentKey, int]], optins: Sequence[tuple[ConsentKey, int]]
) -> list[tuple[ConsentKey, ConsentAction, int]]:
    """
    Record what people's own messages say of consent, as (key, time), each key once per list; return what has changed.

    An opt-out stands unless a later consent is on record. An opt-in is implied, and only where nothing is on record or
    an earlier opt-out. The blocklist is not touched.
    """
    changed: list[tuple[ConsentKey, ConsentAction, int]] = []
    for sql, action, entries in (
        (_RECORD_OPTOUTS, ConsentAction.OPTOUT, optouts),
        (_IMPLY_OPTINS, ConsentAction.OPTIN, optins),
    ):
        if entries:
            if action is ConsentAction.OPTOUT:
                claim_consents(tx, [key for key, _ in entries])
            found = tx.rows(
                sql,
                origin=INBOUND_ORIGIN,
                account_id=[key[0] for key, _ in entries],
                recipient=[key[1] for key, _ in entries],
                at_us=[at_us for _, at_us in entries],
            )
            changed += [((account_id, recipient), action, at_us) for account_id, recipient, at_us in found]
    return changed


def insert_consent_history(tx: Tx, rows: Sequence[tuple[str, ConsentKey, ConsentAction, int]]) -> None:
    """Keep (id, key, action, time) of consents that people's own messages have changed."""
    tx.write_many(
        _INSERT_HISTORY,
        [
            (row_id, account_id, recipient, action.value, INBOUND_ORIGIN, "", "", at_us)
            for row_id, (account_id, recipient), action, at_us in rows
        ],
    )


def insert_inbound_media(tx: Tx, rows: Sequence[Row]) -> None:
    """Queue files for fetching: (account id, media id, mime type, kind, file name, source id, now)."""
    tx.write_many(
        _INSERT_MEDIA,
        [
            (account_id, media_id, "inbound", "pending", mime_type, kind, filename, source_id, now_us, now_us)
            for account_id, media_id, mime_type, kind, filename, source_id, now_us in rows
        ],
    )


def find_quoted(tx: Tx, wamids: Sequence[str]) -> dict[tuple[str, str], tuple[str, str]]:
    """Return (message id, caller data) of our messages by (account id, wamid)."""
    return {
        (account_id, wamid): (message_id, caller_data)
        for account_id, wamid, message_id, caller_data in tx.rows(_FIND_QUOTED, wamids=wamids)
    }


def beat(tx: Tx, *, now_us: int, gap_seconds: float) -> bool:
    """
    Mark that our ingress is up; return whether a gap was recorded.

    A gap is recorded when the last mark is further away than ``gap_seconds``, in either direction: after a clock has
    jumped back nobody can say what the time in between was like.
    """
    row = tx.one(_LAST_BEAT)
    last_us = None if row is None else int(row[0])
    has_gap = last_us is not None and abs(now_us - last_us) > gap_seconds * 1_000_000
    if has_gap and last_us is not None:
        tx.write_many(_RECORD_GAP, [(min(last_us, now_us), max(last_us, now_us))])
    if last_us is None or has_gap or now_us > last_us:
        save_beat(tx, now_us)
    return has_gap


def save_beat(tx: Tx, now_us: int) -> None:
    """Mark that our ingress is up, whatever was before."""
    tx.run(_BEAT, value=str(now_us))
