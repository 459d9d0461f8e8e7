"""
The console's edge: who is let in, what is believed of a form, and how every refusal looks.

A form is taken only if the browser says that it comes from this site (``Sec-Fetch-Site``, or ``Origin`` where a browser
sends none) and if it carries the session's token. Both are checked before the form is looked at any further.
"""

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlsplit

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Message, Receive

from waypost.observe import get_logger
from waypost.settings_groups import ConsoleSettings
from waypost.store.console_sessions import SessionRecord, end_session, find_session, touch_session
from waypost.store.directory import Account
from waypost.store.engine import StoreUnavailableError
from waypost.web.console.context import PREFIX, Console
from waypost.web.console.routing import ConsoleRoute
from waypost.web.console.visit import Visit
from waypost.web.manage.problems import Problem, ProblemKind, unavailable

CSRF_FIELD: Final = "csrf_token"
CSRF_HEADER: Final = "x-csrf-token"
_TOUCH_US: Final = 60_000_000
_FIELDS_MAX: Final = 500
_FILES_MAX: Final = 10
_CHARSETS: Final = frozenset({b"utf-8", b"utf8"})

_logger = get_logger("console")


def cookie_name(*, is_secure: bool) -> str:
    """Return the name of the session's cookie: by https one that no other host can set (RFC 6265bis, 4.1.3.2)."""
    return "__Host-waypost" if is_secure else "waypost_console"


def token_hash(token: str) -> str:
    """Return what is stored of a session's token."""
    return hashlib.sha256(token.encode()).hexdigest()


def csrf_token_of(token: str) -> str:
    """Return the token that a session's forms carry; the session's own cannot be found from it."""
    return hmac.digest(token.encode(), b"console form", "sha256").hex()[:32]


def is_over(session: SessionRecord, settings: ConsoleSettings, *, now_us: int) -> bool:
    """Say whether a session has not been used for too long, or has lasted as long as any may."""
    return now_us - session.used_at_us > settings.idle_us or now_us - session.created_at_us > settings.session_us


class Gate:
    """Lets requests in, and turns whatever goes wrong behind it into a page."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def guard(self, route: ConsoleRoute) -> Callable[[Request], Awaitable[Response]]:
        """Return a route's handler behind this gate."""

        async def handle(request: Request) -> Response:
            visit = Visit(self._console, request)
            try:
                token = request.cookies.get(cookie_name(is_secure=self._console.is_secure), "")
                session = await self._session_of(token, is_use=_is_use(request))
                visit = Visit(
                    self._console,
                    request,
                    session=session,
                    account=self._account_of(session),
                    csrf_token=csrf_token_of(token) if session is not None else "",
                )
                refusal = self._refusal(route, visit)
                if refusal is not None:
                    return refusal
                if route.method == "POST":
                    visit.form = await self._read_form(route, visit)
                    self._require_own_form(route, visit)
                    if route.role is not None:
                        await self._require_unchanged(visit.session)
                return await route.handle(visit)
            except Problem as problem:
                return answer_problem(visit, problem)
            except ClientDisconnect:
                # A preview that was overtaken by the next one, or a page that was left: nobody reads the answer.
                return Response(status_code=400)
            except StoreUnavailableError as error:
                _logger.warning("console.store_unavailable", path=route.path, error=str(error))
                return answer_problem(visit, unavailable())
            except Exception:
                # A request's outermost edge: a defect is logged once, with its trace, and told without detail.
                problem_id = self._console.manage.ids.new()
                _logger.exception("console.defect", path=route.path, problem_id=problem_id)
                return answer_problem(visit, _defect(problem_id))
            finally:
                # Uploaded files lie in temporary ones, which are gone with this.
                await visit.form.close()

        return handle

    async def _session_of(self, token: str, *, is_use: bool) -> SessionRecord | None:
        if not token:
            return None
        manage, hashed = self._console.manage, token_hash(token)
        session = await manage.database.read(lambda tx: find_session(tx, hashed))
        if session is None:
            return None
        now_us = manage.clock.now_us()
        if is_over(session, manage.settings.console, now_us=now_us):
            await manage.database.write(lambda tx: end_session(tx, hashed))
            return None
        if is_use and now_us - session.used_at_us > _TOUCH_US:
            await manage.database.write(lambda tx: touch_session(tx, hashed, now_us=now_us))
        return session

    async def _require_unchanged(self, session: SessionRecord) -> None:
        """Let no form through that was begun before its sender lost what it takes, however slowly it came in."""
        hashed = session.token_hash
        now = await self._console.manage.database.read(lambda tx: find_session(tx, hashed))
        if now is None or (now.role, now.user_account_id) != (session.role, session.user_account_id):
            raise Problem(
                ProblemKind.FORBIDDEN,
                "Your session ended while the form was on its way.",
                hint="Sign in again; nothing was changed.",
            )

    def _account_of(self, session: SessionRecord | None) -> Account | None:
        """Return whose things a session shows: its user's account, the one chosen, or the first there is."""
        if session is None:
            return None
        known = self._console.manage.directory.now.accounts
        if session.user_account_id is not None:
            return known.get(session.user_account_id)
        if session.chosen_account_id in known:
            return known[session.chosen_account_id]
        return min(known.values(), key=lambda account: account.id, default=None)

    def _refusal(self, route: ConsoleRoute, visit: Visit) -> Response | None:
        if "\x00" in visit.path or b"%00" in visit.request.scope["query_string"]:
            raise _not_found()
        if route.method == "POST" and not is_from_this_site(visit.request):
            raise _cross_site()
        if route.role is None:
            return None
        if not visit.is_signed_in:
            return _to_sign_in(visit)
        if not visit.may(route.role):
            raise Problem(
                ProblemKind.FORBIDDEN,
                f"This takes the role {route.role.word}; yours is {visit.session.role.word}.",
                hint="Ask an admin of the installation for it.",
            )
        if route.needs_account and self._account_of(visit.session) is None:
            return visit.page("no_account.html")
        return None

    async def _read_form(self, route: ConsoleRoute, visit: Visit) -> FormData:
        request = visit.request
        bytes_max = route.bytes_max or self._console.manage.settings.limits.other_body_bytes_max
        bounded = Request(request.scope, _bounded(request.receive, bytes_max=bytes_max))
        header = request.headers.get(CSRF_HEADER, "")
        if route.role is not None and header and not hmac.compare_digest(header.encode(), visit.csrf_token.encode()):
            raise _cross_site()
        _, options = parse_options_header(request.headers.get("content-type", ""))
        if options.get(b"charset", b"utf-8").lower() not in _CHARSETS:
            # The parser would take any codec by its name: some need minutes for a form, some make what is no text.
            raise Problem(ProblemKind.MALFORMED, "The form is not written in UTF-8.", hint="Send it in UTF-8.")
        try:
            return await bounded.form(max_files=_FILES_MAX, max_fields=_FIELDS_MAX, max_part_size=bytes_max)
        except HTTPException as error:
            raise Problem(ProblemKind.MALFORMED, "The form cannot be read.", hint="Send it again.") from error

    def _require_own_form(self, route: ConsoleRoute, visit: Visit) -> None:
        """Let no form through that does not come from a page of this session, or that holds what no column does."""
        if route.role is not None and not visit.request.headers.get(CSRF_HEADER, ""):
            given = visit.form.get(CSRF_FIELD)
            if not isinstance(given, str) or not hmac.compare_digest(given.encode(), visit.csrf_token.encode()):
                raise _cross_site()
        if any("\x00" in text for pair in visit.form.multi_items() for text in pair if isinstance(text, str)):
            raise Problem(ProblemKind.MALFORMED, "The form holds a NUL character.", hint="Leave it out.")


def _is_use(request: Request) -> bool:
    """Say whether somebody asks; pages that are left open refresh themselves, and would keep any session for good."""
    return "x-fragment" not in request.headers and request.url.path != f"{PREFIX}/live"


def is_from_this_site(request: Request) -> bool | None:
    """Say whether a browser asks from a page of ours; None: the request does not tell where it comes from."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    try:
        return None if origin is None else urlsplit(origin).netloc == request.headers.get("host")
    except ValueError:
        return False


def answer_problem(visit: Visit, problem: Problem) -> Response:
    """Return a problem as a page, or as the part of one that a script puts among the notices."""
    template = "problem_part.html" if visit.is_htmx else "problem.html"
    response = visit.page(template, status=problem.kind.value.status, problem=problem)
    if problem.retry_after_seconds is not None:
        response.headers["retry-after"] = str(problem.retry_after_seconds)
    return response


def _to_sign_in(visit: Visit) -> Response:
    if visit.is_htmx:
        return Response(status_code=204, headers={"hx-redirect": f"{PREFIX}/sign-in"})
    return RedirectResponse(f"{PREFIX}/sign-in", status_code=303)


def _bounded(receive: Receive, *, bytes_max: int) -> Receive:
    taken = 0

    async def take() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > bytes_max:
            raise Problem(
                ProblemKind.TOO_LARGE,
                f"This form has at most {bytes_max:,} bytes.",
                hint="Send a smaller file, or less text.",
            )
        return message

    return take


def _cross_site() -> Problem:
    return Problem(
        ProblemKind.FORBIDDEN,
        "The form does not come from a page of this console, or the page is too old.",
        hint="Load the page anew and send the form again.",
    )


def _not_found() -> Problem:
    return Problem(ProblemKind.NOT_FOUND, "There is no such page.", hint="Follow the menu.")


def _defect(problem_id: str) -> Problem:
    return Problem(
        ProblemKind.DEFECT,
        "The page ran into a defect of Waypost.",
        hint=f"Look for {problem_id} in the gateway's log, and report what stands there.",
    )
