"""The users of the console: who may come in, and what they may do."""

import secrets
from collections.abc import Callable
from typing import Final

from starlette.responses import Response

from waypost.domain.users import Role, role_named
from waypost.store.transaction import Tx
from waypost.store.users import UserRecord, hold_user, list_users
from waypost.web.console.context import Console
from waypost.web.console.routing import ConsoleRoute, action, page
from waypost.web.console.visit import Visit
from waypost.web.manage.editing_users import (
    add_user,
    alter_password,
    alter_role,
    disable_user,
    drop_second_factor,
    enable_user,
    plain_name,
    remove_user,
)
from waypost.web.manage.problems import Problem, ProblemKind

_PASSWORD_BYTES: Final = 15
_ROLES: Final = tuple(role.word for role in Role)


class UsersPage:
    """
    Users, for admins.

    An admin of one account sees and makes users of that account only; users of all accounts are the business of those
    who are for all accounts themselves.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._database = console.manage.database

    def routes(self) -> list[ConsoleRoute]:
        """Return the routes."""
        return [
            page("/users", self.show, Role.ADMIN, needs_account=False),
            action("/users", self.create, Role.ADMIN, needs_account=False),
            action("/users/{user_id}/role", self.change_role, Role.ADMIN, needs_account=False),
            action("/users/{user_id}/password", self.reset_password, Role.ADMIN, needs_account=False),
            action("/users/{user_id}/second-factor", self.drop_second_factor, Role.ADMIN, needs_account=False),
            action("/users/{user_id}/disable", self.disable, Role.ADMIN, needs_account=False),
            action("/users/{user_id}/enable", self.enable, Role.ADMIN, needs_account=False),
            action("/users/{user_id}/remove", self.remove, Role.ADMIN, needs_account=False),
        ]

    async def show(self, visit: Visit, *, new_name: str = "", new_password: str = "") -> Response:
        """List the users that the visitor may change."""
        users = [user for user in await self._database.read(list_users) if _is_in_reach(visit, user)]
        names = {account.id: account.name for account in self._console.manage.directory.now.accounts.values()}
        return visit.page(
            "users.html",
            users=users,
            roles=_ROLES,
            account_names=names,
            new_name=new_name,
            new_password=new_password,
        )

    async def create(self, visit: Visit) -> Response:
        """Make a user with a random password, which is shown this once."""
        editor, name = visit.editor, plain_name(visit.field("name"))
        role, account_id = _role_of(visit), _account_of(visit)
        password = secrets.token_urlsafe(_PASSWORD_BYTES)
        hashed = await self._console.passwords.hash(password)
        await self._database.write(
            lambda tx: add_user(tx, editor, name=name, role=role, account_id=account_id, password_hash=hashed)
        )
        return await self.show(visit, new_name=name, new_password=password)

    async def change_role(self, visit: Visit) -> Response:
        """Give a user another role, or another account."""
        user, editor = await self._user_of(visit), visit.editor
        role, account_id = _role_of(visit), _account_of(visit)
        await self._change(visit, lambda tx: alter_role(tx, editor, user.id, role=role, account_id=account_id))
        return visit.redirect("/users", notice=f"{user.name} is {role.word} now, and must sign in again.")

    async def reset_password(self, visit: Visit) -> Response:
        """Give a user a random password, which is shown this once."""
        user, editor = await self._user_of(visit), visit.editor
        password = secrets.token_urlsafe(_PASSWORD_BYTES)
        hashed = await self._console.passwords.hash(password)
        await self._change(visit, lambda tx: alter_password(tx, editor, user.id, password_hash=hashed))
        return await self.show(visit, new_name=user.name, new_password=password)

    async def drop_second_factor(self, visit: Visit) -> Response:
        """Let a user who has lost their phone in with the password alone."""
        user, editor = await self._user_of(visit), visit.editor
        await self._change(visit, lambda tx: drop_second_factor(tx, editor, user.id))
        return visit.redirect("/users", notice=f"{user.name} signs in with the password alone now.")

    async def disable(self, visit: Visit) -> Response:
        """Refuse a user from now on."""
        user, editor = await self._user_of(visit), visit.editor
        await self._change(visit, lambda tx: disable_user(tx, editor, user.id))
        return visit.redirect("/users", notice=f"{user.name} is refused from now on.")

    async def enable(self, visit: Visit) -> Response:
        """Let a user in again."""
        user, editor = await self._user_of(visit), visit.editor
        await self._change(visit, lambda tx: enable_user(tx, editor, user.id))
        return visit.redirect("/users", notice=f"{user.name} may sign in again.")

    async def remove(self, visit: Visit) -> Response:
        """Remove a user."""
        user, editor = await self._user_of(visit), visit.editor
        await self._change(visit, lambda tx: remove_user(tx, editor, user.id))
        return visit.redirect("/users", notice=f"{user.name} is removed.")

    async def _user_of(self, visit: Visit) -> UserRecord:
        user_id = visit.part("user_id")
        for user in await self._database.read(list_users):
            if user.id == user_id and _is_in_reach(visit, user):
                return user
        raise _no_such_user()

    async def _change(self, visit: Visit, change: Callable[[Tx], None]) -> None:
        """Change the user of the path, if they are still in reach: another admin may have moved them meanwhile."""
        user_id = visit.part("user_id")

        def change_in_reach(tx: Tx) -> None:
            user = hold_user(tx, user_id)
            if user is None or not _is_in_reach(visit, user):
                raise _no_such_user()
            change(tx)

        await self._database.write(change_in_reach)


def _no_such_user() -> Problem:
    return Problem(ProblemKind.NOT_FOUND, "There is no such user.", hint="Load the page Users anew.")


def _is_in_reach(visit: Visit, user: UserRecord) -> bool:
    own = visit.session.user_account_id
    return own is None or user.account_id == own


def _role_of(visit: Visit) -> Role:
    role = role_named(visit.choice("role", _ROLES))
    assert role is not None
    return role


def _account_of(visit: Visit) -> str | None:
    own = visit.session.user_account_id
    return own if own is not None else visit.field("account_id") or None
