"""The manage API as one ASGI application, with the documents of both APIs beside it."""

from importlib.metadata import version

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from waypost.web.documents import Documents
from waypost.web.manage.account_routes import AccountRoutes, KeyRoutes
from waypost.web.manage.bulk_routes import BulkRoutes
from waypost.web.manage.consent_routes import ConsentRoutes
from waypost.web.manage.context import ManageContext
from waypost.web.manage.export_routes import ExportRoutes
from waypost.web.manage.group_routes import GroupRoutes
from waypost.web.manage.guarding import Gate, answer_problem, routing_problem
from waypost.web.manage.overview_routes import OverviewRoutes
from waypost.web.manage.source_routes import SourceRoutes
from waypost.web.manage.template_routes import TemplateRoutes
from waypost.web.manage.traffic_routes import MediaRoutes, MessageRoutes
from waypost.web.manage.webhook_routes import WebhookRoutes
from waypost.web.openapi import build_openapi
from waypost.web.security_headers import SecurityHeaders

_HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'",
}


def build_manage_app(context: ManageContext) -> FastAPI:
    """Return the application: ``/manage/v1`` behind a key, and ``/docs`` and ``/openapi.json`` open to all."""
    app = FastAPI(title="Waypost", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    # Straight into the application's own router: what is included in it is worked out once more at the first request.
    app.router.route_class = Gate(context).route_class()
    for group in (
        OverviewRoutes,
        AccountRoutes,
        KeyRoutes,
        SourceRoutes,
        TemplateRoutes,
        MessageRoutes,
        BulkRoutes,
        WebhookRoutes,
        MediaRoutes,
        ConsentRoutes,
        GroupRoutes,
        ExportRoutes,
    ):
        group(context).add_to(app.router)
    Documents(
        build=lambda: build_openapi(
            app,
            version=version("waypost"),
            server_url=context.settings.base_url,
            failure_http_status=context.settings.contract.failure_http_status,
        )
    ).add_to(app)

    async def refuse(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return answer_problem(routing_problem(error, allowed=_methods_of(app, request.url.path)), ids=context.ids)

    app.add_exception_handler(HTTPException, refuse)
    app.add_middleware(SecurityHeaders, headers=_HEADERS)
    return app


def _methods_of(app: FastAPI, path: str) -> list[str]:
    """Return the methods that a path takes: each route knows only its own."""
    methods: set[str] = set()
    for route in app.routes:
        if isinstance(route, APIRoute) and route.path_regex.match(path):
            methods |= route.methods or set()
    return sorted(methods) or ["GET"]  # the documents
