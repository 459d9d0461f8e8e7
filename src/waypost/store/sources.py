"""
Sources: the sending numbers of an account, with the secrets that reach them.

Secrets enter open and are sealed here, each for its own place; nothing in this module gives one back. The number's id
at the provider is unique among all living sources, since it alone says whose an incoming webhook is.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from secrets import token_urlsafe
from typing import Final

from waypost.domain.throttle import Pace
from waypost.store.directory import bump_directory, shard_of
from waypost.store.sealing import SealBrokenError, Sealer
from waypost.store.statements import Sql
from waypost.store.transaction import Row, Tx

APP_SECRET_OVERLAP_US: Final = 24 * 3_600 * 1_000_000
"""A replaced app secret goes on being accepted this long: Meta signs with either while it is changed there."""


class PhoneNumberTakenError(Exception):
    """A living source, of this account or another, has this ``phone_number_id`` already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSource:
    """
    What a source is made of.

    ``phone_number`` is digits without ``+``. ``provider`` is ``meta`` or ``sandbox``. ``app_secret`` None: webhooks of
    this number cannot be checked, and are refused. ``pace`` None: the gateway's own. ``is_default``: messages that name
    no source go out here; an account's first source is its default whatever this says.
    """

    id: str
    account_id: str
    name: str
    phone_number: str
    phone_number_id: str
    waba_id: str
    provider: str
    access_token: str = field(repr=False)
    verify_token: str = field(repr=False)
    app_secret: str | None = field(default=None, repr=False)
    is_default: bool = False
    has_groups: bool = False
    pace: Pace | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRecord:
    """One source as stored, without its secrets; ``paused_reason`` None: it sends."""

    id: str
    account_id: str
    name: str
    phone_number: str
    phone_number_id: str
    waba_id: str
    provider: str
    is_default: bool
    has_groups: bool
    pace: Pace | None
    paused_reason: str | None
    paused_at_us: int | None
    has_app_secret: bool
    app_secret_old_until_us: int | None
    created_at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSecrets:
    """Secrets to put in place of the present ones; None leaves one as it is."""

    access_token: str | None = field(default=None, repr=False)
    app_secret: str | None = field(default=None, repr=False)
    verify_token: str | None = field(default=None, repr=False)


NO_NEW_SECRETS: Final = NewSecrets()
VERIFY_TOKEN_BYTES: Final = 24

_COLUMNS: Final = (
    "id, account_id, name, phone_number, phone_number_id, waba_id, provider, is_default, has_groups, rate_per_second, "
    "burst, paused_reason, paused_at_us, app_secret_sealed IS NOT NULL, app_secret_old_until_us, created_at_us"
)
_OWN: Final = "account_id = :account_id AND id = :id AND deleted_at_us IS NULL"
_LOCK_ACCOUNT: Final = Sql("SELECT id FROM accounts WHERE id = :account_id FOR UPDATE")
_HAS_ANY: Final = Sql("SELECT 1 FROM sources WHERE account_id = :account_id AND deleted_at_us IS NULL LIMIT 1")
_INSERT: Final = Sql(
    "INSERT INTO sources (id, account_id, name, phone_number, phone_number_id, waba_id, provider, "
    "access_token_sealed, app_secret_sealed, verify_token_sealed, is_default, has_groups, rate_per_second, burst, "
    "shard, created_at_us) VALUES (:id, :account_id, :name, :phone_number, :phone_number_id, :waba_id, :provider, "
    ":access_token_sealed, :app_secret_sealed, :verify_token_sealed, :is_default, :has_groups, :rate_per_second, "
    ":burst, :shard, :now_us) ON CONFLICT (phone_number_id) WHERE deleted_at_us IS NULL DO NOTHING"
)
_CLEAR_DEFAULT: Final = Sql(
    "UPDATE sources SET is_default = 0 WHERE account_id = :account_id AND is_default = 1 AND id <> :id"
)
_FIND: Final = Sql(f"SELECT {_COLUMNS} FROM sources WHERE {_OWN}")  # noqa: S608
_LOCK: Final = Sql(f"SELECT {_COLUMNS} FROM sources WHERE {_OWN} FOR UPDATE")  # noqa: S608
_LIST: Final = Sql(
    f"SELECT {_COLUMNS} FROM sources WHERE account_id = :account_id AND deleted_at_us IS NULL "  # noqa: S608
    "AND id > :after ORDER BY id LIMIT :at_most"
)
_TAKEN: Final = Sql(
    "SELECT 1 FROM sources WHERE phone_number_id = :phone_number_id AND deleted_at_us IS NULL AND id <> :id"
)
_SAVE: Final = Sql(
    "UPDATE sources SET name = :name, phone_number = :phone_number, phone_number_id = :phone_number_id, "  # noqa: S608
    "waba_id = :waba_id, provider = :provider, is_default = :is_default, has_groups = :has_groups, "
    f"rate_per_second = :rate_per_second, burst = :burst WHERE {_OWN}"
)
_SET_ACCESS_TOKEN: Final = Sql(
    f"UPDATE sources SET access_token_sealed = :sealed, set_up_at_us = :now_us WHERE {_OWN}"  # noqa: S608
)
_SET_VERIFY_TOKEN: Final = Sql(f"UPDATE sources SET verify_token_sealed = :sealed WHERE {_OWN}")  # noqa: S608
_OLD_SECRET: Final = Sql(f"SELECT app_secret_sealed FROM sources WHERE {_OWN}")  # noqa: S608
_SET_APP_SECRET: Final = Sql(
    "UPDATE sources SET app_secret_sealed = :sealed, app_secret_old_sealed = :old_sealed, "  # noqa: S608
    f"app_secret_old_until_us = :old_until_us WHERE {_OWN}"
)
_PAUSE: Final = Sql(
    "UPDATE sources SET paused_reason = :reason, paused_at_us = COALESCE(paused_at_us, :now_us) "  # noqa: S608
    f"WHERE {_OWN}"
)
_RESUME: Final = Sql(
    f"UPDATE sources SET paused_reason = NULL, paused_at_us = NULL, set_up_at_us = :now_us WHERE {_OWN}"  # noqa: S608
)
_DELETE: Final = Sql(f"UPDATE sources SET deleted_at_us = :now_us, is_default = 0 WHERE {_OWN}")  # noqa: S608
_PROMOTE: Final = Sql(
    "UPDATE sources SET is_default = 1 WHERE account_id = :account_id AND id = (SELECT id FROM sources "
    "WHERE account_id = :account_id AND deleted_at_us IS NULL ORDER BY created_at_us, id LIMIT 1)"
)


def new_verify_token() -> str:
    """Return a random token for the handshake of a source's webhook, to be entered at the provider."""
    return token_urlsafe(VERIFY_TOKEN_BYTES)


def create_source(tx: Tx, sealer: Sealer, new: NewSource, *, now_us: int) -> SourceRecord | None:
    """
    Add a source and return it as stored; None if there is no such account.

    Raises: PhoneNumberTakenError, and then nothing has changed.
    """
    if tx.one(_LOCK_ACCOUNT, account_id=new.account_id) is None:
        return None
    is_default = new.is_default or tx.one(_HAS_ANY, account_id=new.account_id) is None
    inserted = tx.run(
        _INSERT,
        id=new.id,
        account_id=new.account_id,
        name=new.name,
        phone_number=new.phone_number,
        phone_number_id=new.phone_number_id,
        waba_id=new.waba_id,
        provider=new.provider,
        access_token_sealed=_seal(sealer, new.access_token, source_id=new.id, column="access_token"),
        app_secret_sealed=new.app_secret and _seal(sealer, new.app_secret, source_id=new.id, column="app_secret"),
        verify_token_sealed=_seal(sealer, new.verify_token, source_id=new.id, column="verify_token"),
        is_default=int(is_default),
        has_groups=int(new.has_groups),
        rate_per_second=new.pace and new.pace.rate,
        burst=new.pace and new.pace.burst,
        shard=shard_of(new.id),
        now_us=now_us,
    )
    if inserted == 0:
        raise PhoneNumberTakenError
    if is_default:
        tx.run(_CLEAR_DEFAULT, account_id=new.account_id, id=new.id)
    bump_directory(tx)
    return find_source(tx, new.account_id, new.id)


def find_source(tx: Tx, account_id: str, source_id: str) -> SourceRecord | None:
    """Return one living source of the account."""
    row = tx.one(_FIND, account_id=account_id, id=source_id)
    return None if row is None else _record(row)


def list_sources(tx: Tx, account_id: str, *, after: str = "", at_most: int) -> list[SourceRecord]:
    """Return the account's living sources in the order of their ids, from the one behind ``after`` on."""
    return [_record(row) for row in tx.rows(_LIST, account_id=account_id, after=after, at_most=at_most)]


def change_source(
    tx: Tx,
    sealer: Sealer,
    account_id: str,
    source_id: str,
    change: Callable[[SourceRecord], SourceRecord],
    *,
    secrets: NewSecrets = NO_NEW_SECRETS,
    now_us: int,
) -> SourceRecord | None:
    """
    Replace a source by what ``change`` makes of it, put new secrets in place, and return it; None if there is none.

    A replaced app secret stays valid for another 24 h. A default cannot be unmade, only made elsewhere: an account with
    sources always has one. Pausing has its own operations.

    Raises: PhoneNumberTakenError, and then nothing has changed.
    """
    tx.one(_LOCK_ACCOUNT, account_id=account_id)
    row = tx.one(_LOCK, account_id=account_id, id=source_id)
    if row is None:
        return None
    before = _record(row)
    after = change(before)
    after = replace(after, is_default=after.is_default or before.is_default)
    if after.phone_number_id != before.phone_number_id and tx.for_all_accounts().one(
        _TAKEN, phone_number_id=after.phone_number_id, id=source_id
    ):
        raise PhoneNumberTakenError
    tx.run(
        _SAVE,
        account_id=account_id,
        id=source_id,
        name=after.name,
        phone_number=after.phone_number,
        phone_number_id=after.phone_number_id,
        waba_id=after.waba_id,
        provider=after.provider,
        is_default=int(after.is_default),
        has_groups=int(after.has_groups),
        rate_per_second=after.pace and after.pace.rate,
        burst=after.pace and after.pace.burst,
    )
    if after.is_default and not before.is_default:
        tx.run(_CLEAR_DEFAULT, account_id=account_id, id=source_id)
    _put_secrets(tx, sealer, account_id, source_id, secrets, now_us=now_us)
    bump_directory(tx)
    return find_source(tx, account_id, source_id)


def pause_source(tx: Tx, account_id: str, source_id: str, *, reason: str, now_us: int) -> SourceRecord | None:
    """Stop sending from a source until it is resumed; a second call changes the reason, not the time."""
    tx.run(_PAUSE, account_id=account_id, id=source_id, reason=reason, now_us=now_us)
    bump_directory(tx)
    return find_source(tx, account_id, source_id)


def resume_source(tx: Tx, account_id: str, source_id: str, *, now_us: int) -> SourceRecord | None:
    """Let a source send again; one that was not paused stays as it is."""
    tx.run(_RESUME, account_id=account_id, id=source_id, now_us=now_us)
    bump_directory(tx)
    return find_source(tx, account_id, source_id)


def delete_source(tx: Tx, account_id: str, source_id: str, *, now_us: int) -> bool:
    """
    Take a source out of use; False if the account has none of this id. Its messages stay, for look-up.

    If it was the default, the oldest that is left becomes it.
    """
    tx.one(_LOCK_ACCOUNT, account_id=account_id)
    before = find_source(tx, account_id, source_id)
    if before is None:
        return False
    tx.run(_DELETE, account_id=account_id, id=source_id, now_us=now_us)
    if before.is_default:
        tx.run(_PROMOTE, account_id=account_id)
    bump_directory(tx)
    return True


def _seal(sealer: Sealer, secret: str, *, source_id: str, column: str) -> bytes:
    return sealer.seal(secret, place=f"sources/{source_id}/{column}")


def _put_secrets(tx: Tx, sealer: Sealer, account_id: str, source_id: str, secrets: NewSecrets, *, now_us: int) -> None:
    own = {"account_id": account_id, "id": source_id}
    if secrets.access_token is not None:
        sealed = _seal(sealer, secrets.access_token, source_id=source_id, column="access_token")
        tx.run(_SET_ACCESS_TOKEN, sealed=sealed, now_us=now_us, **own)
    if secrets.verify_token is not None:
        sealed = _seal(sealer, secrets.verify_token, source_id=source_id, column="verify_token")
        tx.run(_SET_VERIFY_TOKEN, sealed=sealed, **own)
    if secrets.app_secret is not None:
        row = tx.one(_OLD_SECRET, **own)
        old_sealed = None
        if row is not None and row[0] is not None:
            # A sealed value opens only in its own place, so the old one is sealed anew for where it moves. One whose
            # key is lost must not keep a new one from its place.
            with contextlib.suppress(SealBrokenError):
                old = sealer.open(bytes(row[0]), place=f"sources/{source_id}/app_secret")
                old_sealed = _seal(sealer, old, source_id=source_id, column="app_secret_old")
        tx.run(
            _SET_APP_SECRET,
            sealed=_seal(sealer, secrets.app_secret, source_id=source_id, column="app_secret"),
            old_sealed=old_sealed,
            old_until_us=None if old_sealed is None else now_us + APP_SECRET_OVERLAP_US,
            **own,
        )


def _record(row: Row) -> SourceRecord:
    return SourceRecord(
        id=row[0],
        account_id=row[1],
        name=row[2],
        phone_number=row[3],
        phone_number_id=row[4],
        waba_id=row[5],
        provider=row[6],
        is_default=bool(row[7]),
        has_groups=bool(row[8]),
        pace=Pace(row[9], row[10]) if row[9] is not None and row[10] is not None else None,
        paused_reason=row[11],
        paused_at_us=row[12],
        has_app_secret=bool(row[13]),
        app_secret_old_until_us=row[14],
        created_at_us=row[15],
    )
