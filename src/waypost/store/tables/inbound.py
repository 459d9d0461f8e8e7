"""What came from upstream."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table, Text

from waypost.store.tables.metadata import METADATA

INBOUND_MESSAGES = Table(
    "inbound_messages",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("provider_id", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("chat", Text, nullable=False, server_default=""),
    Column("kind", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("media_id", Text),
    Column("occurred_at_us", BigInteger, nullable=False),
    Column("received_at_us", BigInteger, nullable=False),
    Index("inbound_messages_provider", "source_id", "provider_id", unique=True),
    Index("inbound_messages_account", "account_id", "id"),
    Index("inbound_messages_chat", "account_id", "chat", "id"),
)
"""``chat`` is the conversation a message stands in: the group's id, or the sender where there is no group."""

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

INGRESS_GAPS = Table(
    "ingress_gaps",
    METADATA,
    Column("started_at_us", BigInteger, primary_key=True, autoincrement=False),
    Column("ended_at_us", BigInteger, nullable=False),
)
