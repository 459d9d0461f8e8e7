"""A template as a form has it, and as the provider takes it: components out of fields, and fields out of components."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from waypost.domain.template import shape_of
from waypost.web.console.visit import Visit
from waypost.web.manage.problems import invalid

BUTTONS_MAX: Final = 6
"""Rows of the form; the provider takes ten, which can be written as components."""
HEADERS: Final = ("", "text", "image", "video", "document", "location")
FILE_HEADERS: Final = ("image", "video", "document")
BUTTON_KINDS: Final = ("", "quick_reply", "url", "phone_number", "copy_code")
_VARIABLE: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_TEXTS: Final = ("header", "header_text", "header_sample", "body", "body_samples", "footer", "components")
_SIMPLE: Final = frozenset({"HEADER", "BODY", "FOOTER", "BUTTONS"})

Fields = dict[str, Any]
"""Texts by the names of ``_TEXTS``, and ``buttons``: rows of ``kind``, ``label`` and ``target``."""


def empty_fields() -> Fields:
    """Return the fields of a template that is still to be written."""
    return {**dict.fromkeys(_TEXTS, ""), "buttons": [_row() for _ in range(BUTTONS_MAX)]}


def typed_fields(visit: Visit) -> Fields:
    """Return what was typed."""
    rows = [
        _row(visit.field(f"button_{place}"), visit.field(f"label_{place}"), visit.field(f"target_{place}"))
        for place in range(BUTTONS_MAX)
    ]
    return {**{name: visit.field(name) for name in _TEXTS}, "buttons": rows}


def fields_of(components: Sequence[Mapping[str, Any]]) -> Fields:
    """Return the fields of a template; one that they cannot express is given as its components."""
    fields = empty_fields()
    parts = {str(part.get("type", "")).upper(): part for part in components}
    buttons = parts.get("BUTTONS", {}).get("buttons") or []
    kinds = {str(button.get("type", "")).lower() for button in buttons}
    if set(parts) - _SIMPLE or len(buttons) > BUTTONS_MAX or kinds - set(BUTTON_KINDS):
        fields["components"] = orjson.dumps(list(components), option=orjson.OPT_INDENT_2).decode()
        return fields
    header, body = parts.get("HEADER"), parts.get("BODY", {})
    if header is not None:
        fields["header"] = str(header.get("format") or "text").lower()
        fields["header_text"] = str(header.get("text") or "")
        fields["header_sample"] = "\n".join(samples_of(header, "header_text")[:1])
    fields["body"] = str(body.get("text") or "")
    fields["body_samples"] = "\n".join(samples_of(body, "body_text"))
    fields["footer"] = str(parts.get("FOOTER", {}).get("text") or "")
    for place, button in enumerate(buttons):
        kind = str(button.get("type", "")).lower()
        target = button.get("url") or button.get("phone_number") or _first(button.get("example"))
        fields["buttons"][place] = _row(kind, str(button.get("text") or ""), str(target or ""))
    return fields


def components_of(fields: Fields, *, header_handle: str = "") -> list[dict[str, Any]]:
    """Return the provider's components. Raises ``Problem`` for what the provider would not understand at all."""
    if fields["components"]:
        return _written(fields["components"])
    if not fields["body"]:
        raise invalid("body", "is empty", hint="Every template says something in its body.")
    parts = [_header(fields, header_handle), _body(fields)]
    if fields["footer"]:
        parts.append({"type": "FOOTER", "text": fields["footer"]})
    buttons = [_button(row) for row in fields["buttons"] if row["kind"]]
    if buttons:
        parts.append({"type": "BUTTONS", "buttons": buttons})
    return [part for part in parts if part is not None]


def values_of(components: Sequence[Mapping[str, Any]], *, category: str) -> list[str]:
    """Return the samples that a template was handed in with, for its header's variables and then its body's."""
    shape = shape_of(components, category=category)
    parts = {str(part.get("type", "")).upper(): part for part in components}
    found: list[str] = []
    for names, part, member in (
        (shape.header_variables, parts.get("HEADER", {}), "header_text"),
        (shape.body_variables, parts.get("BODY", {}), "body_text"),
    ):
        samples = samples_of(part, member)
        found += [samples[place] if place < len(samples) else f"{{{{{name}}}}}" for place, name in enumerate(names)]
    return found


def samples_of(part: Mapping[str, Any], member: str) -> list[str]:
    """Return the samples of a component: by place, or by name, as the provider lists them."""
    example = part.get("example")
    if not isinstance(example, Mapping):
        return []
    named = example.get(f"{member}_named_params")
    if isinstance(named, list):
        return [str(one.get("example", "")) for one in named if isinstance(one, Mapping)]
    listed = example.get(member)
    if isinstance(listed, list) and listed and isinstance(listed[0], list):
        listed = listed[0]
    return [str(one) for one in listed] if isinstance(listed, list) else []


def _written(text: str) -> list[dict[str, Any]]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise invalid("components", f"is no JSON: {error}", hint="Copy them from Meta's template pages.") from error
    if not isinstance(found, list) or not all(isinstance(part, dict) for part in found):
        raise invalid("components", "is no list of objects", hint='Such as [{"type": "BODY", "text": "Hello"}].')
    return found


def _header(fields: Fields, handle: str) -> dict[str, Any] | None:
    kind = fields["header"]
    if kind not in HEADERS[1:]:
        return None
    part: dict[str, Any] = {"type": "HEADER", "format": kind.upper()}
    if kind == "text":
        part["text"] = fields["header_text"]
        samples = [fields["header_sample"]] if fields["header_sample"] else []
        return _with_samples(part, "header_text", fields["header_text"], samples)
    if handle:
        part["example"] = {"header_handle": [handle]}
    return part


def _body(fields: Fields) -> dict[str, Any]:
    samples = [line.strip() for line in fields["body_samples"].splitlines() if line.strip()]
    return _with_samples({"type": "BODY", "text": fields["body"]}, "body_text", fields["body"], samples)


def _with_samples(part: dict[str, Any], member: str, text: str, samples: list[str]) -> dict[str, Any]:
    names = list(dict.fromkeys(_VARIABLE.findall(text)))
    if not names or not samples:
        return part
    if all(name.isdecimal() for name in names):
        part["example"] = {member: [samples] if member == "body_text" else samples}
    else:
        pairs = zip(names, samples, strict=False)
        part["example"] = {
            f"{member}_named_params": [{"param_name": name, "example": sample} for name, sample in pairs]
        }
    return part


def is_named(components: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether variables have names; the provider wants to be told."""
    return shape_of(components).is_named


def _button(row: Mapping[str, str]) -> dict[str, Any]:
    kind, label, target = row["kind"], row["label"], row["target"]
    button: dict[str, Any] = {"type": kind.upper(), "text": label}
    if kind == "url":
        button["url"] = target
        if _VARIABLE.search(target):
            button["example"] = [_VARIABLE.sub("sample", target)]
    elif kind == "phone_number":
        button["phone_number"] = target
    elif kind == "copy_code":
        return {"type": "COPY_CODE", "example": target}
    return button


def _row(kind: str = "", label: str = "", target: str = "") -> dict[str, str]:
    return {"kind": kind, "label": label, "target": target}


def _first(found: Any) -> Any:
    return found[0] if isinstance(found, list) and found else found
