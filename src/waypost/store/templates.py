"""
The provider's templates as they were last listed, asked for by account and business account.

``template_mirror`` keeps them; here they are read, and a list is asked to be read anew.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from waypost.domain.template import ButtonKind, ButtonShape, HeaderKind, TemplateShape, TemplateVariant
from waypost.store.statements import Sql
from waypost.store.transaction import Tx

TemplateKey = tuple[str, str, str]
"""(account id, business account id, template name)."""

_VARIANTS: Final = Sql(
    """
    SELECT v.account_id, v.waba_id, v.name, t.language, t.status, t.shape
    FROM ROWS(:account_id text, :waba_id text, :name text) AS v
    JOIN template_lists l ON l.account_id = v.account_id AND l.waba_id = v.waba_id
    LEFT JOIN templates t ON t.account_id = v.account_id AND t.waba_id = v.waba_id AND t.name = v.name
    WHERE l.synced_at_us IS NOT NULL
    """,
    columns=6,
)
_COLUMNS: Final = (
    "t.waba_id, t.name, t.language, t.provider_id, t.category, t.status, t.quality, t.rejected_reason, t.components, "
    "t.changed_at_us"
)
_LIST: Final = Sql(
    f"SELECT {_COLUMNS} FROM templates t WHERE t.account_id = :account_id ORDER BY t.waba_id, t.name, t.language"  # noqa: S608
)
_NAMED: Final = Sql(
    f"SELECT {_COLUMNS} FROM templates t WHERE t.account_id = :account_id AND t.name = :name "  # noqa: S608
    "ORDER BY t.waba_id, t.language"
)
_LISTS: Final = Sql(
    "SELECT waba_id, synced_at_us, due_at_us, failure FROM template_lists WHERE account_id = :account_id "
    "ORDER BY waba_id"
)
_MAKE_DUE: Final = Sql(
    "UPDATE template_lists SET due_at_us = :now_us "
    "WHERE account_id = :account_id AND waba_id = :waba_id AND due_at_us <> :now_us"
)


class TemplateRow(NamedTuple):
    """One template in one language; ``components`` is the provider's JSON, the words are the provider's."""

    waba_id: str
    name: str
    language: str
    provider_id: str
    category: str
    status: str
    quality: str
    rejected_reason: str
    components: str
    changed_at_us: int


class TemplateListRow(NamedTuple):
    """Whether a business account's templates are held: None in ``synced_at_us`` if not, with why in ``failure``."""

    waba_id: str
    synced_at_us: int | None
    due_at_us: int
    failure: str | None


def load_variants(tx: Tx, keys: Sequence[TemplateKey]) -> dict[TemplateKey, dict[str, TemplateVariant]]:
    """
    Return the languages of each template, none for one that the provider does not have.

    A key is missing where no copy of its list is held yet: then nothing can be said of it.
    """
    if not keys:
        return {}
    rows = tx.rows(
        _VARIANTS,
        account_id=[key[0] for key in keys],
        waba_id=[key[1] for key in keys],
        name=[key[2] for key in keys],
    )
    found: dict[TemplateKey, dict[str, TemplateVariant]] = {}
    for account_id, waba_id, name, language, status, shape in rows:
        variants = found.setdefault((account_id, waba_id, name), {})
        if language is not None:
            variants[language] = TemplateVariant(status=status, shape=decode_shape(shape))
    return found


def list_templates(tx: Tx, account_id: str) -> list[TemplateRow]:
    """Return all templates of an account's business accounts, by name."""
    return list(map(TemplateRow._make, tx.rows(_LIST, account_id=account_id)))


def find_templates(tx: Tx, account_id: str, name: str) -> list[TemplateRow]:
    """Return the languages of a template, of every business account that has one of this name."""
    return list(map(TemplateRow._make, tx.rows(_NAMED, account_id=account_id, name=name)))


def list_template_lists(tx: Tx, account_id: str) -> list[TemplateListRow]:
    """Return how the copies of an account's lists stand."""
    return list(map(TemplateListRow._make, tx.rows(_LISTS, account_id=account_id)))


def make_list_due(tx: Tx, account_id: str, waba_id: str, *, now_us: int) -> None:
    """Let a list be read anew at once, such as after a template was made; a second call changes nothing."""
    tx.run(_MAKE_DUE, account_id=account_id, waba_id=waba_id, now_us=now_us)


def encode_shape(shape: TemplateShape) -> str:
    """Return the stored form."""
    return orjson.dumps(shape).decode()


def decode_shape(stored: str) -> TemplateShape:
    """Return the shape that ``encode_shape`` was given."""
    return _shape(orjson.loads(stored))


def _shape(fields: Mapping[str, Any]) -> TemplateShape:
    return TemplateShape(
        body_variables=tuple(fields["body_variables"]),
        header=HeaderKind(fields["header"]),
        header_variables=tuple(fields["header_variables"]),
        buttons=tuple(
            ButtonShape(
                kind=ButtonKind(button["kind"]), is_dynamic=button["is_dynamic"], fixed_part=button["fixed_part"]
            )
            for button in fields["buttons"]
        ),
        cards=tuple(map(_shape, fields["cards"])),
        has_expiry=fields["has_expiry"],
        is_named=fields["is_named"],
        is_authentication=fields["is_authentication"],
    )
