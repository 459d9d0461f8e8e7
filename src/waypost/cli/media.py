"""``waypost media``: stored files."""

import typer

from waypost.cli.options import AccountOption, DatabaseUrl, DataDir, Json, Limit
from waypost.cli.printing import print_records

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Stored files: uploads, and what came in.",
    epilog="Their bytes: curl -H 'Authorization: Bearer wp_...' URL/api/v2/media/ID",
)


@app.callback()
def _group() -> None:
    """Stored files: uploads, and what came in."""


@app.command("list", epilog="Example: waypost media list --limit 20")
def list_(
    *,
    account: AccountOption = None,
    limit: Limit = 50,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """List an account's files, newest first."""
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.store.inspection import search_media  # noqa: PLC0415
    from waypost.web.manage.traffic_views import MediaView  # noqa: PLC0415

    with opened_store(data_dir, database_url) as store:
        account_id = store.account_id(account)
        found = store.read(lambda tx: search_media(tx, account_id, at_most=limit))
    print_records(
        [MediaView.of(row).model_dump(mode="json") for row in found.rows],
        columns=("id", "origin", "state", "kind", "mime_type", "size_bytes", "filename", "created_at"),
        as_json=as_json,
        empty="There is no file.",
    )
