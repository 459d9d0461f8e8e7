"""The stream of events that pages follow, and two small choices of the visitor: account, and whole numbers."""

from functools import partial
from typing import Final

from starlette.responses import Response

from waypost.domain.users import Role
from waypost.store.console_sessions import choose_account, find_session, show_numbers
from waypost.store.engine import StoreUnavailableError
from waypost.web.console.context import Console
from waypost.web.console.gate import is_from_this_site, is_over
from waypost.web.console.live import LiveResponse
from waypost.web.console.routing import ConsoleRoute, action, page
from waypost.web.console.visit import Visit
from waypost.web.manage.problems import Problem, ProblemKind, not_found

NUMBERS_SHOWN_US: Final = 15 * 60_000_000


class LivePage:
    """What is on every page."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def routes(self) -> list[ConsoleRoute]:
        """Return the routes."""
        return [
            page("/live", self.live, needs_account=False),
            action("/account", self.choose_account, Role.VIEWER),
            action("/numbers", self.show_numbers, Role.OPERATOR),
        ]

    async def live(self, visit: Visit) -> Response:
        """Stream events until the page is left; a page that is one too many is refused, and those open stay."""
        if is_from_this_site(visit.request) is False:
            raise Problem(ProblemKind.FORBIDDEN, "Only pages of this console may listen.", hint="Follow the menu.")
        hub, user_id = self._console.live, visit.session.user_id
        if hub.is_full:
            raise _too_many("As many pages are kept up to date as may be.", "WAYPOST_CONSOLE__LIVE_PAGES_MAX")
        if hub.is_full_for(user_id):
            raise _too_many(
                "As many of your pages are kept up to date as one user may have.",
                "WAYPOST_CONSOLE__LIVE_PAGES_PER_USER_MAX",
            )
        stream = hub.stream(user_id, is_welcome=partial(self._is_standing, visit.session.token_hash))
        return LiveResponse(stream)

    async def _is_standing(self, token_hash: str) -> bool:
        """Say whether a session still stands; while the store does not answer it does not, and its page asks anew."""
        manage = self._console.manage
        try:
            session = await manage.database.read(lambda tx: find_session(tx, token_hash))
        except StoreUnavailableError:
            return False
        return session is not None and not is_over(session, manage.settings.console, now_us=manage.clock.now_us())

    async def choose_account(self, visit: Visit) -> Response:
        """Show another account's things from now on."""
        account_id = visit.field("account_id")
        session = visit.session
        is_open = session.user_account_id in (None, account_id)
        if not is_open or account_id not in self._console.manage.directory.now.accounts:
            raise not_found("account")
        await self._console.manage.database.write(lambda tx: choose_account(tx, session.token_hash, account_id))
        return visit.redirect("/")

    async def show_numbers(self, visit: Visit) -> Response:
        """Show phone numbers whole for a quarter of an hour, which the audit log tells; or hide them again."""
        session, editor = visit.session, visit.editor
        is_wanted = visit.field("show") == "yes"
        until_us = editor.clock.now_us() + NUMBERS_SHOWN_US if is_wanted else 0
        if is_wanted:
            await visit.change(
                lambda tx: editor.note(
                    tx, account_id=visit.account_id, action="numbers.reveal", target=visit.account_id
                )
            )
        await self._console.manage.database.write(lambda tx: show_numbers(tx, session.token_hash, until_us=until_us))
        return visit.redirect(
            _local_path(visit.field("back")),
            notice="Numbers are shown for 15 minutes." if is_wanted else "Numbers are hidden.",
        )


def _too_many(what: str, setting: str) -> Problem:
    return Problem(ProblemKind.UNAVAILABLE, what, hint=f"Close some, or raise {setting}.", retry_after_seconds=30)


def _local_path(given: str) -> str:
    """Return a path of this console that a form names; anything else leads to the first page."""
    is_plain = given.startswith("/console/") and "//" not in given and "\\" not in given and given.isprintable()
    return given.removeprefix("/console") if is_plain else "/"
