"""
Users of the console. They belong to the installation, and each to all accounts or to one.

Whoever changes a user in a way that must end what they do now also ends their sessions, in the same transaction
(``waypost.store.console_sessions``).
"""

from dataclasses import dataclass, field
from typing import Final

from waypost.domain.users import Role
from waypost.store.sealing import Sealer
from waypost.store.statements import Sql
from waypost.store.transaction import Row, Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRecord:
    """One user as stored; ``account_id`` None: all accounts. ``disabled_at_us`` None: may sign in."""

    id: str
    account_id: str | None
    name: str
    role: Role
    password_hash: str = field(repr=False)
    has_second_factor: bool
    created_at_us: int
    signed_in_at_us: int | None
    disabled_at_us: int | None


class NameTakenError(Exception):
    """Another user has this name already."""


_COLUMNS: Final = (
    "u.id, u.account_id, u.name, u.role, u.password_hash, u.second_factor_sealed IS NOT NULL, u.created_at_us, "
    "u.signed_in_at_us, u.disabled_at_us"
)
_INSERT: Final = Sql(
    "INSERT INTO console_users (id, account_id, name, role, password_hash, created_at_us) "
    "VALUES (:id, :account_id, :name, :role, :password_hash, :now_us) ON CONFLICT (name) DO NOTHING"
)
_INSERT_FIRST: Final = Sql(
    "INSERT INTO console_users (id, account_id, name, role, password_hash, created_at_us) "
    "SELECT :id, NULL, :name, 'admin', :password_hash, :now_us WHERE NOT EXISTS (SELECT 1 FROM console_users)"
)
_LOCK_FIRST: Final = Sql("INSERT INTO meta (name, value) VALUES ('first_user', :id) ON CONFLICT (name) DO NOTHING")
_ANY_USER: Final = Sql("SELECT 1 FROM console_users LIMIT 1")
_LIST: Final = Sql(f"SELECT {_COLUMNS} FROM console_users u ORDER BY u.name")  # noqa: S608
_BY_ID: Final = Sql(f"SELECT {_COLUMNS} FROM console_users u WHERE u.id = :id FOR UPDATE")  # noqa: S608
_BY_NAME: Final = Sql(f"SELECT {_COLUMNS} FROM console_users u WHERE u.name = :name")  # noqa: S608
_SET_PASSWORD: Final = Sql("UPDATE console_users SET password_hash = :password_hash WHERE id = :id")
_SET_ROLE: Final = Sql("UPDATE console_users SET role = :role, account_id = :account_id WHERE id = :id")
_SET_DISABLED: Final = Sql("UPDATE console_users SET disabled_at_us = :at_us WHERE id = :id")
_SET_FACTOR: Final = Sql(
    "UPDATE console_users SET second_factor_sealed = :sealed, second_factor_step = :step WHERE id = :id"
)
_FACTOR: Final = Sql("SELECT second_factor_sealed FROM console_users WHERE id = :id")
_USE_STEP: Final = Sql(
    "UPDATE console_users SET second_factor_step = :step WHERE id = :id AND second_factor_step < :step"
)
_SIGNED_IN: Final = Sql("UPDATE console_users SET signed_in_at_us = :now_us WHERE id = :id")
_DELETE: Final = Sql("DELETE FROM console_users WHERE id = :id")
_ADMINS: Final = Sql(
    "SELECT id FROM console_users WHERE role = 'admin' AND account_id IS NULL AND disabled_at_us IS NULL "
    "ORDER BY id FOR UPDATE"
)


def create_user(
    tx: Tx, *, user_id: str, account_id: str | None, name: str, role: Role, password_hash: str, now_us: int
) -> None:
    """Add a user. Raises ``NameTakenError``."""
    written = tx.run(
        _INSERT,
        id=user_id,
        account_id=account_id,
        name=name,
        role=role.word,
        password_hash=password_hash,
        now_us=now_us,
    )
    if not written:
        raise NameTakenError(name)


def create_first_user(tx: Tx, *, user_id: str, name: str, password_hash: str, now_us: int) -> bool:
    """Add the installation's first user, an admin of all accounts; False: somebody was sooner."""
    # Of two at once on PostgreSQL the second waits here for the first, and then finds that there is one.
    if not tx.run(_LOCK_FIRST, id=user_id) and has_users(tx):
        return False
    return tx.run(_INSERT_FIRST, id=user_id, name=name, password_hash=password_hash, now_us=now_us) > 0


def has_users(tx: Tx) -> bool:
    """Say whether anybody can be known to the console yet."""
    return tx.one(_ANY_USER) is not None


def list_users(tx: Tx) -> list[UserRecord]:
    """Return all users by name."""
    return [_record(row) for row in tx.rows(_LIST)]


def hold_user(tx: Tx, user_id: str) -> UserRecord | None:
    """Return a user by id, held until the transaction that changes them ends."""
    row = tx.one(_BY_ID, id=user_id)
    return None if row is None else _record(row)


def find_user_named(tx: Tx, name: str) -> UserRecord | None:
    """Return a user by name, as stored (``plain_name``)."""
    row = tx.one(_BY_NAME, name=name)
    return None if row is None else _record(row)


def set_password(tx: Tx, user_id: str, *, password_hash: str) -> None:
    """Give a user another password."""
    tx.run(_SET_PASSWORD, id=user_id, password_hash=password_hash)


def set_role(tx: Tx, user_id: str, *, role: Role, account_id: str | None) -> None:
    """Give a user another role, and the account it is for."""
    tx.run(_SET_ROLE, id=user_id, role=role.word, account_id=account_id)


def set_disabled(tx: Tx, user_id: str, *, at_us: int | None) -> None:
    """Refuse a user since then, or let them in again."""
    tx.run(_SET_DISABLED, id=user_id, at_us=at_us)


def set_second_factor(tx: Tx, sealer: Sealer, user_id: str, *, secret: str | None, step: int = 0) -> None:
    """Ask a user for a second factor from now on, or no more; codes up to ``step`` are used up."""
    sealed = None if secret is None else sealer.seal(secret, place=_factor_place(user_id))
    tx.run(_SET_FACTOR, id=user_id, sealed=sealed, step=step)


def second_factor_of(tx: Tx, sealer: Sealer, user_id: str) -> str | None:
    """Return the secret of a user's second factor, if they have one. Raises ``SealBrokenError``."""
    row = tx.one(_FACTOR, id=user_id)
    return None if row is None or row[0] is None else sealer.open(bytes(row[0]), place=_factor_place(user_id))


def use_second_factor(tx: Tx, user_id: str, *, step: int) -> bool:
    """Use up the codes to this time step; False: one of it, or a later one, was used before."""
    return tx.run(_USE_STEP, id=user_id, step=step) > 0


def note_sign_in(tx: Tx, user_id: str, *, now_us: int) -> None:
    """Note when a user has signed in."""
    tx.run(_SIGNED_IN, id=user_id, now_us=now_us)


def delete_user(tx: Tx, user_id: str) -> None:
    """Remove a user."""
    tx.run(_DELETE, id=user_id)


def lock_admins(tx: Tx) -> frozenset[str]:
    """Return who can administer the whole installation, held so that two changes cannot each take the other half."""
    return frozenset(row[0] for row in tx.rows(_ADMINS))


def _factor_place(user_id: str) -> str:
    return f"console_users/{user_id}/second_factor"


def _record(row: Row) -> UserRecord:
    return UserRecord(
        id=row[0],
        account_id=row[1],
        name=row[2],
        role=Role[row[3].upper()],
        password_hash=row[4],
        has_second_factor=bool(row[5]),
        created_at_us=row[6],
        signed_in_at_us=row[7],
        disabled_at_us=row[8],
    )
