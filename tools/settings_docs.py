"""Write docs/settings.md from the settings themselves: `make docs`."""

from pathlib import Path

from waypost import settings as tree
from waypost.settings import Settings
from waypost.settings_text import SettingLine, list_settings

PATH = Path(__file__).parent.parent / "docs" / "settings.md"
_HEAD = """# Settings

<!-- Written by `make docs` from src/waypost/settings.py; do not edit. -->

A setting is taken from the first place that has it: a command-line flag, an environment variable, the file `.env` in
the working directory (`NAME=value` lines), the default. An empty variable counts as unset. A wrong value, or a
`WAYPOST_*` name that does not exist, stops the start with a line that says which and why. `waypost config show` prints
the values in force, with secrets starred out.

Lists are separated by commas. Sizes are in bytes, times in the unit the name ends with.

In Kubernetes set `enableServiceLinks: false`: otherwise a service named `waypost` puts a `WAYPOST_PORT` of its own into
the environment.
"""


def render() -> str:
    """Return the whole document."""
    lines = list(list_settings(Settings))
    parts = [_HEAD, "## General", "", *_table([line for line in lines if not line.group])]
    for group in dict.fromkeys(line.group for line in lines if line.group):
        about = getattr(tree, type(Settings.model_fields[group].default).__name__).__doc__ or ""
        parts += ["", f"## `{group}`: {about.rstrip('.')[0].lower()}{about.rstrip('.')[1:]}", ""]
        parts += _table([line for line in lines if line.group == group])
    return "\n".join(parts) + "\n"


def _table(lines: list[SettingLine]) -> list[str]:
    rows = ["| name | default | value | meaning |", "| --- | --- | --- | --- |"]
    for line in lines:
        default = f"`{line.default}`" if line.default else ""
        rows.append(f"| `{line.name}` | {default} | {line.rule} | {line.description} |")
    return rows
