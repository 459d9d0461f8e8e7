"""``waypost restored``: says that the database came out of a backup, so that nothing is sent a second time."""

import time
from typing import TYPE_CHECKING, Final

import typer

from waypost.cli.exits import CommandFailure, ExitCode
from waypost.cli.options import DatabaseUrl, DataDir, Json, Yes
from waypost.cli.printing import print_note, print_record

if TYPE_CHECKING:
    from waypost.cli.opening import DirectStore
    from waypost.maintenance.restoration import Held
    from waypost.store.transaction import Tx

EPILOG: Final = (
    "Example: waypost restored --yes --json. Run it after restoring and before starting, with all processes stopped; "
    "docs/runbook/restore-a-backup.md has the whole of it. A second run changes nothing more."
)
ALONE_SECONDS_MAX: Final = 3.0
"""How long connections that are just closing may take to be gone."""
_LOOK_AGAIN_SECONDS: Final = 0.2


def restored(
    *, yes: Yes = False, data_dir: DataDir = None, database_url: DatabaseUrl = None, as_json: Json = False
) -> None:
    """
    Say that this database was restored from a backup: put everything unsent in it in doubt.

    What the backup holds as scheduled, waiting or queued may have been sent since it was taken. A gateway that simply
    starts would send it again. After this command it never will: each such message is in doubt until a status of the
    provider shows that it was sent, or until its time is over and it ends as `unknown`, which its account is told.
    Messages accepted later are sent as ever.
    """
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.maintenance.restoration import look  # noqa: PLC0415

    with opened_store(data_dir, database_url) as store:
        if not yes:
            found = store.read(look)
            unsent = found.scheduled + found.waiting + found.queued + found.dispatching
            typer.confirm(
                f"{unsent} unsent messages will never be sent by themselves any more. Go on?", abort=True, err=True
            )
        held = _hold(store)
    print_record(_shown(held), as_json=as_json)
    print_note("Look at them: waypost messages list --status in_doubt. The gateway may be started now.")


def _hold(store: "DirectStore") -> "Held":
    """Hold everything unsent, alone on the database. Raises ``CommandFailure`` while a gateway runs on it."""
    import os  # noqa: PLC0415

    from waypost.maintenance.leases import LOCK_FILE, DataDirectoryInUseError, lock_data_directory  # noqa: PLC0415
    from waypost.store.connections import SqliteConnector, connector_for  # noqa: PLC0415

    data_dir = store.settings.data_dir
    if not isinstance(connector_for(store.settings.database_url), SqliteConnector):
        return _hold_when_alone(store)
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        lock = lock_data_directory(data_dir / LOCK_FILE)
    except DataDirectoryInUseError as error:
        raise _still_running(f"A gateway serves from {data_dir}.") from error
    try:
        return _hold_when_alone(store)
    finally:
        os.close(lock)


def _hold_when_alone(store: "DirectStore") -> "Held":
    from waypost.maintenance.restoration import GatewayRunsError, hold_unsent, require_alone  # noqa: PLC0415

    editor = store.editor()

    def hold(tx: "Tx") -> "Held":
        require_alone(tx)
        snapshot = store.snapshot(tx)
        return hold_unsent(tx, snapshot, editor.ids, actor=editor.actor, now_us=editor.clock.now_us())

    deadline = time.monotonic() + ALONE_SECONDS_MAX
    while True:
        try:
            return store.write(hold)
        except GatewayRunsError as error:
            if time.monotonic() > deadline:
                raise _still_running(f"Nothing was changed: {error}.") from error
            time.sleep(_LOOK_AGAIN_SECONDS)


def _still_running(text: str) -> CommandFailure:
    return CommandFailure(ExitCode.FAILURE, text, hint="Stop all processes of Waypost, then run it again.")


def _shown(held: "Held") -> dict[str, object]:
    from datetime import UTC, datetime  # noqa: PLC0415

    away_since_us = held.away_since_us
    return {
        "scheduled": held.scheduled,
        "waiting": held.waiting,
        "queued": held.queued,
        "dispatching": held.dispatching,
        "in_doubt_before": held.in_doubt_before,
        "bulk_sends_paused": held.bulk_sends,
        "notified": held.told,
        "backup_last_alive_at": None
        if away_since_us is None
        else datetime.fromtimestamp(away_since_us / 1_000_000, UTC).isoformat(timespec="seconds"),
    }
