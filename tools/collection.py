"""
Turn an OpenAPI document into a collection (Postman 2.1), which Postman, Bruno and others import.

It knows nothing of Waypost: a folder for each tag, a request for each operation with the example of its body, answers
kept as examples, the address and the key as variables. Ids in paths are variables of the request, to be filled in.
"""

import json
import re
from typing import Any

Json = dict[str, Any]

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
_HTTP_WORDS = {"200": "OK", "201": "Created", "202": "Accepted", "204": "No Content"}


def render(document: Json) -> str:
    """Return the collection as JSON; the same document gives the same bytes."""
    folders: dict[str, list[Json]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            folders.setdefault(operation["tags"][0], []).append(_item(document, path, method, operation))
    collection = {
        "info": {
            "name": document["info"]["title"],
            "description": document["info"]["description"],
            "version": document["info"]["version"],
            "schema": SCHEMA,
        },
        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{api_key}}", "type": "string"}]},
        "variable": [
            {"key": "base_url", "value": document["servers"][0]["url"], "type": "string"},
            {"key": "api_key", "value": "", "type": "string"},
        ],
        "item": [{"name": tag, "item": items} for tag, items in folders.items()],
    }
    return json.dumps(collection, indent=1, ensure_ascii=False) + "\n"


def _item(document: Json, path: str, method: str, operation: Json) -> Json:
    request = _request(path, method, operation)
    return {
        "name": operation["summary"],
        "request": request,
        "response": [
            _response(request, status, answer, document)
            for status, answer in operation["responses"].items()
            if status.startswith("2")
        ],
    }


def _request(path: str, method: str, operation: Json) -> Json:
    parameters = operation.get("parameters", ())
    segments = [re.sub(r"^\{(.+)\}$", r":\1", part) for part in path.removeprefix("/").split("/")]
    url: Json = {"raw": "{{base_url}}/" + "/".join(segments), "host": ["{{base_url}}"], "path": segments}
    ids = [one for one in parameters if one["in"] == "path"]
    if ids:
        url["variable"] = [{"key": one["name"], "value": "", "description": one.get("description", "")} for one in ids]
    query = [_optional(one) for one in parameters if one["in"] == "query"]
    if query:
        url["query"] = query
    request: Json = {
        "method": method.upper(),
        "header": [_optional(one) for one in parameters if one["in"] == "header"],
        "url": url,
        "description": operation.get("description", ""),
    }
    body = _body(operation.get("requestBody", {}).get("content", {}))
    if body is not None:
        request["body"] = body
        if body["mode"] == "raw":
            request["header"].insert(0, {"key": "Content-Type", "value": "application/json"})
    return request


def _optional(parameter: Json) -> Json:
    """Return a parameter, switched off unless it is needed."""
    return {
        "key": parameter["name"],
        "value": str(parameter.get("example", "")),
        "description": parameter.get("description", ""),
        "disabled": not parameter.get("required", False),
    }


def _body(contents: Json) -> Json | None:
    for media_type, content in contents.items():
        if media_type == "multipart/form-data":
            parts = content["schema"].get("properties", {})
            return {
                "mode": "formdata",
                "formdata": [
                    {"key": name, "type": "file", "src": []}
                    if part.get("format") == "binary"
                    else {"key": name, "type": "text", "value": str(part.get("enum", [""])[0])}
                    for name, part in parts.items()
                ],
            }
        if media_type.endswith("json"):
            raw = json.dumps(content.get("example", {}), indent=2, ensure_ascii=False)
            return {"mode": "raw", "raw": raw, "options": {"raw": {"language": "json"}}}
    return None


def _response(request: Json, status: str, answer: Json, document: Json) -> Json:
    while "$ref" in answer:
        answer = document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    found: Json = {
        "name": answer["description"],
        "originalRequest": request,
        "status": _HTTP_WORDS.get(status, ""),
        "code": int(status),
        "header": [],
    }
    for media_type, content in answer.get("content", {}).items():
        found["header"] = [{"key": "Content-Type", "value": media_type}]
        if "example" in content:
            found["body"] = json.dumps(content["example"], indent=2, ensure_ascii=False)
        break
    return found
