"""Signing in and out, and the first run, which makes the first user."""

import hashlib
import hmac
import secrets
from typing import Final

from starlette.responses import RedirectResponse, Response

from waypost.domain.users import Role
from waypost.observe import get_logger
from waypost.store.console_sessions import (
    begin_session,
    clear_failures,
    end_session,
    forget_sessions,
    locked_until_us,
    note_failure,
)
from waypost.store.sealing import SealBrokenError
from waypost.store.transaction import Tx
from waypost.store.users import (
    UserRecord,
    find_user_named,
    has_users,
    note_sign_in,
    second_factor_of,
    use_second_factor,
)
from waypost.web.console.context import PREFIX, Console
from waypost.web.console.gate import cookie_name, token_hash
from waypost.web.console.routing import ConsoleRoute, action, page
from waypost.web.console.second_factor import step_of_code
from waypost.web.console.visit import Visit
from waypost.web.first_run import first_run_code
from waypost.web.manage.editing import Editor
from waypost.web.manage.editing_users import NAME_CHARACTERS_MAX, add_first_user, plain_name
from waypost.web.manage.problems import Problem, ProblemKind
from waypost.web.passwords import PASSWORD_CHARACTERS_MAX, check_password

_TOKEN_BYTES: Final = 32
_BROWSER_CHARACTERS_MAX: Final = 200
_FIRST_RUN_NAME: Final = "first run"
"""Wrong codes are counted like wrong passwords of a user of this name, which nobody can have."""

_logger = get_logger("console")


class EnteringPages:
    """The pages that are open to everybody."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._database = console.manage.database

    def routes(self) -> list[ConsoleRoute]:
        """Return the routes."""
        return [
            page("/sign-in", self.show_sign_in, None),
            action("/sign-in", self.sign_in, None),
            page("/first-run", self.show_first_run, None),
            action("/first-run", self.first_run, None),
            action("/sign-out", self.sign_out, Role.VIEWER, needs_account=False),
        ]

    async def show_sign_in(self, visit: Visit) -> Response:
        """Show the form; before there is a user, lead to the first run."""
        if visit.is_signed_in:
            return visit.redirect("/")
        if not await self._database.read(has_users):
            return visit.redirect("/first-run")
        return visit.page("sign_in.html", name="", problem=None)

    async def sign_in(self, visit: Visit) -> Response:
        """Let a user in, or say that something is wrong; in the same words whatever it is."""
        name = visit.field("name").lower()[:NAME_CHARACTERS_MAX]
        try:
            user = await self._checked_user(visit, name)
        except Problem as problem:
            response = visit.page("sign_in.html", status=problem.kind.value.status, name=name, problem=problem)
            if problem.retry_after_seconds is not None:
                response.headers["retry-after"] = str(problem.retry_after_seconds)
            return response
        return await self._let_in(visit, user.id)

    async def show_first_run(self, visit: Visit) -> Response:
        """Show the form for the first user."""
        if await self._database.read(has_users):
            return visit.redirect("/sign-in")
        return visit.page("first_run.html", name="", problem=None)

    async def first_run(self, visit: Visit) -> Response:
        """Make the first user, and let them in."""
        if await self._database.read(has_users):
            return visit.redirect("/sign-in")
        name = visit.field("name")
        try:
            await self._check_code(visit)
            name, password = plain_name(name), _password_of(visit)
            check_password(password, name=name)
            hashed = await self._console.passwords.hash(password)
            manage = self._console.manage
            editor = Editor(actor=f"user:{name}", ids=manage.ids, clock=manage.clock, sealer=manage.sealer)
            user_id = await self._database.write(lambda tx: add_first_user(tx, editor, name=name, password_hash=hashed))
        except Problem as problem:
            return visit.page("first_run.html", status=problem.kind.value.status, name=name, problem=problem)
        return await self._let_in(visit, user_id)

    async def sign_out(self, visit: Visit) -> Response:
        """End the session."""
        hashed = visit.session.token_hash
        await self._database.write(lambda tx: end_session(tx, hashed))
        response = visit.redirect("/sign-in")
        response.delete_cookie(cookie_name(is_secure=self._console.is_secure), path="/")
        return response

    async def _check_code(self, visit: Visit) -> None:
        await self._refuse_locked(_FIRST_RUN_NAME)
        wanted = first_run_code(self._console.token_key).replace("-", "")
        given = visit.field("code").upper().replace("-", "").replace(" ", "")
        if not hmac.compare_digest(given.encode(), wanted.encode()):
            await self._count_failure(visit, _FIRST_RUN_NAME)
            raise Problem(
                ProblemKind.FORBIDDEN,
                "That is not the code.",
                hint="It is printed when the gateway starts, and by: waypost users first-run-code",
            )

    async def _checked_user(self, visit: Visit, name: str) -> UserRecord:
        await self._refuse_locked(name)
        user = await self._database.read(lambda tx: find_user_named(tx, name))
        usable = user if user is not None and user.disabled_at_us is None else None
        is_right = await self._console.passwords.matches(
            _password_of(visit), None if usable is None else usable.password_hash
        )
        # Tries wait for their turn to be hashed: of many sent at once, those behind the lock are refused too.
        await self._refuse_locked(name)
        if usable is not None and is_right and await self._has_second_factor(visit, usable):
            return usable
        await self._count_failure(visit, name)
        raise Problem(
            ProblemKind.UNAUTHENTICATED,
            "Name, password or code is wrong.",
            hint="Try again. An admin can set a new password: on the page Users, or with waypost users password NAME",
        )

    async def _has_second_factor(self, visit: Visit, user: UserRecord) -> bool:
        if not user.has_second_factor:
            return True
        manage, given = self._console.manage, visit.field("code").replace(" ", "")
        now_us = manage.clock.now_us()

        def use(tx: Tx) -> bool:
            secret = second_factor_of(tx, manage.sealer, user.id)
            step = None if secret is None else step_of_code(secret, given, now_us=now_us)
            return step is not None and use_second_factor(tx, user.id, step=step)

        try:
            return await self._database.write(use)
        except SealBrokenError as error:
            _logger.exception("console.second_factor_sealed", user=user.name)
            raise Problem(
                ProblemKind.UNAVAILABLE,
                "The second factor of this user cannot be read.",
                hint="The master key was changed without the former one: waypost users drop-second-factor NAME",
            ) from error

    async def _refuse_locked(self, name: str) -> None:
        hashed, now_us = _name_hash(name), self._console.manage.clock.now_us()
        until_us = await self._database.read(lambda tx: locked_until_us(tx, hashed))
        if until_us > now_us:
            raise _locked(until_us - now_us)

    async def _count_failure(self, visit: Visit, name: str) -> None:
        """Count a failed try by name and by address; raises that there were too many from this address."""
        hashed, manage = _name_hash(name), self._console.manage
        now_us = manage.clock.now_us()
        await self._database.write(lambda tx: note_failure(tx, hashed, now_us=now_us))
        address = _address(visit)
        _logger.info("console.sign_in_refused", address=address)
        wait_seconds = manage.authenticator.note_failure(None, address=address)
        if wait_seconds is not None:
            raise _locked(wait_seconds * 1_000_000)

    async def _let_in(self, visit: Visit, user_id: str) -> Response:
        """Begin a new session, whatever session there was, and forget the failures of the name."""
        manage = self._console.manage
        token, now_us = secrets.token_urlsafe(_TOKEN_BYTES), manage.clock.now_us()
        hashed, name_hash = token_hash(token), _name_hash(visit.field("name").lower()[:NAME_CHARACTERS_MAX])
        former = token_hash(visit.request.cookies.get(cookie_name(is_secure=self._console.is_secure), ""))
        settings = manage.settings.console
        browser = visit.request.headers.get("user-agent", "")[:_BROWSER_CHARACTERS_MAX]

        def begin(tx: Tx) -> None:
            forget_sessions(
                tx,
                now_us=now_us,
                idle_us=settings.idle_us,
                absolute_us=settings.session_us,
            )
            end_session(tx, former)
            clear_failures(tx, name_hash)
            note_sign_in(tx, user_id, now_us=now_us)
            begin_session(
                tx,
                token_hash=hashed,
                user_id=user_id,
                account_id="",
                address=_address(visit),
                browser=browser,
                now_us=now_us,
            )

        await self._database.write(begin)
        _logger.info("console.signed_in", user_id=user_id, address=_address(visit))
        response = RedirectResponse(f"{PREFIX}/", status_code=303)
        response.set_cookie(
            cookie_name(is_secure=self._console.is_secure),
            token,
            max_age=int(settings.session_hours * 3600),
            path="/",
            secure=self._console.is_secure,
            httponly=True,
            samesite="strict",
        )
        return response


def _password_of(visit: Visit) -> str:
    """Return the password as it was typed, white space and all."""
    value = visit.form.get("password")
    return value[: PASSWORD_CHARACTERS_MAX + 1] if isinstance(value, str) else ""


def _name_hash(name: str) -> str:
    return hashlib.sha256(f"console name {name}".encode()).hexdigest()


def _address(visit: Visit) -> str:
    client = visit.request.client
    return client.host if client else ""


def _locked(wait_us: int) -> Problem:
    seconds = max(1, -(-wait_us // 1_000_000))
    return Problem(
        ProblemKind.THROTTLED,
        "There were too many failed tries.",
        hint=f"Wait {seconds} seconds, then try again.",
        retry_after_seconds=seconds,
    )
