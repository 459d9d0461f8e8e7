"""
Pages of rows in the order of their ids, forward and back, each of which looks at a bounded number of rows.

A search for something rare would otherwise read a table to its end: here it ends its page early, says to which time it
has looked, and gives the cursor to go on from.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Generic, TypeVar

from waypost.domain.ids import BEFORE_ALL, made_at_us
from waypost.store.statements import Sql
from waypost.store.transaction import Row, Tx

ROWS_SEARCHED_MAX: Final = 20_000
"""Rows looked at for one page."""
_BACK: Final = "~"

Item = TypeVar("Item")
Made = TypeVar("Made")


class Order(StrEnum):
    """Which rows a listing begins with."""

    NEWEST = "newest"
    OLDEST = "oldest"

    @property
    def reversed(self) -> "Order":
        """The other one."""
        return Order.OLDEST if self is Order.NEWEST else Order.NEWEST


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Item]):
    """
    A page of rows; it may be short, or empty, and still have a next one: only ``next_cursor`` None is the end.

    ``previous_cursor`` None: nothing lies before. ``looked_to_us``: the page ended early, because it had looked at as
    many rows as it may, the last of them made at that time.
    """

    rows: list[Item]
    next_cursor: str | None = None
    previous_cursor: str | None = None
    looked_to_us: int | None = None

    def of(self, make: Callable[[Item], Made]) -> "Page[Made]":
        """Return the same page with its rows made into something else."""
        return Page(
            rows=[make(row) for row in self.rows],
            next_cursor=self.next_cursor,
            previous_cursor=self.previous_cursor,
            looked_to_us=self.looked_to_us,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Bounds of ids: ``floor`` is the least that counts, ``ceiling`` the first that does not any more."""

    floor: str = ""
    ceiling: str = BEFORE_ALL


EVERYTHING: Final = Span()


class Walk:
    """
    One way through a table, along an index of ``keys`` and then the id.

    Args:
        columns: what is returned; the first is the id.
        table: its name, with the alias that ``columns``, ``keys`` and ``matches`` use, and the index if need be.
        keys: the condition that the index serves; for a partial index also its own condition, in its words.
        matches: what rows must satisfy besides. Without any a page needs no bound.
    """

    __slots__ = ("_horizons", "_is_bounded", "_rows")

    def __init__(self, columns: str, table: str, *, keys: str, matches: str = "") -> None:
        alias = table.split()[1]
        self._is_bounded = bool(matches)
        self._rows: dict[Order, Sql] = {}
        self._horizons: dict[Order, Sql] = {}
        condition = f" AND {matches}" if matches else ""
        for order, direction, near, far in (
            (Order.NEWEST, "DESC", f"{alias}.id < :start", f"{alias}.id >= :end"),
            (Order.OLDEST, "ASC", f"{alias}.id > :start", f"{alias}.id <= :end"),
        ):
            self._rows[order] = Sql(
                f"SELECT {columns} FROM {table} WHERE {keys} AND {near} AND {far}{condition} "  # noqa: S608
                f"ORDER BY {alias}.id {direction} LIMIT :at_most"
            )
            self._horizons[order] = Sql(
                f"SELECT {alias}.id FROM {table} WHERE {keys} AND {near} AND {far} "  # noqa: S608
                f"ORDER BY {alias}.id {direction} LIMIT 1 OFFSET :skipped"
            )

    @property
    def statements(self) -> Sequence[Sql]:
        """All there are, for tests of their plans."""
        return (*self._rows.values(), *self._horizons.values())

    def page(
        self,
        tx: Tx,
        keys: Mapping[str, Any],
        matches: Mapping[str, Any] | None = None,
        *,
        order: Order = Order.NEWEST,
        cursor: str | None = None,
        span: Span = EVERYTHING,
        at_most: int,
    ) -> Page[Row]:
        """
        Return a page of what matches, in that order.

        ``cursor`` is the ``next_cursor`` or the ``previous_cursor`` of another page of the same listing. ``keys`` and
        ``matches`` are the parameters of the two conditions.
        """
        if cursor is None or not cursor.startswith(_BACK):
            return self._forward(tx, keys, matches, order=order, cursor=cursor, span=span, at_most=at_most)
        page = self._forward(
            tx, keys, matches, order=order.reversed, cursor=cursor.removeprefix(_BACK), span=span, at_most=at_most
        )
        if not page.rows and page.next_cursor is None:
            return self._forward(tx, keys, matches, order=order, cursor=None, span=span, at_most=at_most)
        return Page(
            rows=page.rows[::-1],
            next_cursor=page.rows[0][0] if page.rows else cursor.removeprefix(_BACK),
            previous_cursor=None if page.next_cursor is None else _BACK + page.next_cursor,
            looked_to_us=page.looked_to_us,
        )

    def _forward(
        self,
        tx: Tx,
        keys: Mapping[str, Any],
        matches: Mapping[str, Any] | None,
        *,
        order: Order,
        cursor: str | None,
        span: Span,
        at_most: int,
    ) -> Page[Row]:
        start, end = _bounds(order, cursor, span)
        horizon: str | None = None
        if self._is_bounded:
            found = tx.one(self._horizons[order], **keys, start=start, end=end, skipped=ROWS_SEARCHED_MAX - 1)
            horizon = None if found is None else found[0]
        bound = {"start": start, "end": end if horizon is None else horizon}
        rows = tx.rows(self._rows[order], **keys, **(matches or {}), **bound, at_most=at_most)
        previous = None if cursor is None else _BACK + (rows[0][0] if rows else _beside(cursor, order))
        if len(rows) == at_most:
            return Page(rows=rows, next_cursor=rows[-1][0], previous_cursor=previous)
        looked_to_us = None if horizon is None else made_at_us(horizon)
        return Page(rows=rows, next_cursor=horizon, previous_cursor=previous, looked_to_us=looked_to_us)


def _bounds(order: Order, cursor: str | None, span: Span) -> tuple[str, str]:
    """Return what lies just before the first row, and the last that counts."""
    if order is Order.NEWEST:
        return span.ceiling if cursor is None else min(cursor, span.ceiling), span.floor
    start = _before(span.floor)
    return start if cursor is None else max(cursor, start), _before(span.ceiling)


def _before(id_: str) -> str:
    """Return a text that sorts before an id and behind all lesser ones."""
    return id_[:-1]


def _beside(id_: str, order: Order) -> str:
    """Return a text next to an id, on the side from which the way back takes the id in."""
    return _before(id_) if order is Order.NEWEST else id_ + "0"
