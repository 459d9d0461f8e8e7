"""``waypost config``: what is set, and by whom."""

from typing import Annotated

import typer

from waypost.cli.options import DatabaseUrl, DataDir, Json
from waypost.cli.printing import print_records

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="The settings in force.",
    epilog="Every setting is explained in docs/settings.md.",
)


@app.callback()
def _group() -> None:
    """The settings in force."""


@app.command(epilog="Example: waypost config show --changed. Set one: WAYPOST_PORT=9090 waypost serve")
def show(
    *,
    changed: Annotated[bool, typer.Option("--changed", help="Only those that differ from the default.")] = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Print every setting with its value and where that comes from; secrets are starred out."""
    from waypost.settings import Settings  # noqa: PLC0415
    from waypost.settings_text import describe_values  # noqa: PLC0415

    settings = Settings.load(data_dir=data_dir, database_url=database_url)
    flags = {name for name, value in (("data_dir", data_dir), ("database_url", database_url)) if value is not None}
    rows = [
        {
            "name": line.name,
            "value": value,
            "from": _origin(line.name, is_flag=len(line.path) == 1 and line.path[0] in flags),
            "default": line.default,
            "rule": line.rule,
            "meaning": line.description,
        }
        for line, value in describe_values(settings)
    ]
    if changed:
        rows = [row for row in rows if row["from"] != "default"]
    print_records(rows, columns=("name", "value", "from"), as_json=as_json, empty="Everything is at its default.")


def _origin(name: str, *, is_flag: bool) -> str:
    import os  # noqa: PLC0415

    from dotenv import dotenv_values  # noqa: PLC0415

    if is_flag:
        return "flag"
    environment = {key.upper(): value for key, value in os.environ.items()}
    if environment.get(name):
        return "environment"
    group = name.rpartition("__")[0]
    if group and environment.get(group):
        return "environment"
    in_file = {key.upper(): value for key, value in dotenv_values(".env").items()}
    return ".env" if in_file.get(name) or (group and in_file.get(group)) else "default"
