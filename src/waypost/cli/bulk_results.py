"""What became of each row of a bulk send: the gateway's own file of it, and the one beside a file of recipients."""

import csv
import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from waypost.cli.exits import CommandFailure, ExitCode
from waypost.cli.http import GatewayClient
from waypost.cli.printing import print_line
from waypost.cli.recipients import RecipientFile
from waypost.domain.recipient_file import FileRow
from waypost.web.csv_text import csv_text

PATH: Final = "/manage/v1/bulk-sends"
RESULT_COLUMNS: Final = ("line", "recipient", "outcome", "message_id", "status", "remark")
ROWS_PER_PART: Final = 1_000


def print_result(client: GatewayClient, bulk_id: str) -> None:
    """Print what became of each row, as the gateway has it, in CSV."""
    with client.opened(f"{PATH}/{quote(bulk_id, safe='')}/result.csv") as lines:
        for line in lines:
            print_line(line.decode().rstrip("\r\n"))


def refuse_to_overwrite(file: Path, result: Path | None) -> None:
    """
    Refuse a result that would be written over the file of recipients, itself or by its unfinished name.

    Raises ``CommandFailure``. Reads and writes nothing.
    """
    for written in () if result is None else (result, _unfinished(result)):
        if _is_same(written, file):
            raise CommandFailure(
                ExitCode.USAGE,
                f"--result {result} would be written over {file}, the file of recipients.",
                hint="Name another file. Nothing was read or sent.",
            )


def write_result(client: GatewayClient, recipients: RecipientFile, bulk_id: str, path: Path) -> None:
    """
    Write what became of each row of the file, in its order; the result appears only when it is whole.

    Raises ``CommandFailure``.
    """
    partial = _unfinished(path)
    try:
        with (
            client.opened(f"{PATH}/{bulk_id}/result.csv") as lines,
            partial.open("w", encoding="utf-8", newline="") as text,
        ):
            outcomes = csv.DictReader(line.decode() for line in lines)
            text.writelines(result_parts(recipients.rows(), outcomes))
        partial.replace(path)
    except OSError as error:
        raise CommandFailure(ExitCode.FAILURE, f"{path} cannot be written: {error.strerror}") from error


def result_parts(rows: Iterable[FileRow], outcomes: Iterator[dict[str, Any]]) -> Iterator[str]:
    """
    Yield the result part by part, as CSV in which nothing runs as a formula.

    ``outcomes`` are the gateway's lines for the rows without a fault, in their order. Raises ``CommandFailure``: they
    ended early.
    """
    yield csv_text([RESULT_COLUMNS])
    left = iter(rows)
    while part := [_result_of(row, outcomes) for row in islice(left, ROWS_PER_PART)]:
        yield csv_text(part)


def _result_of(row: FileRow, outcomes: Iterator[dict[str, Any]]) -> tuple[Any, ...]:
    if row.fault is not None:
        return row.line, row.recipient, "bad", "", "", row.fault
    found = next(outcomes, None)
    if found is None or found["remark"] is None:
        raise CommandFailure(ExitCode.UNAVAILABLE, "The result ended early.", hint="Run this command again.")
    return row.line, row.recipient, *(found[name] for name in RESULT_COLUMNS[2:])


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return os.path.realpath(one) == os.path.realpath(other)


def _unfinished(path: Path) -> Path:
    return path.with_name(path.name + ".part")
