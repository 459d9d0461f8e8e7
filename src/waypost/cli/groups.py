"""``waypost groups``: groups of the account's numbers, through a running gateway, which asks the provider."""

from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from waypost.cli.options import ApiKeyOption, BaseUrl, DataDir, Json, Limit, Yes
from waypost.cli.printing import print_line, print_note, print_record, print_records

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="WhatsApp groups of a running gateway's numbers.",
    epilog="A source must be allowed to have groups: waypost sources change ID --groups",
)

GroupId = Annotated[str, typer.Argument(help="Group id, or the id of the request that made it.", metavar="ID")]
People = Annotated[list[str], typer.Argument(help="Numbers, or user ids.", metavar="PERSON...")]
RequestIds = Annotated[list[str], typer.Argument(help="Ids of requests to join.", metavar="REQUEST...")]
SourceOption = Annotated[str | None, typer.Option("--source", help="Source id; default the account's default source.")]
_PATH = "/manage/v1/groups"
_COLUMNS = ("id", "subject", "state", "participants", "source_id", "changed_at")
_LATER = "Asked for. It is done when `waypost groups show` says so; the notices group.* tell it too."


@app.command("list", epilog="Example: waypost groups list --json")
def list_(
    *,
    source: Annotated[str | None, typer.Option("--source", help="Only groups of this source.")] = None,
    limit: Limit = 200,
    base_url: BaseUrl = None,
    api_key: ApiKeyOption = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List groups, without deleted ones."""
    client = _client(base_url, api_key, data_dir)
    records: list[dict[str, Any]] = []
    query = {} if source is None else {"source_id": source}
    while len(records) < limit:
        page = client.get(f"{_PATH}?{urlencode({**query, 'limit': min(200, limit - len(records))})}")
        records += page["items"]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    print_records(
        records, columns=_COLUMNS, as_json=as_json, empty="There is no group. Make one: waypost groups create SUBJECT"
    )


@app.command(epilog="Example: waypost groups create 'Sunday ride' --description 'Every Sunday at nine'")
def create(
    subject: Annotated[str, typer.Argument(help="What the group is called.")],
    *,
    description: Annotated[str, typer.Option("--description", help="What it is about.")] = "",
    approval: Annotated[bool, typer.Option("--approval", help="Ask before somebody joins by the link.")] = False,
    source: SourceOption = None,
    base_url: BaseUrl = None,
    api_key: ApiKeyOption = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Ask the provider for a group; its id and invite link come a moment later."""
    content: dict[str, Any] = {"subject": subject, "description": description}
    content["join_approval_mode"] = "approval_required" if approval else "auto_approve"
    if source is not None:
        content["source_id"] = source
    print_record(_client(base_url, api_key, data_dir).post(_PATH, content), as_json=as_json)
    print_note(_LATER)


@app.command(epilog="Example: waypost groups show ID")
def show(
    group_id: GroupId,
    *,
    fresh: Annotated[bool, typer.Option("--fresh", help="Read it from the provider first.")] = False,
    base_url: BaseUrl = None,
    api_key: ApiKeyOption = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show one group, and who is in it."""
    client = _client(base_url, api_key, data_dir)
    found = client.post(_one(group_id, "refresh"), {}) if fresh else client.get(_one(group_id))
    print_record(found, as_json=as_json)


@app.command(epilog="Example: waypost groups change ID --subject 'Monday ride'")
def change(
    group_id: GroupId,
    *,
    subject: Annotated[str | None, typer.Option("--subject", help="What the group is called.")] = None,
    description: Annotated[str | None, typer.Option("--description", help="What it is about.")] = None,
    base_url: BaseUrl = None,
    api_key: ApiKeyOption = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Ask for another subject or description."""
    named = {"subject": subject, "description": description}
    content = {name: text for name, text in named.items() if text is not None}
    print_record(_client(base_url, api_key, data_dir).patch(_one(group_id), content), as_json=as_json)
    print_note(_LATER)


@app.command(epilog="Example: waypost groups delete ID --yes")
def delete(
    group_id: GroupId,
    *,
    yes: Yes = False,
    base_url: BaseUrl = None,
    api_key: ApiKeyOption = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Ask for a group's end, for everybody in it."""
    if not yes:
        typer.confirm("End this group for everybody in it?", abort=True, err=True)
    print_record(_client(base_url, api_key, data_dir).delete(_one(group_id)), as_json=as_json)
    print_note(_LATER)


@app.command(epilog="Example: waypost groups refresh")
def refresh(
    *,
    source: SourceOption = None,
    base_url: BaseUrl = None,
    api_key: ApiKeyOption = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Read which groups a number has from the provider, after webhooks were lost."""
    content = {} if source is None else {"source_id": source}
    print_record(_client(base_url, api_key, data_dir).post(f"{_PATH}/refresh", content), as_json=as_json)


@app.command(epilog="Example: waypost groups link ID")
def link(
    group_id: GroupId,
    *,
    reset: Annotated[bool, typer.Option("--reset", help="Make a new one; the old one opens nothing any more.")] = False,
    base_url: BaseUrl = None,
    api_key: ApiKeyOption = None,
    data_dir: DataDir = None,
) -> None:
    """Print the link by which people join."""
    client = _client(base_url, api_key, data_dir)
    path = _one(group_id, "invite-link")
    print_line((client.post(f"{path}/reset", {}) if reset else client.get(path))["invite_link"])


@app.command(epilog="Example: waypost groups remove ID 12025550143")
def remove(
    group_id: GroupId,
    people: People,
    *,
    base_url: BaseUrl = None,
    api_key: ApiKeyOption = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Ask for people to be put out; they cannot come back by the link."""
    content = {"participants": people}
    answer = _client(base_url, api_key, data_dir).post(_one(group_id, "participants/remove"), content)
    print_record(answer, as_json=as_json)
    print_note(_LATER)


@app.command(epilog="Example: waypost groups requests ID")
def requests(
    group_id: GroupId,
    *,
    base_url: BaseUrl = None,
    api_key: ApiKeyOption = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List who wants to join."""
    found = _client(base_url, api_key, data_dir).get(_one(group_id, "join-requests"))
    columns = ("id", "participant", "created_at")
    print_records(found["items"], columns=columns, as_json=as_json, empty="Nobody asks to join.")


@app.command(epilog="Example: waypost groups approve ID 1122334455667788")
def approve(
    group_id: GroupId,
    request_ids: RequestIds,
    *,
    base_url: BaseUrl = None,
    api_key: ApiKeyOption = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Let people in who want to join."""
    answer = _client(base_url, api_key, data_dir).post(
        _one(group_id, "join-requests/approve"), {"request_ids": request_ids}
    )
    print_record(answer, as_json=as_json)


@app.command(epilog="Example: waypost groups reject ID 1122334455667788")
def reject(
    group_id: GroupId,
    request_ids: RequestIds,
    *,
    base_url: BaseUrl = None,
    api_key: ApiKeyOption = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Refuse people who want to join."""
    answer = _client(base_url, api_key, data_dir).post(
        _one(group_id, "join-requests/reject"), {"request_ids": request_ids}
    )
    print_record(answer, as_json=as_json)


def _one(group_id: str, rest: str = "") -> str:
    return f"{_PATH}/{quote(group_id, safe='')}" + (f"/{rest}" if rest else "")


def _client(base_url: BaseUrl, api_key: ApiKeyOption, data_dir: DataDir) -> Any:
    from waypost.cli.http import open_client  # noqa: PLC0415

    return open_client(base_url=base_url, api_key=api_key, data_dir=data_dir)
