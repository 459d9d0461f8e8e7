"""``waypost messages``: look at messages, send them, watch them go."""

import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from waypost.cli.exporting import export
from waypost.cli.options import AccountOption, ApiKeyOption, BaseUrl, DatabaseUrl, DataDir, Json, Limit
from waypost.cli.printing import print_line, print_note, print_record, print_records
from waypost.cli.sending import EPILOG as SEND_EPILOG
from waypost.cli.sending import send

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Messages: list, show and cancel them from the database; send and tail them through a running gateway.",
    epilog="With the demo running: waypost messages send 12025550143 --text 'Hello', then: waypost messages tail",
)

MessageId = Annotated[str, typer.Argument(help="Message id.", metavar="ID")]
_COLUMNS = ("id", "status", "recipient", "kind", "accepted_at", "failure")
_POLL_SECONDS = 1.0


@app.command("list", epilog="Example: waypost messages list --status failed --since 24h")
def list_(
    *,
    recipient: Annotated[str | None, typer.Option("--recipient", help="Digits, or a group's id.")] = None,
    header: Annotated[str | None, typer.Option("--x-apiheader", help="What the sender passed along.")] = None,
    wamid: Annotated[str | None, typer.Option("--wamid", help="The provider's id.")] = None,
    status: Annotated[list[str] | None, typer.Option("--status", help="Such as queued or failed; repeat it.")] = None,
    failure: Annotated[
        list[str] | None, typer.Option("--failure", help="Why it failed, such as outside_window; repeat it.")
    ] = None,
    code: Annotated[list[int] | None, typer.Option("--code", help="The provider's error code; repeat it.")] = None,
    source: Annotated[str | None, typer.Option("--source", help="Source id.")] = None,
    since: Annotated[str | None, typer.Option("--since", help="Accepted since: 24h, 7d, or RFC 3339.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Accepted before.")] = None,
    oldest: Annotated[bool, typer.Option("--oldest", help="The oldest first.")] = False,
    limit: Limit = 50,
    account: AccountOption = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """List messages, newest first or oldest first."""
    from waypost.cli.asking import build_request, parse_moment  # noqa: PLC0415
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.web.manage.requests import MessageSearch  # noqa: PLC0415
    from waypost.web.manage.searching import find_messages  # noqa: PLC0415
    from waypost.web.manage.traffic_views import MessageView  # noqa: PLC0415

    request = build_request(
        MessageSearch,
        recipient=recipient,
        wamid=wamid,
        statuses=status or None,
        failures=failure or None,
        failure_codes=code or None,
        source_id=source,
        order="oldest" if oldest else "newest",
        since=parse_moment(since, option="--since"),
        until=parse_moment(until, option="--until"),
        **{"x-apiheader": header},
    )
    with opened_store(data_dir, database_url) as store:
        account_id = store.account_id(account)
        rows = store.read(lambda tx: find_messages(tx, account_id, request, at_most=limit))
    print_records(
        [MessageView.of(row).model_dump(mode="json", by_alias=True) for row in rows],
        columns=_COLUMNS,
        as_json=as_json,
        empty="No message matches.",
    )


@app.command(epilog="Example: waypost messages show 3f0c9a52-7d1e-4b86-9c44-0a5be1d27f63 --json")
def show(
    message_id: MessageId,
    *,
    content: Annotated[bool, typer.Option("--content", help="Also what it says.")] = False,
    account: AccountOption = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Show one message and everything that became of it: attempts, statuses, webhooks."""
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.web.manage.searching import show_message  # noqa: PLC0415

    with opened_store(data_dir, database_url) as store:
        account_id = store.account_id(account)
        view = store.read(lambda tx: show_message(tx, account_id, message_id))
    shown = view.model_dump(mode="json", by_alias=True, exclude=set() if content else {"content"})
    if as_json:
        print_record(shown, as_json=True)
        return
    lists = {name: shown.pop(name) for name in ("timeline", "tries", "notifications", "deliveries")}
    print_record(shown, as_json=False)
    for name, columns in (
        ("timeline", ("at", "status")),
        ("tries", ("number", "started_at", "outcome", "http_status", "provider_code", "detail")),
        ("notifications", ("created_at", "webhook_id", "kind", "state", "attempts", "last_error")),
        ("deliveries", ("started_at", "webhook_id", "http_status", "error")),
    ):
        if lists[name]:
            print_line(f"\n{name}")
            print_records(lists[name], columns=columns, as_json=False)


@app.command(epilog="Example: waypost messages read wamid.ABC --typing")
def read(
    wamid: Annotated[str, typer.Argument(help="message_id of an incoming message.", metavar="WAMID")],
    *,
    typing: Annotated[bool, typer.Option("--typing", help="Show also that an answer is being typed.")] = False,
    base_url: BaseUrl = None,
    api_key: ApiKeyOption = None,
    data_dir: DataDir = None,
) -> None:
    """Show somebody, through a running gateway, that their message was read."""
    from waypost.cli.http import open_client, refuse_failure  # noqa: PLC0415

    client = open_client(base_url=base_url, api_key=api_key, data_dir=data_dir)
    refuse_failure(client.post("/api/v2/message/read", {"message_id": wamid, "typing": typing}))
    print_note("Message marked as read.")


@app.command(epilog="Example: waypost messages cancel ID. Once acknowledged, the message is never sent.")
def cancel(
    message_id: MessageId,
    *,
    account: AccountOption = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Cancel a message that nothing was done about yet."""
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.web.manage.cancelling import cancel_message  # noqa: PLC0415

    with opened_store(data_dir, database_url) as store:
        account_id = store.account_id(account)
        editor = store.editor()
        store.write(lambda tx: cancel_message(tx, editor, account_id, message_id, snapshot=store.snapshot(tx)))
    print_note("Cancelled.")


@app.command(epilog="Example: waypost messages scheduled")
def scheduled(
    *,
    limit: Limit = 50,
    account: AccountOption = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """List messages that wait for their time, the soonest first."""
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.store.scheduling import list_scheduled  # noqa: PLC0415
    from waypost.web.manage.traffic_views import MessageView  # noqa: PLC0415

    with opened_store(data_dir, database_url) as store:
        account_id = store.account_id(account)
        rows = store.read(lambda tx: list_scheduled(tx, account_id, after=(0, ""), at_most=limit))
    print_records(
        [MessageView.of(row).model_dump(mode="json", by_alias=True) for row in rows],
        columns=("id", "scheduled_at", "recipient", "kind", "expires_at"),
        as_json=as_json,
        empty="No message is scheduled.",
    )


@app.command(epilog="Example: waypost messages reschedule ID 2031-03-05T09:00:00Z. What has passed means at once.")
def reschedule(
    message_id: MessageId,
    scheduled_at: Annotated[str, typer.Argument(help="RFC 3339, at most 30 days ahead; without offset it is UTC.")],
    *,
    account: AccountOption = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Move a scheduled message to another time, and its time to live with it."""
    from waypost.cli.asking import build_request, parse_moment  # noqa: PLC0415
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.web.manage.requests import Rescheduling  # noqa: PLC0415
    from waypost.web.manage.rescheduling import reschedule_message  # noqa: PLC0415

    request = build_request(Rescheduling, scheduled_at=parse_moment(scheduled_at, option="SCHEDULED_AT"))
    with opened_store(data_dir, database_url) as store:
        account_id = store.account_id(account)
        editor = store.editor()
        store.write(lambda tx: reschedule_message(tx, editor, account_id, message_id, request))
    print_note("Moved.")


app.command(epilog=SEND_EPILOG)(send)
app.command(epilog="Example: waypost messages export --since 7d --format parquet -o week.parquet")(export)


@app.command(epilog="Example: waypost messages tail. Stop it with Ctrl-C.")
def tail(
    *,
    count: Annotated[int | None, typer.Option("--count", help="Leave after so many lines.", min=1)] = None,
    base_url: BaseUrl = None,
    api_key: ApiKeyOption = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Watch messages change, a line for each change, beginning with the newest there are."""
    from waypost.cli.http import open_client  # noqa: PLC0415

    client = open_client(base_url=base_url, api_key=api_key, data_dir=data_dir)
    for line, message in enumerate(_changes(client), start=1):
        if as_json:
            import json  # noqa: PLC0415

            print_line(json.dumps(message))
        else:
            failure = f"  {message['failure']}" if message["failure"] else ""
            print_line(
                f"{message['id']}  {message['status']:<11}  {message['kind']:<8}  {message['recipient']}{failure}"
            )
        if line == count:
            return


def _changes(client: Any) -> Iterator[dict[str, Any]]:
    """Yield messages whenever one is new or has changed its status, the oldest first; never ends."""
    seen: dict[str, str] = {}
    while True:
        newest = client.get("/manage/v1/messages?limit=100")["items"]
        for message in reversed(newest):
            if seen.get(message["id"]) != message["status"]:
                yield message
        seen = {message["id"]: message["status"] for message in newest}
        time.sleep(_POLL_SECONDS)
