"""Accounts and keys: ``/accounts`` for operators, ``/account`` and ``/keys`` for an account itself."""

from fastapi import APIRouter

from waypost.store.accounts import find_key, list_accounts, list_keys
from waypost.web.auth import Scope
from waypost.web.manage.context import ManageContext
from waypost.web.manage.editing import (
    add_account,
    add_key,
    alter_account,
    disable_account,
    enable_account,
    end_key,
    require_account,
)
from waypost.web.manage.guarding import Calling, Calls
from waypost.web.manage.page_parameters import Cursor, Limit
from waypost.web.manage.paging import PAGE_ROWS, Listing, next_cursor
from waypost.web.manage.problems import Problem, ProblemKind, not_found
from waypost.web.manage.requests import AccountChange, AccountCreation, KeyCreation
from waypost.web.manage.views import AccountView, KeyView, NewKeyView


class AccountRoutes:
    """Accounts, for operators; and one's own."""

    def __init__(self, context: ManageContext) -> None:
        self._context = context

    def add_to(self, router: APIRouter) -> None:
        """Add the routes."""
        calls = Calls(router, tag="Accounts")
        calls.add("GET", "/account", self.show_own, "account.get")
        calls.add("GET", "/accounts", self.list_page, "accounts.list")
        calls.add("POST", "/accounts", self.create, "accounts.create", status=201)
        one = "/accounts/{account_id}"
        calls.add("GET", one, self.show, "accounts.get")
        calls.add("PATCH", one, self.change, "accounts.change")
        calls.add("POST", f"{one}/disable", self.disable, "accounts.disable")
        calls.add("POST", f"{one}/enable", self.enable, "accounts.enable")

    async def show_own(self, caller: Calling) -> AccountView:
        """Show the key's own account."""
        return await self.show(caller.account_id)

    async def list_page(self, cursor: Cursor = None, limit: Limit = PAGE_ROWS) -> Listing[AccountView]:
        """List accounts, oldest first."""
        records = await self._context.read(
            lambda tx: list_accounts(tx, after=cursor or "", at_most=limit), account_id=None
        )
        return Listing(
            items=[AccountView.of(record) for record in records],
            next_cursor=next_cursor([record.id for record in records], limit=limit),
        )

    async def create(self, caller: Calling, request: AccountCreation) -> AccountView:
        """Make an account; make its first key with the header `Waypost-Account`."""
        return AccountView.of(
            await self._context.change(lambda tx: add_account(tx, caller.editor, request), account_id=None)
        )

    async def show(self, account_id: str) -> AccountView:
        """Show one account."""
        return AccountView.of(
            await self._context.read(lambda tx: require_account(tx, account_id), account_id=account_id)
        )

    async def change(self, caller: Calling, account_id: str, request: AccountChange) -> AccountView:
        """Change what the request names; the rest stays."""
        return AccountView.of(
            await self._context.change(
                lambda tx: alter_account(tx, caller.editor, account_id, request), account_id=account_id
            )
        )

    async def disable(self, caller: Calling, account_id: str) -> AccountView:
        """Refuse the account's keys from now on; its messages and files stay."""
        if account_id == caller.principal.account_id:
            raise Problem(
                ProblemKind.CONFLICT,
                "This would end the key that asks for it.",
                hint="Use an operator's key of another account, or: waypost accounts disable",
            )
        return AccountView.of(
            await self._context.change(lambda tx: disable_account(tx, caller.editor, account_id), account_id=account_id)
        )

    async def enable(self, caller: Calling, account_id: str) -> AccountView:
        """Let the account's keys in again."""
        return AccountView.of(
            await self._context.change(lambda tx: enable_account(tx, caller.editor, account_id), account_id=account_id)
        )


class KeyRoutes:
    """The account's API keys."""

    def __init__(self, context: ManageContext) -> None:
        self._context = context

    def add_to(self, router: APIRouter) -> None:
        """Add the routes."""
        calls = Calls(router, tag="Keys")
        calls.add("GET", "/keys", self.list_page, "keys.list")
        calls.add("POST", "/keys", self.create, "keys.create", status=201)
        calls.add("GET", "/keys/{key_id}", self.show, "keys.get")
        calls.add("POST", "/keys/{key_id}/revoke", self.revoke, "keys.revoke")

    async def list_page(self, caller: Calling, cursor: Cursor = None, limit: Limit = PAGE_ROWS) -> Listing[KeyView]:
        """List the account's keys, revoked ones too."""
        records = await self._context.read(
            lambda tx: list_keys(tx, caller.account_id, after=cursor or "", at_most=limit), account_id=caller.account_id
        )
        return Listing(
            items=[KeyView.of(record) for record in records],
            next_cursor=next_cursor([record.id for record in records], limit=limit),
        )

    async def create(self, caller: Calling, request: KeyCreation) -> NewKeyView:
        """Make a key. The answer shows it, for this once; a key can give no scope that it does not have."""
        lacking = [] if caller.principal.is_operator else sorted(set(request.scopes) - caller.principal.scopes)
        if lacking:
            raise Problem(
                ProblemKind.FORBIDDEN,
                f"The key that asks lacks {', '.join(lacking)}.",
                hint="A key can give only scopes that it has; ask with one that has them.",
            )
        if Scope.MANAGE in request.scopes and caller.account_id != caller.principal.account_id:
            raise Problem(
                ProblemKind.FORBIDDEN,
                "An operator's key is made in the operator's own account.",
                hint="Leave out the header waypost-account, or the scope manage.",
            )
        return await self._context.change(
            lambda tx: add_key(tx, caller.editor, caller.account_id, request), account_id=caller.account_id
        )

    async def show(self, caller: Calling, key_id: str) -> KeyView:
        """Show one key, without its secret."""
        record = await self._context.read(
            lambda tx: find_key(tx, caller.account_id, key_id), account_id=caller.account_id
        )
        if record is None:
            raise not_found("key")
        return KeyView.of(record)

    async def revoke(self, caller: Calling, key_id: str) -> KeyView:
        """End a key for good; all nodes refuse it within a second. A second call changes nothing."""
        return KeyView.of(
            await self._context.change(
                lambda tx: end_key(tx, caller.editor, caller.account_id, key_id), account_id=caller.account_id
            )
        )
