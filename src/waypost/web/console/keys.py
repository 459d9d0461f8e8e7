"""The account's API keys: made, shown once, revoked."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from starlette.responses import Response

from waypost.domain.users import Role
from waypost.store.accounts import KeyRecord, list_keys
from waypost.web.auth import ACCOUNT_SCOPES, Scope
from waypost.web.console.context import Console
from waypost.web.console.forms import build_request
from waypost.web.console.routing import ConsoleRoute, action, page
from waypost.web.console.tables import Column, Listing, Rows, rows_by_key
from waypost.web.console.visit import Visit
from waypost.web.manage.editing import add_key, end_key
from waypost.web.manage.problems import Problem, ProblemKind, invalid
from waypost.web.manage.requests import KeyCreation
from waypost.web.manage.views import as_time

_COLUMNS: Final = (
    Column(key="name", title="Name"),
    Column(key="id", title="Id", kind="code"),
    Column(key="state", title="State", kind="status"),
    Column(key="scopes", title="May"),
    Column(key="last_used_at_us", title="Last use", kind="time"),
    Column(key="expires_at_us", title="Expires", kind="time"),
    Column(key="created_at_us", title="Made", kind="time"),
)
_EMPTY: Final = "There is no key yet. Your application signs in with one: make it below."
_SENDING: Final = frozenset({Scope.MESSAGES_SEND, Scope.MESSAGES_READ, Scope.MEDIA_READ, Scope.MEDIA_WRITE})
_LIVES: Final = {"": None, "30": 30, "90": 90, "365": 365}
"""Days by the word of the form; ``""``: it lasts."""


class KeysPage:
    """Keys. A key is shown once, with a line to try it; only its hash is kept."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def routes(self) -> list[ConsoleRoute]:
        """Return the routes."""
        return [
            page("/keys", self.show),
            action("/keys", self.create, Role.ADMIN),
            action("/keys/{key_id}/revoke", self.revoke, Role.ADMIN),
        ]

    async def show(self, visit: Visit, *, made: str = "") -> Response:
        """List keys; ``made`` is a new one, shown this once."""
        now_us = self._console.manage.clock.now_us()

        async def fetch(cursor: str | None, at_most: int) -> Rows:
            records = await visit.read(lambda tx: list_keys(tx, visit.account_id, after=cursor or "", at_most=at_most))
            return rows_by_key(
                records, lambda record: _shown(record, now_us=now_us), key=lambda record: record.id, at_most=at_most
            )

        listing = Listing(name="keys", columns=_COLUMNS, fetch=fetch, empty=_EMPTY)
        if visit.wants_file:
            return await listing.file(visit)
        settings = self._console.manage.settings
        return visit.page(
            "keys.html",
            table=await listing.table(visit),
            made=made,
            base_url=settings.base_url,
            scopes=[scope.value for scope in Scope if scope in ACCOUNT_SCOPES],
            usual=[scope.value for scope in _SENDING],
            may_manage=_may_manage(visit),
        )

    async def create(self, visit: Visit) -> Response:
        """Make a key, and show it this once with a line to try it."""
        scopes = [str(scope) for scope in visit.form.getlist("scopes")]
        if Scope.MANAGE in scopes and not _may_manage(visit):
            raise Problem(
                ProblemKind.FORBIDDEN,
                "A key for all accounts can be made only by an admin of all accounts.",
                hint="Leave the scope manage out.",
            )
        request = build_request(KeyCreation, name=visit.field("name"), scopes=scopes, expires_at=self._expiry_of(visit))
        editor = visit.editor
        made = await visit.change(lambda tx: add_key(tx, editor, visit.account_id, request))
        return await self.show(visit, made=made.key)

    async def revoke(self, visit: Visit) -> Response:
        """Refuse a key from now on, on all nodes within a second."""
        editor, key_id = visit.editor, visit.part("key_id")
        record = await visit.change(lambda tx: end_key(tx, editor, visit.account_id, key_id))
        return visit.redirect("/keys", notice=f"The key {record.name} is refused from now on.")

    def _expiry_of(self, visit: Visit) -> datetime | None:
        word = visit.field("expires_at")
        if word:
            try:
                return datetime.fromisoformat(word).replace(tzinfo=UTC)
            except ValueError as error:
                raise invalid("expires at", "is no time", hint="Choose day and time, in UTC.") from error
        days = _LIVES.get(visit.field("life"))
        return None if days is None else as_time(self._console.manage.clock.now_us()) + timedelta(days=days)


def _may_manage(visit: Visit) -> bool:
    return visit.may(Role.ADMIN) and visit.session.user_account_id is None


def _shown(record: KeyRecord, *, now_us: int) -> dict[str, Any]:
    is_over = record.expires_at_us is not None and record.expires_at_us <= now_us
    state = "revoked" if record.revoked_at_us is not None else "expired" if is_over else "active"
    scopes = "everything of the account" if record.scopes >= ACCOUNT_SCOPES else ", ".join(sorted(record.scopes))
    return {
        "id": record.id,
        "name": record.name,
        "state": state,
        "scopes": scopes,
        "last_used_at_us": record.last_used_at_us,
        "expires_at_us": record.expires_at_us,
        "created_at_us": record.created_at_us,
    }
