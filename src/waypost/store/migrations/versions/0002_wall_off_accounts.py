"""Wall accounts off from one another by row-level security, which only PostgreSQL has."""

from collections.abc import Sequence

from alembic import op

revision: str = "0002"
down_revision: str | Sequence[str] | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_WITH_ACCOUNT = (
    "api_keys",
    "attempts",
    "audit_log",
    "consent_history",
    "consents",
    "delivery_attempts",
    "idempotency_records",
    "inbound_messages",
    "media_assets",
    "media_urls",
    "messages",
    "notifications",
    "sources",
    "webhook_endpoints",
)
_ACCOUNT = "current_setting('waypost.account_id', true)"
_CONDITIONS = {
    "accounts": f"id = {_ACCOUNT}",
    **dict.fromkeys(_WITH_ACCOUNT, f"account_id = {_ACCOUNT}"),
    **dict.fromkeys(("parked_statuses", "provider_media", "windows"), "source_id IN (SELECT id FROM sources)"),
}


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table, condition in _CONDITIONS.items():
            op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            op.execute(f"CREATE POLICY account_wall ON {table} USING ({condition})")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table in _CONDITIONS:
            op.execute(f"DROP POLICY account_wall ON {table}")
            op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
