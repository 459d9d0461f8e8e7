"""Our ids are UUIDv7 (RFC 9562): the first 48 bits are the millisecond in which one was made, so they sort by it."""

from typing import Final

BEFORE_ALL: Final = "ffffffff-ffff-ffff-ffff-ffffffffffff"
"""Sorts behind every id of ours in any collation: where a listing from the newest on begins."""


def first_id_at(at_us: int) -> str:
    """Return the least id that could have been made at a time, microseconds: every one made earlier sorts before it."""
    stamp = f"{max(0, at_us) // 1_000:012x}"
    return f"{stamp[:8]}-{stamp[8:]}-0000-0000-000000000000"


def made_at_us(id_: str) -> int:
    """Return when an id was made, microseconds since the epoch, to the millisecond."""
    return int(id_[:8] + id_[9:13], 16) * 1_000
