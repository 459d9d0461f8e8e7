"""
Bulk sends: one entry with placeholders, and a row for each recipient.

``{{column}}`` in any text of the entry stands for the row's field of that name; names are compared exactly, without
the blanks around them.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from enum import IntEnum, StrEnum
from typing import Any, Final

# Blanks around a name are taken off afterwards: a pattern for them would take time by the square of a text's length.
_PLACEHOLDER: Final = re.compile(r"\{\{([^{}]*)\}\}")


class BulkState(StrEnum):
    """
    Where a bulk send stands. The words are stored.

    ``DONE`` says that every row was accepted or refused; its messages may still be on their way.
    """

    DRAFT = "draft"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    CANCELLED = "cancelled"


BULK_TRANSITIONS: Final[Mapping[BulkState, frozenset[BulkState]]] = {
    BulkState.DRAFT: frozenset({BulkState.RUNNING, BulkState.CANCELLED}),
    BulkState.RUNNING: frozenset({BulkState.PAUSED, BulkState.DONE, BulkState.CANCELLED}),
    BulkState.PAUSED: frozenset({BulkState.RUNNING, BulkState.CANCELLED}),
    BulkState.DONE: frozenset(),
    BulkState.CANCELLED: frozenset(),
}
"""Every change of state there is."""


class RowState(IntEnum):
    """What became of a row. The numbers are stored."""

    PENDING = 0
    ACCEPTED = 1
    REFUSED = 2


def columns_of(entry: Any) -> set[str]:
    """Return the names of all columns that an entry asks for."""
    return set(_names(entry))


def count_placeholders(entry: Any) -> int:
    """Return how many fields are put into an entry."""
    return sum(1 for _ in _names(entry))


def digest_of(entry: Any, recipient_column: str, *, once: str, file_digest: bytes) -> str:
    """
    Return what names a bulk send made of a file: the same file, entry and column make the same one.

    ``once`` is ``""``, or a text never used before where a file is to be sent once more. ``file_digest`` is the SHA-256
    of the file's bytes.
    """
    what = json.dumps([entry, recipient_column, once], sort_keys=True).encode()
    return hashlib.sha256(hashlib.sha256(what).digest() + file_digest).hexdigest()


def fill(entry: Any, fields: Mapping[str, str]) -> Any:
    """
    Return the entry with every placeholder replaced by its field.

    What a field holds is text and nothing else: placeholders in it are not looked at. Raises ``KeyError`` with the name
    of a field that is not there.
    """
    match entry:
        case str():
            return _PLACEHOLDER.sub(lambda found: fields[found[1].strip()], entry) if "{{" in entry else entry
        case dict():
            return {name: fill(value, fields) for name, value in entry.items()}
        case list():
            return [fill(value, fields) for value in entry]
        case _:
            return entry


def _names(entry: Any) -> Iterator[str]:
    for text in _texts(entry):
        yield from (name.strip() for name in _PLACEHOLDER.findall(text))


def _texts(entry: Any) -> Iterator[str]:
    match entry:
        case str():
            yield entry
        case dict():
            for value in entry.values():
                yield from _texts(value)
        case list():
            for value in entry:
                yield from _texts(value)
