"""``waypost accounts``: tenants and their switches."""

from typing import Annotated, Any

import typer

from waypost.cli.options import DatabaseUrl, DataDir, Json, Limit
from waypost.cli.printing import print_record, print_records

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Tenants: each has its own keys, sources, messages and webhooks.",
    epilog="A first account: waypost accounts create 'Bicycle shop', then: waypost keys create --all",
)

AccountId = Annotated[str, typer.Argument(help="Account id.", metavar="ID")]
SkipOptin = Annotated[bool | None, typer.Option("--skip-optin/--require-optin", help="Send without an opt-in?")]
ImplicitOptin = Annotated[
    bool | None, typer.Option("--implicit-optin/--explicit-optin", help="Is an inbound message an opt-in?")
]
AtMostOnce = Annotated[
    bool | None, typer.Option("--at-most-once/--at-least-once", help="Never send again what may have been sent?")
]
LinkTrack = Annotated[
    bool | None, typer.Option("--linktrack/--no-linktrack", help="May messages ask for tracked links?")
]
SourcePolicy = Annotated[
    str | None, typer.Option("--source-policy", help="strict or lenient: what a missing source means.")
]
StopWord = Annotated[
    list[str] | None, typer.Option("--stop-word", help="Inbound text that opts out; repeat it; replaces all.")
]
RateMax = Annotated[
    float | None, typer.Option("--requests-per-second-max", help="This account's own limit; 0 takes it away.")
]
QueuedMax = Annotated[
    int | None, typer.Option("--queued-messages-max", help="This account's own limit; 0 takes it away.")
]


@app.command(epilog="Example: waypost accounts create 'Bicycle shop' --stop-word STOP --stop-word HALT")
def create(
    name: Annotated[str, typer.Argument(help="Name, for people.")],
    *,
    skip_optin: SkipOptin = None,
    implicit_optin: ImplicitOptin = None,
    linktrack: LinkTrack = None,
    at_most_once: AtMostOnce = None,
    source_policy: SourcePolicy = None,
    stop_word: StopWord = None,
    requests_per_second_max: RateMax = None,
    queued_messages_max: QueuedMax = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Make an account."""
    from waypost.cli.asking import build_request  # noqa: PLC0415
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.web.manage.editing import add_account  # noqa: PLC0415
    from waypost.web.manage.requests import AccountCreation  # noqa: PLC0415
    from waypost.web.manage.views import AccountView  # noqa: PLC0415

    request = build_request(
        AccountCreation,
        name=name,
        skip_optin=skip_optin,
        implicit_optin=implicit_optin,
        linktrack=linktrack,
        at_most_once=at_most_once,
        source_policy=source_policy,
        stop_words=stop_word or None,
        requests_per_second_max=requests_per_second_max or None,
        queued_messages_max=queued_messages_max or None,
    )
    with opened_store(data_dir, database_url) as store:
        editor = store.editor()
        record = store.write(lambda tx: add_account(tx, editor, request))
    print_record(AccountView.of(record).model_dump(mode="json"), as_json=as_json)


@app.command("list", epilog="Example: waypost accounts list --json")
def list_(
    *, limit: Limit = 200, data_dir: DataDir = None, database_url: DatabaseUrl = None, as_json: Json = False
) -> None:
    """List accounts, oldest first."""
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.store.accounts import list_accounts  # noqa: PLC0415
    from waypost.web.manage.views import AccountView  # noqa: PLC0415

    with opened_store(data_dir, database_url) as store:
        records = store.read(lambda tx: list_accounts(tx, at_most=limit))
    print_records(
        [AccountView.of(record).model_dump(mode="json") for record in records],
        columns=("id", "name", "created_at", "disabled_at"),
        as_json=as_json,
        empty="There is no account yet. Make one: waypost accounts create NAME",
    )


@app.command(epilog="Example: waypost accounts show 0192f0c1-7f6a-7d3e-8b1c-3f1d2b7a9c55")
def show(
    account_id: AccountId, *, data_dir: DataDir = None, database_url: DatabaseUrl = None, as_json: Json = False
) -> None:
    """Show one account with all its switches."""
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.web.manage.editing import require_account  # noqa: PLC0415
    from waypost.web.manage.views import AccountView  # noqa: PLC0415

    with opened_store(data_dir, database_url) as store:
        record = store.read(lambda tx: require_account(tx, account_id))
    print_record(AccountView.of(record).model_dump(mode="json"), as_json=as_json)


@app.command(epilog="Example: waypost accounts change ID --require-optin --requests-per-second-max 50")
def change(
    account_id: AccountId,
    *,
    name: Annotated[str | None, typer.Option("--name", help="Name, for people.")] = None,
    skip_optin: SkipOptin = None,
    implicit_optin: ImplicitOptin = None,
    linktrack: LinkTrack = None,
    at_most_once: AtMostOnce = None,
    source_policy: SourcePolicy = None,
    stop_word: StopWord = None,
    requests_per_second_max: RateMax = None,
    queued_messages_max: QueuedMax = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Change what the options name; the rest stays."""
    from waypost.cli.asking import UNSET, build_request  # noqa: PLC0415
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.web.manage.editing import alter_account  # noqa: PLC0415
    from waypost.web.manage.requests import AccountChange  # noqa: PLC0415
    from waypost.web.manage.views import AccountView  # noqa: PLC0415

    def limit(value: float | None) -> Any:
        return UNSET if value == 0 else value

    request = build_request(
        AccountChange,
        name=name,
        skip_optin=skip_optin,
        implicit_optin=implicit_optin,
        linktrack=linktrack,
        at_most_once=at_most_once,
        source_policy=source_policy,
        stop_words=stop_word or None,
        requests_per_second_max=limit(requests_per_second_max),
        queued_messages_max=limit(queued_messages_max),
    )
    with opened_store(data_dir, database_url) as store:
        editor = store.editor()
        record = store.write(lambda tx: alter_account(tx, editor, account_id, request))
    print_record(AccountView.of(record).model_dump(mode="json"), as_json=as_json)


@app.command(epilog="Example: waypost accounts disable ID. Its messages and files stay.")
def disable(
    account_id: AccountId, *, data_dir: DataDir = None, database_url: DatabaseUrl = None, as_json: Json = False
) -> None:
    """Refuse the account's keys from now on, and stop its sending."""
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.web.manage.editing import disable_account  # noqa: PLC0415
    from waypost.web.manage.views import AccountView  # noqa: PLC0415

    with opened_store(data_dir, database_url) as store:
        editor = store.editor()
        record = store.write(lambda tx: disable_account(tx, editor, account_id))
    print_record(AccountView.of(record).model_dump(mode="json"), as_json=as_json)


@app.command(epilog="Example: waypost accounts enable ID")
def enable(
    account_id: AccountId, *, data_dir: DataDir = None, database_url: DatabaseUrl = None, as_json: Json = False
) -> None:
    """Let the account's keys in again."""
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.web.manage.editing import enable_account  # noqa: PLC0415
    from waypost.web.manage.views import AccountView  # noqa: PLC0415

    with opened_store(data_dir, database_url) as store:
        editor = store.editor()
        record = store.write(lambda tx: enable_account(tx, editor, account_id))
    print_record(AccountView.of(record).model_dump(mode="json"), as_json=as_json)
