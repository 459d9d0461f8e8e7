"""
``/openapi.json``, and ``/docs``: the same as a page that needs no script, no network and no key.

The page is made from the document on first use, so both say the same.
"""

import html
import re
from collections.abc import Callable, Iterator
from importlib import resources
from typing import Any, Final
from urllib.parse import quote

import orjson
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from waypost.web.contract_schemas import JsonObject

_DEPTH_MAX: Final = 6
_CODE: Final = re.compile(r"`([^`]+)`")
_CURL_METHODS: Final = {"get": "", "post": " -X POST", "put": " -X PUT", "patch": " -X PATCH", "delete": " -X DELETE"}


class Documents:
    """Serves what ``build`` returns, made once: the routes do not change while the process runs."""

    def __init__(self, build: Callable[[], JsonObject]) -> None:
        self._build = build
        self._document: JsonObject | None = None
        self._page = b""

    def add_to(self, app: FastAPI) -> None:
        """Add the three routes; they stand outside the document itself."""
        app.add_route("/openapi.json", self.document, methods=["GET"], include_in_schema=False)
        app.add_route("/docs", self.page, methods=["GET"], include_in_schema=False)
        app.add_route("/docs/style.css", self.style, methods=["GET"], include_in_schema=False)

    async def document(self, request: Request) -> Response:  # noqa: ARG002 - Starlette's shape
        """Answer with the OpenAPI document."""
        return Response(orjson.dumps(self._built()), media_type="application/json")

    async def page(self, request: Request) -> Response:  # noqa: ARG002 - Starlette's shape
        """Answer with the page."""
        if not self._page:
            self._page = render_page(self._built()).encode()
        return Response(self._page, media_type="text/html; charset=utf-8")

    async def style(self, request: Request) -> Response:  # noqa: ARG002 - Starlette's shape
        """Answer with the page's style sheet."""
        sheet = resources.files("waypost.web") / "pages" / "docs.css"
        return Response(sheet.read_bytes(), media_type="text/css; charset=utf-8")

    def _built(self) -> JsonObject:
        if self._document is None:
            self._document = self._build()
        return self._document


def render_page(document: JsonObject) -> str:
    """Return the whole document as one HTML page."""
    info = document["info"]
    groups: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            section = _render_operation(document, path, method, operation)
            groups.setdefault(operation["tags"][0], []).append(section)
    links = "".join(f'<a href="#{_anchor(tag)}">{_escape(tag)}</a>' for tag in groups)
    sections = "".join(
        f'<section id="{_anchor(tag)}"><h2>{_escape(tag)}</h2>{"".join(parts)}</section>'
        for tag, parts in groups.items()
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_escape(info['title'])} API</title>"
        '<link rel="stylesheet" href="/docs/style.css"></head><body>'
        f"<nav><strong>{_escape(info['title'])} {_escape(info['version'])}</strong>{links}"
        '<a href="/openapi.json">openapi.json</a></nav>'
        f"<main><h1>{_escape(info['title'])} API</h1><p>{_prose(info['description'])}</p>{sections}</main>"
        "</body></html>"
    )


def _render_operation(document: JsonObject, path: str, method: str, operation: JsonObject) -> str:
    parts = [f"<p>{_prose(operation['description'])}</p>" if operation.get("description") else ""]
    parts.append(f"<p>Scope: <code>{_escape(operation['x-scope'])}</code></p>")
    parameters = [
        (parameter["name"], parameter["in"], parameter.get("required", False), parameter.get("description", ""))
        for parameter in operation.get("parameters", ())
    ]
    if parameters:
        parts.append(_table(("Parameter", "In", "", "Meaning"), parameters))
    body = operation.get("requestBody")
    example: Any = None
    for media_type, content in (body or {}).get("content", {}).items():
        rows = list(_members(document, content["schema"]))
        parts.append(f"<h4>Body <code>{_escape(media_type)}</code></h4>")
        parts.append(_table(("Member", "Type", "", "Meaning"), rows))
        example = content.get("example")
    parts.append("<h4>Try it</h4><pre>" + _escape(_curl(document, path, method, body, example)) + "</pre>")
    parts.append(_render_responses(document, operation["responses"]))
    return (
        f'<details id="{_anchor(operation["operationId"])}"><summary><b class="{method}">{method.upper()}</b> '
        f"<code>{_escape(path)}</code> <span>{_prose(operation['summary'])}</span></summary>{''.join(parts)}</details>"
    )


def _render_responses(document: JsonObject, responses: JsonObject) -> str:
    parts = ["<h4>Answers</h4>"]
    problems = [status for status, response in responses.items() if "$ref" in response]
    for status, response in responses.items():
        if status in problems:
            continue
        parts.append(f"<p><b>{_escape(status)}</b> {_prose(response.get('description', ''))}</p>")
        for content in response.get("content", {}).values():
            rows = list(_members(document, content.get("schema", {})))
            parts.append(_table(("Member", "Type", "", "Meaning"), rows) if rows else "")
            if "example" in content:
                parts.append(f"<pre>{_escape(_pretty(content['example']))}</pre>")
    if problems:
        parts.append(f"<p>Problem documents: <b>{_escape(', '.join(problems))}</b></p>")
    return "".join(parts)


def _members(
    document: JsonObject, schema: JsonObject, *, prefix: str = "", depth: int = 0
) -> Iterator[tuple[str, str, bool, str]]:
    """Yield (path, type, is required, meaning) of every member of an object, those of inner objects too."""
    schema = _resolved(document, schema)
    if schema.get("type") == "array":
        yield from _members(document, schema["items"], prefix=prefix or "[].", depth=depth + 1)
        return
    required = schema.get("required", ())
    for name, member in schema.get("properties", {}).items():
        inner = _resolved(document, member)
        yield (
            f"{prefix}{name}",
            _type_of(document, member),
            name in required,
            str(member.get("description") or inner.get("description") or ""),
        )
        if depth < _DEPTH_MAX:
            is_list = inner.get("type") == "array"
            below = _resolved(document, inner["items"]) if is_list else inner
            if "properties" in below:
                yield from _members(
                    document, below, prefix=f"{prefix}{name}{'[]' if is_list else ''}.", depth=depth + 1
                )


def _resolved(document: JsonObject, schema: JsonObject) -> JsonObject:
    """Return the schema behind a reference, and the one that is not null of a choice with null."""
    if "$ref" in schema:
        found: JsonObject = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return found
    choices = [choice for choice in schema.get("anyOf", ()) if choice.get("type") != "null"]
    if len(choices) == 1:
        return _resolved(document, choices[0])
    return schema


def _type_of(document: JsonObject, member: JsonObject) -> str:
    schema = _resolved(document, member)
    words = str(schema.get("type", "any"))
    if "enum" in schema:
        words = " | ".join(str(word) for word in schema["enum"])
    elif "const" in schema:
        words = str(schema["const"])
    elif words == "array":
        words = f"array of {_type_of(document, schema['items'])}"
    elif "format" in schema:
        words = f"{words}, {schema['format']}"
    bounds = [
        f"{sign} {schema[name]}"
        for name, sign in (
            ("minimum", "≥"),
            ("exclusiveMinimum", ">"),
            ("maximum", "≤"),
            ("maxLength", "length ≤"),
            ("maxItems", "items ≤"),
        )
        if name in schema
    ]
    is_nullable = any(choice.get("type") == "null" for choice in member.get("anyOf", ()))
    return ", ".join([words, *bounds]) + (" or null" if is_nullable else "")


def _curl(document: JsonObject, path: str, method: str, body: JsonObject | None, example: Any) -> str:
    url = document["servers"][0]["url"] + re.sub(r"{(\w+)}", lambda match: match[1].upper(), path)
    lines = [f"curl{_CURL_METHODS[method]} '{url}'", "  -H 'Authorization: Bearer wp_...'"]
    if body is not None and "multipart/form-data" in body["content"]:
        lines.append("  -F 'file=@picture.jpg;type=image/jpeg'")
    elif body is not None:
        lines.append("  -H 'Content-Type: application/json'")
        lines.append(f"  -d '{orjson.dumps(example).decode()}'")
    return " \\\n".join(lines)


def _table(heads: tuple[str, ...], rows: list[tuple[str, str, bool, str]]) -> str:
    top = "".join(f"<th>{_escape(head)}</th>" for head in heads)
    lines = "".join(
        f"<tr><td><code>{_escape(name)}</code></td><td>{_escape(kind)}</td><td>{'required' if needed else ''}</td>"
        f"<td>{_prose(meaning)}</td></tr>"
        for name, kind, needed, meaning in rows
    )
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{lines}</tbody></table></div>'


def _pretty(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def _prose(text: str) -> str:
    """Return text as HTML, with `code` in its element."""
    return _CODE.sub(r"<code>\1</code>", _escape(text))


def _escape(text: object) -> str:
    return html.escape(str(text))


def _anchor(text: str) -> str:
    return quote(re.sub(r"[^a-z0-9]+", "-", text.lower()))
