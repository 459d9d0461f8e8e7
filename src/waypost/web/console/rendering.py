"""Templates into HTML: the environment, the filters, and the files that pages load."""

import hashlib
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Any, Final

import orjson
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from waypost.web.manage.views import as_time

NOTHING: Final = "\u2013"
"""What stands where there is no value."""
_MEDIA_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}
_UNITS: Final = ((86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "min"), (1_000_000, "s"))


class Renderer:
    """The templates of the console, compiled once, and its static files, read once."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=PackageLoader("waypost.web.console"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
            auto_reload=False,
        )
        self._environment.filters.update(
            moment=moment,
            local_field=local_field,
            size=size,
            count=count,
            duration=duration,
            percent=percent,
            pretty=pretty,
            compact=compact,
        )
        self._environment.globals["static"] = self.static_url
        self.files = _read_files()

    def render(self, template: str, **values: Any) -> str:
        """Return a template filled in; a name it misses is an error."""
        return self._environment.get_template(template).render(**values)

    def static_url(self, name: str) -> str:
        """Return where a static file is; the URL changes with its content, so it may be kept for good."""
        return f"/console/static/{name}?v={self.files[name].version}"


@cache
def shared_renderer() -> Renderer:
    """Return the renderer of this process: what it holds is the same for every console."""
    return Renderer()


class StaticFile:
    """One file of the package, as it is sent."""

    __slots__ = ("body", "media_type", "version")

    def __init__(self, name: str, body: bytes) -> None:
        self.body = body
        self.media_type = _MEDIA_TYPES[name.rpartition(".")[2]]
        self.version = hashlib.sha256(body).hexdigest()[:12]


def _read_files() -> dict[str, StaticFile]:
    root = resources.files("waypost.web.console") / "static"
    found = {
        f"{folder}{entry.name}": entry.read_bytes()
        for folder, place in (("", root), ("vendor/", root / "vendor"))
        for entry in place.iterdir()
        if entry.is_file()
    }
    return {name: StaticFile(name, body) for name, body in found.items()}


def moment(value: int | datetime | None, empty: str = NOTHING) -> Markup | str:
    """Return a time, in microseconds or aware, as an element that the page shows in the viewer's zone."""
    if value is None:
        return empty
    time = as_time(value) if isinstance(value, int) else value.astimezone(UTC)
    text = time.isoformat(" ", "milliseconds")
    day, second, exact = text[:10], text[11:19], text[11:23]
    # Put together by hand, since a page has hundreds: there is nothing in it to be escaped.
    return Markup(f'<time datetime="{day}T{exact}Z">{day} {second} UTC</time>')  # noqa: S704


def local_field(value_us: int | None) -> str:
    """Return a time as a field of type ``datetime-local`` holds it, in UTC; a script turns it to the viewer's zone."""
    return "" if value_us is None else as_time(value_us).strftime("%Y-%m-%dT%H:%M:%S")


def duration(value_us: float | None, empty: str = NOTHING) -> str:
    """Return a span of microseconds as people say it: two units at most."""
    if value_us is None:
        return empty
    if value_us < 1_000_000:
        return f"{value_us / 1_000:.0f} ms"
    if value_us < 60_000_000:
        return f"{value_us / 1_000_000:.1f} s"
    for (unit_us, name), (next_us, next_name) in pairwise(_UNITS):
        if value_us >= unit_us:
            rest = int(value_us % unit_us // next_us)
            return f"{int(value_us // unit_us)} {name}" + (f" {rest} {next_name}" if rest else "")
    return f"{value_us / 1_000_000:.0f} s"


def size(value_bytes: int | None, empty: str = NOTHING) -> str:
    """Return a number of bytes as people say it, in steps of a thousand."""
    if value_bytes is None:
        return empty
    if value_bytes < 1_000:
        return f"{value_bytes} B"
    amount = float(value_bytes)
    for unit in ("kB", "MB", "GB"):
        amount /= 1_000
        if amount < 1_000:
            return f"{amount:.1f} {unit}"
    return f"{amount / 1_000:.1f} TB"


def count(value: int | None, empty: str = NOTHING) -> str:
    """Return a number with thin spaces between thousands."""
    return empty if value is None else f"{value:,}".replace(",", "\u202f")


def percent(part: float, whole: float, empty: str = NOTHING) -> str:
    """Return a share with one decimal; nothing of nothing is no share."""
    return empty if not whole else f"{100 * part / whole:.1f} %"


def pretty(value: Any) -> str:
    """Return JSON for reading; a text that is no JSON comes back as it is."""
    if isinstance(value, str | bytes):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return value if isinstance(value, str) else value.decode(errors="replace")
    return orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode()


def compact(value: Any) -> Markup:
    """Return JSON for an attribute that a script reads: ``data-chart="{{ figures|compact }}"``."""
    return escape(orjson.dumps(value, default=str).decode())
