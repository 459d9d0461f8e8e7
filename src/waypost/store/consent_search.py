"""Looking for consents: by the beginning of a number and by standing, in the order of the recipients."""

from dataclasses import dataclass
from typing import Final

from waypost.domain.consent import ConsentState
from waypost.store.consents import CONSENT_COLUMNS, ConsentRecord, consent_record, find_consents
from waypost.store.paging import ROWS_SEARCHED_MAX, Page
from waypost.store.statements import Sql
from waypost.store.transaction import Tx

_PLACE: Final = "c.account_id = :account_id AND c.recipient > :after"
_NUMBERS_END: Final = "9" * 16
"""Behind every number: they have at most 15 digits (ITU-T E.164)."""


class _Listing:
    """The statements of one listing: of every recipient, or of those that begin with some digits."""

    def __init__(self, span: str) -> None:
        self.every = self._page(span)
        # The conditions of partial indexes stand in their own words: SQLite uses them only then.
        self.opted_out = self._page(span, "c.state = 'opted_out'", index="consents_opted_out")
        self.blocklisted = self._page(span, "c.is_blocklisted = 1", index="consents_blocklisted")
        self.opted_in = self._page(span, "c.state = 'opted_in'")
        self.opted_in_near = self._page(span, "c.recipient <= :horizon AND c.state = 'opted_in'")
        self.horizon = Sql(
            f"SELECT c.recipient FROM consents c WHERE {span} ORDER BY c.recipient LIMIT 1 OFFSET :skipped"  # noqa: S608
        )

    @property
    def statements(self) -> tuple[Sql, ...]:
        return (self.every, self.opted_out, self.blocklisted, self.opted_in, self.opted_in_near, self.horizon)

    @staticmethod
    def _page(span: str, condition: str = "true", *, index: str = "") -> Sql:
        hint = f" INDEXED BY {index}" if index else ""
        return Sql(
            f"SELECT {CONSENT_COLUMNS} FROM consents c{hint} WHERE {span} AND {condition} "  # noqa: S608
            "ORDER BY c.recipient LIMIT :at_most"
        )


_OF_ALL: Final = _Listing(_PLACE)
_OF_NUMBERS: Final = _Listing(f"{_PLACE} AND c.recipient >= :first AND c.recipient < :end")
PLANNED: Final = (*_OF_ALL.statements, *_OF_NUMBERS.statements)
"""The statements of pages, for tests of their plans."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentFilter:
    """
    What consents must match: all that is not None, where ``blocklisted`` True overrules ``state``.

    ``prefix`` is the digits that numbers begin with, or a user's id as a whole; ``""`` matches all.
    """

    prefix: str = ""
    state: ConsentState | None = None
    blocklisted: bool = False


ALL_CONSENTS: Final = ConsentFilter()


def search_consents(
    tx: Tx, account_id: str, *, wanted: ConsentFilter = ALL_CONSENTS, cursor: str | None = None, at_most: int
) -> Page[ConsentRecord]:
    """Return a page of consents in the order of the recipients; ``cursor`` is another page's ``next_cursor``."""
    prefix = wanted.prefix
    if prefix and not (prefix.isascii() and prefix.isdigit()):
        return Page(rows=[one for one in find_consents(tx, account_id, [prefix]).values() if _is_wanted(one, wanted)])
    listing = _OF_NUMBERS if prefix else _OF_ALL
    place = {"account_id": account_id, "after": cursor or ""}
    if prefix:
        place.update(first=prefix, end=_end_of(prefix))
    horizon: str | None = None
    if wanted.blocklisted:
        rows = tx.rows(listing.blocklisted, **place, at_most=at_most)
    elif wanted.state is ConsentState.OPTED_OUT:
        rows = tx.rows(listing.opted_out, **place, at_most=at_most)
    elif wanted.state is ConsentState.OPTED_IN:
        found = tx.one(listing.horizon, **place, skipped=ROWS_SEARCHED_MAX - 1)
        if found is None:
            rows = tx.rows(listing.opted_in, **place, at_most=at_most)
        else:
            horizon = found[0]
            rows = tx.rows(listing.opted_in_near, **place, horizon=horizon, at_most=at_most)
    else:
        rows = tx.rows(listing.every, **place, at_most=at_most)
    records = [consent_record(row) for row in rows]
    return Page(rows=records, next_cursor=records[-1].recipient if len(records) == at_most else horizon)


def _is_wanted(record: ConsentRecord, wanted: ConsentFilter) -> bool:
    if wanted.blocklisted:
        return record.consent.is_blocklisted
    return wanted.state is None or record.consent.state is wanted.state


def _end_of(prefix: str) -> str:
    """Return the least number behind all that begin with these digits: they sort alike in every collation."""
    digits = prefix.rstrip("9")
    return digits[:-1] + str(int(digits[-1]) + 1) if digits else _NUMBERS_END
