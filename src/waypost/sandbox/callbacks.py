"""The webhook sender: batches, signs, posts, and repeats until it is told 200."""

import asyncio
import hmac
import json
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from waypost.sandbox.clock import now_us
from waypost.sandbox.network import Number
from waypost.sandbox.settings import SandboxSettings
from waypost.sandbox.tasks import BackgroundWork

_log = logging.getLogger("waypost.sandbox")

# Observed, not promised.
_USER_AGENT = "facebookexternalua"


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """One thing to tell: a status, an inbound message, or the value of another webhook field.

    `part` is `statuses`, `messages` or `value`. `subject` is handed back, untouched, when it has been acknowledged.
    """

    number: Number
    field: str
    part: str
    item: dict[str, Any]
    contact: dict[str, Any] | None
    subject: Any


@dataclass(slots=True, kw_only=True)
class _Batch:
    updates: list[Update]
    body: bytes
    first_try_at: float
    tries: int = 0


class _Destination:
    def __init__(self, *, url: str, app_secret: str) -> None:
        self.url = url
        self.app_secret = app_secret.encode()
        self.fresh: deque[Update] = deque()
        self.repeats: deque[_Batch] = deque()
        self.in_flight = 0
        self.pump_is_due = False


class CallbackSender:
    """Post updates to the URLs that `url_of` names, several POSTs at a time for each, repeats first.

    Only a 200 acknowledges. A failed POST is repeated with the same bytes after growing gaps; meanwhile later
    updates go out, so whoever needs an order waits for `on_acknowledged` before handing over the next. A URL may change
    in between: repeats go to the new one.
    """

    def __init__(
        self,
        *,
        settings: SandboxSettings,
        work: BackgroundWork,
        url_of: Callable[[Update], str],
        on_acknowledged: Callable[[list[Update]], None],
    ) -> None:
        self._settings = settings
        self._work = work
        self._url_of = url_of
        self._on_acknowledged = on_acknowledged
        self._destinations: dict[tuple[str, str], _Destination] = {}
        self._session: aiohttp.ClientSession | None = None
        self.posts = 0
        self.failures = 0

    async def start(self) -> None:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
                timeout=aiohttp.ClientTimeout(total=self._settings.webhook_timeout_seconds),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        for destination in self._destinations.values():
            self._pump(destination)

    async def stop(self) -> None:
        """Close connections and forget what was not sent; the owner of the state knows what was acknowledged."""
        session, self._session = self._session, None
        self._destinations.clear()
        if session is not None:
            await session.close()

    def queue_depth(self) -> int:
        return sum(len(d.fresh) + sum(len(b.updates) for b in d.repeats) for d in self._destinations.values())

    def send(self, update: Update) -> None:
        """Queue an update."""
        url = self._url_of(update)
        key = (url, update.number.app_secret)
        destination = self._destinations.get(key)
        if destination is None:
            destination = _Destination(url=url, app_secret=update.number.app_secret)
            self._destinations[key] = destination
        destination.fresh.append(update)
        if not destination.pump_is_due and self._session is not None:
            destination.pump_is_due = True
            asyncio.get_running_loop().call_soon(self._pump, destination)

    def _pump(self, destination: _Destination) -> None:
        destination.pump_is_due = False
        if self._session is None:
            return
        while destination.in_flight < self._settings.webhook_concurrency:
            if destination.repeats:
                batch = destination.repeats.popleft()
            elif destination.fresh:
                size = min(self._settings.webhook_batch_max, len(destination.fresh))
                updates = [destination.fresh.popleft() for _ in range(size)]
                now = asyncio.get_running_loop().time()
                batch = _Batch(updates=updates, body=encode(updates), first_try_at=now)
            else:
                return
            destination.in_flight += 1
            self._work.spawn(self._deliver(destination, batch))

    async def _deliver(self, destination: _Destination, batch: _Batch) -> None:
        try:
            is_acknowledged = await self._post(destination, batch.body)
        finally:
            destination.in_flight -= 1
        if is_acknowledged:
            self._on_acknowledged(batch.updates)
        else:
            self._repeat_later(destination, batch)
        self._pump(destination)

    async def _post(self, destination: _Destination, body: bytes) -> bool:
        if self._session is None:
            return False
        self.posts += 1
        headers = {
            "Content-Type": "application/json",
            "User-Agent": _USER_AGENT,
            "X-Hub-Signature-256": "sha256=" + hmac.digest(destination.app_secret, body, "sha256").hex(),
        }
        try:
            async with self._session.post(
                destination.url, data=body, headers=headers, allow_redirects=False
            ) as response:
                is_acknowledged = response.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            is_acknowledged = False
        if not is_acknowledged:
            self.failures += 1
        return is_acknowledged

    def _repeat_later(self, destination: _Destination, batch: _Batch) -> None:
        settings = self._settings
        gap = min(settings.webhook_retry_first_seconds * 2**batch.tries, settings.webhook_retry_max_seconds)
        batch.tries = min(batch.tries + 1, 30)
        now = asyncio.get_running_loop().time()
        if now + gap - batch.first_try_at > settings.webhook_retry_span_seconds:
            _log.warning("webhook batch given up", extra={"updates": len(batch.updates)})
            return

        def requeue() -> None:
            if self._url_of(batch.updates[0]) != destination.url:
                for update in batch.updates:
                    self.send(update)
                return
            destination.repeats.append(batch)
            self._pump(destination)

        self._work.call_later(gap, requeue)


def encode(updates: list[Update]) -> bytes:
    """Return the webhook body for these updates: JSON, every non-ASCII character as a lower-case escape."""
    entries: dict[str, list[dict[str, Any]]] = {}
    values: dict[tuple[str, str, bool], dict[str, Any]] = {}
    for update in updates:
        number = update.number
        changes = entries.setdefault(number.waba_id, [])
        if update.part == "value":
            changes.append({"field": update.field, "value": update.item})
            continue
        key = (number.phone_number_id, update.part, update.contact is not None)
        value = values.get(key)
        if value is None:
            value = {
                "messaging_product": "whatsapp",
                "metadata": {
                    "display_phone_number": number.display_phone_number,
                    "phone_number_id": number.phone_number_id,
                },
            }
            if update.contact is not None:
                value["contacts"] = []
            value[update.part] = []
            values[key] = value
            changes.append({"field": update.field, "value": value})
        if update.contact is not None and update.contact not in value["contacts"][-1:]:
            value["contacts"].append(update.contact)
        value[update.part].append(update.item)
    envelope = {
        "object": "whatsapp_business_account",
        "entry": [_entry(waba_id, changes) for waba_id, changes in entries.items()],
    }
    body = orjson.dumps(envelope)
    return body if body.isascii() else json.dumps(envelope, separators=(",", ":")).encode()


def _entry(waba_id: str, changes: list[dict[str, Any]]) -> dict[str, Any]:
    if all(change["field"] == "messages" for change in changes):
        return {"id": waba_id, "changes": changes}
    return {"id": waba_id, "time": now_us() // 1_000_000, "changes": changes}
