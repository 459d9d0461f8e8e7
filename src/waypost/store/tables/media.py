"""Files, by content."""

from sqlalchemy import BigInteger, Column, Index, PrimaryKeyConstraint, SmallInteger, Table, Text, text

from waypost.store.tables.metadata import METADATA

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
        "media_assets_age",
        "account_id",
        "created_at_us",
        "id",
        sqlite_where=text("deleted_at_us IS NULL"),
        postgresql_where=text("deleted_at_us IS NULL"),
    ),
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
