"""
Accounts and the keys they are reached with.

A key is ``wp_<key id>_<secret>_<checksum>``: 10 letters and digits to find it by, 32 random bytes, and six hex digits
of CRC-32 so that a scanner of leaked secrets knows one when it sees it. Only its SHA-256 is stored: at 256 bits of
entropy nothing slower is needed (ASVS 5.0, 6.5.2). Every change here moves the directory in the same transaction, so
that all nodes know of it within the poll interval.
"""

import hashlib
import secrets
import string
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import orjson

from waypost.domain.consent import DEFAULT_STOP_WORDS
from waypost.domain.policy import SourcePolicy
from waypost.store.directory import bump_directory
from waypost.store.statements import Sql, UpdateMany
from waypost.store.tables import API_KEYS
from waypost.store.transaction import Row, Tx

KEY_PREFIX: Final = "wp_"
KEY_ID_CHARACTERS: Final = 10
SECRET_BYTES: Final = 32
SECRET_CHARACTERS: Final = 43
CHECKSUM_CHARACTERS: Final = 6
KEY_TAIL_CHARACTERS: Final = 1 + SECRET_CHARACTERS + 1 + CHECKSUM_CHARACTERS
"""What follows the key id, so that an id is found without a parser."""
_ALPHABET: Final = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSwitches:
    """
    What an account decides for itself.

    ``requests_per_second_max`` and ``queued_messages_max`` None: the gateway's own limits. ``at_most_once``: a message
    whose end is unknown is never sent again.
    """

    skip_optin: bool = False
    implicit_optin: bool = True
    linktrack: bool = False
    at_most_once: bool = False
    source_policy: SourcePolicy = SourcePolicy.STRICT
    stop_words: tuple[str, ...] = DEFAULT_STOP_WORDS
    requests_per_second_max: float | None = None
    queued_messages_max: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRecord:
    """One account as stored; ``disabled_at_us`` None: it works."""

    id: str
    name: str
    created_at_us: int
    disabled_at_us: int | None = None
    switches: AccountSwitches = field(default_factory=AccountSwitches)


@dataclass(frozen=True, slots=True, kw_only=True)
class MintedKey:
    """A new key; ``token`` is shown once and never stored."""

    id: str
    token: str = field(repr=False)
    secret_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """One key as stored; None in ``expires_at_us``: never; in the other times: not yet."""

    id: str
    account_id: str
    name: str
    scopes: frozenset[str]
    created_at_us: int
    expires_at_us: int | None = None
    revoked_at_us: int | None = None
    last_used_at_us: int | None = None


_ACCOUNT_COLUMNS: Final = (
    "id, name, created_at_us, disabled_at_us, skip_optin, implicit_optin, linktrack, at_most_once, source_policy, "
    "stop_words, requests_per_second_max, queued_messages_max"
)
_INSERT_ACCOUNT: Final = Sql(
    f"INSERT INTO accounts ({_ACCOUNT_COLUMNS}) VALUES (:id, :name, :created_at_us, :disabled_at_us, :skip_optin, "  # noqa: S608
    ":implicit_optin, :linktrack, :at_most_once, :source_policy, :stop_words, :requests_per_second_max, "
    ":queued_messages_max)"
)
_SAVE_ACCOUNT: Final = Sql(
    "UPDATE accounts SET name = :name, disabled_at_us = :disabled_at_us, skip_optin = :skip_optin, "
    "implicit_optin = :implicit_optin, linktrack = :linktrack, at_most_once = :at_most_once, "
    "source_policy = :source_policy, stop_words = :stop_words, requests_per_second_max = :requests_per_second_max, "
    "queued_messages_max = :queued_messages_max WHERE id = :id"
)
_FIND_ACCOUNT: Final = Sql(f"SELECT {_ACCOUNT_COLUMNS} FROM accounts WHERE id = :id")  # noqa: S608
_LOCK_ACCOUNT: Final = Sql(f"SELECT {_ACCOUNT_COLUMNS} FROM accounts WHERE id = :id FOR UPDATE")  # noqa: S608
_LIST_ACCOUNTS: Final = Sql(
    f"SELECT {_ACCOUNT_COLUMNS} FROM accounts WHERE id > :after ORDER BY id LIMIT :at_most"  # noqa: S608
)
_KEY_COLUMNS: Final = "id, account_id, name, scopes, created_at_us, expires_at_us, revoked_at_us, last_used_at_us"
_INSERT_KEY: Final = Sql(
    "INSERT INTO api_keys (id, account_id, name, secret_hash, scopes, created_at_us, expires_at_us) "
    "SELECT :id, a.id, :name, :secret_hash, :scopes, CAST(:created_at_us AS BIGINT), CAST(:expires_at_us AS BIGINT) "
    "FROM accounts a WHERE a.id = :account_id"
)
_FIND_KEY: Final = Sql(f"SELECT {_KEY_COLUMNS} FROM api_keys WHERE account_id = :account_id AND id = :id")  # noqa: S608
_LIST_KEYS: Final = Sql(
    f"SELECT {_KEY_COLUMNS} FROM api_keys WHERE account_id = :account_id AND id > :after ORDER BY id LIMIT :at_most"  # noqa: S608
)
_REVOKE_KEY: Final = Sql(
    "UPDATE api_keys SET revoked_at_us = :now_us WHERE account_id = :account_id AND id = :id AND revoked_at_us IS NULL"
)
_KEY_ACCOUNT: Final = Sql("SELECT account_id FROM api_keys WHERE id = :id")
_USE_KEYS: Final = UpdateMany(API_KEYS, ["last_used_at_us"], keys=["account_id", "id"])


def create_account(
    tx: Tx, *, account_id: str, name: str, now_us: int, switches: AccountSwitches | None = None
) -> AccountRecord:
    """Add an account and return it. An id that exists already is an error of the database."""
    record = AccountRecord(
        id=account_id, name=name, created_at_us=now_us, switches=AccountSwitches() if switches is None else switches
    )
    tx.run(_INSERT_ACCOUNT, created_at_us=now_us, **_account_values(record))
    bump_directory(tx)
    return record


def find_account(tx: Tx, account_id: str) -> AccountRecord | None:
    """Return an account, disabled ones too."""
    row = tx.one(_FIND_ACCOUNT, id=account_id)
    return None if row is None else _account_record(row)


def list_accounts(tx: Tx, *, after: str = "", at_most: int) -> list[AccountRecord]:
    """Return accounts in the order of their ids, from the one behind ``after`` on."""
    return [_account_record(row) for row in tx.rows(_LIST_ACCOUNTS, after=after, at_most=at_most)]


def change_account(tx: Tx, account_id: str, change: Callable[[AccountRecord], AccountRecord]) -> AccountRecord | None:
    """
    Replace an account by what ``change`` makes of it, and return that; None if there is no such account.

    The row is locked meanwhile. Id and time of creation stay whatever ``change`` says; disabling stops its keys.
    """
    row = tx.one(_LOCK_ACCOUNT, id=account_id)
    if row is None:
        return None
    record = change(_account_record(row))
    tx.run(_SAVE_ACCOUNT, **{**_account_values(record), "id": account_id})
    bump_directory(tx)
    return record


def mint_key() -> MintedKey:
    """Return a new random key; it works once ``create_key`` has stored it."""
    key_id = "".join(secrets.choice(_ALPHABET) for _ in range(KEY_ID_CHARACTERS))
    body = f"{KEY_PREFIX}{key_id}_{secrets.token_urlsafe(SECRET_BYTES)}"
    token = f"{body}_{_checksum(body)}"
    return MintedKey(id=key_id, token=token, secret_hash=hash_key(token))


def hash_key(token: str) -> str:
    """Return what is stored of a key: the hex SHA-256 of all of it."""
    return hashlib.sha256(token.encode()).hexdigest()


def key_id_of(token: str) -> str | None:
    """Return the key id inside a well-formed key, None for anything else. Says nothing about whether it is valid."""
    body, separator, checksum = token.rpartition("_")
    if not token.startswith(KEY_PREFIX) or not separator or checksum != _checksum(body):
        return None
    return token[len(KEY_PREFIX) : -KEY_TAIL_CHARACTERS] or None


def create_key(
    tx: Tx,
    *,
    account_id: str,
    key: MintedKey,
    name: str,
    scopes: frozenset[str],
    now_us: int,
    expires_at_us: int | None = None,
) -> bool:
    """Store a minted key; False if there is no such account. It works at once here, elsewhere within the poll."""
    inserted = tx.run(
        _INSERT_KEY,
        id=key.id,
        account_id=account_id,
        name=name,
        secret_hash=key.secret_hash,
        scopes=orjson.dumps(sorted(scopes)).decode(),
        created_at_us=now_us,
        expires_at_us=expires_at_us,
    )
    bump_directory(tx)
    return inserted == 1


def find_key(tx: Tx, account_id: str, key_id: str) -> KeyRecord | None:
    """Return one key of the account, revoked ones too."""
    row = tx.one(_FIND_KEY, account_id=account_id, id=key_id)
    return None if row is None else _key_record(row)


def find_account_of_key(tx: Tx, key_id: str) -> str | None:
    """Return the account a key id belongs to: for operators, who may name a key alone."""
    row = tx.one(_KEY_ACCOUNT, id=key_id)
    return None if row is None else str(row[0])


def list_keys(tx: Tx, account_id: str, *, after: str = "", at_most: int) -> list[KeyRecord]:
    """Return the account's keys in the order of their ids, from the one behind ``after`` on."""
    return [_key_record(row) for row in tx.rows(_LIST_KEYS, account_id=account_id, after=after, at_most=at_most)]


def revoke_key(tx: Tx, account_id: str, key_id: str, *, now_us: int) -> KeyRecord | None:
    """
    End a key for good and return it; None if the account has no such key.

    All nodes refuse it within a second (ISO-4). A second call changes nothing: the first time stands.
    """
    tx.run(_REVOKE_KEY, account_id=account_id, id=key_id, now_us=now_us)
    bump_directory(tx)
    return find_key(tx, account_id, key_id)


def record_key_use(tx: Tx, used: Mapping[tuple[str, str], int]) -> None:
    """Note when keys were last used: (account id, key id) to time. The directory does not move for it."""
    tx.write_many(_USE_KEYS, [(at_us, account_id, key_id) for (account_id, key_id), at_us in sorted(used.items())])


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode()) & 0xFFFFFF:06x}"


def _account_values(record: AccountRecord) -> dict[str, object]:
    switches = record.switches
    return {
        "id": record.id,
        "name": record.name,
        "disabled_at_us": record.disabled_at_us,
        "skip_optin": int(switches.skip_optin),
        "implicit_optin": int(switches.implicit_optin),
        "linktrack": int(switches.linktrack),
        "at_most_once": int(switches.at_most_once),
        "source_policy": switches.source_policy.value,
        "stop_words": orjson.dumps(switches.stop_words).decode(),
        "requests_per_second_max": switches.requests_per_second_max,
        "queued_messages_max": switches.queued_messages_max,
    }


def _account_record(row: Row) -> AccountRecord:
    return AccountRecord(
        id=row[0],
        name=row[1],
        created_at_us=row[2],
        disabled_at_us=row[3],
        switches=AccountSwitches(
            skip_optin=bool(row[4]),
            implicit_optin=bool(row[5]),
            linktrack=bool(row[6]),
            at_most_once=bool(row[7]),
            source_policy=SourcePolicy(row[8]),
            stop_words=tuple(orjson.loads(row[9])),
            requests_per_second_max=row[10],
            queued_messages_max=row[11],
        ),
    )


def _key_record(row: Row) -> KeyRecord:
    return KeyRecord(
        id=row[0],
        account_id=row[1],
        name=row[2],
        scopes=frozenset(orjson.loads(row[3])),
        created_at_us=row[4],
        expires_at_us=row[5],
        revoked_at_us=row[6],
        last_used_at_us=row[7],
    )
