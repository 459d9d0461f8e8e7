"""Who is told, and what."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, SmallInteger, Table, Text, text

from waypost.store.tables.metadata import METADATA, flag

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
    flag("stickers", default=1),
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
_DELIVERED = text("state = 1")
Index(
    "notifications_delivered",
    NOTIFICATIONS.c.endpoint_id,
    NOTIFICATIONS.c.id,
    sqlite_where=_DELIVERED,
    postgresql_where=_DELIVERED,
)
_DEAD = text("state = 2")
Index(
    "notifications_dead_of_account",
    NOTIFICATIONS.c.account_id,
    NOTIFICATIONS.c.id,
    sqlite_where=_DEAD,
    postgresql_where=_DEAD,
)
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
    Index("delivery_attempts_endpoint", "endpoint_id", "id"),
)
"""Failed tries only; the one that succeeded is on the notification itself."""
