"""Settings in words: what each one is called, its rule, and what is wrong with a value."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

PREFIX = "WAYPOST_"
# Names of ours in the environment that the command line's own client reads; they are no settings of the gateway.
CLIENT_NAMES = frozenset(
    {
        "WAYPOST_URL",
        "WAYPOST_API_KEY",
        "WAYPOST_PASSWORD",
        "WAYPOST_SOURCE_ACCESS_TOKEN",
        "WAYPOST_SOURCE_APP_SECRET",
        "WAYPOST_SOURCE_PIN",
    }
)
_SECRET_NAMES = frozenset({"WAYPOST_DATABASE_URL"})


class SettingsError(ValueError):
    """
    The configuration is wrong.

    `lines` has one readable line for each fault: the setting's name, what is wrong, and its rule. Values are not
    repeated, since some of them are secrets.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(lines)
        super().__init__("\n".join(self.lines))


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingLine:
    """One setting: `name` as in the environment, `group` empty at the top, `path` as in Python."""

    name: str
    group: str
    path: tuple[str, ...]
    description: str
    rule: str
    default: str
    is_secret: bool


def list_settings(model: type[BaseModel]) -> Iterator[SettingLine]:
    """Yield every setting of the tree, top ones first, in the order they are declared."""
    groups = [
        (name, field) for name, field in model.model_fields.items() if isinstance(field.annotation, type(BaseModel))
    ]
    names = {name for name, _ in groups}
    for name, field in model.model_fields.items():
        if name not in names:
            yield _line(group="", name=name, field=field)
    for group, group_field in groups:
        assert isinstance(group_field.annotation, type(BaseModel))
        for name, field in group_field.annotation.model_fields.items():
            yield _line(group=group, name=name, field=field)


def _line(*, group: str, name: str, field: FieldInfo) -> SettingLine:
    path = (group, name) if group else (name,)
    environment_name = PREFIX + "__".join(path).upper()
    return SettingLine(
        name=environment_name,
        group=group,
        path=path,
        description=field.description or "",
        rule=_rule(field),
        default="" if field.default is PydanticUndefined else show_value(field.default),
        is_secret="SecretStr" in str(field.annotation) or environment_name in _SECRET_NAMES,
    )


def _rule(field: FieldInfo) -> str:
    """Return the kind and the bounds of a setting's value in a few words, such as `number, > 0, <= 60`."""
    annotation = str(field.annotation)
    if get_origin(field.annotation) is Literal:
        return " or ".join(f"`{choice}`" for choice in get_args(field.annotation))
    kinds = {"tuple": "list", "SecretStr": "secret", "bool": "true or false", "Path": "path", "str": "text"}
    kind = next((word for part, word in kinds.items() if part in annotation), None)
    if kind is None:
        kind = "number" if "float" in annotation else "whole number"
    inner = [part for choice in get_args(field.annotation) for part in (choice, *get_args(choice))]
    bounds = _bounds([*field.metadata, *inner])
    return ", ".join(dict.fromkeys([kind, *bounds]))


def _bounds(metadata: Iterable[object]) -> Iterator[str]:
    signs = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
    for item in metadata:
        if isinstance(item, FieldInfo):
            yield from _bounds(item.metadata)
        elif isinstance(item, tuple | list):
            yield from _bounds(item)
        for attribute, sign in signs.items():
            bound = getattr(item, attribute, None)
            if bound is not None:
                yield f"{sign} {show_value(bound)}"


def show_value(value: object) -> str:
    """Return a value as it would be written in the environment; None and an empty list are empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, SecretStr):
        return "********"
    if isinstance(value, tuple):
        return ",".join(show_value(part) for part in value)
    if isinstance(value, float):
        return f"{value:.15g}"
    return str(value)


def describe_values(settings: BaseModel) -> list[tuple[SettingLine, str]]:
    """Return every setting with its present value as text; secrets, and passwords in URLs, are starred out."""
    rows: list[tuple[SettingLine, str]] = []
    for line in list_settings(type(settings)):
        value: object = settings
        for part in line.path:
            value = getattr(value, part)
        text = show_value(value)
        rows.append((line, _hide_password(text) if line.is_secret else text))
    return rows


def _hide_password(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    user, at, host = rest.rpartition("@")
    if not at:
        return url
    return f"{scheme}{separator}{user.partition(':')[0]}:********@{host}"


def find_unknown_names(model: type[BaseModel], given: Iterable[str]) -> list[str]:
    """Return a line for each `WAYPOST_*` name in `given` that is no setting, with the nearest one that is."""
    known = {line.name for line in list_settings(model)}
    # A whole group may be given as one JSON object.
    known |= {PREFIX + line.group.upper() for line in list_settings(model) if line.group}
    lines = []
    for name in sorted(set(given) - known - CLIENT_NAMES):
        # Compared without the prefix, which would make every name look near.
        near = difflib.get_close_matches(name.removeprefix(PREFIX), (one.removeprefix(PREFIX) for one in known), n=1)
        hint = f" Did you mean {PREFIX}{near[0]}?" if near else " `waypost config show` lists them all."
        lines.append(f"{name}: there is no such setting.{hint}")
    return lines


def explain(model: type[BaseModel], error: ValidationError) -> list[str]:
    """Return one line for each fault: the setting's name, what is wrong, and what the setting is."""
    rules: Mapping[tuple[Any, ...], SettingLine] = {line.path: line for line in list_settings(model)}
    lines = []
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        if fault["type"] == "default_factory_not_called":
            continue  # It follows from another fault, which has its own line.
        place = tuple(part for part in fault["loc"] if isinstance(part, str))
        line = next((rules[place[:length]] for length in (2, 1) if place[:length] in rules), None)
        text = fault["msg"].removeprefix("Value error, ")
        if line is not None:
            lines.append(f"{line.name}: {text}. It is: {line.description} ({line.rule})")
        else:
            name = PREFIX + "__".join(place).upper() if place else "settings"
            lines.append(f"{name}: {text}.")
    return list(dict.fromkeys(lines))


def check_web_url(url: str) -> str:
    """Return a URL that others can be joined to, without a slash at its end."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must be an http:// or https:// URL with a host, without query or fragment")
    return url.rstrip("/")


def check_database_url(url: str) -> str:
    """Return a database's URL, its scheme spelt out."""
    if not url.startswith(("sqlite:///", "postgresql://", "postgres://")):
        raise ValueError("must start with sqlite:/// or postgresql://")
    return url.replace("postgres://", "postgresql://", 1) if url.startswith("postgres://") else url


def check_blob_url(url: str) -> str:
    """Return the URL of a store of files, without a slash at its end."""
    parts = urlsplit(url)
    if not (parts.scheme == "file" and parts.path.startswith("/")) and not (parts.scheme == "s3" and parts.netloc):
        raise ValueError("must be file:///an/absolute/directory or s3://bucket/prefix")
    return url.rstrip("/")
