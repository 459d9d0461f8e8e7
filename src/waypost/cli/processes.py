"""Commands at the top level: demo, serve, sandbox, doctor, migrate, restored."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from waypost.cli.doctor import doctor
from waypost.cli.exits import CommandFailure, ExitCode
from waypost.cli.options import DEMO_DATA_DIR, DatabaseUrl, DataDir
from waypost.cli.printing import print_line
from waypost.cli.restored import EPILOG as RESTORED_EPILOG
from waypost.cli.restored import restored

Host = Annotated[str | None, typer.Option("--host", help="Address to listen on (WAYPOST_HOST).")]
Port = Annotated[int | None, typer.Option("--port", help="Port to listen on (WAYPOST_PORT).", min=0, max=65_535)]


def add_to(app: typer.Typer) -> None:
    """Add the commands at the top level."""
    app.command(epilog="Example: waypost demo --port 8080. Then paste the curl lines that it prints.")(demo)
    app.command(epilog="Example: waypost serve --role accept --role receive. Roles left out run on other nodes.")(serve)
    app.command(epilog="Example: waypost sandbox --port 8090. Point WAYPOST_SANDBOX_URL of a gateway at it.")(sandbox)
    app.command(epilog="Example: waypost doctor --json. It ends with 1 if any check fails.")(doctor)
    app.command(epilog="Example: waypost migrate --database-url postgresql://waypost@db.internal/waypost")(migrate)
    app.command(epilog=RESTORED_EPILOG)(restored)


def demo(
    *,
    host: Host = None,
    port: Port = None,
    data_dir: DataDir = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", help="First invent so many messages of the last 30 days.", min=1, max=5_000_000),
    ] = None,
) -> None:
    """Start gateway, sandbox and a webhook inspector in one process, ready to play with."""
    from waypost.app import run_demo  # noqa: PLC0415
    from waypost.app.seeding import SeedOrder  # noqa: PLC0415
    from waypost.cli.bulk_progress import shown_bar  # noqa: PLC0415
    from waypost.cli.printing import print_note  # noqa: PLC0415
    from waypost.settings import Settings  # noqa: PLC0415

    settings = Settings.load(
        defaults={"data_dir": DEMO_DATA_DIR, "default_provider": "sandbox"},
        host=host,
        port=port,
        data_dir=data_dir,
    )
    order = None
    if seed is not None:
        order = SeedOrder(messages=seed, say=print_note, open_bar=lambda total: shown_bar("Inventing", total=total))
    raise typer.Exit(run_demo(settings, order))


def serve(
    *,
    role: Annotated[
        list[str] | None,
        typer.Option("--role", help="accept, dispatch, receive, notify or maintenance; repeat it; default all."),
    ] = None,
    host: Host = None,
    port: Port = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Run the gateway."""
    from waypost.app import run_serve  # noqa: PLC0415
    from waypost.settings import Settings  # noqa: PLC0415

    settings = Settings.load(
        host=host,
        port=port,
        data_dir=data_dir,
        database_url=database_url,
        roles=tuple(role) if role else None,
    )
    raise typer.Exit(run_serve(settings, frozenset(settings.roles)))


def sandbox(
    *,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", help="Port to listen on; 0 takes a free one.", min=0, max=65_535)
    ] = 8090,
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="Where to keep its state; default in memory only.", metavar="PATH")
    ] = None,
) -> None:
    """Play the provider and its phones, alone: for gateways that run elsewhere."""
    import asyncio  # noqa: PLC0415
    import signal  # noqa: PLC0415

    from waypost.sandbox import SandboxSettings, build_sandbox, serve  # noqa: PLC0415

    async def play() -> None:
        built = build_sandbox(SandboxSettings(data_dir=data_dir))
        serving = asyncio.create_task(serve(built, host, port, ready=lambda url: print_line(f"Sandbox at {url}/")))
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
        with suppress(asyncio.CancelledError):
            await serving

    try:
        asyncio.run(play())
    except OSError as error:
        raise CommandFailure(
            ExitCode.UNAVAILABLE, f"Cannot listen on {host} port {port}: {error}", hint="Choose another with --port."
        ) from error


def migrate(*, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Bring the database to this version's schema, making it if need be; a second run does nothing."""
    from waypost.settings import Settings  # noqa: PLC0415
    from waypost.store.connections import SqliteConnector, connector_for  # noqa: PLC0415
    from waypost.store.migrate import SCHEMA_VERSION  # noqa: PLC0415
    from waypost.store.migrate import migrate as bring_up_to_date  # noqa: PLC0415

    settings = Settings.load(data_dir=data_dir, database_url=database_url)
    connector = connector_for(settings.database_url)
    if isinstance(connector, SqliteConnector):
        try:
            connector.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise CommandFailure(
                ExitCode.UNAVAILABLE,
                f"The directory {connector.path.parent} cannot be made: {error}",
                hint="Name another one with --data-dir.",
            ) from error
    is_changed = bring_up_to_date(settings.database_url)
    print_line(f"The database is now at schema {SCHEMA_VERSION}." if is_changed else "Nothing to do.")
