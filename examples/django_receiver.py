"""
A webhook receiver with Django: verifies, keeps each event once, answers, and leaves the thinking to others.

    python examples/django_receiver.py

Needs WEBHOOK_SECRET, several of them with spaces between while one replaces another. Keeps events in the SQLite file
EVENTS (default events.db). Listens on 127.0.0.1, port PORT or 9000. In a project of yours, `take` is a view and `keep`
a model; a view needs `csrf_exempt`, as the signature is what shows where a webhook comes from.
"""

import json
import os
import sqlite3
import sys
from contextlib import closing

from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from waypost.client import WebhookFormatError, WebhookSignatureError
from waypost.client.webhooks import Webhook, receive

SECRETS = os.environ["WEBHOOK_SECRET"].split()
EVENTS = os.environ.get("EVENTS", "events.db")
TABLE = "CREATE TABLE IF NOT EXISTS event (key TEXT PRIMARY KEY, webhook_id TEXT, type TEXT, raw TEXT)"

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["127.0.0.1", "localhost"], SECRET_KEY=os.urandom(32).hex())


@csrf_exempt
@require_POST
def take(request: HttpRequest) -> HttpResponse:
    """Take one webhook: 204 means that its events are kept."""
    try:
        # The raw bytes: they are what is signed.
        webhook = receive(request.body, request.headers, secrets=SECRETS)
    except WebhookSignatureError:
        return HttpResponse(status=401)
    except WebhookFormatError:
        return HttpResponse(status=400)
    keep(webhook)
    return HttpResponse(status=204)


def keep(webhook: Webhook) -> None:
    """Keep the events that are new; a webhook that is told again has none."""
    with closing(sqlite3.connect(EVENTS)) as database, database:
        database.execute(TABLE)
        database.executemany(
            "INSERT OR IGNORE INTO event VALUES (?, ?, ?, ?)",
            [(event.key, webhook.id, type(event).__name__, json.dumps(event.raw)) for event in webhook.events],
        )


urlpatterns = [path("webhooks", take)]

if __name__ == "__main__":
    execute_from_command_line([sys.argv[0], "runserver", "--noreload", f"127.0.0.1:{os.environ.get('PORT', '9000')}"])
