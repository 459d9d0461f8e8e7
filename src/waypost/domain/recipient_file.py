"""
Files of recipients, read row by row however long they are: CSV with a header, or one JSON object a line.

UTF-8 with or without a byte order mark. CSV is separated by commas, semicolons or tabs, whichever the header has most
of; a file whose first character is ``{`` is JSON lines, and its first object names the columns. Where the text comes
from is the caller's business.
"""

import csv
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TextIO

from waypost.domain.address import AddressFault, normalise_recipient

_DELIMITERS: Final = ",;\t"
_FAULTS: Final = {
    AddressFault.NOT_NUMERIC: "the recipient is no number of digits alone",
    AddressFault.TOO_SHORT: "the recipient has less than 10 digits",
    AddressFault.TOO_LONG: "the recipient has more than 15 digits",
}
_EXAMPLE: Final = '{"recipient": "12025550143", "name": "Ann"}'

OpenText = Callable[[], AbstractContextManager[TextIO]]
"""Opens the file from its beginning, decoded as ``utf-8-sig`` with its line ends untouched."""


class RecipientFileError(ValueError):
    """A file that cannot be read; ``detail`` says what is wrong, ``hint`` what to do."""

    def __init__(self, detail: str, *, hint: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.hint = hint


@dataclass(frozen=True, slots=True)
class FileRow:
    """One row: the file's line it begins on, counted from 1; ``fault`` says why it cannot be sent, None if it can."""

    line: int
    recipient: str
    fields: dict[str, str]
    fault: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientTable:
    """A file whose header has been read; ``columns`` in their order. ``delimiter`` ``""``: JSON lines."""

    name: str
    columns: tuple[str, ...]
    delimiter: str
    recipient_column: str
    open_text: OpenText = field(repr=False)

    def rows(self) -> Iterator[FileRow]:
        """Yield all rows but empty ones. A second call begins anew. Raises ``RecipientFileError``."""
        with _reading(self.name), self.open_text() as text:
            yield from self._csv_rows(text) if self.delimiter else self._json_rows(text)

    def _csv_rows(self, text: TextIO) -> Iterator[FileRow]:
        place = self.columns.index(self.recipient_column)
        reader = csv.reader(text, delimiter=self.delimiter, strict=True)
        next(reader)
        line = reader.line_num + 1
        for values in reader:
            if any(value.strip() for value in values):
                yield self._csv_row(line, values, place)
            line = reader.line_num + 1

    def _csv_row(self, line: int, values: list[str], place: int) -> FileRow:
        given = values[place].strip() if place < len(values) else ""
        fields = dict(zip(self.columns, values, strict=False))
        fault = None
        if len(values) != len(self.columns):
            fault = f"has {len(values)} fields, the header has {len(self.columns)}"
        return _row(line, given, fields, fault)

    def _json_rows(self, text: TextIO) -> Iterator[FileRow]:
        for line, written in enumerate(text, start=1):
            if not written.strip():
                continue
            found = _object(written)
            if found is None:
                yield FileRow(line, "", {}, "is no JSON object")
                continue
            fields = {name.strip(): _as_text(value) for name, value in found.items()}
            missing = [name for name in self.columns if name not in fields]
            odd = [name for name, value in found.items() if isinstance(value, list | dict)]
            fault = f"lacks {', '.join(missing)}" if missing else f"{odd[0]} is no text" if odd else None
            yield _row(line, fields.get(self.recipient_column, "").strip(), fields, fault)


def read_header(name: str, open_text: OpenText, *, recipient_column: str | None) -> RecipientTable:
    """
    Read the header of a file; the recipient's column is the first, unless named.

    ``name`` is what the file is called in faults. Raises ``RecipientFileError``.
    """
    with _reading(name), open_text() as text:
        first = text.readline()
        text.seek(0)
        if first.lstrip()[:1] == "{":
            delimiter, columns = "", _json_columns(name, first)
        else:
            delimiter = max(_DELIMITERS, key=first.count)
            columns = tuple(word.strip() for word in next(csv.reader(text, delimiter=delimiter, strict=True), []))
    if not any(columns):
        raise RecipientFileError(f"{name} is empty.", hint="Its first line names the columns.")
    twice = sorted({word for word in columns if columns.count(word) > 1})
    if twice or "" in columns:
        text_of = f"names {', '.join(twice)} twice" if twice and twice != [""] else "has a column without a name"
        raise RecipientFileError(f"The header of {name} {text_of}.", hint="Give each column one name.")
    if normalise_recipient(columns[0]) == columns[0]:
        raise RecipientFileError(
            f"{name} has no header: its first line is a recipient.",
            hint="Put the names of the columns on the first line, such as: recipient,name",
        )
    named = recipient_column or columns[0]
    if named not in columns:
        raise RecipientFileError(f"{name} has no column {named}.", hint=f"It has: {', '.join(columns)}")
    return RecipientTable(name=name, columns=columns, delimiter=delimiter, recipient_column=named, open_text=open_text)


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Turn what is wrong with the text into the one error there is."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise RecipientFileError(f"{name} is not UTF-8.", hint="Save it as CSV in UTF-8.") from error
    except csv.Error as error:
        raise RecipientFileError(f"{name} is not CSV: {error}.", hint="Look for quotes that are not closed.") from error


def _row(line: int, given: str, fields: dict[str, str], fault: str | None) -> FileRow:
    if fault is None and any("\x00" in value for value in fields.values()):
        fault = "holds a NUL character"
    if fault is not None:
        return FileRow(line, given, fields, fault)
    recipient = normalise_recipient(given)
    if isinstance(recipient, AddressFault):
        return FileRow(line, given, fields, _FAULTS[recipient])
    return FileRow(line, recipient, fields, None)


def _json_columns(name: str, first: str) -> tuple[str, ...]:
    found = _object(first)
    if found is None:
        raise RecipientFileError(
            f"The first line of {name} is no JSON object.", hint=f"Each line is one, such as: {_EXAMPLE}"
        )
    return tuple(word.strip() for word in found)


def _object(written: str) -> dict[str, Any] | None:
    try:
        found = json.loads(written)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _as_text(value: Any) -> str:
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)
