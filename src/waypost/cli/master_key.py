"""``waypost master-key``: the key that seals tokens and secrets in the database, and changing it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Final, Protocol

import typer

from waypost.cli.exits import CommandFailure, ExitCode
from waypost.cli.options import DatabaseUrl, DataDir, Json, Yes
from waypost.cli.printing import print_note, print_record, print_records

if TYPE_CHECKING:
    from collections import Counter

    from waypost.cli.opening import DirectStore

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="The key that seals tokens and secrets in the database.",
    epilog="To change it: waypost master-key rotate, a new backup, waypost master-key drop. The gateway goes on.",
)

BATCH_ROWS: Final = 200
PASSES_MAX: Final = 3
"""What was sealed with the former key beside the first pass is found by the next."""


class Advance(Protocol):
    """Told of progress: how many values more."""

    def __call__(self, values: int, /) -> None: ...


@app.command(epilog="Example: waypost master-key show --json")
def show(*, data_dir: DataDir = None, database_url: DatabaseUrl = None, as_json: Json = False) -> None:
    """List the keys that are set, by their ids, and how many values each has sealed; never a key itself."""
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.store.resealing import count_sealed  # noqa: PLC0415

    with opened_store(data_dir, database_url) as store:
        counts = store.read(count_sealed)
        key_ids = store.sealer.key_ids
    roles = {key_id: "seals" if place == 0 else "opens" for place, key_id in enumerate(key_ids)}
    rows = [
        {"id": key_id, "role": roles.get(key_id, "missing"), "values": counts[key_id]}
        for key_id in [*key_ids, *sorted(counts.keys() - roles.keys())]
    ]
    print_records(rows, columns=("id", "role", "values"), as_json=as_json)


@app.command(
    epilog=(
        "Example: waypost master-key rotate. If it is interrupted, run it again: it goes on where it was. "
        "docs/runbook/change-the-master-key.md has the whole of it, also for several nodes."
    )
)
def rotate(
    *,
    batch: Annotated[int, typer.Option("--batch", help="Rows in one transaction.", min=1, max=10_000)] = BATCH_ROWS,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """
    Make a new master key and seal everything anew with it, also while the gateway runs.

    The new key becomes the first line of the key file; the former one stays behind it, and opens what it has sealed,
    until `waypost master-key drop`. Where two keys are set already, no other is made: what the first has not sealed
    yet is sealed with it. Keys in WAYPOST_MASTER_KEY are yours to set, the new one first.
    """
    from waypost.cli.opening import opened_store  # noqa: PLC0415

    with opened_store(data_dir, database_url) as store:
        _refuse_foreign_keys(store)
        is_new = _make_second_key(store)
        values, broken = _reseal_all(store, batch)
        if is_new or values:
            _record(store, "master_key.rotated")
        key_ids = store.sealer.key_ids
    record = {"sealed_with": key_ids[0], "former": list(key_ids[1:]), "is_new": is_new, "values": values}
    print_record({**record, "broken": list(broken)}, as_json=as_json)
    if broken:
        raise CommandFailure(
            ExitCode.FAILURE,
            f"{len(broken)} values do not open and were left as they are.",
            hint="docs/runbook/change-the-master-key.md says what to do about each.",
        )
    print_note("Make a backup of the key and of the database. Then take the former key away: waypost master-key drop")


@app.command(epilog="Example: waypost master-key drop --yes. It refuses while the former key is needed.")
def drop(
    *, yes: Yes = False, data_dir: DataDir = None, database_url: DatabaseUrl = None, as_json: Json = False
) -> None:
    """
    Take former master keys away, once nothing in the database is sealed with them.

    Backups from before the change still need them: keep the former key with those.
    """
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.store.resealing import count_sealed  # noqa: PLC0415

    with opened_store(data_dir, database_url) as store:
        newest, *former = store.sealer.key_ids
        _refuse_if_needed(store.read(count_sealed), newest)
        settings = store.settings
        if former and settings.master_key is None:
            if not yes:
                typer.confirm(f"Take {', '.join(former)} out of {settings.master_key_file}?", abort=True, err=True)
            _drop_from_file(store, newest)
            _record(store, "master_key.dropped")
    print_record({"sealed_with": newest, "dropped": former}, as_json=as_json)
    if not former:
        print_note("There is one key only: nothing to do.")
    elif settings.master_key is not None:
        print_note("Nothing needs the former key: set WAYPOST_MASTER_KEY to the first one alone, and restart.")


def _refuse_foreign_keys(store: "DirectStore") -> None:
    from waypost.store.resealing import count_sealed  # noqa: PLC0415

    counts = store.read(count_sealed)
    if counts and not counts.keys() & set(store.sealer.key_ids):
        raise CommandFailure(
            ExitCode.FAILURE,
            "Nothing in this database is sealed with the keys that are set here.",
            hint="Run it with the gateway's own WAYPOST_MASTER_KEY or WAYPOST_MASTER_KEY_FILE.",
        )


def _make_second_key(store: "DirectStore") -> bool:
    """See that there is a key to change to: make one if there is only one; say whether it was made."""
    from waypost.master_key import changing_key_file, new_master_key, read_master_keys  # noqa: PLC0415

    settings = store.settings
    if len(read_master_keys(settings)) > 1:
        return False
    if settings.master_key is not None:
        raise CommandFailure(
            ExitCode.USAGE,
            "WAYPOST_MASTER_KEY holds one key, and this command cannot set the environment.",
            hint="Make another (openssl rand -hex 32), set WAYPOST_MASTER_KEY=NEW,OLD everywhere, and run it again.",
        )
    path = settings.master_key_file
    try:
        with changing_key_file(path) as write:
            keys = read_master_keys(settings)
            if len(keys) > 1:
                return False  # Another run came first.
            write([new_master_key(), *keys])
    except OSError as error:
        raise _unwritable(store, error) from error
    return True


def _drop_from_file(store: "DirectStore", newest: str) -> None:
    from waypost.master_key import changing_key_file, read_master_keys  # noqa: PLC0415
    from waypost.store.sealing import key_id  # noqa: PLC0415

    try:
        with changing_key_file(store.settings.master_key_file) as write:
            write([key for key in read_master_keys(store.settings) if key_id(key) == newest])
    except OSError as error:
        raise _unwritable(store, error) from error


def _unwritable(store: "DirectStore", error: OSError) -> CommandFailure:
    return CommandFailure(
        ExitCode.FAILURE,
        f"{store.settings.master_key_file} cannot be changed: {error.strerror or error}",
        hint="Run it as the user whose file it is, or write the keys yourself: one a line, the new one first.",
    )


def _refuse_if_needed(counts: "Counter[str]", newest: str) -> None:
    needed = {key_id: count for key_id, count in counts.items() if key_id != newest}
    if needed:
        shown = ", ".join(f"{count} with {key_id}" for key_id, count in sorted(needed.items()))
        raise CommandFailure(
            ExitCode.FAILURE,
            f"Values are still sealed with other keys: {shown}.",
            hint="Seal them anew first: waypost master-key rotate",
        )


def _reseal_all(store: "DirectStore", batch: int) -> tuple[int, Sequence[str]]:
    """Seal everything with the newest key; return how many values, and the faults of those that do not open."""
    from waypost.store.resealing import SEALED_TABLES, count_sealed, reseal_installation, reseal_rows  # noqa: PLC0415

    sealer = store.fresh_sealer()
    newest = sealer.key_ids[0]
    total, broken = 0, dict[str, None]()
    for _ in range(PASSES_MAX):
        counts = store.read(count_sealed)
        left = counts.total() - counts[newest]
        if left <= len(broken):
            break
        with _progress(left) as advance:
            done = store.write(lambda tx: reseal_installation(tx, sealer))
            total += done.values
            advance(done.values)
            broken |= dict.fromkeys(done.broken)
            for table in SEALED_TABLES:
                after: str | None = ""
                while after is not None:
                    start = after
                    done = store.write(
                        lambda tx, table=table, start=start: reseal_rows(tx, sealer, table, after=start, places=batch)  # type: ignore[misc]
                    )
                    total += done.values
                    advance(done.values)
                    broken |= dict.fromkeys(done.broken)
                    after = done.last_id
    return total, list(broken)


@contextmanager
def _progress(total: int) -> Iterator[Advance]:
    """Show a bar on a terminal's standard error; elsewhere nothing."""
    import sys  # noqa: PLC0415

    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("Sealing", total=total)
        yield lambda values: progress.advance(task, values)


def _record(store: "DirectStore", action: str) -> None:
    from waypost.store.audit import AuditEntry, record_change  # noqa: PLC0415

    editor = store.editor()
    entry = AuditEntry(
        id=editor.ids.new(),
        account_id=None,
        actor=editor.actor,
        action=action,
        target=store.sealer.key_ids[0],
        at_us=editor.clock.now_us(),
    )
    store.write(lambda tx: record_change(tx, entry))
