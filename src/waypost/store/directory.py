"""
Accounts, keys, sources and webhook endpoints, held in memory.

They are few, read on every request and changed seldom: so each node holds them all, with secrets opened, and reads them
anew when the version counter in ``meta`` has moved (a change made on another node is seen within the poll interval; one
made here at once). A snapshot is immutable: a request that took one sees one state of things.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from waypost.domain.policy import SourcePolicy
from waypost.domain.throttle import Pace
from waypost.observe import get_logger
from waypost.ports import ProviderSource
from waypost.service import rest
from waypost.store.engine import Database, StoreUnavailableError
from waypost.store.sealing import SealBrokenError, Sealer
from waypost.store.statements import Sql
from waypost.store.transaction import Tx

SHARDS: Final = 64
"""Sending numbers are spread over this many shards; a shard has one owner."""

_VERSION = Sql("SELECT value FROM meta WHERE name = 'directory_version'")
_BUMP = Sql(
    "INSERT INTO meta (name, value) VALUES ('directory_version', '1') "
    "ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(meta.value AS BIGINT) + 1 AS TEXT)"
)
_ACCOUNTS = Sql(
    "SELECT id, name, skip_optin, implicit_optin, linktrack, at_most_once, source_policy, stop_words, "
    "requests_per_second_max, queued_messages_max FROM accounts WHERE disabled_at_us IS NULL"
)
_KEYS = Sql("SELECT id, account_id, secret_hash, scopes, expires_at_us FROM api_keys WHERE revoked_at_us IS NULL")
_SOURCES = Sql(
    "SELECT id, account_id, name, phone_number, phone_number_id, waba_id, provider, access_token_sealed, "
    "app_secret_sealed, app_secret_old_sealed, app_secret_old_until_us, verify_token_sealed, is_default, has_groups, "
    "rate_per_second, burst, shard, paused_reason FROM sources WHERE deleted_at_us IS NULL ORDER BY created_at_us, id"
)
_ENDPOINTS = Sql(
    "SELECT id, account_id, name, url, kinds, headers_sealed, secret_sealed, secret_old_sealed, secret_old_until_us, "
    "max_batch, timestamps, source_ids, stickers, failing_since_us, disabled_reason FROM webhook_endpoints "
    "WHERE deleted_at_us IS NULL ORDER BY created_at_us, id"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A tenant and its switches."""

    id: str
    name: str
    skip_optin: bool
    implicit_optin: bool
    linktrack: bool
    at_most_once: bool
    source_policy: SourcePolicy
    stop_words: tuple[str, ...]
    requests_per_second_max: float | None
    queued_messages_max: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """What a presented key is checked against; ``secret_hash`` is the hex SHA-256 of the whole key."""

    id: str
    account_id: str
    secret_hash: str
    scopes: frozenset[str]
    expires_at_us: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A sending identity; ``access_token``, ``app_secrets`` and ``verify_token`` are open: never log this."""

    id: str
    account_id: str
    name: str
    phone_number: str
    phone_number_id: str
    waba_id: str
    provider: str
    access_token: str = field(repr=False)
    app_secret: str | None = field(repr=False)
    app_secret_old: str | None = field(repr=False)
    app_secret_old_until_us: int | None
    verify_token: str = field(repr=False)
    is_default: bool
    has_groups: bool
    pace: Pace | None
    shard: int
    paused_reason: str | None

    @property
    def identity(self) -> ProviderSource:
        """What the provider knows it by."""
        return identity_of(
            self.id,
            provider=self.provider,
            phone_number_id=self.phone_number_id,
            access_token=self.access_token,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A subscriber's URL; ``secrets`` has the current one first, and the former while both are valid."""

    id: str
    account_id: str
    name: str
    url: str
    kinds: frozenset[str]
    headers: Mapping[str, str] = field(repr=False)
    secret: str = field(repr=False)
    secret_old: str | None = field(repr=False)
    secret_old_until_us: int | None
    max_batch: int
    timestamps: str | None
    source_ids: frozenset[str] | None
    stickers: bool
    failing_since_us: int | None
    disabled_reason: str | None

    def wants(self, kind: str, source_id: str | None) -> bool:
        """
        Say whether an event of this kind about this source, or about none, is for this endpoint.

        What is about no source concerns the account, and an endpoint for some sources hears it too.

        A disabled endpoint wants them too: it receives nothing, but what happens meanwhile waits until it is enabled.
        """
        return kind in self.kinds and (self.source_ids is None or source_id is None or source_id in self.source_ids)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One state of things."""

    version: int
    accounts: Mapping[str, Account]
    keys: Mapping[str, ApiKey]
    sources: Mapping[str, Source]
    default_sources: Mapping[str, Source]
    sources_by_phone_number_id: Mapping[str, Source]
    endpoints: Mapping[str, Endpoint]
    endpoints_by_account: Mapping[str, tuple[Endpoint, ...]]

    def source_of(self, account_id: str, named: str | None) -> Source | None:
        """Return the account's source of this id, its default one for None; None if there is no such."""
        if named is None:
            return self.default_sources.get(account_id)
        source = self.sources.get(named)
        return source if source is not None and source.account_id == account_id else None

    def sources_of(self, account_id: str) -> list[Source]:
        """Return all sources of the account, in the order of their names."""
        own = (source for source in self.sources.values() if source.account_id == account_id)
        return sorted(own, key=lambda source: (source.name.lower(), source.id))

    def source_reaching(self, account_id: str, waba_id: str) -> Source | None:
        """Return a source of the account whose token reaches this business account; the default one if it does."""
        default = self.default_sources.get(account_id)
        if default is not None and default.waba_id == waba_id:
            return default
        own = (source for source in self.sources.values() if source.account_id == account_id)
        return next((source for source in own if source.waba_id == waba_id), None)


EMPTY: Final = Snapshot(-1, {}, {}, {}, {}, {}, {}, {})


def identity_of(source_id: str, *, provider: str, phone_number_id: str, access_token: str) -> ProviderSource:
    """Return what the provider knows a source by, one that is stored or one that is still to be checked."""
    return ProviderSource(
        source_id=source_id,
        provider=provider,
        phone_number_id=phone_number_id,
        access_token=access_token,
    )


def bump_directory(tx: Tx) -> None:
    """Count a change; call it in the transaction that makes the change."""
    tx.for_all_accounts().run(_BUMP)


def shard_of(source_id: str) -> int:
    """Return the shard of a source: stable for ever, spread evenly."""
    return int.from_bytes(hashlib.sha256(source_id.encode()).digest()[:4]) % SHARDS


class Directory:
    """The newest snapshot, kept fresh by ``run``."""

    name = "directory"

    def __init__(self, database: Database, sealer: Sealer, *, poll_seconds: float = 0.5) -> None:
        self._database = database
        self._sealer = sealer
        self._poll_seconds = poll_seconds
        self.now = EMPTY
        self._log = get_logger("store")

    async def refresh(self) -> None:
        """Read everything anew if the version has moved. Raises ``StoreUnavailableError``."""
        known = self.now.version
        fresh = await self._database.read(lambda tx: self._load_if_newer(tx, known))
        if fresh is not None and fresh.version >= self.now.version:
            self.now = fresh

    async def run(self, stopping: asyncio.Event) -> None:
        """Refresh until stopped; while the database is away, or a secret does not open, the last snapshot stays."""
        told = ""
        while not stopping.is_set():
            # While the database is away the writers report it, and readers go on with what is known.
            with contextlib.suppress(StoreUnavailableError):
                try:
                    await self.refresh()
                except SealBrokenError as error:
                    # Another node seals with a key that this one lacks: it must not take this one down.
                    if str(error) != told:
                        told = str(error)
                        self._log.error("directory.seal_broken", error=told)
                else:
                    told = ""
            await rest(stopping, self._poll_seconds)

    def _load_if_newer(self, tx: Tx, known: int) -> Snapshot | None:
        row = tx.one(_VERSION)
        version = int(row[0]) if row else 0
        return None if version == known else self.load(tx, version)

    def load(self, tx: Tx, version: int) -> Snapshot:
        """Read everything in this transaction; ``version`` is what the snapshot will say it is."""
        accounts = {row[0]: _account(row) for row in tx.rows(_ACCOUNTS)}
        keys = {row[0]: _api_key(row) for row in tx.rows(_KEYS) if row[1] in accounts}
        sources = {row[0]: self._source(row) for row in tx.rows(_SOURCES) if row[1] in accounts}
        endpoints = {row[0]: self._endpoint(row) for row in tx.rows(_ENDPOINTS) if row[1] in accounts}
        defaults: dict[str, Source] = {}
        for source in sources.values():
            if source.account_id not in defaults or source.is_default:
                defaults[source.account_id] = source
        by_account: dict[str, tuple[Endpoint, ...]] = {}
        for endpoint in endpoints.values():
            by_account[endpoint.account_id] = (*by_account.get(endpoint.account_id, ()), endpoint)
        return Snapshot(
            version=version,
            accounts=accounts,
            keys=keys,
            sources=sources,
            default_sources=defaults,
            sources_by_phone_number_id={source.phone_number_id: source for source in sources.values()},
            endpoints=endpoints,
            endpoints_by_account=by_account,
        )

    def _open(self, sealed: bytes | None, place: str) -> str | None:
        return None if sealed is None else self._sealer.open(bytes(sealed), place=place)

    def _source(self, row: tuple[Any, ...]) -> Source:
        token = self._open(row[7], f"sources/{row[0]}/access_token")
        verify = self._open(row[11], f"sources/{row[0]}/verify_token")
        assert token is not None
        assert verify is not None
        return Source(
            id=row[0],
            account_id=row[1],
            name=row[2],
            phone_number=row[3],
            phone_number_id=row[4],
            waba_id=row[5],
            provider=row[6],
            access_token=token,
            app_secret=self._open(row[8], f"sources/{row[0]}/app_secret"),
            app_secret_old=self._open(row[9], f"sources/{row[0]}/app_secret_old"),
            app_secret_old_until_us=row[10],
            verify_token=verify,
            is_default=bool(row[12]),
            has_groups=bool(row[13]),
            pace=Pace(row[14], row[15]) if row[14] is not None and row[15] is not None else None,
            shard=row[16],
            paused_reason=row[17],
        )

    def _endpoint(self, row: tuple[Any, ...]) -> Endpoint:
        headers = self._open(row[5], f"webhook_endpoints/{row[0]}/headers")
        secret = self._open(row[6], f"webhook_endpoints/{row[0]}/secret")
        assert secret is not None
        return Endpoint(
            id=row[0],
            account_id=row[1],
            name=row[2],
            url=row[3],
            kinds=frozenset(orjson.loads(row[4])),
            headers=orjson.loads(headers) if headers else {},
            secret=secret,
            secret_old=self._open(row[7], f"webhook_endpoints/{row[0]}/secret_old"),
            secret_old_until_us=row[8],
            max_batch=row[9],
            timestamps=row[10],
            source_ids=frozenset(orjson.loads(row[11])) if row[11] else None,
            stickers=bool(row[12]),
            failing_since_us=row[13],
            disabled_reason=row[14],
        )


def _account(row: tuple[Any, ...]) -> Account:
    return Account(
        id=row[0],
        name=row[1],
        skip_optin=bool(row[2]),
        implicit_optin=bool(row[3]),
        linktrack=bool(row[4]),
        at_most_once=bool(row[5]),
        source_policy=SourcePolicy(row[6]),
        stop_words=tuple(orjson.loads(row[7])),
        requests_per_second_max=row[8],
        queued_messages_max=row[9],
    )


def _api_key(row: tuple[Any, ...]) -> ApiKey:
    return ApiKey(
        id=row[0],
        account_id=row[1],
        secret_hash=row[2],
        scopes=frozenset(orjson.loads(row[3])),
        expires_at_us=row[4],
    )
