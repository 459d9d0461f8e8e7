"""The gateway's OpenAPI document as the documents show it: of this checkout, at the demo's address."""

from types import SimpleNamespace
from typing import Any

from waypost.web.manage import build_manage_app
from waypost.web.openapi import build_openapi

SERVER_URL = "http://127.0.0.1:8080"
VERSION = "1"
"""Of the document, not of the package: else every release would change every page."""


def build() -> dict[str, Any]:
    """Return the document, without a gateway behind it."""
    app = build_manage_app(SimpleNamespace())  # type: ignore[arg-type]
    return build_openapi(app, version=VERSION, server_url=SERVER_URL)
