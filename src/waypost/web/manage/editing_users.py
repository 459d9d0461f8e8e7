"""
Changes to users of the console, each with its entry in the audit log, in one transaction.

Used by the console and by the command line alike. What takes something from a user also ends their sessions, so that
it holds at once.
"""

import re
from typing import Final

from waypost.domain.users import Role
from waypost.store.accounts import find_account
from waypost.store.console_sessions import end_sessions
from waypost.store.transaction import Tx
from waypost.store.users import (
    NameTakenError,
    UserRecord,
    create_first_user,
    create_user,
    delete_user,
    hold_user,
    lock_admins,
    set_disabled,
    set_password,
    set_role,
    set_second_factor,
)
from waypost.web.manage.editing import Editor
from waypost.web.manage.problems import Problem, ProblemKind, invalid, not_found

NAME_CHARACTERS_MAX: Final = 64
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]*")


def plain_name(given: str) -> str:
    """Return a user's name as it is stored: lower case, nothing around it. Raises ``Problem``."""
    name = given.strip().lower()
    if len(name) > NAME_CHARACTERS_MAX or not _NAME.fullmatch(name):
        raise invalid(
            "name",
            f"has 1 to {NAME_CHARACTERS_MAX} letters, digits and . _ @ + -",
            hint="An e-mail address will do.",
        )
    return name


def add_first_user(tx: Tx, editor: Editor, *, name: str, password_hash: str) -> str:
    """Add the installation's first user, an admin of all accounts; return their id. Raises ``Problem``."""
    user_id = editor.ids.new()
    if not create_first_user(tx, user_id=user_id, name=name, password_hash=password_hash, now_us=editor.clock.now_us()):
        raise Problem(
            ProblemKind.CONFLICT, "There is a user already.", hint="Sign in, or ask an admin to make you a user."
        )
    editor.note(tx, account_id=None, action="user.create", target=name)
    return user_id


def add_user(tx: Tx, editor: Editor, *, name: str, role: Role, account_id: str | None, password_hash: str) -> str:
    """Add a user, for all accounts or for one; return their id. Raises ``Problem``."""
    _require_account(tx, account_id)
    user_id = editor.ids.new()
    try:
        create_user(
            tx,
            user_id=user_id,
            account_id=account_id,
            name=name,
            role=role,
            password_hash=password_hash,
            now_us=editor.clock.now_us(),
        )
    except NameTakenError as error:
        raise Problem(
            ProblemKind.CONFLICT, f"There is a user named {name} already.", hint="Choose another name."
        ) from error
    editor.note(tx, account_id=account_id, action="user.create", target=name)
    return user_id


def alter_role(tx: Tx, editor: Editor, user_id: str, *, role: Role, account_id: str | None) -> None:
    """Give a user another role, or another account; they must sign in again."""
    _require_account(tx, account_id)
    user = _held(tx, user_id)
    if role is not Role.ADMIN or account_id is not None:
        _keep_an_admin(tx, user)
    set_role(tx, user_id, role=role, account_id=account_id)
    end_sessions(tx, user_id)
    editor.note(tx, account_id=account_id, action="user.change_role", target=f"{user.name} {role.word}")


def alter_password(tx: Tx, editor: Editor, user_id: str, *, password_hash: str, kept_session: str = "") -> None:
    """Give a user another password; they are signed out everywhere, but for ``kept_session``."""
    user = _held(tx, user_id)
    set_password(tx, user_id, password_hash=password_hash)
    end_sessions(tx, user_id, kept=kept_session)
    editor.note(tx, account_id=user.account_id, action="user.change_password", target=user.name)


def drop_second_factor(tx: Tx, editor: Editor, user_id: str) -> None:
    """Ask a user for the password alone from now on; they are signed out everywhere."""
    user = _held(tx, user_id)
    set_second_factor(tx, editor.sealer, user_id, secret=None)
    end_sessions(tx, user_id)
    editor.note(tx, account_id=user.account_id, action="user.drop_second_factor", target=user.name)


def require_second_factor(tx: Tx, editor: Editor, user_id: str, *, secret: str, step: int, kept_session: str) -> None:
    """Ask a user for a code besides the password from now on; other sessions of theirs end."""
    user = _held(tx, user_id)
    set_second_factor(tx, editor.sealer, user_id, secret=secret, step=step)
    end_sessions(tx, user_id, kept=kept_session)
    editor.note(tx, account_id=user.account_id, action="user.add_second_factor", target=user.name)


def disable_user(tx: Tx, editor: Editor, user_id: str) -> None:
    """Refuse a user from now on."""
    user = _held(tx, user_id)
    _keep_an_admin(tx, user)
    if user.disabled_at_us is None:
        set_disabled(tx, user_id, at_us=editor.clock.now_us())
    end_sessions(tx, user_id)
    editor.note(tx, account_id=user.account_id, action="user.disable", target=user.name)


def enable_user(tx: Tx, editor: Editor, user_id: str) -> None:
    """Let a user in again."""
    user = _held(tx, user_id)
    set_disabled(tx, user_id, at_us=None)
    editor.note(tx, account_id=user.account_id, action="user.enable", target=user.name)


def remove_user(tx: Tx, editor: Editor, user_id: str) -> None:
    """Remove a user; what they did stays in the audit log under their name."""
    user = _held(tx, user_id)
    _keep_an_admin(tx, user)
    end_sessions(tx, user_id)
    delete_user(tx, user_id)
    editor.note(tx, account_id=user.account_id, action="user.delete", target=user.name)


def _held(tx: Tx, user_id: str) -> UserRecord:
    user = hold_user(tx, user_id)
    if user is None:
        raise not_found("user")
    return user


def _keep_an_admin(tx: Tx, user: UserRecord) -> None:
    if lock_admins(tx) == {user.id}:
        raise Problem(
            ProblemKind.CONFLICT,
            f"{user.name} is the only admin of all accounts.",
            hint="Make another admin first: otherwise nobody could make users any more.",
        )


def _require_account(tx: Tx, account_id: str | None) -> None:
    if account_id is not None and find_account(tx, account_id) is None:
        raise not_found("account")
