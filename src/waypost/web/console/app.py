"""The console as one ASGI application below ``/console``."""

from collections.abc import Sequence
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from waypost.web.console.audit import AuditPage
from waypost.web.console.bulk import BulkPage
from waypost.web.console.bulk_new import BulkNewPage
from waypost.web.console.compose import ComposePage
from waypost.web.console.connect_pages import ConnectPages
from waypost.web.console.consent import ConsentPage
from waypost.web.console.consent_import import ConsentImportPage
from waypost.web.console.context import PREFIX, Console
from waypost.web.console.conversation import ConversationPage
from waypost.web.console.conversations import ConversationsPage
from waypost.web.console.entering import EnteringPages
from waypost.web.console.gate import Gate, answer_problem
from waypost.web.console.inbound import InboundPage
from waypost.web.console.keys import KeysPage
from waypost.web.console.live_page import LivePage
from waypost.web.console.media import MediaPage
from waypost.web.console.media_content import MediaContentPage
from waypost.web.console.message import MessagePage
from waypost.web.console.messages import MessagesPage
from waypost.web.console.overview import OverviewPage
from waypost.web.console.profile import ProfilePage
from waypost.web.console.routing import ConsoleRoute, Page
from waypost.web.console.sandbox import SandboxPage
from waypost.web.console.settings import SettingsPage
from waypost.web.console.sources import SourcesPage
from waypost.web.console.template_pages import TemplatesPage
from waypost.web.console.users import UsersPage
from waypost.web.console.visit import Visit
from waypost.web.console.webhook_letters import WebhookLettersPage
from waypost.web.console.webhooks import WebhooksPage
from waypost.web.manage.problems import Problem, ProblemKind
from waypost.web.security_headers import SecurityHeaders

_HEADERS: Final = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
}
_FOR_GOOD: Final = "public, max-age=31536000, immutable"


def pages_of(console: Console) -> Sequence[Page]:
    """Return the console's parts, each with its routes."""
    return (
        EnteringPages(console),
        LivePage(console),
        MessagesPage(console),
        MessagePage(console),
        InboundPage(console),
        BulkNewPage(console),
        BulkPage(console),
        AuditPage(console),
        ProfilePage(console),
        UsersPage(console),
        SettingsPage(console),
        SandboxPage(console),
        OverviewPage(console),
        ComposePage(console),
        ConversationsPage(console),
        ConversationPage(console),
        MediaContentPage(console),
        MediaPage(console),
        ConnectPages(console),
        SourcesPage(console),
        TemplatesPage(console),
        WebhookLettersPage(console),
        WebhooksPage(console),
        KeysPage(console),
        ConsentImportPage(console),
        ConsentPage(console),
    )


def console_routes(console: Console) -> list[ConsoleRoute]:
    """Return every route of the console; what is not among them does not exist."""
    return [route for part in pages_of(console) for route in part.routes()]


def build_console(console: Console) -> ASGIApp:
    """Return the application."""
    gate = Gate(console)

    async def static(request: Request) -> Response:
        found = console.renderer.files.get(request.path_params["name"])
        if found is None:
            raise HTTPException(404)
        is_known = request.query_params.get("v") == found.version
        headers = {"cache-control": _FOR_GOOD if is_known else "no-cache"}
        return Response(found.body, media_type=found.media_type, headers=headers)

    async def refuse(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 405:
            problem = Problem(ProblemKind.METHOD_NOT_ALLOWED, "This page does not take that.", hint="Follow the menu.")
        else:
            problem = Problem(ProblemKind.NOT_FOUND, "There is no such page.", hint="Follow the menu.")
        return answer_problem(Visit(console, request), problem)

    async def enter(request: Request) -> Response:
        del request
        return RedirectResponse(f"{PREFIX}/", status_code=303)

    routes = [
        Route("/", enter),
        Route(PREFIX, enter),
        Route(f"{PREFIX}/static/{{name:path}}", static),
        *(
            Route(PREFIX + route.path, gate.guard(route), methods=[route.method], name=f"{route.method} {route.path}")
            for route in console_routes(console)
        ),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: refuse})
    app.router.redirect_slashes = False
    by_https = {"strict-transport-security": "max-age=31536000"} if console.is_secure else {}
    return SecurityHeaders(app, {**_HEADERS, **by_https})
