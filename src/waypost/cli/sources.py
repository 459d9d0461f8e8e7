"""``waypost sources``: the numbers that messages are sent from."""

from typing import Annotated, Any

import typer

from waypost.cli.connect import EPILOG as CONNECT_EPILOG
from waypost.cli.connect import connect
from waypost.cli.options import AccountOption, DatabaseUrl, DataDir, Json, Limit
from waypost.cli.printing import print_note, print_record, print_records

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Sending numbers, with their tokens at the provider.",
    epilog=(
        "Tokens are never options: WAYPOST_SOURCE_ACCESS_TOKEN and WAYPOST_SOURCE_APP_SECRET are read from the "
        "environment, or the access token from standard input."
    ),
)

SourceId = Annotated[str, typer.Argument(help="Source id.", metavar="ID")]
Rate = Annotated[float | None, typer.Option("--rate", help="Messages per second; 0 means the gateway's own pace.")]
Burst = Annotated[int | None, typer.Option("--burst", help="Messages at once, after a rest; goes with --rate.", min=1)]
Groups = Annotated[bool | None, typer.Option("--groups/--no-groups", help="May it write to groups?")]
_LIST_COLUMNS = ("id", "name", "phone_number", "provider", "is_default", "paused_reason")
_TOKEN_VARIABLE = "WAYPOST_SOURCE_ACCESS_TOKEN"  # noqa: S105 - the name of a variable
_SECRET_VARIABLE = "WAYPOST_SOURCE_APP_SECRET"  # noqa: S105 - the name of a variable

app.command(epilog=CONNECT_EPILOG)(connect)


@app.command(
    epilog=(
        "Example: waypost sources create 'Bicycle shop' --phone-number '+1 202-555-0199' "
        "--phone-number-id 106540352242922 --waba-id 102290129340398 < token.txt"
    )
)
def create(
    name: Annotated[str, typer.Argument(help="Name, for people.")],
    *,
    phone_number: Annotated[str, typer.Option("--phone-number", help="The number, with country code.")],
    phone_number_id: Annotated[str, typer.Option("--phone-number-id", help="The number's id at the provider.")],
    waba_id: Annotated[str, typer.Option("--waba-id", help="The business account's id at the provider.")],
    provider: Annotated[str | None, typer.Option("--provider", help="meta or sandbox; default the gateway's.")] = None,
    default: Annotated[bool, typer.Option("--default", help="Make it the account's default source.")] = False,
    groups: Groups = None,
    rate: Rate = None,
    burst: Burst = None,
    account: AccountOption = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Connect a number; prints the verify token to enter at the provider."""
    from waypost.cli.asking import build_request, read_secret  # noqa: PLC0415
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.web.manage.editing import add_source  # noqa: PLC0415
    from waypost.web.manage.requests import SourceCreation  # noqa: PLC0415
    from waypost.web.manage.views import NewSourceView, SourceView  # noqa: PLC0415

    request = build_request(
        SourceCreation,
        name=name,
        phone_number=phone_number,
        phone_number_id=phone_number_id,
        waba_id=waba_id,
        access_token=read_secret(
            option="access token", variable=_TOKEN_VARIABLE, prompt="Access token", is_required=True
        ),
        app_secret=read_secret(option="app secret", variable=_SECRET_VARIABLE, prompt="App secret", is_required=False),
        provider=provider,
        is_default=default or None,
        has_groups=groups,
        pace=_pace(rate, burst),
    )
    with opened_store(data_dir, database_url) as store:
        account_id = store.account_id(account)
        editor = store.editor()
        record, verify_token = store.write(
            lambda tx: add_source(tx, editor, account_id, request, default_provider=store.settings.default_provider)
        )
    view = NewSourceView(**SourceView.of(record).model_dump(), verify_token=verify_token)
    print_record(view.model_dump(mode="json"), as_json=as_json)
    if not record.has_app_secret:
        print_note(f"Without an app secret its webhooks are refused: set {_SECRET_VARIABLE} and change it.")


@app.command("list", epilog="Example: waypost sources list")
def list_(
    *,
    account: AccountOption = None,
    limit: Limit = 200,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """List an account's numbers."""
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.store.sources import list_sources  # noqa: PLC0415
    from waypost.web.manage.views import SourceView  # noqa: PLC0415

    with opened_store(data_dir, database_url) as store:
        account_id = store.account_id(account)
        records = store.read(lambda tx: list_sources(tx, account_id, at_most=limit))
    print_records(
        [SourceView.of(record).model_dump(mode="json") for record in records],
        columns=_LIST_COLUMNS,
        as_json=as_json,
        empty="There is no source. Connect a number: waypost sources connect --help",
    )


@app.command(epilog="Example: waypost sources show ID")
def show(
    source_id: SourceId,
    *,
    account: AccountOption = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Show one number."""
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.store.sources import find_source  # noqa: PLC0415
    from waypost.web.manage.problems import not_found  # noqa: PLC0415
    from waypost.web.manage.views import SourceView  # noqa: PLC0415

    with opened_store(data_dir, database_url) as store:
        account_id = store.account_id(account)
        record = store.read(lambda tx: find_source(tx, account_id, source_id))
    if record is None:
        raise not_found("source")
    print_record(SourceView.of(record).model_dump(mode="json"), as_json=as_json)


@app.command(epilog="Example, a new app secret: WAYPOST_SOURCE_APP_SECRET=... waypost sources change ID")
def change(
    source_id: SourceId,
    *,
    name: Annotated[str | None, typer.Option("--name", help="Name, for people.")] = None,
    phone_number: Annotated[str | None, typer.Option("--phone-number", help="The number.")] = None,
    phone_number_id: Annotated[str | None, typer.Option("--phone-number-id", help="Its id at the provider.")] = None,
    waba_id: Annotated[str | None, typer.Option("--waba-id", help="The business account's id.")] = None,
    provider: Annotated[str | None, typer.Option("--provider", help="meta or sandbox.")] = None,
    default: Annotated[bool, typer.Option("--default", help="Make it the account's default source.")] = False,
    new_access_token: Annotated[
        bool, typer.Option("--new-access-token", help="Read a new access token from standard input.")
    ] = False,
    groups: Groups = None,
    rate: Rate = None,
    burst: Burst = None,
    account: AccountOption = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Change what the options name; a replaced app secret is accepted for another 24 h."""
    from waypost.cli.asking import UNSET, build_request, read_secret  # noqa: PLC0415
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.web.manage.editing import alter_source  # noqa: PLC0415
    from waypost.web.manage.requests import SourceChange  # noqa: PLC0415
    from waypost.web.manage.views import SourceView  # noqa: PLC0415

    request = build_request(
        SourceChange,
        name=name,
        phone_number=phone_number,
        phone_number_id=phone_number_id,
        waba_id=waba_id,
        provider=provider,
        access_token=read_secret(
            option="access token", variable=_TOKEN_VARIABLE, prompt="Access token", is_required=new_access_token
        ),
        app_secret=read_secret(option="app secret", variable=_SECRET_VARIABLE, prompt="App secret", is_required=False),
        is_default=default or None,
        has_groups=groups,
        pace=UNSET if rate == 0 else _pace(rate, burst),
    )
    with opened_store(data_dir, database_url) as store:
        account_id = store.account_id(account)
        editor = store.editor()
        record = store.write(lambda tx: alter_source(tx, editor, account_id, source_id, request))
    print_record(SourceView.of(record).model_dump(mode="json"), as_json=as_json)


@app.command(epilog="Example: waypost sources pause ID --reason 'number under review'")
def pause(
    source_id: SourceId,
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why, for those who look later.")] = "paused by hand",
    account: AccountOption = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Stop sending from a number; what is queued waits."""
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.web.manage.editing import halt_source  # noqa: PLC0415
    from waypost.web.manage.views import SourceView  # noqa: PLC0415

    with opened_store(data_dir, database_url) as store:
        account_id = store.account_id(account)
        editor = store.editor()
        record = store.write(lambda tx: halt_source(tx, editor, account_id, source_id, reason=reason))
    print_record(SourceView.of(record).model_dump(mode="json"), as_json=as_json)


@app.command(epilog="Example: waypost sources resume ID")
def resume(
    source_id: SourceId,
    *,
    account: AccountOption = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Let a paused number send again."""
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.web.manage.editing import restart_source  # noqa: PLC0415
    from waypost.web.manage.views import SourceView  # noqa: PLC0415

    with opened_store(data_dir, database_url) as store:
        account_id = store.account_id(account)
        editor = store.editor()
        record = store.write(lambda tx: restart_source(tx, editor, account_id, source_id))
    print_record(SourceView.of(record).model_dump(mode="json"), as_json=as_json)


@app.command(epilog="Example: waypost sources delete ID --yes. Its messages stay, for look-up.")
def delete(
    source_id: SourceId,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    account: AccountOption = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Take a number out of use for good."""
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.web.manage.editing import remove_source  # noqa: PLC0415

    if not yes:
        typer.confirm(f"Take source {source_id} out of use?", abort=True)
    with opened_store(data_dir, database_url) as store:
        account_id = store.account_id(account)
        editor = store.editor()
        store.write(lambda tx: remove_source(tx, editor, account_id, source_id))
    print_note("Deleted.")


def _pace(rate: float | None, burst: int | None) -> dict[str, Any] | None:
    if rate is None and burst is None:
        return None
    return {"rate_per_second": rate, "burst": burst or 1}
