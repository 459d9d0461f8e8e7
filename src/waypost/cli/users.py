"""``waypost users``: who may sign in to the console."""

from typing import TYPE_CHECKING, Annotated

import typer

from waypost.cli.options import AccountOption, DatabaseUrl, DataDir, Json
from waypost.cli.printing import print_line, print_note, print_record, print_records

if TYPE_CHECKING:
    from waypost.domain.users import Role
    from waypost.store.transaction import Tx
    from waypost.store.users import UserRecord

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Users of the console: viewers look, operators act, admins change the set-up.",
    epilog="The first user is made in the browser: waypost users first-run-code. Or here: waypost users create NAME",
)

Name = Annotated[str, typer.Argument(help="The user's name.", metavar="NAME")]
RoleOption = Annotated[str, typer.Option("--role", help="viewer, operator or admin.")]


@app.command("first-run-code", epilog="Enter it at /console/first-run. It is of no use once there is a user.")
def first_run_code_(*, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Print the code with which the first user is made in the browser."""
    from waypost.cli.exits import CommandFailure, ExitCode  # noqa: PLC0415
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.store.installation import load_token_key  # noqa: PLC0415
    from waypost.store.users import has_users  # noqa: PLC0415
    from waypost.web.first_run import first_run_code  # noqa: PLC0415

    with opened_store(data_dir, database_url) as store:
        if store.read(has_users):
            raise CommandFailure(
                ExitCode.FAILURE, "There is a user already.", hint="Make another: waypost users create NAME"
            )
        print_line(first_run_code(store.write(lambda tx: load_token_key(tx, store.sealer))))


@app.command(epilog="Example: waypost users create ops@example.org --role operator")
def create(
    name: Name,
    *,
    role: RoleOption = "admin",
    account: AccountOption = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """
    Make a user.

    The password is taken from WAYPOST_PASSWORD, from standard input, or typed; --account keeps the user to one account.
    """
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.web.manage.editing_users import add_user, plain_name  # noqa: PLC0415

    chosen, plain = _role(role), plain_name(name)
    hashed = _hashed_password(plain)
    with opened_store(data_dir, database_url) as store:
        editor = store.editor()
        store.write(lambda tx: add_user(tx, editor, name=plain, role=chosen, account_id=account, password_hash=hashed))
        record = store.read(lambda tx: _found(tx, plain))
    print_record(_view(record), as_json=as_json)


@app.command("list", epilog="Example: waypost users list --json")
def list_(*, data_dir: DataDir = None, database_url: DatabaseUrl = None, as_json: Json = False) -> None:
    """List all users."""
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.store.users import list_users  # noqa: PLC0415

    with opened_store(data_dir, database_url) as store:
        records = store.read(list_users)
    print_records(
        [_view(record) for record in records],
        columns=("name", "role", "account_id", "has_second_factor", "signed_in_at", "disabled_at"),
        as_json=as_json,
        empty="There is no user yet. Make one: waypost users create NAME",
    )


@app.command("role", epilog="Example: waypost users role ops@example.org --role viewer")
def change_role(
    name: Name,
    *,
    role: RoleOption,
    account: AccountOption = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Give a user another role, for all accounts or for the one named; they must sign in again."""
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.web.manage.editing_users import alter_role  # noqa: PLC0415

    chosen = _role(role)
    with opened_store(data_dir, database_url) as store:
        editor = store.editor()
        store.write(lambda tx: alter_role(tx, editor, _found(tx, name).id, role=chosen, account_id=account))
    print_line(f"{name} is {chosen.word} now.")


@app.command(epilog="Example: waypost users password ops@example.org")
def password(name: Name, *, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Give a user another password, from WAYPOST_PASSWORD, standard input or typed; they are signed out."""
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.web.manage.editing_users import alter_password, plain_name  # noqa: PLC0415

    hashed = _hashed_password(plain_name(name))
    with opened_store(data_dir, database_url) as store:
        editor = store.editor()
        store.write(lambda tx: alter_password(tx, editor, _found(tx, name).id, password_hash=hashed))
    print_line(f"{name} has another password now.")


@app.command("drop-second-factor", epilog="Example: waypost users drop-second-factor ops@example.org")
def drop_factor(name: Name, *, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Let a user who has lost their phone in with the password alone."""
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.web.manage.editing_users import drop_second_factor  # noqa: PLC0415

    with opened_store(data_dir, database_url) as store:
        editor = store.editor()
        store.write(lambda tx: drop_second_factor(tx, editor, _found(tx, name).id))
    print_line(f"{name} signs in with the password alone now.")


@app.command(epilog="Example: waypost users disable ops@example.org")
def disable(name: Name, *, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Refuse a user from now on."""
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.web.manage.editing_users import disable_user  # noqa: PLC0415

    with opened_store(data_dir, database_url) as store:
        editor = store.editor()
        store.write(lambda tx: disable_user(tx, editor, _found(tx, name).id))
    print_line(f"{name} is refused from now on.")


@app.command(epilog="Example: waypost users enable ops@example.org")
def enable(name: Name, *, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Let a user in again."""
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.web.manage.editing_users import enable_user  # noqa: PLC0415

    with opened_store(data_dir, database_url) as store:
        editor = store.editor()
        store.write(lambda tx: enable_user(tx, editor, _found(tx, name).id))
    print_line(f"{name} may sign in again.")


@app.command(epilog="Example: waypost users remove ops@example.org. What they did stays in the audit log.")
def remove(name: Name, *, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Remove a user."""
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.web.manage.editing_users import remove_user  # noqa: PLC0415

    with opened_store(data_dir, database_url) as store:
        editor = store.editor()
        store.write(lambda tx: remove_user(tx, editor, _found(tx, name).id))
    print_note(f"{name} is removed.")


def _role(word: str) -> "Role":
    from waypost.cli.exits import CommandFailure, ExitCode  # noqa: PLC0415
    from waypost.domain.users import role_named  # noqa: PLC0415

    role = role_named(word)
    if role is None:
        raise CommandFailure(
            ExitCode.USAGE, f"--role: there is no role {word}.", hint="It is viewer, operator or admin."
        )
    return role


def _hashed_password(name: str) -> str:
    from waypost.cli.asking import read_secret  # noqa: PLC0415
    from waypost.web.passwords import check_password, hash_password  # noqa: PLC0415

    given = read_secret(option="password", variable="WAYPOST_PASSWORD", prompt="Password", is_required=True) or ""
    check_password(given, name=name)
    return hash_password(given)


def _found(tx: "Tx", name: str) -> "UserRecord":
    from waypost.store.users import find_user_named  # noqa: PLC0415
    from waypost.web.manage.problems import Problem, ProblemKind  # noqa: PLC0415

    record = find_user_named(tx, name.strip().lower())
    if record is None:
        raise Problem(ProblemKind.NOT_FOUND, f"There is no user named {name}.", hint="List them: waypost users list")
    return record


def _view(record: "UserRecord") -> dict[str, object]:
    from waypost.web.manage.views import as_optional_time  # noqa: PLC0415

    def time(at_us: int | None) -> str | None:
        moment = as_optional_time(at_us)
        return None if moment is None else moment.isoformat().replace("+00:00", "Z")

    return {
        "id": record.id,
        "name": record.name,
        "role": record.role.word,
        "account_id": record.account_id,
        "has_second_factor": record.has_second_factor,
        "created_at": time(record.created_at_us),
        "signed_in_at": time(record.signed_in_at_us),
        "disabled_at": time(record.disabled_at_us),
    }
