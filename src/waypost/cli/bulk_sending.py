"""
``waypost messages send --file``: a file of recipients becomes a bulk send of the gateway, which is then watched.

The gateway keeps the rows and sends them; this command may be interrupted or killed at any time. Run again with the
same file and the same options it finds the same bulk send, by a digest of both, and goes on where it stands: no row is
sent twice.
"""

import json
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from waypost.cli.bulk_progress import shown_bar
from waypost.cli.bulk_results import PATH, write_result
from waypost.cli.exits import CommandFailure, ExitCode
from waypost.cli.http import GatewayClient
from waypost.cli.printing import print_note, print_record
from waypost.cli.recipients import RecipientFile, open_recipients
from waypost.domain.bulk import columns_of, digest_of

ROWS_PER_CALL_MAX: Final = 2_000
CALL_BYTES_MAX: Final = 600_000
"""Well below the largest body that a gateway takes by default."""
POLL_SECONDS: Final = 0.5
PATIENCE_SECONDS: Final = 60.0
"""So long a gateway that restarts is waited for."""
FAULTS_SHOWN_MAX: Final = 50

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingPlan:
    """What to send to whom, and how to go about it; ``again`` sends what was sent before once more."""

    file: Path
    entry: dict[str, Any]
    recipient_column: str | None = None
    name: str | None = None
    result: Path | None = None
    skip_bad: bool = False
    again: bool = False
    detach: bool = False
    pause_on_interrupt: bool = False
    as_json: bool = False

    @property
    def result_path(self) -> Path:
        """Where what became of each row is written."""
        return self.result or self.file.with_suffix(".result.csv")


def send_file(client: GatewayClient, plan: SendingPlan) -> int:
    """Send to all recipients of a file and write what became of each; return the exit code."""
    recipients = open_recipients(plan.file, recipient_column=plan.recipient_column)
    missing = sorted(columns_of(plan.entry) - set(recipients.columns))
    if missing:
        raise CommandFailure(
            ExitCode.USAGE,
            f"{plan.file} has no column {', '.join(missing)}.",
            hint=f"It has: {', '.join(recipients.columns)}",
        )
    good, bad = _check(recipients, skip_bad=plan.skip_bad)
    # Made once: a call that is repeated must find what the first one made.
    creation = {
        "name": (plan.name or plan.file.name)[:200],
        "entry": plan.entry,
        "digest": _digest(recipients, plan),
    }
    found = patiently(lambda: client.post(PATH, creation))
    bulk_id: str = found["id"]
    try:
        found = _brought_to_run(client, recipients, found, rows=good)
        if not plan.detach:
            found = _watched(client, found)
    except KeyboardInterrupt:
        _interrupted(client, plan, bulk_id)
        return 130
    if plan.detach:
        print_record(_summary(found, bad=bad, result=None), as_json=plan.as_json)
        return ExitCode.OK
    result = plan.result_path
    patiently(lambda: write_result(client, recipients, bulk_id, result))
    print_record(_summary(found, bad=bad, result=result), as_json=plan.as_json)
    return ExitCode.FAILURE if found["rows_refused"] else ExitCode.OK


def _check(recipients: RecipientFile, *, skip_bad: bool) -> tuple[int, int]:
    """Read the whole file; return how many rows are good and how many are not. Bad ones are told of, or end it."""
    good, bad = 0, 0
    for row in recipients.rows():
        if row.fault is None:
            good += 1
            continue
        bad += 1
        if bad <= FAULTS_SHOWN_MAX:
            print_note(f"{recipients.path}:{row.line}: {row.fault}")
    if bad > FAULTS_SHOWN_MAX:
        print_note(f"... and {bad - FAULTS_SHOWN_MAX} more.")
    if bad and not skip_bad:
        raise CommandFailure(
            ExitCode.FAILURE,
            f"{bad} rows of {good + bad} cannot be sent. Nothing was sent.",
            hint="Mend them, or leave them out with --skip-bad.",
        )
    if not good:
        raise CommandFailure(ExitCode.FAILURE, f"{recipients.path} has no recipient.", hint="Nothing was sent.")
    return good, bad


def _digest(recipients: RecipientFile, plan: SendingPlan) -> str:
    once = uuid.uuid4().hex if plan.again else ""
    return digest_of(plan.entry, recipients.recipient_column, once=once, file_digest=recipients.digest())


def _brought_to_run(
    client: GatewayClient, recipients: RecipientFile, found: dict[str, Any], *, rows: int
) -> dict[str, Any]:
    """Upload what is missing, and start; a bulk send that runs or has run is left as it is."""
    bulk_id, state = found["id"], found["state"]
    match state:
        case "draft":
            if found["rows_total"]:
                print_note(f"Going on with the upload from row {found['rows_total']}.")
            _upload(
                client, recipients, bulk_id, columns=columns_of(found["entry"]), begin=found["rows_total"], rows=rows
            )
        case "cancelled":
            raise CommandFailure(
                ExitCode.FAILURE,
                f"This file was cancelled before ({bulk_id}).",
                hint="To send it all the same, from its first row on: --again",
            )
        case "done":
            print_note(f"This file was sent before ({bulk_id}): nothing is sent again. To do so: --again")
            return found
        case _:
            print_note(f"Going on with {bulk_id}, which is {state}.")
    started: dict[str, Any] = patiently(lambda: client.post(f"{PATH}/{bulk_id}/start", {}))
    return started


def _upload(
    client: GatewayClient, recipients: RecipientFile, bulk_id: str, *, columns: Collection[str], begin: int, rows: int
) -> None:
    with shown_bar("uploading", total=rows) as bar:
        position = begin
        # Other columns are nobody's business but the file's, and may be longer than a field may be.
        for chunk in _chunks(recipients, columns=columns, begin=begin):
            path = f"{PATH}/{bulk_id}/rows?from={position}"
            patiently(lambda path=path, chunk=chunk: client.put(path, {"rows": chunk}))  # type: ignore[misc]
            position += len(chunk)
            bar.show(position)


def _chunks(recipients: RecipientFile, *, columns: Collection[str], begin: int) -> Iterator[list[dict[str, Any]]]:
    """Yield the good rows from a position on, so many at a time as one call may carry, and of each its ``columns``."""
    chunk: list[dict[str, Any]] = []
    chunk_bytes = 0
    for position, row in enumerate(row for row in recipients.rows() if row.fault is None):
        if position < begin:
            continue
        content = {"recipient": row.recipient, "fields": {name: row.fields[name] for name in columns}}
        size = len(json.dumps(content)) + 2
        if chunk and (len(chunk) == ROWS_PER_CALL_MAX or chunk_bytes + size > CALL_BYTES_MAX):
            yield chunk
            chunk, chunk_bytes = [], 0
        chunk.append(content)
        chunk_bytes += size
    if chunk:
        yield chunk


def _watched(client: GatewayClient, found: dict[str, Any]) -> dict[str, Any]:
    """Follow a bulk send until every row was accepted or refused, and every message has left the queue."""
    bulk_id = found["id"]
    with shown_bar("sending", total=found["rows_total"]) as bar:
        while True:
            found = patiently(lambda: client.get(f"{PATH}/{bulk_id}"))
            unsent, refused = found["messages_unsent"], found["rows_refused"]
            bar.show(found["rows_accepted"] + refused - unsent, note=f"{refused} refused" if refused else "")
            if found["state"] == "done" and not unsent:
                return found
            if found["state"] in {"paused", "cancelled"}:
                raise CommandFailure(
                    ExitCode.FAILURE,
                    f"The bulk send was {found['state']} ({bulk_id}).",
                    hint=f"Look at it: waypost bulk show {bulk_id}",
                )
            time.sleep(POLL_SECONDS)


def _interrupted(client: GatewayClient, plan: SendingPlan, bulk_id: str) -> None:
    state = client.get(f"{PATH}/{bulk_id}")["state"]
    if state == "running" and plan.pause_on_interrupt:
        state = client.post(f"{PATH}/{bulk_id}/pause", {})["state"]
    print_note("\n" + interrupted_note(state, bulk_id, is_repeated=plan.again))


def interrupted_note(state: str, bulk_id: str, *, is_repeated: bool) -> str:
    """Say how to go on after Ctrl-C. With ``--again`` not by the same command: that would begin once more."""
    match state:
        case "draft" if is_repeated:
            return f"Nothing was sent yet. Begin once more, or have this one forgotten: waypost bulk cancel {bulk_id}"
        case "draft":
            return "Nothing was sent yet. Run this command again to go on."
        case "paused":
            go_on = "" if is_repeated else "run this command again, or "
            return f"Paused. Go on: {go_on}waypost bulk resume {bulk_id}"
        case _:
            watch = f"waypost bulk show {bulk_id}" if is_repeated else "run this command again"
            return f"The gateway goes on sending. Watch it: {watch}. Stop it: waypost bulk pause {bulk_id}"


def _summary(found: dict[str, Any], *, bad: int, result: Path | None) -> dict[str, Any]:
    names = ("id", "name", "state", "rows_total", "rows_accepted", "rows_refused")
    return {
        **{name: found[name] for name in names},
        "rows_bad": bad,
        "result": None if result is None else str(result),
    }


def patiently(call: Callable[[], Answer]) -> Answer:
    """Make a call that may be made twice; while the gateway does not answer, again for a minute."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    is_told = False
    while True:
        try:
            return call()
        except CommandFailure as failure:
            if failure.code is not ExitCode.UNAVAILABLE or time.monotonic() > deadline:
                raise
            if not is_told:
                print_note(f"{failure.text} Trying again for {PATIENCE_SECONDS:.0f} s.")
                is_told = True
            time.sleep(POLL_SECONDS)
