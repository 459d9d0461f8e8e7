"""Write `docs/api/`: every endpoint of an OpenAPI document, a page for each tag, with a request and an answer."""

import json
import re
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

_GENERATED = "<!-- Generated from the OpenAPI document by `make docs`; do not edit. -->\n"
_PROBLEMS = "Problem documents"


def page_name(tag: str) -> str:
    """Return the file name of a tag's page: `Contract: media` is `v2-media.md`."""
    words = re.sub(r"[^a-z0-9]+", "-", tag.lower()).strip("-")
    return f"v2-{words.removeprefix('contract-')}.md" if words.startswith("contract-") else f"{words}.md"


def render(document: Json, *, about: str) -> dict[str, str]:
    """Return file name to text; `about` ends the index."""
    pages: dict[str, list[str]] = {}
    rows: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            tag = operation["tags"][0]
            pages.setdefault(tag, []).append(_section(document, path, method, operation))
            anchor = _anchor(f"{method.upper()} {path}")
            rows.setdefault(tag, []).append(
                f"| [`{method.upper()} {path}`]({page_name(tag)}#{anchor}) | {_cell(operation['summary'])} "
                f"| `{operation['x-scope']}` |"
            )
    found = {page_name(tag): f"# {_title(tag)}\n\n{_GENERATED}\n" + "\n".join(parts) for tag, parts in pages.items()}
    found["README.md"] = _index(document, rows, about)
    return found


def _title(tag: str) -> str:
    return f"The v2 API: {tag.removeprefix('Contract: ')}" if tag.startswith("Contract: ") else tag


def _index(document: Json, rows: dict[str, list[str]], about: str) -> str:
    parts = ["# Every endpoint\n", _GENERATED, f"{document['info']['description']}\n"]
    for tag, lines in rows.items():
        table = "\n".join(["| Endpoint | Does | Scope |", "| --- | --- | --- |", *lines])
        parts.append(f"## {_title(tag)}\n\n{table}\n")
    return "\n".join([*parts, about])


def _section(document: Json, path: str, method: str, operation: Json) -> str:
    parts = [f"## {method.upper()} {path}\n", _sentence(operation["summary"])]
    description = operation.get("description", "")
    if description and not description.startswith(operation["summary"]):
        parts.append(f"{description}\n")
    elif description.removeprefix(operation["summary"]).strip(". \n"):
        parts.append(description.removeprefix(operation["summary"]).lstrip(". \n") + "\n")
    parts.append(f"Operation `{operation['operationId']}`, scope `{operation['x-scope']}`.\n")
    if operation.get("parameters"):
        parts.append("| Parameter | In | | Meaning |\n| --- | --- | --- | --- |")
        parts += [
            f"| `{one['name']}` | {one['in']} | {'required' if one.get('required') else ''} "
            f"| {_cell(one.get('description', ''))} |"
            for one in operation["parameters"]
        ]
        parts.append("")
    parts += _bodies(document, operation)
    parts += _answers(document, operation)
    return "\n".join(parts)


def _bodies(document: Json, operation: Json) -> Iterator[str]:
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"Request, `{media_type}`:\n"
        yield from _members(document, content.get("schema", {}))
        if "example" in content:
            yield _fence(content["example"])


def _answers(document: Json, operation: Json) -> Iterator[str]:
    problems = [status for status, one in operation["responses"].items() if "$ref" in one]
    denials = []
    for status, one in operation["responses"].items():
        if status in problems:
            continue
        contents = one.get("content", {})
        if status[0] in "45":
            denials.append(f"{status} ({one['description'].rstrip('.')})")
            continue
        types = ", ".join(f"`{media_type}`" for media_type in contents) or "without a body"
        yield f"Answer {status}, {types}. {one['description'] if one['description'] != 'Successful Response' else ''}\n"
        for content in contents.values():
            yield from _members(document, content.get("schema", {}))
            if "example" in content:
                yield _fence(content["example"])
    if denials:
        yield f"Otherwise: {'; '.join(denials)}.\n"
    if problems:
        yield f"{_PROBLEMS}: {', '.join(problems)}.\n"


def _members(document: Json, schema: Json) -> Iterator[str]:
    """Yield a table of the members of a body, two levels deep; deeper ones are shown by the example."""
    rows = list(_rows(document, _resolved(document, schema), prefix="", deeper=1))
    if rows:
        yield "| Member | Is | | Meaning |\n| --- | --- | --- | --- |\n" + "\n".join(rows) + "\n"


def _rows(document: Json, schema: Json, *, prefix: str, deeper: int) -> Iterator[str]:
    for name, given in schema.get("properties", {}).items():
        inner = _resolved(document, given)
        needed = "required" if name in schema.get("required", ()) else ""
        meaning = _cell(given.get("description") or inner.get("description") or "")
        or_null = " or null" if any(one.get("type") == "null" for one in given.get("anyOf", ())) else ""
        yield f"| `{prefix}{name}` | {_kind(document, inner)}{or_null} | {needed} | {meaning} |"
        is_array = inner.get("type") == "array"
        below = _resolved(document, inner.get("items", {})) if is_array else inner
        if deeper and "properties" in below:
            place = f"{prefix}{name}{'[]' if is_array else ''}."
            yield from _rows(document, below, prefix=place, deeper=deeper - 1)


def _resolved(document: Json, schema: Json) -> Json:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    choices = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    return _resolved(document, choices[0]) if len(choices) == 1 else schema


def _kind(document: Json, schema: Json) -> str:
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("type") == "array":
        return f"array of {_kind(document, _resolved(document, schema.get('items', {})))}"
    words = str(schema.get("type", "anything"))
    bounds = [
        f"{sign} {schema[name]}"
        for name, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("maxLength", "length ≤"))
        if name in schema
    ]
    return ", ".join([words, *bounds])


def _fence(example: object) -> str:
    return f"```json\n{json.dumps(example, indent=2, ensure_ascii=False)}\n```\n"


def _sentence(text: str) -> str:
    return f"{text.rstrip('.')}.\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
