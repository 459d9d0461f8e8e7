"""Whom messages go to: consent, conversation windows, groups."""

from sqlalchemy import BigInteger, Column, Index, PrimaryKeyConstraint, Table, Text, text

from waypost.store.tables.metadata import METADATA, flag

CONSENTS = Table(
    "consents",
    METADATA,
    Column("account_id", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("state", Text),
    flag("is_implied"),
    flag("is_blocklisted"),
    Column("origin", Text, nullable=False, server_default=""),
    Column("user_agent", Text, nullable=False, server_default=""),
    Column("ip", Text, nullable=False, server_default=""),
    Column("changed_at_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("account_id", "recipient"),
    Index(
        "consents_opted_out",
        "account_id",
        "recipient",
        sqlite_where=text("state = 'opted_out'"),
        postgresql_where=text("state = 'opted_out'"),
    ),
    Index(
        "consents_blocklisted",
        "account_id",
        "recipient",
        sqlite_where=text("is_blocklisted = 1"),
        postgresql_where=text("is_blocklisted = 1"),
    ),
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

CHAT_GROUPS = Table(
    "chat_groups",
    METADATA,
    Column("account_id", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("request_id", Text),
    Column("subject", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("invite_link", Text),
    Column("join_approval_mode", Text, nullable=False, server_default="auto_approve"),
    Column("participants", Text, nullable=False, server_default="[]"),
    Column("state", Text, nullable=False),
    Column("failure", Text),
    Column("created_at_us", BigInteger, nullable=False),
    Column("changed_at_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("source_id", "id"),
    Index("chat_groups_account", "account_id", "id"),
    Index("chat_groups_request", "request_id"),
)
