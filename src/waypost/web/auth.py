"""
Who is calling, and what may they do?

``Authenticator`` answers the first from memory: one SHA-256, one look-up, one comparison in constant time. ``SCOPES``
answers the second: every operation of both APIs stands in it, and one that does not is refused (a test compares it with
the routes).

A failed try is counted by client address and by the key id it names; past the limit the answer is 429 instead of a
refusal. A right key always passes: with 256 bits of randomness guessing is hopeless, the limit only bounds its cost,
and a broken client must not lock out the ones behind the same address.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from hmac import compare_digest
from math import ceil
from types import MappingProxyType
from typing import Final

from waypost.observe import get_logger
from waypost.ports import Clock
from waypost.store.accounts import KEY_TAIL_CHARACTERS, key_id_of
from waypost.store.directory import Account, Directory, Snapshot

FAILURES_PER_MINUTE_MAX: Final = 50
_FAILURE_WINDOW_SECONDS: Final = 60.0
_TRACKED_MAX: Final = 10_000
"""More addresses and key ids than this in one minute share one count: memory stays bounded."""
_REST: Final = "rest"
_PRESENTED_BYTES_MAX: Final = 4_096
_BEARER: Final = b"Bearer "

_logger = get_logger("auth")


class Scope(StrEnum):
    """What a key may be allowed; the words are stored with the key."""

    MESSAGES_SEND = "messages:send"
    MESSAGES_READ = "messages:read"
    MEDIA_READ = "media:read"
    MEDIA_WRITE = "media:write"
    CONSENT_READ = "consent:read"
    CONSENT_WRITE = "consent:write"
    SOURCES_READ = "sources:read"
    SOURCES_WRITE = "sources:write"
    TEMPLATES_READ = "templates:read"
    TEMPLATES_WRITE = "templates:write"
    GROUPS_READ = "groups:read"
    GROUPS_WRITE = "groups:write"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    KEYS_READ = "keys:read"
    KEYS_WRITE = "keys:write"
    ACCOUNT_READ = "account:read"
    MANAGE = "manage"
    """The operator's: all accounts, and everything in them."""


ACCOUNT_SCOPES: Final = frozenset(Scope) - {Scope.MANAGE}
"""All that concerns one account."""

SCOPES: Final[Mapping[str, Scope]] = MappingProxyType(
    {
        "messages.send": Scope.MESSAGES_SEND,
        "messages.look_up": Scope.MESSAGES_READ,
        "messages.list": Scope.MESSAGES_READ,
        "messages.search": Scope.MESSAGES_READ,
        "messages.show": Scope.MESSAGES_READ,
        "messages.cancel": Scope.MESSAGES_SEND,
        "messages.mark_read": Scope.MESSAGES_SEND,
        "messages.scheduled": Scope.MESSAGES_READ,
        "messages.reschedule": Scope.MESSAGES_SEND,
        "bulk.create": Scope.MESSAGES_SEND,
        "bulk.list": Scope.MESSAGES_READ,
        "bulk.show": Scope.MESSAGES_READ,
        "bulk.put_rows": Scope.MESSAGES_SEND,
        "bulk.rows": Scope.MESSAGES_READ,
        "bulk.start": Scope.MESSAGES_SEND,
        "bulk.pause": Scope.MESSAGES_SEND,
        "bulk.resume": Scope.MESSAGES_SEND,
        "bulk.cancel": Scope.MESSAGES_SEND,
        "bulk.outcomes": Scope.MESSAGES_READ,
        "bulk.result": Scope.MESSAGES_READ,
        "inbound.list": Scope.MESSAGES_READ,
        "reports.settings": Scope.ACCOUNT_READ,
        "reports.stats": Scope.MESSAGES_READ,
        "reports.messages": Scope.MESSAGES_READ,
        "reports.summary": Scope.MESSAGES_READ,
        "exports.messages": Scope.MESSAGES_READ,
        "exports.events": Scope.MESSAGES_READ,
        "consent.check": Scope.CONSENT_READ,
        "consent.manage": Scope.CONSENT_WRITE,
        "consent.blocklist": Scope.CONSENT_WRITE,
        "consent.show": Scope.CONSENT_READ,
        "consent.history": Scope.CONSENT_READ,
        "consent.export": Scope.CONSENT_READ,
        "consent.file": Scope.CONSENT_READ,
        "media.upload": Scope.MEDIA_WRITE,
        "media.get": Scope.MEDIA_READ,
        "media.delete": Scope.MEDIA_WRITE,
        "media.list": Scope.MEDIA_READ,
        "sources.describe": Scope.SOURCES_READ,
        "sources.create": Scope.SOURCES_WRITE,
        "sources.list": Scope.SOURCES_READ,
        "sources.get": Scope.SOURCES_READ,
        "sources.change": Scope.SOURCES_WRITE,
        "sources.delete": Scope.SOURCES_WRITE,
        "sources.pause": Scope.SOURCES_WRITE,
        "sources.resume": Scope.SOURCES_WRITE,
        "groups.list": Scope.GROUPS_READ,
        "groups.get": Scope.GROUPS_READ,
        "groups.invite_link": Scope.GROUPS_READ,
        "groups.join_requests": Scope.GROUPS_READ,
        "groups.refresh": Scope.GROUPS_READ,
        "groups.refresh_all": Scope.GROUPS_READ,
        "groups.create": Scope.GROUPS_WRITE,
        "groups.change": Scope.GROUPS_WRITE,
        "groups.delete": Scope.GROUPS_WRITE,
        "groups.reset_link": Scope.GROUPS_WRITE,
        "groups.remove_participants": Scope.GROUPS_WRITE,
        "groups.approve": Scope.GROUPS_WRITE,
        "groups.reject": Scope.GROUPS_WRITE,
        "templates.read": Scope.TEMPLATES_READ,
        "templates.list": Scope.TEMPLATES_READ,
        "templates.get": Scope.TEMPLATES_READ,
        "templates.preview": Scope.TEMPLATES_READ,
        "templates.create": Scope.TEMPLATES_WRITE,
        "templates.change": Scope.TEMPLATES_WRITE,
        "templates.delete": Scope.TEMPLATES_WRITE,
        "templates.sync": Scope.TEMPLATES_WRITE,
        "webhooks.create": Scope.WEBHOOKS_WRITE,
        "webhooks.list": Scope.WEBHOOKS_READ,
        "webhooks.get": Scope.WEBHOOKS_READ,
        "webhooks.change": Scope.WEBHOOKS_WRITE,
        "webhooks.delete": Scope.WEBHOOKS_WRITE,
        "webhooks.rotate_secret": Scope.WEBHOOKS_WRITE,
        "webhooks.test": Scope.WEBHOOKS_WRITE,
        "webhooks.enable": Scope.WEBHOOKS_WRITE,
        "webhooks.disable": Scope.WEBHOOKS_WRITE,
        "webhooks.notifications": Scope.WEBHOOKS_READ,
        "webhooks.attempts": Scope.WEBHOOKS_READ,
        "webhooks.replay": Scope.WEBHOOKS_WRITE,
        "webhooks.replay_one": Scope.WEBHOOKS_WRITE,
        "webhooks.manage_webhook": Scope.WEBHOOKS_WRITE,
        "keys.create": Scope.KEYS_WRITE,
        "keys.list": Scope.KEYS_READ,
        "keys.get": Scope.KEYS_READ,
        "keys.revoke": Scope.KEYS_WRITE,
        "account.get": Scope.ACCOUNT_READ,
        "overview.get": Scope.ACCOUNT_READ,
        "audit.list": Scope.ACCOUNT_READ,
        "accounts.create": Scope.MANAGE,
        "accounts.list": Scope.MANAGE,
        "accounts.get": Scope.MANAGE,
        "accounts.change": Scope.MANAGE,
        "accounts.disable": Scope.MANAGE,
        "accounts.enable": Scope.MANAGE,
    }
)
"""Operation to the scope it needs."""


@lru_cache(maxsize=1024)
def _operations_of(scopes: frozenset[str]) -> frozenset[str]:
    """Return what these scopes open; MANAGE opens everything. Asked for every request, so remembered."""
    return frozenset(operation for operation, scope in SCOPES.items() if scope in scopes or Scope.MANAGE in scopes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who is calling: a key, and the account it acts for."""

    account_id: str
    key_id: str
    scopes: frozenset[str]
    account: Account

    def may(self, operation: str) -> bool:
        """Say whether the key may do this; an operation that ``SCOPES`` does not know is refused."""
        return operation in _operations_of(self.scopes)

    @property
    def is_operator(self) -> bool:
        """Whether all accounts are open to this key."""
        return Scope.MANAGE in self.scopes


@dataclass(frozen=True, slots=True)
class _KnownKey:
    principal: Principal
    secret_hash: str
    expires_at_us: int | None


class Authenticator:
    """
    Checks presented keys against the directory's newest snapshot, so that a revoked key ends with the next one.

    Used from the event loop only.
    """

    def __init__(
        self, directory: Directory, clock: Clock, *, failures_per_minute_max: int = FAILURES_PER_MINUTE_MAX
    ) -> None:
        self._directory = directory
        self._clock = clock
        self._snapshot: Snapshot | None = None
        self._keys: dict[bytes, _KnownKey] = {}
        self._used: dict[bytes, Principal] = {}
        self._failures = _FailureCounts(failures_per_minute_max)

    def authenticate(self, authorization_header: bytes | None) -> Principal | None:
        """
        Return who presents this ``Authorization`` header, or None: absent, malformed, unknown, revoked or expired.

        A caller who answers with a refusal reports it to ``note_failure`` and answers 429 if that says so.
        """
        if authorization_header is None or authorization_header[:7] != _BEARER:
            return None
        snapshot = self._directory.now
        if snapshot is not self._snapshot:
            self._learn(snapshot)
        token = authorization_header[7:]
        key_id = token[3:-KEY_TAIL_CHARACTERS]
        known = self._keys.get(key_id)
        if known is None or not compare_digest(hashlib.sha256(token).hexdigest(), known.secret_hash):
            return None
        if known.expires_at_us is not None and known.expires_at_us <= self._clock.now_us():
            return None
        self._used[key_id] = known.principal
        return known.principal

    def note_failure(self, authorization_header: bytes | None, *, address: str) -> int | None:
        """
        Count a failed try; return None for a plain refusal, or the seconds for ``Retry-After`` of a 429.

        Counted by client address and, when a well-formed key was presented, by its key id.
        """
        key_id = _presented_key_id(authorization_header)
        now = self._clock.monotonic()
        places = [f"address {address}"] if key_id is None else [f"address {address}", f"key {key_id}"]
        wait = self._failures.add(places, now=now)
        if wait is None:
            _logger.info("auth.refused", address=address, key_id=key_id, presented=authorization_header is not None)
        return wait

    def take_uses(self) -> dict[tuple[str, str], int]:
        """Return the keys used since the last call, (account id, key id), each with the time of this call."""
        used, self._used = self._used, {}
        now_us = self._clock.now_us()
        return {(principal.account_id, principal.key_id): now_us for principal in used.values()}

    def _learn(self, snapshot: Snapshot) -> None:
        self._keys = {
            key.id.encode(): _KnownKey(
                principal=Principal(
                    account_id=key.account_id,
                    key_id=key.id,
                    scopes=key.scopes,
                    account=snapshot.accounts[key.account_id],
                ),
                secret_hash=key.secret_hash,
                expires_at_us=key.expires_at_us,
            )
            for key in snapshot.keys.values()
        }
        self._snapshot = snapshot


class _FailureCounts:
    """Failures of the present minute by place; forgotten when it ends."""

    def __init__(self, at_most: int) -> None:
        self._at_most = at_most
        self._counts: dict[str, int] = {}
        self._ends_at = 0.0

    def add(self, places: list[str], *, now: float) -> int | None:
        if now >= self._ends_at:
            self._counts.clear()
            self._ends_at = now + _FAILURE_WINDOW_SECONDS
        is_over = False
        for place in places:
            tracked = place if place in self._counts or len(self._counts) < _TRACKED_MAX else _REST
            count = self._counts.get(tracked, 0) + 1
            self._counts[tracked] = count
            is_over = is_over or count > self._at_most
        return max(1, ceil(self._ends_at - now)) if is_over else None


def _presented_key_id(header: bytes | None) -> str | None:
    if header is None or len(header) > _PRESENTED_BYTES_MAX:
        return None
    _, _, token = header.partition(b" ")
    return key_id_of(token.decode("latin-1"))
