"""
The mirrored templates, read for those who manage them; what sending needs of them is in ``store.templates``.

Language and status are compared without case, as the contract's filters are.
"""

from collections.abc import Sequence
from typing import Any, Final

import orjson

from waypost.domain.value import value
from waypost.store.statements import Sql
from waypost.store.transaction import Row, Tx

TEMPLATES_MAX: Final = 6_000
"""A business account has at most so many (messaging limits page, Sep 2026): nothing here reads more at a time."""

_COLUMNS: Final = (
    "waba_id, name, language, provider_id, category, status, quality, rejected_reason, components, changed_at_us"
)
_MATCHES: Final = (
    "account_id = :account_id AND (:waba_id = '' OR waba_id = :waba_id) AND (:status = '' OR UPPER(status) = :status) "
    "AND (:category = '' OR UPPER(category) = :category) AND (:name = '' OR LOWER(name) = :name) "
    "AND (:is_any_language = 1 OR LOWER(language) = ANY(:languages))"
)
_LIST: Final = Sql(
    f"SELECT {_COLUMNS} FROM templates WHERE {_MATCHES} "  # noqa: S608
    "ORDER BY name, language, waba_id LIMIT :at_most OFFSET :offset"
)
_PAGE: Final = Sql(
    f"SELECT {_COLUMNS} FROM templates WHERE {_MATCHES} AND provider_id > :after "  # noqa: S608
    "ORDER BY provider_id LIMIT :at_most"
)
_COUNT: Final = Sql(f"SELECT COUNT(*) FROM templates WHERE {_MATCHES}")  # noqa: S608
_NAMED: Final = Sql(
    f"SELECT {_COLUMNS} FROM templates WHERE account_id = :account_id AND waba_id = :waba_id AND name = :name "  # noqa: S608
    "ORDER BY language"
)
_BY_ID: Final = Sql(
    f"SELECT {_COLUMNS} FROM templates WHERE account_id = :account_id AND provider_id = :provider_id LIMIT 1"  # noqa: S608
)
_MIRRORS: Final = Sql(
    "SELECT waba_id, synced_at_us, due_at_us, failure FROM template_lists WHERE account_id = :account_id "
    "ORDER BY waba_id"
)


@value
class TemplateRecord:
    """
    One template in one language, as last seen at the provider.

    ``status``, ``category`` and ``quality`` are upstream's words in upper case; ``quality`` and ``rejected_reason`` are
    ``""`` where there is none. ``components`` are upstream's.
    """

    waba_id: str
    name: str
    language: str
    provider_id: str
    category: str
    status: str
    quality: str
    rejected_reason: str
    components: list[dict[str, Any]]
    changed_at_us: int


@value
class TemplateFilter:
    """Which templates to list; ``""`` and None ask for all. ``languages`` are codes, of which one must match."""

    waba_id: str = ""
    name: str = ""
    status: str = ""
    category: str = ""
    languages: tuple[str, ...] | None = None


@value
class MirrorRecord:
    """How fresh the copy of one business account's templates is; ``synced_at_us`` None: there is none yet."""

    waba_id: str
    synced_at_us: int | None
    due_at_us: int
    failure: str | None


ALL_TEMPLATES: Final = TemplateFilter()


def list_templates(
    tx: Tx, account_id: str, wanted: TemplateFilter = ALL_TEMPLATES, *, offset: int = 0, at_most: int = TEMPLATES_MAX
) -> list[TemplateRecord]:
    """Return the account's templates by name and language, from the ``offset``th of those that match on."""
    rows = tx.rows(_LIST, **_parameters(account_id, wanted), at_most=at_most, offset=offset)
    return [_record(row) for row in rows]


def page_templates(
    tx: Tx, account_id: str, wanted: TemplateFilter, *, after: str, at_most: int
) -> list[TemplateRecord]:
    """Return the account's templates in the order of their ids, from the one behind ``after`` on."""
    rows = tx.rows(_PAGE, **_parameters(account_id, wanted), after=after, at_most=at_most)
    return [_record(row) for row in rows]


def count_templates(tx: Tx, account_id: str, wanted: TemplateFilter = ALL_TEMPLATES) -> int:
    """Return how many templates match."""
    row = tx.one(_COUNT, **_parameters(account_id, wanted))
    assert row is not None
    return int(row[0])


def find_named_templates(tx: Tx, account_id: str, waba_id: str, name: str) -> list[TemplateRecord]:
    """Return all languages of one name in one business account."""
    rows = tx.rows(_NAMED, account_id=account_id, waba_id=waba_id, name=name)
    return [_record(row) for row in rows]


def find_template_by_id(tx: Tx, account_id: str, provider_id: str) -> TemplateRecord | None:
    """Return the account's template with this id of the provider's."""
    row = tx.one(_BY_ID, account_id=account_id, provider_id=provider_id)
    return None if row is None else _record(row)


def list_mirrors(tx: Tx, account_id: str) -> list[MirrorRecord]:
    """Return which business accounts of this account are mirrored, and since when."""
    return [
        MirrorRecord(waba_id=row[0], synced_at_us=row[1], due_at_us=row[2], failure=row[3])
        for row in tx.rows(_MIRRORS, account_id=account_id)
    ]


def _parameters(account_id: str, wanted: TemplateFilter) -> dict[str, str | int | Sequence[str]]:
    return {
        "account_id": account_id,
        "waba_id": wanted.waba_id,
        "name": wanted.name.lower(),
        "status": wanted.status.upper(),
        "category": wanted.category.upper(),
        "is_any_language": int(wanted.languages is None),
        "languages": [code.lower() for code in wanted.languages or ()],
    }


def _record(row: Row) -> TemplateRecord:
    return TemplateRecord(
        waba_id=row[0],
        name=row[1],
        language=row[2],
        provider_id=row[3],
        category=row[4],
        status=row[5],
        quality=row[6],
        rejected_reason=row[7],
        components=orjson.loads(row[8]),
        changed_at_us=row[9],
    )
