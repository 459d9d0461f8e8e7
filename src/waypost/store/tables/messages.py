"""Outbound messages, their attempts, and what they were asked for with."""

from sqlalchemy import BigInteger, Column, Index, Integer, PrimaryKeyConstraint, SmallInteger, Table, Text, text

from waypost.store.tables.metadata import METADATA, flag

MESSAGES = Table(
    "messages",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("source_given", Text),
    Column("recipient", Text, nullable=False),
    flag("is_group"),
    Column("kind", Text, nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("wait_reason", Text),
    Column("due_at_us", BigInteger, nullable=False),
    Column("accepted_at_us", BigInteger, nullable=False),
    Column("scheduled_at_us", BigInteger),
    Column("expires_at_us", BigInteger),
    Column("caller_data", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("context_id", Text),
    Column("media_key", Text),
    Column("template_name", Text),
    Column("fallback", Text),
    Column("bulk_id", Text),
    flag("track_links"),
    flag("at_most_once"),
    Column("attempt_number", SmallInteger, nullable=False, server_default="0"),
    Column("failed_attempts", SmallInteger, nullable=False, server_default="0"),
    Column("releases", SmallInteger, nullable=False, server_default="0"),
    Column("attempt_started_at_us", BigInteger),
    Column("wamid", Text),
    Column("sent_at_us", BigInteger),
    Column("delivered_at_us", BigInteger),
    Column("read_at_us", BigInteger),
    Column("played_at_us", BigInteger),
    Column("failed_at_us", BigInteger),
    Column("failure", Text),
    Column("failure_code", Integer),
    Column("failure_detail", Text),
    Column("ended_at_us", BigInteger),
    Column("announced", SmallInteger, nullable=False, server_default="0"),
    Column("pricing", Text),
    Column("priced_at_us", BigInteger),
    Column("clicked_at_us", BigInteger),
    Column("clicks", Integer, nullable=False, server_default="0"),
)
"""
``failed_at_us`` is upstream's word; an end drawn by the gateway itself is in ``ended_at_us``.

``fallback`` is the template that is sent instead should the window be closed, encoded as ``content`` is; ``pricing`` is
what upstream said of the price, ``category/type/billable``.
"""

_READY = text("state = 30")
_DUE = text("state IN (10, 20)")
_WAITING = text("state = 20")
_OPEN = text("state IN (40, 50)")
_EXPIRING = text("expires_at_us IS NOT NULL AND state <= 50")
_KNOWN_UPSTREAM = text("wamid IS NOT NULL")
_SCHEDULED = text("state = 10")
_TAGGED = text("caller_data <> ''")
_FAILED = text("failure IS NOT NULL")
_UNSENT_OF_BULK = text("bulk_id IS NOT NULL AND state IN (10, 20, 30)")

Index("messages_account", MESSAGES.c.account_id, MESSAGES.c.id)
Index("messages_recipient", MESSAGES.c.account_id, MESSAGES.c.recipient, MESSAGES.c.id)
Index(
    "messages_failed",
    MESSAGES.c.account_id,
    MESSAGES.c.id,
    MESSAGES.c.failure,
    MESSAGES.c.failure_code,
    MESSAGES.c.state,
    sqlite_where=_FAILED,
    postgresql_where=_FAILED,
)
Index(
    "messages_ready",
    MESSAGES.c.source_id,
    MESSAGES.c.priority,
    MESSAGES.c.id,
    sqlite_where=_READY,
    postgresql_where=_READY,
)
Index("messages_due", MESSAGES.c.due_at_us, sqlite_where=_DUE, postgresql_where=_DUE)
Index(
    "messages_waiting_lane",
    MESSAGES.c.source_id,
    MESSAGES.c.recipient,
    MESSAGES.c.priority,
    MESSAGES.c.id,
    sqlite_where=_WAITING,
    postgresql_where=_WAITING,
)
Index("messages_open", MESSAGES.c.source_id, MESSAGES.c.id, sqlite_where=_OPEN, postgresql_where=_OPEN)
Index("messages_expiring", MESSAGES.c.expires_at_us, sqlite_where=_EXPIRING, postgresql_where=_EXPIRING)
Index(
    "messages_scheduled",
    MESSAGES.c.account_id,
    MESSAGES.c.due_at_us,
    sqlite_where=_SCHEDULED,
    postgresql_where=_SCHEDULED,
)
Index(
    "messages_tag",
    MESSAGES.c.account_id,
    MESSAGES.c.caller_data,
    MESSAGES.c.id,
    sqlite_where=_TAGGED,
    postgresql_where=_TAGGED,
)
Index(
    "messages_bulk_unsent",
    MESSAGES.c.bulk_id,
    sqlite_where=_UNSENT_OF_BULK,
    postgresql_where=_UNSENT_OF_BULK,
)
Index("messages_wamid", MESSAGES.c.wamid, sqlite_where=_KNOWN_UPSTREAM, postgresql_where=_KNOWN_UPSTREAM)

ATTEMPTS = Table(
    "attempts",
    METADATA,
    Column("message_id", Text, nullable=False),
    Column("number", SmallInteger, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("node", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("started_at_us", BigInteger, nullable=False),
    Column("ended_at_us", BigInteger),
    Column("outcome", Text),
    Column("http_status", SmallInteger),
    Column("provider_code", Integer),
    Column("detail", Text),
    Column("wamid", Text),
    PrimaryKeyConstraint("message_id", "number"),
    Index("attempts_source", "source_id", "started_at_us"),
)

IDEMPOTENCY_RECORDS = Table(
    "idempotency_records",
    METADATA,
    Column("account_id", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("key_hash", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("message_ids", Text, nullable=False),
    Column("created_at_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("account_id", "operation", "key_hash"),
    Index("idempotency_records_age", "created_at_us"),
)

BULK_SENDS = Table(
    "bulk_sends",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("digest", Text),
    Column("entry", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("rows_total", Integer, nullable=False, server_default="0"),
    Column("rows_accepted", Integer, nullable=False, server_default="0"),
    Column("rows_refused", Integer, nullable=False, server_default="0"),
    Column("created_at_us", BigInteger, nullable=False),
    Column("ended_at_us", BigInteger),
    Index("bulk_sends_account", "account_id", "id"),
    Index(
        "bulk_sends_running",
        "id",
        sqlite_where=text("state = 'running'"),
        postgresql_where=text("state = 'running'"),
    ),
    Index(
        "bulk_sends_digest",
        "account_id",
        "digest",
        unique=True,
        sqlite_where=text("digest IS NOT NULL"),
        postgresql_where=text("digest IS NOT NULL"),
    ),
)

BULK_ROWS = Table(
    "bulk_rows",
    METADATA,
    Column("bulk_id", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("fields", Text, nullable=False),
    Column("state", SmallInteger, nullable=False, server_default="0"),
    Column("message_id", Text),
    Column("refusal", Text),
    PrimaryKeyConstraint("bulk_id", "position"),
    Index(
        "bulk_rows_pending",
        "bulk_id",
        "position",
        sqlite_where=text("state = 0"),
        postgresql_where=text("state = 0"),
    ),
)
