"""
Lists of opt-ins, opt-outs and blocks as CSV: read, judged row by row, and recorded a thousand at a time.

The first line names the columns: ``recipient``, and if wanted ``source``, ``user_agent`` and ``ip``.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from waypost.contract.consents import RECIPIENTS_MAX, parse_recipients
from waypost.domain.consent import ConsentEvidence

COLUMNS: Final = ("recipient", "source", "user_agent", "ip")


class NoRecipientColumnError(ValueError):
    """The first line does not name the column ``recipient``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFault:
    """A row that cannot be recorded: its number, the first after the names being 2, and why."""

    row: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListBatch:
    """Up to 1000 rows: what can be recorded of them, and what cannot."""

    evidence: tuple[ConsentEvidence, ...]
    faults: tuple[RowFault, ...]


def read_batches(lines: Iterable[str], *, source: str | None) -> Iterator[ListBatch]:
    """
    Yield a list's rows, judged; ``source`` stands in for that of rows without one.

    Raises ``NoRecipientColumnError``, and ``csv.Error`` for what is no CSV.
    """
    reader = csv.DictReader(lines)
    if "recipient" not in (reader.fieldnames or ()):
        raise NoRecipientColumnError
    batch: list[dict[str, Any]] = []
    first_row = 2
    for number, row in enumerate(reader, start=2):
        named = {column: row[column].strip() for column in COLUMNS if row.get(column)}
        batch.append({**({} if source is None else {"source": source}), **named})
        if len(batch) == RECIPIENTS_MAX:
            yield _judged(batch, first_row=first_row)
            batch, first_row = [], number + 1
    if batch:
        yield _judged(batch, first_row=first_row)


def _judged(batch: Sequence[dict[str, Any]], *, first_row: int) -> ListBatch:
    evidence, failed = parse_recipients(batch)
    return ListBatch(
        evidence=tuple([one for _, one in evidence]),
        faults=tuple([RowFault(row=first_row + place, why=one.error.text) for place, one in failed]),
    )
