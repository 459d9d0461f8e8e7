"""
The ``waypost`` command.

One module for each group of commands. Nothing heavy is imported before a command runs: help and completion answer at
once.
"""

import sys
from collections.abc import Callable, Sequence
from functools import cache

import typer
from typer.main import get_command

from waypost.cli import (
    accounts,
    bulk,
    configuration,
    consents,
    groups,
    keys,
    master_key,
    media,
    messages,
    processes,
    sources,
    templates,
    users,
    webhooks,
)
from waypost.cli.exits import EXIT_CODES_HELP, CommandFailure, ExitCode
from waypost.cli.printing import print_note


def _main(
    version: bool = typer.Option(False, "--version", help="Print the version and leave."),  # noqa: FBT001
) -> None:
    """A self-hosted WhatsApp Business gateway: durable, paced, and honest about what became of every message."""
    if version:
        from importlib.metadata import version as installed_version  # noqa: PLC0415

        typer.echo(installed_version("waypost"))
        raise typer.Exit


def build_app() -> typer.Typer:
    """Return the whole command line."""
    app = typer.Typer(
        name="waypost",
        no_args_is_help=True,
        add_completion=True,
        # Help in plain text: rich takes longer to import than all of help takes without it.
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog=f"Start here: waypost demo. {EXIT_CODES_HELP}",
    )
    app.callback(invoke_without_command=True)(_main)
    processes.add_to(app)
    app.add_typer(accounts.app, name="accounts")
    app.add_typer(keys.app, name="keys")
    app.add_typer(sources.app, name="sources")
    app.add_typer(templates.app, name="templates")
    app.add_typer(messages.app, name="messages")
    app.add_typer(bulk.app, name="bulk")
    app.add_typer(webhooks.app, name="webhooks")
    app.add_typer(media.app, name="media")
    app.add_typer(consents.app, name="consents")
    app.add_typer(groups.app, name="groups")
    app.add_typer(users.app, name="users")
    app.add_typer(configuration.app, name="config")
    app.add_typer(master_key.app, name="master-key")
    return app


@cache
def _command() -> Callable[..., object]:
    """Return the command line ready to call; typer takes a tenth of a second to make it of the parts."""
    return get_command(build_app())


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; ``arguments`` None means those of the process."""
    try:
        result = _command()(args=None if arguments is None else list(arguments), standalone_mode=False)
    except typer.Abort:
        print_note("Nothing was changed.")
        return ExitCode.FAILURE
    except CommandFailure as failure:
        print_note(f"Error: {failure.text}")
        print_note(failure.hint)
        return failure.code
    except Exception as error:  # noqa: BLE001 - the command's outermost edge; what is not known is raised again
        return _explain(error)
    return result if isinstance(result, int) else ExitCode.OK


def main() -> None:
    """Run the command of the process."""
    sys.exit(run())


def _explain(error: Exception) -> int:
    """Say in words what went wrong, and return the exit code; a defect is raised again."""
    show = getattr(error, "show", None)
    if callable(show) and isinstance(code := getattr(error, "exit_code", None), int):
        show()  # typer's own: wrong usage, in its words
        return code
    # Imported late: the fast way through has no need of them.
    from waypost.settings_text import SettingsError  # noqa: PLC0415
    from waypost.store.connections import ConnectionLost, UnsafeDatabaseError  # noqa: PLC0415
    from waypost.store.migrate import SchemaTooNewError  # noqa: PLC0415
    from waypost.store.sealing import SealBrokenError  # noqa: PLC0415
    from waypost.web.manage.problems import Problem  # noqa: PLC0415

    match error:
        case SettingsError():
            print_note("Error: the settings are wrong.\n" + str(error))
            return ExitCode.USAGE
        case Problem():
            print_note(f"Error: {error.detail}\n{error.hint}")
            return ExitCode.NOT_FOUND if error.kind.value.status == 404 else ExitCode.FAILURE
        case ConnectionLost():
            print_note(f"Error: the database cannot be reached: {error}\nIs it running, and is the URL right?")
            return ExitCode.UNAVAILABLE
        case UnsafeDatabaseError() | SchemaTooNewError():
            print_note(f"Error: {error}")
            return ExitCode.UNAVAILABLE
        case SealBrokenError():
            print_note(f"Error: {error}")
            return ExitCode.FAILURE
        case UnicodeEncodeError(reason="surrogates not allowed"):
            print_note("Error: an argument, or the name of a file, is not UTF-8.")
            return ExitCode.USAGE
        case _:
            raise error
