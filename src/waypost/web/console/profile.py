"""The visitor's own page: password, second factor, and where they are signed in."""

from starlette.responses import Response

from waypost.domain.users import Role
from waypost.store.console_sessions import end_session_of, list_sessions
from waypost.store.users import find_user_named
from waypost.web.console.context import Console
from waypost.web.console.routing import ConsoleRoute, action, page
from waypost.web.console.second_factor import (
    enrolment_picture,
    enrolment_uri,
    is_secret,
    new_secret,
    step_of_code,
)
from waypost.web.console.visit import Visit
from waypost.web.manage.editing_users import alter_password, drop_second_factor, require_second_factor
from waypost.web.manage.problems import Problem, ProblemKind, invalid
from waypost.web.passwords import check_password


class ProfilePage:
    """What users change about themselves; each change asks for the password again."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._database = console.manage.database

    def routes(self) -> list[ConsoleRoute]:
        """Return the routes."""
        viewer = Role.VIEWER
        return [
            page("/profile", self.show, needs_account=False),
            action("/profile/password", self.change_password, viewer, needs_account=False),
            action("/profile/second-factor", self.add_second_factor, viewer, needs_account=False),
            action("/profile/second-factor/remove", self.remove_second_factor, viewer, needs_account=False),
            action("/profile/sessions/end", self.end_session, viewer, needs_account=False),
        ]

    async def show(self, visit: Visit) -> Response:
        """Show the page, with a fresh secret for a second factor where there is none."""
        session = visit.session
        sessions = await self._database.read(lambda tx: list_sessions(tx, session.user_id))
        secret = "" if session.has_second_factor else new_secret()
        picture = enrolment_picture(enrolment_uri(secret, name=session.user_name)) if secret else ""
        return visit.page("profile.html", sessions=sessions, secret=secret, picture=picture)

    async def change_password(self, visit: Visit) -> Response:
        """Take another password; everywhere else the user is signed out."""
        await self._require_password(visit)
        session, editor = visit.session, visit.editor
        password = str(visit.form.get("new_password", ""))
        check_password(password, name=session.user_name)
        hashed = await self._console.passwords.hash(password)
        await self._database.write(
            lambda tx: alter_password(
                tx, editor, session.user_id, password_hash=hashed, kept_session=session.token_hash
            )
        )
        return visit.redirect("/profile", notice="The password is changed; elsewhere you are signed out.")

    async def add_second_factor(self, visit: Visit) -> Response:
        """Ask for a code from now on, once the user has shown that their app makes the right ones."""
        await self._require_password(visit)
        session, editor, secret = visit.session, visit.editor, visit.field("secret")
        step = (
            step_of_code(secret, visit.field("code").replace(" ", ""), now_us=editor.clock.now_us())
            if is_secret(secret)
            else None
        )
        if step is None:
            raise invalid(
                "code", "does not fit the secret", hint="Type the six digits that the app shows now; check its clock."
            )
        await self._database.write(
            lambda tx: require_second_factor(
                tx, editor, session.user_id, secret=secret, step=step, kept_session=session.token_hash
            )
        )
        return visit.redirect("/profile", notice="From now on signing in takes a code from the app.")

    async def remove_second_factor(self, visit: Visit) -> Response:
        """Ask for the password alone from now on."""
        await self._require_password(visit)
        session, editor = visit.session, visit.editor
        await self._database.write(lambda tx: drop_second_factor(tx, editor, session.user_id))
        return visit.redirect("/sign-in", notice="The second factor is off. Sign in again.")

    async def end_session(self, visit: Visit) -> Response:
        """Sign the user out in one other place."""
        user_id, hashed = visit.session.user_id, visit.field("session")
        await self._database.write(lambda tx: end_session_of(tx, user_id, hashed))
        return visit.redirect("/profile", notice="Signed out there.")

    async def _require_password(self, visit: Visit) -> None:
        name, given = visit.session.user_name, visit.form.get("password")
        user = await self._database.read(lambda tx: find_user_named(tx, name))
        hashed = None if user is None else user.password_hash
        if not await self._console.passwords.matches(given if isinstance(given, str) else "", hashed):
            raise Problem(
                ProblemKind.FORBIDDEN, "That is not your present password.", hint="Type it again; nothing was changed."
            )
