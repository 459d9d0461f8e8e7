"""
A webhook receiver with FastAPI: verifies, keeps each event once, answers, and leaves the thinking to others.

    python examples/fastapi_receiver.py

Needs WEBHOOK_SECRET, several of them with spaces between while one replaces another. Keeps events in the SQLite file
EVENTS (default events.db). Listens on 127.0.0.1, port PORT or 9000.
"""

import json
import os
import sqlite3
from contextlib import closing

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

from waypost.client import WebhookFormatError, WebhookSignatureError
from waypost.client.webhooks import Webhook, receive

SECRETS = os.environ["WEBHOOK_SECRET"].split()
EVENTS = os.environ.get("EVENTS", "events.db")
TABLE = "CREATE TABLE IF NOT EXISTS event (key TEXT PRIMARY KEY, webhook_id TEXT, type TEXT, raw TEXT)"

app = FastAPI()


@app.post("/webhooks", status_code=204)
async def take(request: Request) -> Response:
    """Take one webhook: 204 means that its events are kept."""
    body = await request.body()  # the raw bytes: they are what is signed
    try:
        webhook = receive(body, request.headers, secrets=SECRETS)
    except WebhookSignatureError:
        return Response(status_code=401)
    except WebhookFormatError:
        return Response(status_code=400)
    await run_in_threadpool(keep, webhook)
    return Response(status_code=204)


def keep(webhook: Webhook) -> None:
    """Keep the events that are new; a webhook that is told again has none."""
    with closing(sqlite3.connect(EVENTS)) as database, database:
        database.execute(TABLE)
        database.executemany(
            "INSERT OR IGNORE INTO event VALUES (?, ?, ?, ?)",
            [(event.key, webhook.id, type(event).__name__, json.dumps(event.raw)) for event in webhook.events],
        )


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ.get("PORT", "9000")))
