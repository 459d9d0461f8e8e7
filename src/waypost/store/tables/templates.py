"""The provider's templates, mirrored."""

from sqlalchemy import BigInteger, Column, Index, PrimaryKeyConstraint, Table, Text

from waypost.store.tables.metadata import METADATA

TEMPLATES = Table(
    "templates",
    METADATA,
    Column("account_id", Text, nullable=False),
    Column("waba_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("provider_id", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("quality", Text, nullable=False, server_default=""),
    Column("rejected_reason", Text, nullable=False, server_default=""),
    Column("components", Text, nullable=False),
    Column("shape", Text, nullable=False),
    Column("changed_at_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("account_id", "waba_id", "name", "language"),
    Index("templates_provider_id", "provider_id"),
)
"""The provider's templates as last seen; ``shape`` is what a message from one must be made of, worked out once."""

TEMPLATE_LISTS = Table(
    "template_lists",
    METADATA,
    Column("account_id", Text, nullable=False),
    Column("waba_id", Text, nullable=False),
    Column("synced_at_us", BigInteger),
    Column("due_at_us", BigInteger, nullable=False),
    Column("failure", Text),
    PrimaryKeyConstraint("account_id", "waba_id"),
    Index("template_lists_due", "due_at_us"),
)
"""Which business accounts' templates are mirrored; ``synced_at_us`` None: no copy is held yet."""
