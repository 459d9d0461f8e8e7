"""Single templates put into the mirror and taken out of it, when they are made, changed or deleted here."""

from typing import Final

import orjson

from waypost.domain.template import shape_of
from waypost.store.statements import Sql
from waypost.store.template_reading import TemplateRecord
from waypost.store.templates import encode_shape, make_list_due
from waypost.store.transaction import Tx

_PUT: Final = Sql(
    "INSERT INTO templates (account_id, waba_id, name, language, provider_id, category, status, quality, "
    "rejected_reason, components, shape, changed_at_us) VALUES (:account_id, :waba_id, :name, :language, "
    ":provider_id, :category, :status, :quality, :rejected_reason, :components, :shape, :changed_at_us) "
    "ON CONFLICT (account_id, waba_id, name, language) DO UPDATE SET provider_id = excluded.provider_id, "
    "category = excluded.category, status = excluded.status, quality = excluded.quality, "
    "rejected_reason = excluded.rejected_reason, components = excluded.components, shape = excluded.shape, "
    "changed_at_us = excluded.changed_at_us"
)
_REMOVE: Final = Sql(
    "DELETE FROM templates WHERE account_id = :account_id AND waba_id = :waba_id AND name = :name "
    "AND language = :language"
)


def keep_template(tx: Tx, account_id: str, record: TemplateRecord) -> None:
    """
    Put one template in the place of what was known of it, and let its list be read anew.

    A reading under way may have begun before the change, and would undo it: the next one puts it right.
    """
    tx.run(
        _PUT,
        account_id=account_id,
        waba_id=record.waba_id,
        name=record.name,
        language=record.language,
        provider_id=record.provider_id,
        category=record.category,
        status=record.status,
        quality=record.quality,
        rejected_reason=record.rejected_reason,
        components=orjson.dumps(record.components).decode(),
        shape=encode_shape(shape_of(record.components, category=record.category)),
        changed_at_us=record.changed_at_us,
    )
    make_list_due(tx, account_id, record.waba_id, now_us=record.changed_at_us)


def remove_template(tx: Tx, account_id: str, *, waba_id: str, name: str, language: str, now_us: int) -> None:
    """Forget one template, and let its list be read anew; one that is not there is forgotten already."""
    tx.run(_REMOVE, account_id=account_id, waba_id=waba_id, name=name, language=language)
    make_list_due(tx, account_id, waba_id, now_us=now_us)
