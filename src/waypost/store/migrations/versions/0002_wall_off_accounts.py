"""Wall accounts off from one another by row-level security, which only PostgreSQL has."""

from collections.abc import Sequence

from alembic import op

revision: str = "0002"
down_revision: str | Sequence[str] | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_COLUMNS = {
    "accounts": "id",
    "api_keys": "account_id",
    "attempts": "account_id",
    "audit_log": "account_id",
    "consent_history": "account_id",
    "consents": "account_id",
    "delivery_attempts": "account_id",
    "idempotency_records": "account_id",
    "inbound_messages": "account_id",
    "media_assets": "account_id",
    "media_urls": "account_id",
    "messages": "account_id",
    "notifications": "account_id",
    "sources": "account_id",
    "webhook_endpoints": "account_id",
}


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table, column in _COLUMNS.items():
        account = "coalesce(current_setting('waypost.account_id', true), '')"
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY account_wall ON {table} "
            f"USING ((CASE WHEN {account} IN ('', {column}) THEN 1 END) IS NOT NULL)"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in _COLUMNS:
        op.execute(f"DROP POLICY account_wall ON {table}")
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
