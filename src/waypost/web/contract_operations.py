"""What the operations of the contract's OpenAPI paths are made of: bodies, answers, denials."""

from typing import Any, Final

from waypost.web.contract_schemas import JsonObject, success_or_failure


def json_content(schema: JsonObject, example: Any) -> JsonObject:
    return {"content": {"application/json": {"schema": schema, "example": example}}}


def answer_of(description: str, example: JsonObject, *, data: JsonObject | None = None) -> JsonObject:
    """Return an answer whose members are the example's; ``data``, where it has one, is of this schema, or any."""
    if data is None and "data" in example:
        data = {"description": "What was asked for."}
    schema = success_or_failure(data=data, has_message="message" in example)
    return {"description": description, **json_content(schema, example)}


def denial(description: str, example: JsonObject) -> JsonObject:
    return {"description": description, **json_content({"$ref": "#/components/schemas/Denial"}, example)}


_DENIED: Final = {
    "403": denial(
        "No valid key, or one without the scope.", {"error": "Forbidden", "message": "Access Denied", "status": 403}
    ),
    "429": denial(
        "Too many requests; see `Retry-After`.",
        {"error": "Too Many Requests", "message": "Rate limit exceeded", "status": 429},
    ),
    "503": denial(
        "Nothing was stored; try again, see `Retry-After`.",
        {"error": "Service Unavailable", "message": "Service overloaded", "status": 503},
    ),
}
_TOO_LARGE: Final = {
    "413": denial(
        "The body is over the configured limit.",
        {"error": "Payload Too Large", "message": "Request body too large", "status": 413},
    )
}
HEADERS_TOO_LARGE: Final = {
    "431": denial(
        "The request line and the headers are over the configured limit.",
        {
            "error": "Request Header Fields Too Large",
            "message": "Request headers too large or too many",
            "status": 431,
        },
    )
}
"""Of the server in front of both APIs."""
_MISSING: Final = {
    "404": denial(
        "Unknown id, or another account's.", {"error": "Not Found", "message": "Resource not found", "status": 404}
    )
}


FAILURE_STATUSES: Final = ("400", "404", "409", "422")
"""What failures are answered with while ``contract.failure_http_status`` is ``4xx``."""


def declare_failure_statuses(paths: JsonObject) -> None:
    """Declare, on operations that answer with the failure envelope, the statuses it has in ``4xx`` mode."""
    failure = {"$ref": "#/components/schemas/Failure"}
    for methods in paths.values():
        for operation in methods.values():
            answer = operation["responses"]["200"].get("content", {}).get("application/json", {}).get("schema", {})
            if failure not in answer.get("anyOf", ()):
                continue
            for status in FAILURE_STATUSES:
                denied = operation["responses"].get(status)
                schema = failure if denied is None else {"anyOf": [failure, {"$ref": "#/components/schemas/Denial"}]}
                example = {"status": "failure", "error": {"code": "8006", "message": "source cannot be null or blank"}}
                operation["responses"][status] = {
                    "description": "Refused." if denied is None else f"Refused. {denied['description']}",
                    **json_content(schema, example),
                }


def success_of(message: str, data: Any = None) -> JsonObject:
    return {"status": "success", "message": message, **({} if data is None else {"data": data})}


def operation_of(
    name: str,
    tag: str,
    summary: str,
    *,
    description: str = "",
    answer: JsonObject,
    body: JsonObject | None = None,
    path_id: str = "",
    names_one: bool = False,
) -> JsonObject:
    """Return an operation; with an id in its path, or one in its body by `names_one`, it may be answered 404."""
    operation: JsonObject = {
        "operationId": name,
        "tags": [tag],
        "summary": summary,
        "responses": {
            "200": answer,
            **(_MISSING if path_id or names_one else {}),
            **({} if body is None else _TOO_LARGE),
            **_DENIED,
            **HEADERS_TOO_LARGE,
        },
    }
    if description:
        operation["description"] = description
    if body is not None:
        operation["requestBody"] = {"required": True, **body}
    if path_id:
        operation["parameters"] = [
            {"name": "id", "in": "path", "required": True, "description": path_id, "schema": {"type": "string"}}
        ]
    return operation
