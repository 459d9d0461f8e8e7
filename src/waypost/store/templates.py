"""
What sending needs of the provider's templates as they were last listed, by account and business account.

``template_mirror`` keeps them, ``template_reading`` shows them.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

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
