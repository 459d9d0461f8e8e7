"""One OpenAPI document for both APIs: the v2 contract's, written by hand, and the manage API's, from its routes."""

from collections.abc import Iterator
from typing import Any, Final

from fastapi import FastAPI

from waypost.web.auth import SCOPES
from waypost.web.contract_openapi import PATHS, scoped_name
from waypost.web.contract_schemas import SCHEMAS, JsonObject
from waypost.web.manage.guarding import ACCOUNT_HEADER, PROBLEM_JSON

_PROBLEM: Final[JsonObject] = {
    "type": "object",
    "description": "Problem details (RFC 9457).",
    "properties": {
        "type": {"type": "string", "examples": ["urn:waypost:problem:not-found"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong here."},
        "hint": {"type": "string", "description": "What to do."},
        "id": {"type": "string", "description": "Stands in the gateway's log, for defects."},
        "faults": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"place": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
    "required": ["type", "title", "status", "detail", "hint", "id"],
}
_ACCOUNT_PARAMETER: Final[JsonObject] = {
    "name": ACCOUNT_HEADER,
    "in": "header",
    "required": False,
    "description": "Act for this account; for operators' keys only.",
    "schema": {"type": "string"},
}
_ABOUT: Final = (
    "A self-hosted WhatsApp Business gateway. The paths under `/api/v2` keep the v2 contract; those under `/manage/v1` "
    "manage the gateway. Both take the header `Authorization: Bearer wp_...`."
)


def build_openapi(app: FastAPI, *, version: str, server_url: str) -> JsonObject:
    """Return the document; ``app`` is the manage API's."""
    document: JsonObject = dict(app.openapi())
    schemas: JsonObject = dict(document.get("components", {}).get("schemas", {}))
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)  # FastAPI's own; ours are problem documents
    paths: JsonObject = {path: dict(methods) for path, methods in document["paths"].items()}
    for path, method, operation in operations_of(paths):
        paths[path][method] = _manage_operation(operation)
    document.update(
        info={"title": "Waypost", "version": version, "description": _ABOUT},
        servers=[{"url": server_url}],
        paths={**PATHS, **paths},
        components={
            "schemas": {**SCHEMAS, **schemas, "Problem": _PROBLEM},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "bearerFormat": "wp_..."}},
        },
        security=[{"key": []}],
    )
    for _, _, operation in operations_of(document["paths"]):
        operation["x-scope"] = SCOPES[scoped_name(operation["operationId"])].value
    return document


def operations_of(paths: JsonObject) -> Iterator[tuple[str, str, JsonObject]]:
    """Yield every (path, method in lower case, operation)."""
    for path, methods in paths.items():
        for method, operation in list(methods.items()):
            yield path, method, operation


def _manage_operation(operation: JsonObject) -> JsonObject:
    responses: dict[str, Any] = {status: one for status, one in operation["responses"].items() if status != "422"}
    responses["default"] = {
        "description": "Why not: a problem document.",
        "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    parameters = [*operation.get("parameters", ()), _ACCOUNT_PARAMETER]
    summary = str(operation.get("description", "")).split(". ")[0].partition("\n")[0].rstrip(".")
    return {**operation, "summary": summary, "responses": responses, "parameters": parameters}
