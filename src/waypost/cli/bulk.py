"""``waypost bulk``: look at bulk sends, and steer them."""

from typing import Annotated, Any
from urllib.parse import quote

import typer

from waypost.cli.options import ApiKeyOption, BaseUrl, DataDir, Json, Limit
from waypost.cli.printing import print_record, print_records

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Bulk sends of a running gateway: one message to many recipients.",
    epilog="Start one: waypost messages send --file recipients.csv --template NAME --attribute COLUMN",
)

BulkId = Annotated[str, typer.Argument(help="Bulk send id.", metavar="ID")]
_PATH = "/manage/v1/bulk-sends"
_COLUMNS = ("id", "name", "state", "rows_total", "rows_pending", "rows_accepted", "rows_refused", "created_at")


@app.command("list", epilog="Example: waypost bulk list --json")
def list_(
    *,
    limit: Limit = 50,
    base_url: BaseUrl = None,
    api_key: ApiKeyOption = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List bulk sends, newest first."""
    client = _client(base_url, api_key, data_dir)
    records: list[dict[str, Any]] = []
    cursor = ""
    while len(records) < limit:
        page = client.get(f"{_PATH}?limit={min(200, limit - len(records))}{cursor}")
        records += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    print_records(records, columns=_COLUMNS, as_json=as_json, empty="There is no bulk send.")


@app.command(epilog="Example: waypost bulk show ID --outcomes")
def show(
    bulk_id: BulkId,
    *,
    outcomes: Annotated[
        bool, typer.Option("--outcomes", help="Count its rows by what became of their messages.")
    ] = False,
    base_url: BaseUrl = None,
    api_key: ApiKeyOption = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show one bulk send: what it sends, and how far it is."""
    client = _client(base_url, api_key, data_dir)
    found = client.get(_one(bulk_id))
    if outcomes:
        found["outcomes"] = client.get(_one(bulk_id, "/outcomes"))["items"]
    print_record(found, as_json=as_json)


@app.command(epilog="Example: waypost bulk pause ID")
def pause(
    bulk_id: BulkId,
    *,
    base_url: BaseUrl = None,
    api_key: ApiKeyOption = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make no more messages of its rows. Those that are made go out."""
    print_record(_client(base_url, api_key, data_dir).post(_one(bulk_id, "/pause"), {}), as_json=as_json)


@app.command(epilog="Example: waypost bulk resume ID")
def resume(
    bulk_id: BulkId,
    *,
    base_url: BaseUrl = None,
    api_key: ApiKeyOption = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Go on with a paused bulk send."""
    print_record(_client(base_url, api_key, data_dir).post(_one(bulk_id, "/resume"), {}), as_json=as_json)


@app.command(epilog="Example: waypost bulk cancel ID --messages")
def cancel(
    bulk_id: BulkId,
    *,
    messages: Annotated[bool, typer.Option("--messages", help="Also its messages that were not sent yet.")] = False,
    base_url: BaseUrl = None,
    api_key: ApiKeyOption = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Cancel a bulk send for good."""
    client = _client(base_url, api_key, data_dir)
    print_record(client.post(_one(bulk_id, "/cancel"), {"messages": messages}), as_json=as_json)


@app.command(epilog="Example: waypost bulk result ID > result.csv")
def result(
    bulk_id: BulkId,
    *,
    base_url: BaseUrl = None,
    api_key: ApiKeyOption = None,
    data_dir: DataDir = None,
) -> None:
    """Print what became of every row, as CSV."""
    from waypost.cli.bulk_results import print_result  # noqa: PLC0415

    print_result(_client(base_url, api_key, data_dir), bulk_id)


def _one(bulk_id: str, below: str = "") -> str:
    return f"{_PATH}/{quote(bulk_id, safe='')}{below}"


def _client(base_url: str | None, api_key: str | None, data_dir: Any) -> Any:
    from waypost.cli.http import open_client  # noqa: PLC0415

    return open_client(base_url=base_url, api_key=api_key, data_dir=data_dir)
