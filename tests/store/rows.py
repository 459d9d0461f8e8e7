"""Rows to look at, written straight into the tables."""

from typing import Any

from waypost.store.acceptance import MESSAGE_COLUMNS
from waypost.store.statements import InsertMany
from waypost.store.tables import (
    ATTEMPTS,
    DELIVERY_ATTEMPTS,
    INBOUND_MESSAGES,
    MEDIA_ASSETS,
    MESSAGES,
    NOTIFICATIONS,
    SOURCES,
    WEBHOOK_ENDPOINTS,
)
from waypost.store.transaction import Tx

NOW_US = 1_930_000_000_000_000
_TABLES = {
    table.name: table
    for table in (
        ATTEMPTS,
        DELIVERY_ATTEMPTS,
        INBOUND_MESSAGES,
        MEDIA_ASSETS,
        MESSAGES,
        NOTIFICATIONS,
        SOURCES,
        WEBHOOK_ENDPOINTS,
    )
}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "messages": {
        **dict.fromkeys(MESSAGE_COLUMNS),
        "account_id": "a",
        "source_id": "s",
        "recipient": "12025550143",
        "is_group": 0,
        "kind": "text",
        "priority": 1,
        "state": 30,
        "due_at_us": NOW_US,
        "accepted_at_us": NOW_US,
        "caller_data": "",
        "content": '{"body":"hello","preview_url":false}',
        "track_links": 0,
        "at_most_once": 0,
        "wamid": None,
        "wait_reason": None,
    },
    "attempts": {"account_id": "a", "source_id": "s", "node": "n", "epoch": 1, "started_at_us": NOW_US},
    "inbound_messages": {
        "account_id": "a",
        "source_id": "s",
        "sender": "12025550143",
        "chat": "12025550143",
        "kind": "text",
        "payload": "{}",
        "media_id": None,
        "occurred_at_us": NOW_US,
        "received_at_us": NOW_US,
    },
    "media_assets": {
        "account_id": "a",
        "origin": "upload",
        "state": "ready",
        "mime_type": "image/png",
        "kind": "image",
        "size_bytes": 10,
        "created_at_us": NOW_US,
        "deleted_at_us": None,
    },
    "notifications": {
        "account_id": "a",
        "endpoint_id": "e",
        "subject_id": "m",
        "kind": "event",
        "entry": "{}",
        "state": 0,
        "batch_id": None,
        "due_at_us": NOW_US,
        "attempts": 0,
        "created_at_us": NOW_US,
        "ended_at_us": None,
    },
    "delivery_attempts": {
        "account_id": "a",
        "endpoint_id": "e",
        "started_at_us": NOW_US,
        "duration_us": 5,
        "http_status": 500,
        "error": "answered 500",
        "answer": "no",
    },
    "sources": {
        "account_id": "a",
        "name": "Shop",
        "phone_number": "12025550199",
        "waba_id": "w",
        "provider": "sandbox",
        "access_token_sealed": b"x",
        "verify_token_sealed": b"x",
        "shard": 1,
        "created_at_us": NOW_US,
    },
    "webhook_endpoints": {
        "account_id": "a",
        "name": "Hook",
        "url": "https://hooks.example.org/",
        "kinds": '["event"]',
        "secret_sealed": b"x",
        "created_at_us": NOW_US,
    },
}


def add(tx: Tx, table: str, **values: Any) -> None:
    """Insert one row; what is not given has a default that makes sense."""
    row = {**_DEFAULTS[table], **values}
    tx.write_many(InsertMany(_TABLES[table], list(row)), [tuple(row.values())])
