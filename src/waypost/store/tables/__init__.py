"""
The one schema, for SQLite and PostgreSQL.

Ids are text (lower-case UUIDv7 where they are ours), times are microseconds since the epoch in ``_us`` columns, truth
values are 0 or 1, JSON is text. So a row reads the same from both databases, without conversion. Partial indexes hold
only the rows that still have work in them: their size follows the backlog, not the history.
"""

from waypost.store.tables.inbound import INBOUND_MESSAGES, INGRESS_GAPS, PARKED_STATUSES, RAW_WEBHOOKS
from waypost.store.tables.media import MEDIA_ASSETS, MEDIA_URLS, PROVIDER_MEDIA
from waypost.store.tables.messages import ATTEMPTS, BULK_ROWS, BULK_SENDS, IDEMPOTENCY_RECORDS, MESSAGES
from waypost.store.tables.metadata import METADATA
from waypost.store.tables.nodes import NODES, SHARD_LEASES
from waypost.store.tables.notifications import DELIVERY_ATTEMPTS, NOTIFICATIONS, WEBHOOK_ENDPOINTS
from waypost.store.tables.recipients import CHAT_GROUPS, CONSENT_HISTORY, CONSENTS, WINDOWS
from waypost.store.tables.tallies import TALLIES, TALLY_CHANGES
from waypost.store.tables.templates import TEMPLATE_LISTS, TEMPLATES
from waypost.store.tables.tenants import ACCOUNTS, API_KEYS, AUDIT_LOG, META, SOURCES
from waypost.store.tables.users import CONSOLE_FAILURES, CONSOLE_SESSIONS, CONSOLE_USERS

__all__ = [
    "ACCOUNTS",
    "API_KEYS",
    "ATTEMPTS",
    "AUDIT_LOG",
    "BULK_ROWS",
    "BULK_SENDS",
    "CHAT_GROUPS",
    "CONSENTS",
    "CONSENT_HISTORY",
    "CONSOLE_FAILURES",
    "CONSOLE_SESSIONS",
    "CONSOLE_USERS",
    "DELIVERY_ATTEMPTS",
    "IDEMPOTENCY_RECORDS",
    "INBOUND_MESSAGES",
    "INGRESS_GAPS",
    "MEDIA_ASSETS",
    "MEDIA_URLS",
    "MESSAGES",
    "META",
    "METADATA",
    "NODES",
    "NOTIFICATIONS",
    "PARKED_STATUSES",
    "PROVIDER_MEDIA",
    "RAW_WEBHOOKS",
    "SHARD_LEASES",
    "SOURCES",
    "TALLIES",
    "TALLY_CHANGES",
    "TEMPLATES",
    "TEMPLATE_LISTS",
    "WEBHOOK_ENDPOINTS",
    "WINDOWS",
]
