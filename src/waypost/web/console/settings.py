"""The installation's settings as they are in force, and what an account decides for itself."""

from typing import Any, Final

from pydantic import BaseModel
from starlette.responses import Response

from waypost.domain.policy import SourcePolicy
from waypost.domain.users import Role
from waypost.settings import Settings
from waypost.settings_text import describe_values
from waypost.store.accounts import AccountRecord, list_accounts
from waypost.web.console.context import PREFIX, Console
from waypost.web.console.forms import UNSET, build_request
from waypost.web.console.routing import ConsoleRoute, action, page
from waypost.web.console.tables import Column, Listing, Row, all_of
from waypost.web.console.visit import Visit
from waypost.web.manage.editing import add_account, alter_account, disable_account, enable_account, require_account
from waypost.web.manage.problems import Problem, ProblemKind, invalid
from waypost.web.manage.requests import AccountChange, AccountCreation

_ACCOUNTS_MAX: Final = 1_000
_SWITCHES: Final = ("skip_optin", "implicit_optin", "linktrack", "at_most_once")
_POLICIES: Final = tuple(policy.value for policy in SourcePolicy)
_WORDS_FORM_CHARACTERS_MAX: Final = 4_000
_COLUMNS: Final = (
    Column(key="name", title="Name", kind="code"),
    Column(key="value", title="Value", kind="code"),
    Column(key="is_given", title="Set here", kind="flag"),
    Column(key="default", title="Default", kind="code"),
    Column(key="rule", title="Rule"),
    Column(key="description", title="Meaning"),
)


class SettingsPage:
    """
    A page for admins.

    Those of all accounts see the installation's settings and make accounts; those of one account see that one.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._manage = console.manage

    def routes(self) -> list[ConsoleRoute]:
        """Return the routes."""
        admin = Role.ADMIN
        return [
            page("/settings", self.show, admin, needs_account=False),
            action("/settings/account", self.change_account, admin),
            action("/settings/accounts", self.create, admin, needs_account=False),
            action("/settings/accounts/{account_id}/disable", self.disable, admin, needs_account=False),
            action("/settings/accounts/{account_id}/enable", self.enable, admin, needs_account=False),
        ]

    async def show(
        self, visit: Visit, *, problem: Problem | None = None, typed: dict[str, Any] | None = None, form: str = ""
    ) -> Response:
        """Show the page, or the settings as a file; ``typed`` is what a refused form held."""
        rules_all = _rules_all(visit)
        if visit.wants_file:
            _require_all(visit)
            return await self._listing().file(visit)
        account, accounts = await self._accounts(visit)
        return visit.page(
            "settings.html",
            status=200 if problem is None else problem.kind.value.status,
            problem=problem,
            form=form,
            rules_all=rules_all,
            groups=_grouped(_rows(self._manage.settings)) if rules_all else [],
            account=account,
            fields=typed if typed is not None and form == "account" else _fields(account),
            new_name=typed["name"] if typed is not None and form == "new" else "",
            switches=_SWITCHES,
            policies=_POLICIES,
            all_accounts=accounts,
            has_links=self._manage.settings.links.base_url is not None,
            limits=self._manage.settings.limits,
        )

    async def change_account(self, visit: Visit) -> Response:
        """Change what the chosen account decides for itself."""
        typed = _typed(visit)
        try:
            request = _change_of(typed)
            account_id, editor = visit.account_id, visit.editor
            await visit.change(lambda tx: alter_account(tx, editor, account_id, request))
        except Problem as problem:
            return await self.show(visit, problem=problem, typed=typed, form="account")
        return visit.redirect("/settings", notice=f"The settings of {request.name} are changed.")

    async def create(self, visit: Visit) -> Response:
        """Make an account."""
        _require_all(visit)
        try:
            request, editor = build_request(AccountCreation, name=visit.field("name")), visit.editor
        except Problem as problem:
            return await self.show(visit, problem=problem, typed={"name": visit.field("name")}, form="new")
        await self._manage.change(lambda tx: add_account(tx, editor, request), account_id=None)
        return visit.redirect("/settings", notice=f"The account {request.name} is made. Choose it at the top.")

    async def disable(self, visit: Visit) -> Response:
        """Refuse an account's keys from now on."""
        _require_all(visit)
        account_id, editor = visit.part("account_id"), visit.editor
        record = await self._manage.change(lambda tx: disable_account(tx, editor, account_id), account_id=account_id)
        return visit.redirect("/settings", notice=f"The keys of {record.name} are refused from now on.")

    async def enable(self, visit: Visit) -> Response:
        """Let an account's keys in again."""
        _require_all(visit)
        account_id, editor = visit.part("account_id"), visit.editor
        record = await self._manage.change(lambda tx: enable_account(tx, editor, account_id), account_id=account_id)
        return visit.redirect("/settings", notice=f"The keys of {record.name} are let in again.")

    async def _accounts(self, visit: Visit) -> tuple[AccountRecord | None, list[AccountRecord]]:
        """Return the chosen account, None while there is none, and all of them for those who may see them."""
        accounts: list[AccountRecord] = []
        if _rules_all(visit):
            accounts = await self._manage.read(lambda tx: list_accounts(tx, at_most=_ACCOUNTS_MAX), account_id=None)
        if not visit.has_account:
            return None, accounts
        account_id = visit.account_id
        return await visit.read(lambda tx: require_account(tx, account_id)), accounts

    def _listing(self) -> Listing:
        rows = _rows(self._manage.settings)
        return Listing(
            name="settings",
            columns=_COLUMNS,
            fetch=all_of(rows),
            empty="There is no setting.",
            path=f"{PREFIX}/settings",
        )


def _rules_all(visit: Visit) -> bool:
    return visit.session.user_account_id is None


def _require_all(visit: Visit) -> None:
    if not _rules_all(visit):
        raise Problem(
            ProblemKind.FORBIDDEN,
            "This takes an admin of all accounts; you are one of a single account.",
            hint="Ask an admin of the installation.",
        )


def _rows(settings: Settings) -> list[Row]:
    rows: list[Row] = []
    for line, value in describe_values(settings):
        holder: BaseModel = settings
        if line.group:
            holder = getattr(settings, line.group)
        rows.append(
            {
                "name": line.name,
                "group": line.group,
                "value": value,
                "is_given": line.path[-1] in holder.model_fields_set and value != line.default,
                "default": line.default,
                "rule": line.rule.replace("`", ""),
                "description": line.description.replace("`", ""),
            }
        )
    return rows


def _grouped(rows: list[Row]) -> list[tuple[str, list[Row]]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(str(row["group"]), []).append(row)
    return [(name.replace("_", " ").capitalize() or "Gateway", own) for name, own in groups.items()]


def _fields(account: AccountRecord | None) -> dict[str, Any]:
    """Return what the form of an account shows."""
    if account is None:
        return {}
    switches = account.switches
    return {
        "name": account.name,
        **{name: getattr(switches, name) for name in _SWITCHES},
        "source_policy": switches.source_policy.value,
        "stop_words": "\n".join(switches.stop_words),
        "requests_per_second_max": _number(switches.requests_per_second_max),
        "queued_messages_max": _number(switches.queued_messages_max),
    }


def _typed(visit: Visit) -> dict[str, Any]:
    """Return what came in the form, as ``_fields`` has it."""
    return {
        **{name: visit.field(name) == "yes" for name in _SWITCHES},
        **{
            name: visit.field(name)[:_WORDS_FORM_CHARACTERS_MAX]
            for name in ("name", "source_policy", "stop_words", "requests_per_second_max", "queued_messages_max")
        },
    }


def _change_of(typed: dict[str, Any]) -> AccountChange:
    if not typed["name"]:
        raise invalid("name", "is missing", hint="Give the account a name; nothing was changed.")
    words = [word for line in typed["stop_words"].splitlines() if (word := line.strip())]
    return build_request(
        AccountChange,
        name=typed["name"],
        **{name: typed[name] for name in _SWITCHES},
        source_policy=typed["source_policy"],
        stop_words=words,
        requests_per_second_max=typed["requests_per_second_max"] or UNSET,
        queued_messages_max=typed["queued_messages_max"] or UNSET,
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.15g}"
