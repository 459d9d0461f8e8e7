"""What the bare sides write: the same rows as the gateway, in the same tables."""

from waypost.store.statements import InsertMany, UpdateMany
from waypost.store.tables import ATTEMPTS, MESSAGES, NOTIFICATIONS, RAW_WEBHOOKS

INSERT_ATTEMPTS = InsertMany(
    ATTEMPTS, ("message_id", "number", "account_id", "source_id", "node", "epoch", "started_at_us")
)
START_MESSAGES = UpdateMany(MESSAGES, ("attempt_started_at_us",), keys=("id",), also="state = 40, attempt_number = 1")
END_ATTEMPTS = UpdateMany(ATTEMPTS, ("ended_at_us", "outcome", "http_status", "wamid"), keys=("message_id", "number"))
ACCEPT_MESSAGES = UpdateMany(
    MESSAGES,
    ("wamid",),
    keys=("id",),
    also="state = CASE WHEN messages.state < 60 THEN 60 ELSE messages.state END",
)
INSERT_RAW = InsertMany(
    RAW_WEBHOOKS,
    ("id", "digest", "received_at_us", "body", "parked_reason"),
    on_conflict="(digest) DO NOTHING",
)
SAVE_STATUS = {
    "sent": UpdateMany(MESSAGES, ("sent_at_us", "state", "announced"), keys=("id",)),
    "delivered": UpdateMany(MESSAGES, ("delivered_at_us", "state", "announced"), keys=("id",)),
    "read": UpdateMany(MESSAGES, ("read_at_us", "state", "announced"), keys=("id",)),
}
STATE_OF = {"sent": (70, 1), "delivered": (80, 3), "read": (90, 7)}
"""(state, announced) after each status."""
INSERT_NOTIFICATIONS = InsertMany(
    NOTIFICATIONS,
    ("id", "account_id", "endpoint_id", "subject_id", "kind", "entry", "due_at_us", "created_at_us"),
)
DELIVER_NOTIFICATIONS = UpdateMany(
    NOTIFICATIONS, ("ended_at_us",), keys=("id",), also="state = 1, attempts = 1, last_status = 200"
)
