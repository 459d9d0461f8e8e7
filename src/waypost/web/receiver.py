"""
The endpoint that the provider calls: ``/webhooks/cloud_api/{source id}`` and ``/webhooks/cloud_api/app``.

GET is the verification handshake, POST a webhook. Size and signature are checked over the raw bytes before anything
parses them, and 200 goes out only when all is durable. A plain ASGI callable: every status of every message passes
here.
"""

import hmac
import time
from typing import Final
from urllib.parse import parse_qs

from waypost.observe import Metrics
from waypost.ports import Clock
from waypost.providers.cloud_api.limits import WEBHOOK_BODY_BYTES_MAX
from waypost.providers.cloud_api.signature import SIGNATURE_HEADER, is_signed
from waypost.receive.ingester import Ingester
from waypost.receive.sorting import IngressScope
from waypost.store.directory import Directory, Source
from waypost.store.engine import StoreUnavailableError
from waypost.web.exchange import (
    BodyTooLargeError,
    ClientGoneError,
    Header,
    Receive,
    Scope,
    Send,
    answer,
    header_of,
    read_body,
)

APP: Final = "app"
CHALLENGE_CHARACTERS_MAX: Final = 1_000
RETRY_AFTER_SECONDS: Final = 5

# The challenge is foreign text: nobody's browser shall take it for a page.
_PLAIN: Final[tuple[Header, ...]] = (
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"x-content-type-options", b"nosniff"),
)


class CloudApiReceiver:
    """
    Answers the provider.

    Args:
        app_secrets: of the operator's own app, the current one first: they sign for the sources without a secret of
            their own. Empty: such sources get no webhooks.
        app_verify_token: of the handshake at ``app``; None refuses it there.
        body_bytes_max: larger bodies are answered 413.
    """

    def __init__(
        self,
        ingester: Ingester,
        directory: Directory,
        clock: Clock,
        *,
        metrics: Metrics,
        app_secrets: tuple[str, ...] = (),
        app_verify_token: str | None = None,
        body_bytes_max: int = WEBHOOK_BODY_BYTES_MAX,
    ) -> None:
        self._ingester = ingester
        self._directory = directory
        self._clock = clock
        self._metrics = metrics
        self._app_secrets = app_secrets
        self._app_verify_token = app_verify_token
        self._body_bytes_max = body_bytes_max
        self._outcomes = {
            outcome: metrics.receive_webhooks.labels(outcome)
            for outcome in ("kept", "repeat", "forged", "too_large", "unavailable")
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request whose path ends in a source's id, or in ``app``."""
        name = scope["path"].rstrip("/").rpartition("/")[2]
        source = None if name == APP else self._directory.now.sources.get(name)
        if source is None and name != APP:
            await answer(send, 404, b"", headers=_PLAIN)
        elif scope["method"] == "POST":
            await self._take(source, scope, receive, send)
        elif scope["method"] == "GET":
            await self._shake_hands(source, scope, send)
        else:
            await answer(send, 405, b"", headers=(*_PLAIN, (b"allow", b"GET, POST")))

    async def _shake_hands(self, source: Source | None, scope: Scope, send: Send) -> None:
        """Answer the challenge if the verify token is right (webhooks, getting started, 2025); 403 otherwise."""
        query = parse_qs(scope["query_string"].decode("latin-1"))
        mode, token, challenge = (query.get(f"hub.{part}", [""])[0] for part in ("mode", "verify_token", "challenge"))
        expected = self._app_verify_token if source is None else source.verify_token
        is_right = bool(expected) and hmac.compare_digest(token.encode(), (expected or "").encode())
        if mode == "subscribe" and is_right and len(challenge) <= CHALLENGE_CHARACTERS_MAX:
            await answer(send, 200, challenge.encode(), headers=_PLAIN)
        else:
            await answer(send, 403, b"", headers=_PLAIN)

    async def _take(self, source: Source | None, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        try:
            body = await read_body(receive, bytes_max=self._body_bytes_max)
        except BodyTooLargeError:
            await self._end(send, 413, "too_large")
            return
        except ClientGoneError:
            return
        if not is_signed(body, header_of(scope, SIGNATURE_HEADER), app_secrets=self._secrets(source)):
            await self._end(send, 403, "forged")
            return
        ingress = IngressScope(
            account_id=None if source is None else source.account_id,
            app_secret=None if source is None else source.app_secret,
        )
        try:
            ingested = await self._ingester.ingest(body, ingress)
        except StoreUnavailableError:
            retry = (b"retry-after", str(RETRY_AFTER_SECONDS).encode())
            await self._end(send, 503, "unavailable", headers=(retry,))
            return
        self._metrics.receive_seconds.observe(time.perf_counter() - started)
        await self._end(send, 200, "repeat" if ingested.is_repeat else "kept")

    def _secrets(self, source: Source | None) -> tuple[str, ...]:
        """Return what may have signed: the source's secret and for a time its former one, else the operator's app's."""
        if source is None or source.app_secret is None:
            return self._app_secrets
        until_us = source.app_secret_old_until_us
        if source.app_secret_old is not None and until_us is not None and self._clock.now_us() < until_us:
            return (source.app_secret, source.app_secret_old)
        return (source.app_secret,)

    async def _end(self, send: Send, status: int, outcome: str, *, headers: tuple[Header, ...] = ()) -> None:
        self._outcomes[outcome].inc()
        await answer(send, status, b"", headers=(*_PLAIN, *headers))
