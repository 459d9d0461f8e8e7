"""Whose gateway it is: accounts, their keys and sending numbers, and who changed what."""

from sqlalchemy import BigInteger, Column, Float, Index, Integer, LargeBinary, SmallInteger, Table, Text, text

from waypost.store.tables.metadata import METADATA, flag

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
    flag("skip_optin"),
    flag("implicit_optin", default=1),
    flag("linktrack"),
    flag("at_most_once"),
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
    flag("is_default"),
    flag("has_groups"),
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
    Index("audit_log_target", "target", "id"),
)
