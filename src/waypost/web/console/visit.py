"""One request to the console: who visits, what they ask, and the ways to answer."""

import hashlib
import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final, TypeVar
from urllib.parse import quote, unquote

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from waypost.domain.users import Role
from waypost.store.console_sessions import SessionRecord
from waypost.store.directory import Account
from waypost.store.transaction import Tx
from waypost.web.console.context import PREFIX, Console
from waypost.web.console.navigation import navigation
from waypost.web.manage.editing import Editor
from waypost.web.manage.problems import Problem, ProblemKind, invalid
from waypost.web.manage.views import as_microseconds

Result = TypeVar("Result")

_NOTICE_COOKIE: Final = "waypost_notice"
_NOTICE_CHARACTERS_MAX: Final = 500
_CURSOR_CHARACTERS_MAX: Final = 600
_FILE_FORMS: Final = ("csv", "json")
_DIGITS_SHOWN: Final = 2
_PREFIX_SHOWN: Final = 4
_ONCE_BYTES: Final = 12
_ONCE: Final = re.compile(r"[A-Za-z0-9_-]{8,64}")
_WAMID: Final = re.compile(r"wamid\.[A-Za-z0-9+/=_%\\-]+")
"""In whatever spelling: base64 for URLs or not, escaped for a URL or in JSON."""


class Visit:
    """
    A request that has been let in, with its form read.

    ``session`` and ``account`` are there on every page that needs a role; pages open to everybody have none.
    """

    def __init__(
        self,
        console: Console,
        request: Request,
        *,
        session: SessionRecord | None = None,
        account: Account | None = None,
        csrf_token: str = "",
        form: FormData | None = None,
    ) -> None:
        self.console = console
        self.request = request
        self._session = session
        self._account = account
        self.csrf_token = csrf_token
        self.form = FormData() if form is None else form

    @property
    def session(self) -> SessionRecord:
        """Who visits."""
        assert self._session is not None
        return self._session

    @property
    def is_signed_in(self) -> bool:
        """Whether anybody is known to visit."""
        return self._session is not None

    @property
    def has_account(self) -> bool:
        """Whether there is an account to show; on most pages there always is."""
        return self._account is not None

    @property
    def account(self) -> Account:
        """Whose things are shown."""
        assert self._account is not None
        return self._account

    @property
    def account_id(self) -> str:
        """The id of the account whose things are shown."""
        return self.account.id

    @property
    def editor(self) -> Editor:
        """Who changes things, for the audit log."""
        manage = self.console.manage
        return Editor(actor=f"user:{self.session.user_name}", ids=manage.ids, clock=manage.clock, sealer=manage.sealer)

    def may(self, role: Role) -> bool:
        """Say whether the visitor has this role, or more."""
        return self._session is not None and self._session.role >= role

    @property
    def shows_numbers(self) -> bool:
        """Whether phone numbers are shown whole now."""
        session = self._session
        return (
            session is not None
            and session.role >= Role.OPERATOR
            and session.numbers_until_us > self.console.manage.clock.now_us()
        )

    def number(self, text: str | None) -> str:
        """Return a phone number as the visitor may see it: whole, or its beginning and its end."""
        if not text:
            return ""
        if self.shows_numbers:
            return text
        hidden = max(0, len(text) - _PREFIX_SHOWN - _DIGITS_SHOWN)
        return text[:_PREFIX_SHOWN] + "•" * hidden + text[len(text) - _DIGITS_SHOWN :] if hidden else "•" * len(text)

    def without_numbers(self, text: str, *numbers: str | None) -> str:
        """
        Return a text, such as a webhook's body, in which these numbers read as the visitor may see them.

        WhatsApp's ids of messages are hidden with them: such an id is base64, and what it says first is the number.
        """
        for number in numbers:
            if number:
                text = text.replace(number.removeprefix("+"), self.number(number.removeprefix("+")))
        return text if self.shows_numbers else _WAMID.sub("wamid.•••", text)

    @property
    def path(self) -> str:
        """The path of the request, ``/console/...``."""
        return self.request.url.path

    def part(self, name: str) -> str:
        """Return a part of the path by its name in the route."""
        return str(self.request.path_params[name])

    def query(self, name: str) -> str:
        """Return a parameter of the query, ``""`` when it is not given."""
        return self.request.query_params.get(name, "")

    def field(self, name: str) -> str:
        """Return a field of the form without white space around it, ``""`` when it is not given."""
        value = self.form.get(name)
        return value.strip() if isinstance(value, str) else ""

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        """Return a field of the form that must be one of these. Raises ``Problem``."""
        value = self.field(name)
        if value not in allowed:
            raise invalid(name, f"is none of {', '.join(allowed)}", hint="Choose one of the list.")
        return value

    def time_us(self, name: str, *, given: str | None = None) -> int | None:
        """Return a field for a time, microseconds; None when it is empty. ``given``: its text. Raises ``Problem``."""
        text = self.field(name) if given is None else given
        if not text:
            return None
        try:
            time = datetime.fromisoformat(text)
            return as_microseconds(time if time.tzinfo else time.replace(tzinfo=UTC))
        except (ValueError, OverflowError):
            raise invalid(name, "is no time", hint="Write it as 2031-03-05T09:00.") from None

    @cached_property
    def once(self) -> str:
        """
        The token that this page's forms carry so that each is obeyed once, however often it is sent.

        A form that is shown again keeps its own; others get a new one.
        """
        return self.field("once") or new_once()

    def once_key(self, what: bytes) -> str:
        """
        Return an idempotency key for ``what`` this form asks for: the same for the same form, sent as it is.

        What was changed and sent again is something else, and has another key. Raises ``Problem``: the form has no
        token, so nobody could tell a second click from a second wish.
        """
        once = self.field("once")
        if not _ONCE.fullmatch(once):
            raise Problem(
                ProblemKind.INVALID,
                "The form lacks the token by which it is known again when it is sent twice.",
                hint="Load the page anew and send the form again; nothing was sent.",
            )
        return f"console {once} {hashlib.sha256(what).hexdigest()[:32]}"

    @property
    def cursor(self) -> str | None:
        """Where the page of a list begins; None at the beginning."""
        return (self.query("cursor") or self.field("cursor"))[:_CURSOR_CHARACTERS_MAX] or None

    @property
    def wants_file(self) -> str:
        """``csv`` or ``json`` when the rows are asked for as a file, else ``""``."""
        form = self.query("export") or self.field("export")
        return form if form in _FILE_FORMS else ""

    @property
    def is_htmx(self) -> bool:
        """Whether a script asks for a part of a page, not the browser for a page."""
        return "hx-request" in self.request.headers

    async def read(self, operation: Callable[[Tx], Result]) -> Result:
        """Run a read for the account. Raises ``StoreUnavailableError``."""
        return await self.console.manage.read(operation, account_id=self.account_id)

    async def change(self, operation: Callable[[Tx], Result]) -> Result:
        """Run a change for the account; durable, and known to this node, when this returns."""
        return await self.console.manage.change(operation, account_id=self.account_id)

    def page(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """Answer with a whole page; templates extend ``layout.html``."""
        notice = unquote(self.request.cookies.get(_NOTICE_COOKIE, ""))[:_NOTICE_CHARACTERS_MAX]
        response = HTMLResponse(self._rendered(template, notice=notice, **values), status_code=status)
        if notice:
            response.delete_cookie(_NOTICE_COOKIE, path=PREFIX)
        return response

    def fragment(self, template: str, **values: Any) -> Response:
        """
        Answer with a part of a page that fetches itself anew.

        Its outermost element has ``data-version=""``, which is filled with a hash of the rest. Asked for by one that
        has this hash already, the answer is 204 and the page stays as it is.
        """
        text = self._rendered(template, **values)
        # The tokens of forms are new each time: for them alone nothing need be fetched.
        version = hashlib.sha256(text.replace(self.once, "").encode()).hexdigest()[:16]
        if self.request.headers.get("x-fragment") == version:
            return Response(status_code=204)
        return HTMLResponse(text.replace('data-version=""', f'data-version="{version}"', 1))

    def redirect(self, path: str, *, notice: str = "") -> Response:
        """Answer a form by leading to a page below ``/console``, which says ``notice`` once."""
        response: Response
        if self.is_htmx:
            response = Response(status_code=204, headers={"hx-redirect": PREFIX + path})
        else:
            response = RedirectResponse(PREFIX + path, status_code=303)
        if notice:
            response.set_cookie(
                _NOTICE_COOKIE,
                quote(notice[:_NOTICE_CHARACTERS_MAX]),
                max_age=30,
                path=PREFIX,
                secure=self.console.is_secure,
                httponly=True,
                samesite="strict",
            )
        return response

    def _rendered(self, template: str, **values: Any) -> str:
        console = self.console
        return console.renderer.render(
            template,
            **{
                "visit": self,
                "number": self.number,
                "csrf_token": self.csrf_token,
                "once": self.once,
                "navigation": navigation(self) if self._session is not None else (),
                "accounts": self._accounts(),
                "now_us": console.manage.clock.now_us(),
                "Role": Role,
                **values,
            },
        )

    def _accounts(self) -> list[Account]:
        """Return the accounts that the visitor may choose from."""
        session = self._session
        if session is None:
            return []
        known = self.console.manage.directory.now.accounts
        if session.user_account_id is not None:
            return [known[session.user_account_id]] if session.user_account_id in known else []
        return sorted(known.values(), key=lambda account: account.name.lower())


def new_once() -> str:
    """Return a token for a form that is obeyed once."""
    return secrets.token_urlsafe(_ONCE_BYTES)
