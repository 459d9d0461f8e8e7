"""Who changed what, and when: of the account, and for those who are for all accounts of the whole installation."""

from typing import Any, Final

from starlette.responses import Response

from waypost.domain.users import Role
from waypost.store.audit import AuditEntry, AuditFilter, search_audit
from waypost.web.console.context import Console
from waypost.web.console.routing import ConsoleRoute, page
from waypost.web.console.tables import Column, Listing, Rows, rows_of
from waypost.web.console.visit import Visit

_FIELDS: Final = ("actor", "action", "target", "scope")
_TEXT_CHARACTERS_MAX: Final = 200
_INSTALLATION: Final = "installation"
_COLUMNS: Final = (
    Column(key="at", title="When", kind="time"),
    Column(key="actor", title="Who"),
    Column(key="action", title="What"),
    Column(key="target", title="Target", kind="code", link="path"),
)
_ACCOUNT_COLUMN: Final = Column(key="account", title="Account")
_PAGES: Final = {
    "message": "/console/messages/{}",
    "inbound": "/console/inbound/{}",
    "bulk": "/console/bulk/{}",
    "source": "/console/sources/{}",
    "webhook": "/console/webhooks/{}",
    "key": "/console/keys",
    "template": "/console/templates",
    "media": "/console/media/{}",
}
"""Where the thing is shown that an action of this noun is about."""


class AuditPage:
    """The log, filtered."""

    def __init__(self, console: Console) -> None:
        self._manage = console.manage

    def routes(self) -> list[ConsoleRoute]:
        """Return the routes."""
        return [page("/audit", self.show)]

    async def show(self, visit: Visit) -> Response:
        """List entries, newest first."""
        given = {name: visit.query(name).strip()[:_TEXT_CHARACTERS_MAX] for name in _FIELDS}
        sees_all = visit.may(Role.ADMIN) and visit.session.user_account_id is None
        is_of_all = sees_all and given["scope"] == _INSTALLATION
        listing = self._listing(visit, given, account_id=None if is_of_all else visit.account_id)
        if visit.wants_file:
            return await listing.file(visit)
        return visit.page(
            "audit.html",
            table=await listing.table(visit),
            given=given,
            sees_all=sees_all,
            is_of_all=is_of_all,
            is_filtered=any(given[name] for name in ("actor", "action", "target")),
        )

    def _listing(self, visit: Visit, given: dict[str, str], *, account_id: str | None) -> Listing:
        wanted = AuditFilter(
            actor=given["actor"] or None, action=given["action"] or None, target=given["target"] or None
        )
        names = {one.id: one.name for one in self._manage.directory.now.accounts.values()}

        async def fetch(cursor: str | None, at_most: int) -> Rows:
            found = await self._manage.read(
                lambda tx: search_audit(tx, account_id, wanted=wanted, cursor=cursor, at_most=at_most),
                account_id=account_id,
            )
            return rows_of(found, lambda one: _row(one, names, own_id=visit.account_id))

        is_filtered = any(given[name] for name in ("actor", "action", "target"))
        return Listing(
            name="audit-log",
            columns=(*_COLUMNS, _ACCOUNT_COLUMN) if account_id is None else _COLUMNS,
            fetch=fetch,
            empty="No entry matches. Take a filter away."
            if is_filtered
            else "Nothing has been changed yet. Every change by a person, a key or a command will stand here.",
            query=given,
        )


def _row(entry: AuditEntry, names: dict[str, str], *, own_id: str) -> dict[str, Any]:
    noun = entry.action.partition(".")[0]
    # A replay may be of one dead letter, which has no page of its own.
    has_page = entry.account_id == own_id and entry.action != "webhook.replay"
    path = _PAGES.get(noun) if has_page else None
    return {
        "at": entry.at_us,
        "actor": entry.actor,
        "action": entry.action,
        "target": entry.target,
        "path": None if path is None else path.format(entry.target),
        "account": "" if entry.account_id is None else names.get(entry.account_id, entry.account_id),
    }
