"""One OpenAPI document for both APIs: the v2 contract's, written by hand, and the manage API's, from its routes."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Final, Literal

from fastapi import FastAPI

from waypost.web.auth import SCOPES
from waypost.web.contract_openapi import PATHS, scoped_name
from waypost.web.contract_operations import HEADERS_TOO_LARGE, declare_failure_statuses
from waypost.web.contract_schemas import SCHEMAS, JsonObject
from waypost.web.manage.guarding import ACCOUNT_HEADER, PROBLEM_JSON
from waypost.web.manage.problems import ProblemKind
from waypost.web.openapi_examples import add_examples
from waypost.web.openapi_links import add_links

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
                "required": ["place", "message"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["type", "title", "status", "detail", "hint", "id"],
    "additionalProperties": False,
}
_UNDECLARED: Final = frozenset({ProblemKind.METHOD_NOT_ALLOWED, ProblemKind.DEFECT})
"""No answer of an operation: the first is of the path, the second is never meant."""
_ASKING: Final = frozenset({"groups.invite_link", "groups.join_requests"})
"""Reads that ask the provider, who may refuse."""
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


def build_openapi(
    app: FastAPI, *, version: str, server_url: str, failure_http_status: Literal["200", "4xx"] = "200"
) -> JsonObject:
    """Return the document; ``app`` is the manage API's, ``failure_http_status`` the contract's setting."""
    document: JsonObject = deepcopy(app.openapi())
    schemas: JsonObject = dict(document.get("components", {}).get("schemas", {}))
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)  # FastAPI's own; ours are problem documents
    paths: JsonObject = {path: dict(methods) for path, methods in document["paths"].items()}
    for path, method, operation in operations_of(paths):
        paths[path][method] = _manage_operation(method, operation)
    contract_paths = deepcopy(PATHS)
    if failure_http_status == "4xx":
        declare_failure_statuses(contract_paths)
    document.update(
        info={"title": "Waypost", "version": version, "description": _ABOUT},
        servers=[{"url": server_url}],
        paths={**contract_paths, **paths},
        components={
            "schemas": {**SCHEMAS, **schemas, "Problem": _PROBLEM},
            "responses": {_response_name(kind): _problem_response(kind) for kind in ProblemKind},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "bearerFormat": "wp_..."}},
        },
        security=[{"key": []}],
    )
    for _, _, operation in operations_of(document["paths"]):
        operation["x-scope"] = SCOPES[scoped_name(operation["operationId"])].value
    add_examples(document)
    add_links(document["paths"])
    return document


def operations_of(paths: JsonObject) -> Iterator[tuple[str, str, JsonObject]]:
    """Yield every (path, method in lower case, operation)."""
    for path, methods in paths.items():
        for method, operation in list(methods.items()):
            yield path, method, operation


def _manage_operation(method: str, operation: JsonObject) -> JsonObject:
    answers = {status: _without_an_empty(one) for status, one in operation["responses"].items() if status != "422"}
    problems = {
        str(kind.value.status): {"$ref": f"#/components/responses/{_response_name(kind)}"}
        for kind in ProblemKind
        if kind not in _UNDECLARED
        and not (kind is ProblemKind.CONFLICT and method == "get" and operation["operationId"] not in _ASKING)
    }
    parameters = [*operation.get("parameters", ()), _ACCOUNT_PARAMETER]
    summary = str(operation.get("description", "")).split(". ")[0].partition("\n")[0].rstrip(".")
    return {
        **operation,
        "summary": summary,
        "responses": {**answers, **problems, **HEADERS_TOO_LARGE},
        "parameters": parameters,
    }


def _without_an_empty(answer: JsonObject) -> JsonObject:
    """Return the answer without the JSON of any shape that FastAPI puts beside what a route declares itself."""
    contents = answer.get("content", {})
    told = {media_type: content for media_type, content in contents.items() if content.get("schema")}
    return {**answer, "content": told} if told and told != contents else answer


def _response_name(kind: ProblemKind) -> str:
    return "".join(word.title() for word in kind.value.slug.split("-"))


def _problem_response(kind: ProblemKind) -> JsonObject:
    example = {
        "type": f"urn:waypost:problem:{kind.value.slug}",
        "title": kind.value.title,
        "status": kind.value.status,
        "detail": "What is wrong with this request.",
        "hint": "What to do about it.",
        "id": "0195a1c4-7d1e-7b86-9c44-0a5be1d27f63",
    }
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": f"{kind.value.title}.", "content": {PROBLEM_JSON: {"schema": schema, "example": example}}}
