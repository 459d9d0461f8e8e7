"""
A webhook receiver with Flask: verifies, keeps each event once, answers, and leaves the thinking to others.

    python examples/flask_receiver.py

Needs WEBHOOK_SECRET, several of them with spaces between while one replaces another. Keeps events in the SQLite file
EVENTS (default events.db). Listens on 127.0.0.1, port PORT or 9000.
"""

import json
import os
import sqlite3
from contextlib import closing

from flask import Flask, request

from waypost.client import WebhookFormatError, WebhookSignatureError
from waypost.client.webhooks import Webhook, receive

SECRETS = os.environ["WEBHOOK_SECRET"].split()
EVENTS = os.environ.get("EVENTS", "events.db")
TABLE = "CREATE TABLE IF NOT EXISTS event (key TEXT PRIMARY KEY, webhook_id TEXT, type TEXT, raw TEXT)"

app = Flask(__name__)


@app.post("/webhooks")
def take() -> tuple[str, int]:
    """Take one webhook: 204 means that its events are kept."""
    try:
        # The raw bytes: they are what is signed.
        webhook = receive(request.get_data(), request.headers, secrets=SECRETS)
    except WebhookSignatureError:
        return "", 401
    except WebhookFormatError:
        return "", 400
    keep(webhook)
    return "", 204


def keep(webhook: Webhook) -> None:
    """Keep the events that are new; a webhook that is told again has none."""
    with closing(sqlite3.connect(EVENTS)) as database, database:
        database.execute(TABLE)
        database.executemany(
            "INSERT OR IGNORE INTO event VALUES (?, ?, ?, ?)",
            [(event.key, webhook.id, type(event).__name__, json.dumps(event.raw)) for event in webhook.events],
        )


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ.get("PORT", "9000")))
