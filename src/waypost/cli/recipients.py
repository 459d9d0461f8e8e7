"""
Files of recipients: CSV with a header, read row by row however long they are.

UTF-8 with or without a byte order mark; separated by commas, semicolons or tabs, whichever the header has most of.
"""

import csv
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from waypost.cli.exits import CommandFailure, ExitCode
from waypost.domain.address import AddressFault, normalise_recipient

_DELIMITERS: Final = ",;\t"
_READ_BYTES: Final = 1_000_000
_FAULTS: Final = {
    AddressFault.NOT_NUMERIC: "the recipient is no number of digits alone",
    AddressFault.TOO_SHORT: "the recipient has less than 10 digits",
    AddressFault.TOO_LONG: "the recipient has more than 15 digits",
}


@dataclass(frozen=True, slots=True)
class FileRow:
    """One row: the file's line it begins on, counted from 1; ``fault`` says why it cannot be sent, None if it can."""

    line: int
    recipient: str
    fields: dict[str, str]
    fault: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientFile:
    """A file whose header has been read; ``columns`` in their order."""

    path: Path
    columns: tuple[str, ...]
    delimiter: str
    recipient_column: str

    def rows(self) -> Iterator[FileRow]:
        """Yield all rows but empty ones. A second call begins anew. Raises ``CommandFailure``."""
        place = self.columns.index(self.recipient_column)
        with _reading(self.path), self.path.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.reader(text, delimiter=self.delimiter, strict=True)
            next(reader)
            line = reader.line_num + 1
            for values in reader:
                if any(value.strip() for value in values):
                    yield self._row(line, values, place)
                line = reader.line_num + 1

    def digest(self) -> bytes:
        """Return the SHA-256 of the file's bytes."""
        digest = hashlib.sha256()
        with _reading(self.path), self.path.open("rb") as file:
            while part := file.read(_READ_BYTES):
                digest.update(part)
        return digest.digest()

    def _row(self, line: int, values: list[str], place: int) -> FileRow:
        given = values[place].strip() if place < len(values) else ""
        fields = dict(zip(self.columns, values, strict=False))
        if len(values) != len(self.columns):
            return FileRow(line, given, fields, f"has {len(values)} fields, the header has {len(self.columns)}")
        if any("\x00" in value for value in values):
            return FileRow(line, given, fields, "holds a NUL character")
        recipient = normalise_recipient(given)
        if isinstance(recipient, AddressFault):
            return FileRow(line, given, fields, _FAULTS[recipient])
        return FileRow(line, recipient, fields, None)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn what goes wrong while a file is read into the failure of the command."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise CommandFailure(ExitCode.USAGE, f"{path} is not UTF-8.", hint="Save it as CSV in UTF-8.") from error
    except csv.Error as error:
        raise CommandFailure(
            ExitCode.USAGE, f"{path} is not CSV: {error}.", hint="Look for quotes that are not closed."
        ) from error
    except OSError as error:
        raise CommandFailure(ExitCode.USAGE, f"{path} cannot be read: {error.strerror}.") from error


def open_recipients(path: Path, *, recipient_column: str | None) -> RecipientFile:
    """Read the header of a file; the recipient's column is the first, unless named. Raises ``CommandFailure``."""
    with _reading(path), path.open(encoding="utf-8-sig", newline="") as text:
        first = text.readline()
        text.seek(0)
        delimiter = max(_DELIMITERS, key=first.count)
        header = next(csv.reader(text, delimiter=delimiter, strict=True), [])
    columns = tuple(name.strip() for name in header)
    if not any(columns):
        raise CommandFailure(ExitCode.USAGE, f"{path} is empty.", hint="Its first line names the columns.")
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice or "" in columns:
        text_of = f"names {', '.join(twice)} twice" if twice and twice != [""] else "has a column without a name"
        raise CommandFailure(ExitCode.USAGE, f"The header of {path} {text_of}.", hint="Give each column one name.")
    if normalise_recipient(columns[0]) == columns[0]:
        raise CommandFailure(
            ExitCode.USAGE,
            f"{path} has no header: its first line is a recipient.",
            hint="Put the names of the columns on the first line, such as: recipient,name",
        )
    named = recipient_column or columns[0]
    if named not in columns:
        raise CommandFailure(ExitCode.USAGE, f"{path} has no column {named}.", hint=f"It has: {', '.join(columns)}")
    return RecipientFile(path=path, columns=columns, delimiter=delimiter, recipient_column=named)
