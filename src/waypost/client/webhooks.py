"""
Webhooks: are they genuine, and what do they tell?

    webhook = receive(request.body, request.headers, secrets=[SECRET])
    for event in webhook.events: ...

Answer 2xx once you have kept what you need. Webhooks come at least once: tell repeats by ``webhook.id`` or, across
endpoints, by each event's ``key``.
"""

import base64
import hmac
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from waypost.client.errors import ConfigurationError, WebhookSignatureError
from waypost.client.events import (
    Context,
    DeliveryStatus,
    Event,
    Incoming,
    IncomingAudio,
    IncomingButton,
    IncomingContacts,
    IncomingDocument,
    IncomingFile,
    IncomingFlowReply,
    IncomingImage,
    IncomingLocation,
    IncomingOrder,
    IncomingReaction,
    IncomingReply,
    IncomingSticker,
    IncomingText,
    IncomingVideo,
    Notice,
)
from waypost.client.reading import parse

__all__ = [
    "Context",
    "DeliveryStatus",
    "Event",
    "Headers",
    "Incoming",
    "IncomingAudio",
    "IncomingButton",
    "IncomingContacts",
    "IncomingDocument",
    "IncomingFile",
    "IncomingFlowReply",
    "IncomingImage",
    "IncomingLocation",
    "IncomingOrder",
    "IncomingReaction",
    "IncomingReply",
    "IncomingSticker",
    "IncomingText",
    "IncomingVideo",
    "Notice",
    "Verified",
    "Webhook",
    "parse",
    "receive",
    "verify",
]

TOLERANCE_SECONDS: Final = 300.0
_PREFIX: Final = "whsec_"
_HEADERS: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")


class Headers(Protocol):
    """A request's headers, as a dict or as any framework has them."""

    def items(self) -> Iterable[tuple[str, str]]:
        """Return names with values."""
        ...


@dataclass(frozen=True, slots=True)
class Verified:
    """A genuine webhook: its id, the same at every try and replay, and when this try was signed, in unix seconds."""

    id: str
    timestamp: int


@dataclass(frozen=True, slots=True)
class Webhook:
    """A genuine webhook and what it tells, in order; batches have up to 1000 events."""

    id: str
    timestamp: int
    events: tuple[Event, ...]


def receive(
    body: bytes,
    headers: Headers,
    *,
    secrets: str | Sequence[str],
    tolerance_seconds: float = TOLERANCE_SECONDS,
    now: float | None = None,
) -> Webhook:
    """
    Verify a webhook, and only then read it; see ``verify`` and ``parse``.

    Raises: WebhookSignatureError, WebhookFormatError.
    """
    genuine = verify(body, headers, secrets=secrets, tolerance_seconds=tolerance_seconds, now=now)
    return Webhook(genuine.id, genuine.timestamp, parse(body))


def verify(
    body: bytes,
    headers: Headers,
    *,
    secrets: str | Sequence[str],
    tolerance_seconds: float = TOLERANCE_SECONDS,
    now: float | None = None,
) -> Verified:
    """
    Check a webhook's signature by Standard Webhooks 1.0 (read Nov 2026).

    Args:
        body: the raw bytes, before any parsing.
        headers: of the request; names in any case, with dashes, or as CGI and WSGI spell them (``HTTP_WEBHOOK_ID``).
        secrets: one, or several while they change: ``whsec_`` and base64. Any of them will do.
        tolerance_seconds: how far its time may be from now, before or after.
        now: unix seconds; default the clock.

    Raises: WebhookSignatureError; ConfigurationError for a secret that is none, or for no secret at all.

    """
    keys = [_key_of(secret) for secret in ([secrets] if isinstance(secrets, str) else secrets)]
    if not keys:
        raise ConfigurationError("There is no secret to verify with.", hint="Give the webhook's secret, whsec_….")
    known = {_plain_name(name): value for name, value in headers.items()}
    missing = [name for name in _HEADERS if not known.get(name)]
    if missing:
        raise WebhookSignatureError(f"There is no header {missing[0]}.")
    webhook_id, timestamp, signatures = (known[name] for name in _HEADERS)
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) < 16):
        raise WebhookSignatureError("webhook-timestamp is not a number.")
    given = [value for version, _, value in (part.partition(",") for part in signatures.split()) if version == "v1"]
    # Frameworks hand bytes that are no UTF-8 on as lone surrogates: they fit nothing, and must not break off.
    signed = b".".join((webhook_id.encode(errors="surrogatepass"), timestamp.encode(), body))
    expected = [base64.b64encode(hmac.digest(key, signed, "sha256")) for key in keys]
    # Every pair is compared, so that the time taken tells nothing of which fitted.
    matches = [hmac.compare_digest(one, value.encode(errors="surrogatepass")) for one in expected for value in given]
    if not any(matches):
        raise WebhookSignatureError("The signature is of another secret or body.")
    if abs((time.time() if now is None else now) - int(timestamp)) > tolerance_seconds:
        raise WebhookSignatureError(f"It was signed more than {tolerance_seconds:g} s away from now.")
    return Verified(webhook_id, int(timestamp))


def _plain_name(name: str) -> str:
    plain = name.lower().replace("_", "-")
    return plain.removeprefix("http-")


def _key_of(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError:
        key = b""
    if not key:
        raise ConfigurationError("A webhook's secret is whsec_ and base64.", hint="Copy it once more, whole.") from None
    return key
