"""Options that many commands share, spelled and explained once."""

from pathlib import Path
from typing import Annotated, Final

import typer

DEMO_DATA_DIR: Final = Path("var/demo")

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Data directory of the gateway (WAYPOST_DATA_DIR).", metavar="PATH")
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option("--database-url", help="sqlite:///PATH or postgresql://... (WAYPOST_DATABASE_URL).", metavar="URL"),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
AccountOption = Annotated[
    str | None,
    typer.Option("--account", help="Account id; may be left out while there is only one.", metavar="ID"),
]
Limit = Annotated[int, typer.Option("--limit", help="Most rows to show.", min=1, max=10_000)]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
BaseUrl = Annotated[
    str | None,
    typer.Option("--base-url", help="URL of the gateway (WAYPOST_URL, or demo.json of the data directory)."),
]
ApiKeyOption = Annotated[
    str | None,
    typer.Option("--api-key", help="API key (WAYPOST_API_KEY, or demo.json). Better not on a shared command line."),
]
WebhookId = Annotated[str, typer.Argument(help="Webhook id.", metavar="ID")]
