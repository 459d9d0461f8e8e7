"""
Webhook endpoints: where an account wants to be told, and the secrets its webhooks are signed with.

Secrets and custom headers are sealed here, each for its own place. A secret is returned only where it is made: by
``new_webhook_secret``, to be shown once.
"""

import base64
import contextlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import orjson

from waypost.store.directory import bump_directory
from waypost.store.sealing import SealBrokenError, Sealer
from waypost.store.statements import Sql
from waypost.store.transaction import Row, Tx

SECRET_BYTES: Final = 32
SECRET_OVERLAP_US: Final = 24 * 3_600 * 1_000_000
"""Both secrets sign for this long after a rotation (HOOK-7)."""
BATCH_ENTRIES_MAX: Final = 1_000
"""Contract, section 8.1."""

Timestamps = Literal["date", "unix"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEndpoint:
    """
    What an endpoint is made of; its URL and headers have been checked against the outbound guard.

    ``kinds``: ``incoming``, ``event`` or both. ``timestamps`` None: dates in events, unix seconds in incoming messages.
    ``source_ids`` None: of all the account's sources. ``secret`` is in the form ``whsec_<base64>``.
    """

    id: str
    account_id: str
    name: str
    url: str
    kinds: frozenset[str]
    secret: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    max_batch: int = 1
    timestamps: Timestamps | None = None
    source_ids: frozenset[str] | None = None
    stickers: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointRecord:
    """
    One endpoint as stored, without secrets or headers' values.

    ``disabled_reason`` None: it is in use. ``failing_since_us`` None: the last delivery went well, or none was tried.
    """

    id: str
    account_id: str
    name: str
    url: str
    kinds: frozenset[str]
    header_names: tuple[str, ...]
    max_batch: int
    timestamps: Timestamps | None
    source_ids: frozenset[str] | None
    stickers: bool
    secret_old_until_us: int | None
    disabled_reason: str | None
    disabled_at_us: int | None
    failing_since_us: int | None
    created_at_us: int


_COLUMNS: Final = (
    "id, account_id, name, url, kinds, headers_sealed, max_batch, timestamps, source_ids, stickers, "
    "secret_old_until_us, disabled_reason, disabled_at_us, failing_since_us, created_at_us"
)
_OWN: Final = "account_id = :account_id AND id = :id AND deleted_at_us IS NULL"
_INSERT: Final = Sql(
    "INSERT INTO webhook_endpoints (id, account_id, name, url, kinds, headers_sealed, secret_sealed, max_batch, "
    "timestamps, source_ids, stickers, created_at_us) VALUES (:id, :account_id, :name, :url, :kinds, :headers_sealed, "
    ":secret_sealed, :max_batch, :timestamps, :source_ids, :stickers, :now_us)"
)
_FIND: Final = Sql(f"SELECT {_COLUMNS} FROM webhook_endpoints WHERE {_OWN}")  # noqa: S608
_LOCK: Final = Sql(f"SELECT {_COLUMNS} FROM webhook_endpoints WHERE {_OWN} FOR UPDATE")  # noqa: S608
_LIST: Final = Sql(
    f"SELECT {_COLUMNS} FROM webhook_endpoints WHERE account_id = :account_id AND deleted_at_us IS NULL "  # noqa: S608
    "AND id > :after ORDER BY id LIMIT :at_most"
)
_SAVE: Final = Sql(
    "UPDATE webhook_endpoints SET name = :name, url = :url, kinds = :kinds, max_batch = :max_batch, "  # noqa: S608
    f"timestamps = :timestamps, source_ids = :source_ids, stickers = :stickers WHERE {_OWN}"
)
_SET_HEADERS: Final = Sql(f"UPDATE webhook_endpoints SET headers_sealed = :sealed WHERE {_OWN}")  # noqa: S608
_SECRET: Final = Sql(f"SELECT secret_sealed FROM webhook_endpoints WHERE {_OWN} FOR UPDATE")  # noqa: S608
_ROTATE: Final = Sql(
    "UPDATE webhook_endpoints SET secret_sealed = :sealed, secret_old_sealed = :old_sealed, "  # noqa: S608
    f"secret_old_until_us = :old_until_us WHERE {_OWN}"
)
_DISABLE: Final = Sql(
    "UPDATE webhook_endpoints SET disabled_reason = :reason, disabled_at_us = COALESCE(disabled_at_us, :now_us) "  # noqa: S608
    f"WHERE {_OWN}"
)
_ENABLE: Final = Sql(
    "UPDATE webhook_endpoints SET disabled_reason = NULL, disabled_at_us = NULL, failing_since_us = NULL "  # noqa: S608
    f"WHERE {_OWN}"
)
_DELETE: Final = Sql(f"UPDATE webhook_endpoints SET deleted_at_us = :now_us WHERE {_OWN}")  # noqa: S608


def new_webhook_secret() -> str:
    """Return a fresh signing secret in the form of Standard Webhooks (spec 1.0.0, read Sep 2026)."""
    return "whsec_" + base64.b64encode(os.urandom(SECRET_BYTES)).decode()


def create_endpoint(tx: Tx, sealer: Sealer, new: NewEndpoint, *, now_us: int) -> EndpointRecord:
    """Add an endpoint and return it as stored; it is told of what happens from now on."""
    tx.run(
        _INSERT,
        id=new.id,
        account_id=new.account_id,
        name=new.name,
        url=new.url,
        kinds=_as_list(new.kinds),
        headers_sealed=_seal_headers(sealer, new.id, new.headers),
        secret_sealed=sealer.seal(new.secret, place=f"webhook_endpoints/{new.id}/secret"),
        max_batch=new.max_batch,
        timestamps=new.timestamps,
        source_ids=None if new.source_ids is None else _as_list(new.source_ids),
        stickers=int(new.stickers),
        now_us=now_us,
    )
    bump_directory(tx)
    created = find_endpoint(tx, sealer, new.account_id, new.id)
    assert created is not None
    return created


def find_endpoint(tx: Tx, sealer: Sealer, account_id: str, endpoint_id: str) -> EndpointRecord | None:
    """Return one endpoint of the account, disabled ones too."""
    row = tx.one(_FIND, account_id=account_id, id=endpoint_id)
    return None if row is None else _record(sealer, row)


def list_endpoints(tx: Tx, sealer: Sealer, account_id: str, *, after: str = "", at_most: int) -> list[EndpointRecord]:
    """Return the account's endpoints in the order of their ids, from the one behind ``after`` on."""
    return [_record(sealer, row) for row in tx.rows(_LIST, account_id=account_id, after=after, at_most=at_most)]


def change_endpoint(
    tx: Tx,
    sealer: Sealer,
    account_id: str,
    endpoint_id: str,
    change: Callable[[EndpointRecord], EndpointRecord],
    *,
    headers: Mapping[str, str] | None = None,
) -> EndpointRecord | None:
    """
    Replace an endpoint by what ``change`` makes of it and return it; None if there is none.

    ``headers`` None leaves the custom headers, an empty mapping takes them away. Disabling has its own operations.
    """
    row = tx.one(_LOCK, account_id=account_id, id=endpoint_id)
    if row is None:
        return None
    after = change(_record(sealer, row))
    own = {"account_id": account_id, "id": endpoint_id}
    tx.run(
        _SAVE,
        name=after.name,
        url=after.url,
        kinds=_as_list(after.kinds),
        max_batch=after.max_batch,
        timestamps=after.timestamps,
        source_ids=None if after.source_ids is None else _as_list(after.source_ids),
        stickers=int(after.stickers),
        **own,
    )
    if headers is not None:
        tx.run(_SET_HEADERS, sealed=_seal_headers(sealer, endpoint_id, headers), **own)
    bump_directory(tx)
    return find_endpoint(tx, sealer, account_id, endpoint_id)


def rotate_secret(
    tx: Tx, sealer: Sealer, account_id: str, endpoint_id: str, *, secret: str, now_us: int
) -> EndpointRecord | None:
    """
    Sign with a new secret from now on, and with the present one beside it for 24 h; None if there is no endpoint.

    A present one that does not open, its key being lost, is replaced alone.
    """
    row = tx.one(_SECRET, account_id=account_id, id=endpoint_id)
    if row is None:
        return None
    place = f"webhook_endpoints/{endpoint_id}/secret"
    old_sealed = None
    with contextlib.suppress(SealBrokenError):
        old_sealed = sealer.seal(sealer.open(bytes(row[0]), place=place), place=f"{place}_old")
    tx.run(
        _ROTATE,
        account_id=account_id,
        id=endpoint_id,
        sealed=sealer.seal(secret, place=place),
        old_sealed=old_sealed,
        old_until_us=None if old_sealed is None else now_us + SECRET_OVERLAP_US,
    )
    bump_directory(tx)
    return find_endpoint(tx, sealer, account_id, endpoint_id)


def disable_endpoint(
    tx: Tx, sealer: Sealer, account_id: str, endpoint_id: str, *, reason: str, now_us: int
) -> EndpointRecord | None:
    """Stop telling an endpoint until it is enabled; a second call changes the reason, not the time."""
    tx.run(_DISABLE, account_id=account_id, id=endpoint_id, reason=reason, now_us=now_us)
    bump_directory(tx)
    return find_endpoint(tx, sealer, account_id, endpoint_id)


def enable_endpoint(tx: Tx, sealer: Sealer, account_id: str, endpoint_id: str) -> EndpointRecord | None:
    """Use an endpoint again, with a clean record; one that was in use stays so."""
    tx.run(_ENABLE, account_id=account_id, id=endpoint_id)
    bump_directory(tx)
    return find_endpoint(tx, sealer, account_id, endpoint_id)


def delete_endpoint(tx: Tx, account_id: str, endpoint_id: str, *, now_us: int) -> bool:
    """Take an endpoint out of use for good; False if the account has none of this id."""
    deleted = tx.run(_DELETE, account_id=account_id, id=endpoint_id, now_us=now_us)
    bump_directory(tx)
    return deleted == 1


def _as_list(words: frozenset[str]) -> str:
    return orjson.dumps(sorted(words)).decode()


def _seal_headers(sealer: Sealer, endpoint_id: str, headers: Mapping[str, str]) -> bytes | None:
    if not headers:
        return None
    return sealer.seal(orjson.dumps(dict(headers)).decode(), place=f"webhook_endpoints/{endpoint_id}/headers")


def _record(sealer: Sealer, row: Row) -> EndpointRecord:
    headers = {}
    if row[5] is not None:
        headers = orjson.loads(sealer.open(bytes(row[5]), place=f"webhook_endpoints/{row[0]}/headers"))
    return EndpointRecord(
        id=row[0],
        account_id=row[1],
        name=row[2],
        url=row[3],
        kinds=frozenset(orjson.loads(row[4])),
        header_names=tuple(headers),
        max_batch=row[6],
        timestamps=row[7],
        source_ids=None if row[8] is None else frozenset(orjson.loads(row[8])),
        stickers=bool(row[9]),
        secret_old_until_us=row[10],
        disabled_reason=row[11],
        disabled_at_us=row[12],
        failing_since_us=row[13],
        created_at_us=row[14],
    )
