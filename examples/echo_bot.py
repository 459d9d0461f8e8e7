"""
A bot that says whatever it hears: texts and pictures go back to whoever sent them.

    python examples/echo_bot.py

Needs WAYPOST_URL, WAYPOST_API_KEY and WEBHOOK_SECRET; listens on 127.0.0.1, port PORT or 9000. It keeps nothing: what
is told twice is answered once, because each answer's idempotency key is the key of the event it answers.
"""

import os
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from waypost.client import Client, Media, Message, RefusedError, Text, WaypostError, WebhookError
from waypost.client.webhooks import Event, IncomingImage, IncomingText, receive

PORT = int(os.environ.get("PORT", "9000"))
SECRETS = os.environ["WEBHOOK_SECRET"].split()
BODY_BYTES_MAX = 16_000_000

client = Client()
sources = {source.phone_number: source.id for source in client.sources.list()}


def answer_to(event: Event) -> Message | None:
    """Return what to say to an event, if anything."""
    if not isinstance(event, IncomingText | IncomingImage):
        return None
    source = sources.get(event.recipient)
    if isinstance(event, IncomingText):
        return Text(to=event.sender, source=source, body=event.text, reply_to=event.message_id)
    return Media(to=event.sender, source=source, media_id=event.media_id, caption=event.caption)


def react(body: bytes, headers: dict[str, str]) -> HTTPStatus:
    """Answer every event of a webhook; the status says whether it is to be told again."""
    try:
        webhook = receive(body, headers, secrets=SECRETS)
    except WebhookError:
        return HTTPStatus.UNAUTHORIZED
    for event in webhook.events:
        answer = answer_to(event)
        if answer is None:
            continue
        try:
            client.send(answer, idempotency_key=f"echo-{event.key}")
        except RefusedError as error:
            # Such as to somebody who has just opted out: telling it again would change nothing.
            print(f"not answered: {error.code} {error.message}", flush=True)
        except WaypostError:
            return HTTPStatus.SERVICE_UNAVAILABLE
    return HTTPStatus.NO_CONTENT


class Handler(BaseHTTPRequestHandler):
    """Takes webhooks on every path."""

    def do_POST(self) -> None:
        """Take one webhook."""
        length = int(self.headers.get("Content-Length") or 0)
        if length > BODY_BYTES_MAX:
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        self.send_response(react(self.rfile.read(length), dict(self.headers)))
        self.end_headers()


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", PORT), Handler) as server:
        print(f"listening on http://127.0.0.1:{PORT}", flush=True)
        server.serve_forever()
