"""Notifications as the outbox writes them; the notifier's own statements are in ``store.notifying``."""

from collections.abc import Sequence

from waypost.store.statements import InsertMany
from waypost.store.tables import NOTIFICATIONS
from waypost.store.transaction import Tx

_INSERT = InsertMany(
    NOTIFICATIONS,
    ("id", "account_id", "endpoint_id", "subject_id", "kind", "entry", "due_at_us", "created_at_us"),
)

NotificationRow = tuple[str, str, str, str, str, str, int, int]
"""(id, account id, endpoint id, subject id, kind, entry as JSON, due at, created at)."""


def insert_notifications(tx: Tx, rows: Sequence[NotificationRow]) -> None:
    """Keep notifications, due as they say; ids must rise within one subject."""
    tx.write_many(_INSERT, rows)
