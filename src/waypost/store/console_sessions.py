"""Who is signed in to the console, and which names were tried in vain."""

from dataclasses import dataclass
from typing import Final

from waypost.domain.users import FORGOTTEN_AFTER_US, Role, lock_us
from waypost.store.statements import Sql
from waypost.store.transaction import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """
    One session with the user it is of, as both stand now.

    ``chosen_account_id`` is whose things are shown, ``""`` before anything was chosen; ``user_account_id`` None: the
    user may choose any. ``numbers_until_us``: phone numbers are shown whole until then.
    """

    token_hash: str
    user_id: str
    user_name: str
    user_account_id: str | None
    role: Role
    has_second_factor: bool
    chosen_account_id: str
    created_at_us: int
    used_at_us: int
    numbers_until_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLine:
    """A session as its user sees it in a list."""

    token_hash: str
    created_at_us: int
    used_at_us: int
    address: str
    browser: str


_INSERT: Final = Sql(
    "INSERT INTO console_sessions (token_hash, user_id, chosen_account_id, created_at_us, used_at_us, address, "
    "browser) VALUES (:token_hash, :user_id, :account_id, :now_us, :now_us, :address, :browser)"
)
_FIND: Final = Sql(
    "SELECT s.token_hash, s.user_id, u.name, u.account_id, u.role, u.second_factor_sealed IS NOT NULL, "
    "s.chosen_account_id, s.created_at_us, s.used_at_us, s.numbers_until_us "
    "FROM console_sessions s JOIN console_users u ON u.id = s.user_id "
    "WHERE s.token_hash = :token_hash AND u.disabled_at_us IS NULL"
)
_LIST: Final = Sql(
    "SELECT token_hash, created_at_us, used_at_us, address, browser FROM console_sessions "
    "WHERE user_id = :user_id ORDER BY used_at_us DESC"
)
_TOUCH: Final = Sql("UPDATE console_sessions SET used_at_us = :now_us WHERE token_hash = :token_hash")
_CHOOSE: Final = Sql("UPDATE console_sessions SET chosen_account_id = :account_id WHERE token_hash = :token_hash")
_SHOW_NUMBERS: Final = Sql("UPDATE console_sessions SET numbers_until_us = :until_us WHERE token_hash = :token_hash")
_END: Final = Sql("DELETE FROM console_sessions WHERE token_hash = :token_hash")
_END_ONE_OF: Final = Sql("DELETE FROM console_sessions WHERE token_hash = :token_hash AND user_id = :user_id")
_END_OF: Final = Sql("DELETE FROM console_sessions WHERE user_id = :user_id AND token_hash <> :kept")
_FORGET_SESSIONS: Final = Sql(
    "DELETE FROM console_sessions WHERE used_at_us <= :idle_us OR created_at_us <= :absolute_us"
)
_LOCKED: Final = Sql("SELECT locked_until_us FROM console_failures WHERE name_hash = :name_hash")
_FAILURES: Final = Sql("SELECT failures, failed_at_us FROM console_failures WHERE name_hash = :name_hash FOR UPDATE")
_FAIL: Final = Sql(
    "INSERT INTO console_failures (name_hash, failures, failed_at_us, locked_until_us) "
    "VALUES (:name_hash, :failures, :now_us, :until_us) ON CONFLICT (name_hash) DO UPDATE SET "
    "failures = excluded.failures, failed_at_us = excluded.failed_at_us, locked_until_us = excluded.locked_until_us"
)
_CLEAR: Final = Sql("DELETE FROM console_failures WHERE name_hash = :name_hash")
_FORGET_FAILURES: Final = Sql("DELETE FROM console_failures WHERE failed_at_us <= :until_us")


def begin_session(
    tx: Tx, *, token_hash: str, user_id: str, account_id: str, address: str, browser: str, now_us: int
) -> None:
    """Let a user in; ``account_id`` is the account shown first, ``""`` to choose later."""
    tx.run(
        _INSERT,
        token_hash=token_hash,
        user_id=user_id,
        account_id=account_id,
        address=address,
        browser=browser,
        now_us=now_us,
    )


def find_session(tx: Tx, token_hash: str) -> SessionRecord | None:
    """Return a session, with its user as they are now; None: ended, unknown, or its user is disabled."""
    row = tx.one(_FIND, token_hash=token_hash)
    if row is None:
        return None
    return SessionRecord(
        token_hash=row[0],
        user_id=row[1],
        user_name=row[2],
        user_account_id=row[3],
        role=Role[row[4].upper()],
        has_second_factor=bool(row[5]),
        chosen_account_id=row[6],
        created_at_us=row[7],
        used_at_us=row[8],
        numbers_until_us=row[9],
    )


def list_sessions(tx: Tx, user_id: str) -> list[SessionLine]:
    """Return where a user is signed in, the one used last first."""
    return [
        SessionLine(token_hash=row[0], created_at_us=row[1], used_at_us=row[2], address=row[3], browser=row[4])
        for row in tx.rows(_LIST, user_id=user_id)
    ]


def touch_session(tx: Tx, token_hash: str, *, now_us: int) -> None:
    """Note that a session is in use."""
    tx.run(_TOUCH, token_hash=token_hash, now_us=now_us)


def choose_account(tx: Tx, token_hash: str, account_id: str) -> None:
    """Show another account's things from now on."""
    tx.run(_CHOOSE, token_hash=token_hash, account_id=account_id)


def show_numbers(tx: Tx, token_hash: str, *, until_us: int) -> None:
    """Show phone numbers whole until then; 0 hides them."""
    tx.run(_SHOW_NUMBERS, token_hash=token_hash, until_us=until_us)


def end_session(tx: Tx, token_hash: str) -> None:
    """Sign out; a second call does nothing."""
    tx.run(_END, token_hash=token_hash)


def end_session_of(tx: Tx, user_id: str, token_hash: str) -> None:
    """Sign a user out in one place; another user's session stays."""
    tx.run(_END_ONE_OF, user_id=user_id, token_hash=token_hash)


def end_sessions(tx: Tx, user_id: str, *, kept: str = "") -> None:
    """Sign a user out everywhere, but for the session ``kept``."""
    tx.run(_END_OF, user_id=user_id, kept=kept)


def forget_sessions(tx: Tx, *, now_us: int, idle_us: int, absolute_us: int) -> None:
    """Remove sessions that have run out, and failures that count no more."""
    tx.run(_FORGET_SESSIONS, idle_us=now_us - idle_us, absolute_us=now_us - absolute_us)
    tx.run(_FORGET_FAILURES, until_us=now_us - FORGOTTEN_AFTER_US)


def locked_until_us(tx: Tx, name_hash: str) -> int:
    """Return until when a name is locked; 0: it is not."""
    row = tx.one(_LOCKED, name_hash=name_hash)
    return 0 if row is None else row[0]


def note_failure(tx: Tx, name_hash: str, *, now_us: int) -> int:
    """Count a failed sign-in of a name; return until when it is locked now, 0 for not at all."""
    row = tx.one(_FAILURES, name_hash=name_hash)
    failures = 1 if row is None or row[1] <= now_us - FORGOTTEN_AFTER_US else row[0] + 1
    lock = lock_us(failures)
    until_us = now_us + lock if lock else 0
    tx.run(_FAIL, name_hash=name_hash, failures=failures, now_us=now_us, until_us=until_us)
    return until_us


def clear_failures(tx: Tx, name_hash: str) -> None:
    """Forget the failures of a name: its owner has signed in."""
    tx.run(_CLEAR, name_hash=name_hash)
