"""Files of recipients on disk; what is in them is read by the rules of ``domain.recipient_file``."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from waypost.cli.exits import CommandFailure, ExitCode
from waypost.domain.recipient_file import FileRow, RecipientFileError, RecipientTable, read_header

_READ_BYTES: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientFile:
    """A file whose header has been read."""

    path: Path
    table: RecipientTable

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns, in their order."""
        return self.table.columns

    @property
    def recipient_column(self) -> str:
        """The column that holds the recipients."""
        return self.table.recipient_column

    def rows(self) -> Iterator[FileRow]:
        """Yield all rows but empty ones. A second call begins anew. Raises ``CommandFailure``."""
        with _reading(self.path):
            yield from self.table.rows()

    def digest(self) -> bytes:
        """Return the SHA-256 of the file's bytes."""
        digest = hashlib.sha256()
        with _reading(self.path), self.path.open("rb") as file:
            while part := file.read(_READ_BYTES):
                digest.update(part)
        return digest.digest()


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn what goes wrong while a file is read into the failure of the command."""
    try:
        yield
    except RecipientFileError as error:
        raise CommandFailure(ExitCode.USAGE, error.detail, hint=error.hint) from error
    except OSError as error:
        raise CommandFailure(ExitCode.USAGE, f"{path} cannot be read: {error.strerror}.") from error


def open_recipients(path: Path, *, recipient_column: str | None) -> RecipientFile:
    """Read the header of a file; the recipient's column is the first, unless named. Raises ``CommandFailure``."""
    with _reading(path):
        table = read_header(
            str(path), lambda: path.open(encoding="utf-8-sig", newline=""), recipient_column=recipient_column
        )
    return RecipientFile(path=path, table=table)
