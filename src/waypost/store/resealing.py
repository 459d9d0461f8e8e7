"""Sealing everything anew with another master key, a batch of rows at a time, while the gateway runs."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Table

from waypost.store.directory import bump_directory
from waypost.store.installation import reseal_token_key, token_key_id
from waypost.store.sealing import SealBrokenError, Sealer, sealed_key_id
from waypost.store.statements import Sql, UpdateMany
from waypost.store.tables import CONSOLE_USERS, SOURCES, WEBHOOK_ENDPOINTS
from waypost.store.transaction import Row, Tx


class _SealedTable:
    """A table with sealed columns, and the statements over them."""

    def __init__(self, table: Table) -> None:
        self.name = table.name
        self.columns = tuple(column.name for column in table.c if column.name.endswith("_sealed"))
        listed = ", ".join(self.columns)
        self.page = Sql(
            f"SELECT id, {listed} FROM {table.name} WHERE id > :after ORDER BY id LIMIT :places FOR UPDATE"  # noqa: S608
        )
        self.counts = tuple(
            Sql(
                f"SELECT substr({column}, 2, 4), COUNT(*) FROM {table.name} WHERE {column} IS NOT NULL "  # noqa: S608
                f"GROUP BY substr({column}, 2, 4)"
            )
            for column in self.columns
        )
        self.save = UpdateMany(table, self.columns, keys=("id",))

    def place(self, row_id: str, column: str) -> str:
        return f"{self.name}/{row_id}/{column.removesuffix('_sealed')}"


_TABLES: Final = {table.name: _SealedTable(table) for table in (SOURCES, WEBHOOK_ENDPOINTS, CONSOLE_USERS)}
SEALED_TABLES: Final = tuple(_TABLES)


@dataclass(frozen=True, slots=True)
class Resealed:
    """
    What one batch has done.

    ``last_id`` is where the next one goes on, None after the last. ``broken`` has the faults of values that do not open
    and were left as they are.
    """

    values: int
    last_id: str | None
    broken: Sequence[str]


def count_sealed(tx: Tx) -> Counter[str]:
    """Return how many values are sealed with each key, by the key's id; rows that were deleted count too."""
    counts: Counter[str] = Counter()
    for table in _TABLES.values():
        for sql in table.counts:
            for found, count in tx.rows(sql):
                counts[bytes(found).hex()] += count
    own = token_key_id(tx)
    if own is not None:
        counts[own] += 1
    return counts


def reseal_rows(tx: Tx, sealer: Sealer, table: str, *, after: str, places: int) -> Resealed:
    """
    Seal the secrets of the next rows of a table with the newest key; those that are so already stay as they are.

    The rows are held until the transaction ends, so that no change made beside is lost. Nodes read the directory anew.
    A second call finds nothing left to do.
    """
    sealed = _TABLES[table]
    rows = tx.rows(sealed.page, after=after, places=places)
    changed: list[Row] = []
    broken: list[str] = []
    values = 0
    for row_id, *found in rows:
        fresh: list[bytes | None] = []
        for column, value in zip(sealed.columns, found, strict=True):
            new = _resealed(sealer, value, sealed.place(row_id, column), broken)
            values += new is not value
            fresh.append(new)
        if any(new is not value for new, value in zip(fresh, found, strict=True)):
            changed.append((*fresh, row_id))
    tx.write_many(sealed.save, changed)
    if changed:
        bump_directory(tx)
    return Resealed(values, rows[-1][0] if len(rows) == places else None, broken)


def reseal_installation(tx: Tx, sealer: Sealer) -> Resealed:
    """Do the same for what the installation keeps for itself."""
    try:
        return Resealed(int(reseal_token_key(tx, sealer)), None, [])
    except SealBrokenError as error:
        return Resealed(0, None, [str(error)])


def _resealed(sealer: Sealer, value: bytes | None, place: str, broken: list[str]) -> bytes | None:
    """Return the value sealed with the newest key; the very same object if there is nothing to do, or it is broken."""
    if value is None or sealed_key_id(bytes(value)) == sealer.key_ids[0]:
        return value
    try:
        return sealer.seal(sealer.open(bytes(value), place=place), place=place)
    except SealBrokenError as error:
        broken.append(str(error))
        return value
