"""
The one schema, for SQLite and PostgreSQL.

Ids are text (lower-case UUIDv7 where they are ours), times are microseconds since the epoch in ``_us`` columns, truth
values are 0 or 1, JSON is text. So a row reads the same from both databases, without conversion. Partial indexes hold
only the rows that still have work in them: their size follows the backlog, not the history.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)

METADATA: Final = MetaData()


def _flag(name: str, *, default: int = 0) -> Column[int]:
    return Column(name, SmallInteger, nullable=False, server_default=str(default))


META = Table(
    "meta",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

ACCOUNTS = Table(
    "accounts",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_at_us", BigInteger, nullable=False),
    Column("disabled_at_us", BigInteger),
    _flag("skip_optin"),
    _flag("implicit_optin", default=1),
    _flag("linktrack"),
    _flag("at_most_once"),
    Column("source_policy", Text, nullable=False, server_default="strict"),
    Column("stop_words", Text, nullable=False),
    Column("requests_per_second_max", Float),
    Column("queued_messages_max", Integer),
)

API_KEYS = Table(
    "api_keys",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("secret_hash", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("created_at_us", BigInteger, nullable=False),
    Column("expires_at_us", BigInteger),
    Column("revoked_at_us", BigInteger),
    Column("last_used_at_us", BigInteger),
    Index("api_keys_account", "account_id"),
)

SOURCES = Table(
    "sources",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("phone_number", Text, nullable=False),
    Column("phone_number_id", Text, nullable=False),
    Column("waba_id", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("access_token_sealed", LargeBinary, nullable=False),
    Column("app_secret_sealed", LargeBinary),
    Column("app_secret_old_sealed", LargeBinary),
    Column("app_secret_old_until_us", BigInteger),
    Column("verify_token_sealed", LargeBinary, nullable=False),
    _flag("is_default"),
    _flag("has_groups"),
    Column("rate_per_second", Float),
    Column("burst", Integer),
    Column("shard", SmallInteger, nullable=False),
    Column("paused_reason", Text),
    Column("paused_at_us", BigInteger),
    Column("set_up_at_us", BigInteger),
    Column("created_at_us", BigInteger, nullable=False),
    Column("deleted_at_us", BigInteger),
    Index("sources_account", "account_id"),
    Index(
        "sources_phone_number_id",
        "phone_number_id",
        unique=True,
        sqlite_where=text("deleted_at_us IS NULL"),
        postgresql_where=text("deleted_at_us IS NULL"),
    ),
)
"""``set_up_at_us``: its last resume or new token; an attempt begun before it says nothing against the set-up."""

MESSAGES = Table(
    "messages",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("source_given", Text),
    Column("recipient", Text, nullable=False),
    _flag("is_group"),
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
    _flag("track_links"),
    _flag("at_most_once"),
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
)
"""``failed_at_us`` is upstream's word; an end drawn by the gateway itself is in ``ended_at_us``."""

_READY = text("state = 30")
_DUE = text("state IN (10, 20)")
_WAITING = text("state = 20")
_OPEN = text("state IN (40, 50)")
_EXPIRING = text("expires_at_us IS NOT NULL AND state <= 50")
_KNOWN_UPSTREAM = text("wamid IS NOT NULL")

Index("messages_account", MESSAGES.c.account_id, MESSAGES.c.id)
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

CONSENTS = Table(
    "consents",
    METADATA,
    Column("account_id", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("state", Text),
    _flag("is_implied"),
    _flag("is_blocklisted"),
    Column("origin", Text, nullable=False, server_default=""),
    Column("user_agent", Text, nullable=False, server_default=""),
    Column("ip", Text, nullable=False, server_default=""),
    Column("changed_at_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("account_id", "recipient"),
)

CONSENT_HISTORY = Table(
    "consent_history",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("user_agent", Text, nullable=False),
    Column("ip", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Index("consent_history_recipient", "account_id", "recipient", "id"),
)

WINDOWS = Table(
    "windows",
    METADATA,
    Column("source_id", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("closes_at_us", BigInteger, nullable=False),
    Column("last_inbound_at_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("source_id", "recipient"),
)

INBOUND_MESSAGES = Table(
    "inbound_messages",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("provider_id", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("media_id", Text),
    Column("occurred_at_us", BigInteger, nullable=False),
    Column("received_at_us", BigInteger, nullable=False),
    Index("inbound_messages_provider", "source_id", "provider_id", unique=True),
    Index("inbound_messages_account", "account_id", "id"),
)

RAW_WEBHOOKS = Table(
    "raw_webhooks",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("received_at_us", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("parked_reason", Text),
    Index("raw_webhooks_digest", "digest", unique=True),
    Index("raw_webhooks_age", "received_at_us"),
)

PARKED_STATUSES = Table(
    "parked_statuses",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("source_id", Text, nullable=False),
    Column("wamid", Text, nullable=False),
    Column("recipient", Text),
    Column("fact", Text, nullable=False),
    Column("received_at_us", BigInteger, nullable=False),
    Index("parked_statuses_wamid", "wamid"),
    Index("parked_statuses_age", "received_at_us"),
)

MEDIA_ASSETS = Table(
    "media_assets",
    METADATA,
    Column("account_id", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("digest", Text),
    Column("mime_type", Text),
    Column("kind", Text),
    Column("size_bytes", BigInteger),
    Column("filename", Text),
    Column("source_id", Text),
    Column("created_at_us", BigInteger, nullable=False),
    Column("deleted_at_us", BigInteger),
    Column("due_at_us", BigInteger),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("failure_detail", Text),
    PrimaryKeyConstraint("account_id", "id"),
    Index("media_assets_digest", "digest"),
    Index(
        "media_assets_pending",
        "due_at_us",
        sqlite_where=text("state = 'pending'"),
        postgresql_where=text("state = 'pending'"),
    ),
)

MEDIA_URLS = Table(
    "media_urls",
    METADATA,
    Column("account_id", Text, nullable=False),
    Column("url_key", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("mime_type", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("filename", Text),
    Column("etag", Text),
    Column("last_modified", Text),
    Column("checked_at_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("account_id", "url_key"),
)

PROVIDER_MEDIA = Table(
    "provider_media",
    METADATA,
    Column("source_id", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("provider_media_id", Text, nullable=False),
    Column("expires_at_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("source_id", "digest"),
)

WEBHOOK_ENDPOINTS = Table(
    "webhook_endpoints",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("kinds", Text, nullable=False),
    Column("headers_sealed", LargeBinary),
    Column("secret_sealed", LargeBinary, nullable=False),
    Column("secret_old_sealed", LargeBinary),
    Column("secret_old_until_us", BigInteger),
    Column("max_batch", Integer, nullable=False, server_default="1"),
    Column("timestamps", Text),
    Column("source_ids", Text),
    _flag("stickers", default=1),
    Column("disabled_reason", Text),
    Column("disabled_at_us", BigInteger),
    Column("failing_since_us", BigInteger),
    Column("created_at_us", BigInteger, nullable=False),
    Column("deleted_at_us", BigInteger),
    Index("webhook_endpoints_account", "account_id"),
)

NOTIFICATIONS = Table(
    "notifications",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("endpoint_id", Text, nullable=False),
    Column("subject_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("entry", Text, nullable=False),
    Column("state", SmallInteger, nullable=False, server_default="0"),
    Column("batch_id", Text),
    Column("due_at_us", BigInteger, nullable=False),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("created_at_us", BigInteger, nullable=False),
    Column("ended_at_us", BigInteger),
    Column("last_status", SmallInteger),
    Column("last_error", Text),
)
"""``subject_id`` is the message an event is about: events of one subject are delivered in the order of their ids."""

_PENDING = text("state = 0")

Index(
    "notifications_due",
    NOTIFICATIONS.c.endpoint_id,
    NOTIFICATIONS.c.due_at_us,
    sqlite_where=_PENDING,
    postgresql_where=_PENDING,
)
Index("notifications_subject", NOTIFICATIONS.c.subject_id)
_DEAD = text("state = 2")
Index("notifications_dead", NOTIFICATIONS.c.endpoint_id, NOTIFICATIONS.c.id, sqlite_where=_DEAD, postgresql_where=_DEAD)

DELIVERY_ATTEMPTS = Table(
    "delivery_attempts",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("notification_id", Text, nullable=False),
    Column("endpoint_id", Text, nullable=False),
    Column("started_at_us", BigInteger, nullable=False),
    Column("duration_us", BigInteger, nullable=False),
    Column("http_status", SmallInteger),
    Column("error", Text),
    Column("answer", Text),
    Index("delivery_attempts_notification", "notification_id"),
)
"""Failed tries only; the one that succeeded is on the notification itself."""

SHARD_LEASES = Table(
    "shard_leases",
    METADATA,
    Column("shard", SmallInteger, primary_key=True, autoincrement=False),
    Column("owner", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("expires_at_us", BigInteger, nullable=False),
)

NODES = Table(
    "nodes",
    METADATA,
    Column("node", Text, primary_key=True),
    Column("expires_at_us", BigInteger, nullable=False),
)
"""Living nodes that own or would own shards; outlived rows are swept by the next to beat."""

INGRESS_GAPS = Table(
    "ingress_gaps",
    METADATA,
    Column("started_at_us", BigInteger, primary_key=True, autoincrement=False),
    Column("ended_at_us", BigInteger, nullable=False),
)

AUDIT_LOG = Table(
    "audit_log",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("account_id", Text),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Index("audit_log_account", "account_id", "id"),
)
