"""``waypost messages export``: everything about the messages of a span, into a file."""

import os
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Literal

import typer

from waypost.cli.exits import CommandFailure, ExitCode
from waypost.cli.options import AccountOption, DatabaseUrl, DataDir
from waypost.cli.printing import print_note

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROGRESS_SECONDS = 0.5
_DEFAULT_SPAN = "30d"


def export(
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write; - is standard output.")],
    form: Annotated[
        Literal["csv", "json", "parquet"], typer.Option("--format", help="json is one object a line.")
    ] = "csv",
    events: Annotated[bool, typer.Option("--events", help="What happened, a row each, in place of messages.")] = False,
    since: Annotated[
        str, typer.Option("--since", help="Accepted since: 24h, 30d, or RFC 3339.", metavar="TIME")
    ] = _DEFAULT_SPAN,
    until: Annotated[str | None, typer.Option("--until", help="Accepted before; now if left out.")] = None,
    account: AccountOption = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Export messages, or what happened to them, oldest first. A file is complete once it has its name."""
    from waypost.cli.asking import parse_moment  # noqa: PLC0415
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.web.manage.views import as_microseconds  # noqa: PLC0415
    from waypost.web.reports.exporting import (  # noqa: PLC0415
        ExportFormat,
        ExportKind,
        PageReader,
        ParquetMissingError,
        encoder_for,
    )

    begins = parse_moment(since, option="--since")
    ends = parse_moment(until, option="--until") or datetime.now(UTC)
    assert begins is not None
    kind = ExportKind.EVENTS if events else ExportKind.MESSAGES
    try:
        encoder = encoder_for(ExportFormat(form), kind)
    except ParquetMissingError as error:
        raise CommandFailure(ExitCode.USAGE, str(error), hint="Or ask for --format csv.") from error
    with opened_store(data_dir, database_url) as store:
        reader = PageReader(
            kind, store.account_id(account), from_us=as_microseconds(begins), until_us=as_microseconds(ends)
        )
        progress = _Progress()
        with _opened(output) as file:
            file.write(encoder.begin())
            while (page := store.read(reader.read)) is not None:
                file.write(encoder.encode(page))
                progress.add(len(page))
            file.write(encoder.end())
        progress.end()


@contextmanager
def _opened(output: Path) -> "Iterator[IO[bytes]]":
    """Open a file beside the one asked for, which takes its place when all is written."""
    if str(output) == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    beside = output.with_name(f"{output.name}.{os.getpid()}.part")
    try:
        with beside.open("wb") as file:
            yield file
        beside.replace(output)
    except OSError as error:
        raise CommandFailure(
            ExitCode.USAGE, f"Cannot write {output}: {error.strerror}.", hint="Name another file with --output."
        ) from error
    finally:
        beside.unlink(missing_ok=True)


class _Progress:
    """Says on a terminal how many rows there are by now, and at the end in any case."""

    def __init__(self) -> None:
        self._rows = 0
        self._next = time.monotonic() + _PROGRESS_SECONDS
        self._is_shown = sys.stderr.isatty()

    def add(self, rows: int) -> None:
        self._rows += rows
        if self._is_shown and time.monotonic() >= self._next:
            sys.stderr.write(f"\r{self._rows:,} rows")
            sys.stderr.flush()
            self._next = time.monotonic() + _PROGRESS_SECONDS

    def end(self) -> None:
        if self._is_shown:
            sys.stderr.write("\r")
        print_note(f"{self._rows:,} rows exported.")
