"""``waypost webhooks``: where events go, and what never arrived."""

from typing import Annotated, Any

import typer

from waypost.cli import dead_letters
from waypost.cli.exits import CommandFailure, ExitCode
from waypost.cli.options import AccountOption, DatabaseUrl, DataDir, Json, Limit, WebhookId, Yes
from waypost.cli.printing import print_note, print_record, print_records

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Webhooks: where an account is told what happens, and the dead letters of those that did not listen.",
    epilog="After an outage: waypost webhooks dead ID, then: waypost webhooks replay ID --since 24h",
)

Kind = Annotated[list[str] | None, typer.Option("--kind", help="incoming, event or notice; repeat it.")]
Header = Annotated[list[str] | None, typer.Option("--header", help="'Name: value' sent along; repeat it.")]
MaxBatch = Annotated[int | None, typer.Option("--max-batch", help="Most entries in one call, 1 to 1000.")]
Timestamps = Annotated[str | None, typer.Option("--timestamps", help="date or unix; default by kind.")]
SourceFilter = Annotated[list[str] | None, typer.Option("--source", help="Only of this source; repeat it.")]
Stickers = Annotated[bool | None, typer.Option("--stickers/--no-stickers", help="Tell of incoming stickers?")]
_COLUMNS = ("id", "name", "url", "kinds", "disabled_reason", "failing_since")


dead_letters.add_to(app)


@app.command(epilog="Example: waypost webhooks create https://hooks.example.org/whatsapp --kind event")
def create(
    url: Annotated[str, typer.Argument(help="Public https URL.")],
    *,
    name: Annotated[str | None, typer.Option("--name", help="Name, for people; default the host.")] = None,
    kind: Kind = None,
    header: Header = None,
    max_batch: MaxBatch = None,
    timestamps: Timestamps = None,
    source: SourceFilter = None,
    stickers: Stickers = None,
    account: AccountOption = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Make a webhook and print its secret, for this once."""
    from waypost.cli.asking import build_request  # noqa: PLC0415
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.web.manage.context import webhook_policy  # noqa: PLC0415
    from waypost.web.manage.editing_webhooks import add_webhook  # noqa: PLC0415
    from waypost.web.manage.requests import WebhookCreation  # noqa: PLC0415
    from waypost.web.manage.views import EndpointView, NewEndpointView  # noqa: PLC0415

    request = build_request(
        WebhookCreation,
        url=url,
        name=name,
        kinds=kind or None,
        headers=_headers(header),
        max_batch=max_batch,
        timestamps=timestamps,
        source_ids=source or None,
        stickers=stickers,
    )
    with opened_store(data_dir, database_url) as store:
        account_id = store.account_id(account)
        editor = store.editor()
        policy = webhook_policy(store.settings)
        record, secret = store.write(lambda tx: add_webhook(tx, editor, account_id, request, policy=policy))
    view = NewEndpointView(**EndpointView.of(record).model_dump(), secret=secret)
    print_record(view.model_dump(mode="json"), as_json=as_json)
    print_note("Keep the secret now: it is not shown again. Verify with any Standard Webhooks library.")


@app.command("list", epilog="Example: waypost webhooks list")
def list_(
    *,
    account: AccountOption = None,
    limit: Limit = 200,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """List an account's webhooks, disabled ones too."""
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.store.endpoints import list_endpoints  # noqa: PLC0415
    from waypost.web.manage.views import EndpointView  # noqa: PLC0415

    with opened_store(data_dir, database_url) as store:
        account_id = store.account_id(account)
        records = store.read(lambda tx: list_endpoints(tx, store.sealer, account_id, at_most=limit))
    print_records(
        [EndpointView.of(record).model_dump(mode="json") for record in records],
        columns=_COLUMNS,
        as_json=as_json,
        empty="There is no webhook. Make one: waypost webhooks create URL",
    )


@app.command(epilog="Example: waypost webhooks show ID")
def show(
    webhook_id: WebhookId,
    *,
    account: AccountOption = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Show one webhook, without its secret."""
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.web.manage.editing_webhooks import require_webhook  # noqa: PLC0415
    from waypost.web.manage.views import EndpointView  # noqa: PLC0415

    with opened_store(data_dir, database_url) as store:
        account_id = store.account_id(account)
        editor = store.editor()
        record = store.read(lambda tx: require_webhook(tx, editor, account_id, webhook_id))
    print_record(EndpointView.of(record).model_dump(mode="json"), as_json=as_json)


@app.command(epilog="Example: waypost webhooks change ID --max-batch 100")
def change(
    webhook_id: WebhookId,
    *,
    url: Annotated[str | None, typer.Option("--url", help="Public https URL.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="Name, for people.")] = None,
    kind: Kind = None,
    header: Header = None,
    max_batch: MaxBatch = None,
    timestamps: Timestamps = None,
    source: SourceFilter = None,
    all_sources: Annotated[bool, typer.Option("--all-sources", help="Take the source filter away.")] = False,
    stickers: Stickers = None,
    account: AccountOption = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Change what the options name; --header replaces all custom headers."""
    from waypost.cli.asking import UNSET, build_request  # noqa: PLC0415
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.web.manage.context import webhook_policy  # noqa: PLC0415
    from waypost.web.manage.editing_webhooks import alter_webhook  # noqa: PLC0415
    from waypost.web.manage.requests import WebhookChange  # noqa: PLC0415
    from waypost.web.manage.views import EndpointView  # noqa: PLC0415

    request = build_request(
        WebhookChange,
        url=url,
        name=name,
        kinds=kind or None,
        headers=_headers(header),
        max_batch=max_batch,
        timestamps=timestamps,
        source_ids=UNSET if all_sources else source or None,
        stickers=stickers,
    )
    with opened_store(data_dir, database_url) as store:
        account_id = store.account_id(account)
        editor = store.editor()
        policy = webhook_policy(store.settings)
        record = store.write(lambda tx: alter_webhook(tx, editor, account_id, webhook_id, request, policy=policy))
    print_record(EndpointView.of(record).model_dump(mode="json"), as_json=as_json)


@app.command("rotate-secret", epilog="Example: waypost webhooks rotate-secret ID")
def rotate_secret(
    webhook_id: WebhookId,
    *,
    account: AccountOption = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Sign with a new secret, and with the present one too for 24 h; prints it, for this once."""
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.web.manage.editing_webhooks import renew_secret  # noqa: PLC0415
    from waypost.web.manage.views import EndpointView, NewEndpointView  # noqa: PLC0415

    with opened_store(data_dir, database_url) as store:
        account_id = store.account_id(account)
        editor = store.editor()
        record, secret = store.write(lambda tx: renew_secret(tx, editor, account_id, webhook_id))
    view = NewEndpointView(**EndpointView.of(record).model_dump(), secret=secret)
    print_record(view.model_dump(mode="json"), as_json=as_json)


@app.command(epilog="Example: waypost webhooks disable ID --reason 'moving house'")
def disable(
    webhook_id: WebhookId,
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why, for those who look later.")] = "disabled by hand",
    account: AccountOption = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Stop calling a webhook; what is pending waits until it is enabled."""
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.web.manage.editing_webhooks import silence_webhook  # noqa: PLC0415
    from waypost.web.manage.views import EndpointView  # noqa: PLC0415

    with opened_store(data_dir, database_url) as store:
        account_id = store.account_id(account)
        editor = store.editor()
        record = store.write(lambda tx: silence_webhook(tx, editor, account_id, webhook_id, reason=reason))
    print_record(EndpointView.of(record).model_dump(mode="json"), as_json=as_json)


@app.command(epilog="Example: waypost webhooks enable ID")
def enable(
    webhook_id: WebhookId,
    *,
    account: AccountOption = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Call a webhook again, beginning with what is pending."""
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.web.manage.editing_webhooks import revive_webhook  # noqa: PLC0415
    from waypost.web.manage.views import EndpointView  # noqa: PLC0415

    with opened_store(data_dir, database_url) as store:
        account_id = store.account_id(account)
        editor = store.editor()
        record = store.write(lambda tx: revive_webhook(tx, editor, account_id, webhook_id))
    print_record(EndpointView.of(record).model_dump(mode="json"), as_json=as_json)


@app.command(epilog="Example: waypost webhooks delete ID --yes")
def delete(
    webhook_id: WebhookId,
    *,
    yes: Yes = False,
    account: AccountOption = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Take a webhook out of use for good."""
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.web.manage.editing_webhooks import remove_webhook  # noqa: PLC0415

    if not yes:
        typer.confirm(f"Take webhook {webhook_id} out of use?", abort=True)
    with opened_store(data_dir, database_url) as store:
        account_id = store.account_id(account)
        editor = store.editor()
        store.write(lambda tx: remove_webhook(tx, editor, account_id, webhook_id))
    print_note("Deleted.")


def _headers(given: list[str] | None) -> dict[str, Any] | None:
    """Return ``Name: value`` lines as a mapping; None if there are none."""
    if not given:
        return None
    headers = {}
    for line in given:
        name, separator, value = line.partition(":")
        if not separator:
            raise CommandFailure(ExitCode.USAGE, f"--header: `{name}` has no value.", hint="Such as 'X-Shop: north'.")
        headers[name.strip()] = value.strip()
    return headers
