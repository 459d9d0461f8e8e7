"""``waypost keys``: what applications sign in with."""

from typing import Annotated

import typer

from waypost.cli.options import AccountOption, DatabaseUrl, DataDir, Json, Limit
from waypost.cli.printing import print_note, print_record, print_records

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="API keys: shown once, stored as a hash, revoked within a second.",
    epilog="A key for an application: waypost keys create --name shop --scope messages:send --scope messages:read",
)

KeyId = Annotated[str, typer.Argument(help="Key id: the middle part of wp_..._...", metavar="ID")]


@app.command(epilog="Example: waypost keys create --name shop --all --expires 2031-12-31T00:00:00Z")
def create(
    *,
    name: Annotated[str, typer.Option("--name", help="What the key is for.")] = "application",
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="What it may do, such as messages:send; repeat it.")
    ] = None,
    all_scopes: Annotated[bool, typer.Option("--all", help="Everything of its own account.")] = False,
    operator: Annotated[bool, typer.Option("--operator", help="All accounts: the manage scope.")] = False,
    expires: Annotated[str | None, typer.Option("--expires", help="When it ends, RFC 3339; default never.")] = None,
    account: AccountOption = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Make a key and print it, for this once."""
    from waypost.cli.asking import build_request, parse_moment  # noqa: PLC0415
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.web.auth import ACCOUNT_SCOPES, Scope  # noqa: PLC0415
    from waypost.web.manage.editing import add_key  # noqa: PLC0415
    from waypost.web.manage.requests import KeyCreation  # noqa: PLC0415

    scopes: list[str] = [*(scope or [])]
    if all_scopes:
        scopes += sorted(ACCOUNT_SCOPES)
    if operator:
        scopes.append(Scope.MANAGE)
    request = build_request(
        KeyCreation,
        name=name,
        scopes=list(dict.fromkeys(scopes)),
        expires_at=parse_moment(expires, option="--expires"),
    )
    with opened_store(data_dir, database_url) as store:
        account_id = store.account_id(account)
        editor = store.editor()
        created = store.write(lambda tx: add_key(tx, editor, account_id, request))
    print_record(created.model_dump(mode="json"), as_json=as_json)
    print_note("Keep the key now: it is not shown again.")


@app.command("list", epilog="Example: waypost keys list --account ID")
def list_(
    *,
    account: AccountOption = None,
    limit: Limit = 200,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """List an account's keys, revoked ones too."""
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.store.accounts import list_keys  # noqa: PLC0415
    from waypost.web.manage.views import KeyView  # noqa: PLC0415

    with opened_store(data_dir, database_url) as store:
        account_id = store.account_id(account)
        records = store.read(lambda tx: list_keys(tx, account_id, at_most=limit))
    print_records(
        [KeyView.of(record).model_dump(mode="json") for record in records],
        columns=("id", "name", "scopes", "created_at", "expires_at", "revoked_at", "last_used_at"),
        as_json=as_json,
        empty="There is no key. Make one: waypost keys create --name shop --all",
    )


@app.command(epilog="Example: waypost keys revoke aB3dE5fG7h")
def revoke(
    key_id: KeyId,
    *,
    account: AccountOption = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """End a key for good; running gateways refuse it within a second."""
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.store.accounts import find_account_of_key  # noqa: PLC0415
    from waypost.web.manage.editing import end_key  # noqa: PLC0415
    from waypost.web.manage.problems import not_found  # noqa: PLC0415
    from waypost.web.manage.views import KeyView  # noqa: PLC0415

    with opened_store(data_dir, database_url) as store:
        owner = account or store.read(lambda tx: find_account_of_key(tx, key_id))
        if owner is None:
            raise not_found("key")
        editor = store.editor()
        record = store.write(lambda tx: end_key(tx, editor, owner, key_id))
    print_record(KeyView.of(record).model_dump(mode="json"), as_json=as_json)
