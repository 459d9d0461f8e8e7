"""Single templates put into the mirror and taken out of it, when they are made, changed or deleted here."""

import orjson

from waypost.domain.template import shape_of
from waypost.store.template_mirror import MirroredTemplate, make_lists_due, remove_templates, save_templates
from waypost.store.template_reading import TemplateRecord
from waypost.store.templates import encode_shape
from waypost.store.transaction import Tx


def keep_template(tx: Tx, account_id: str, record: TemplateRecord) -> None:
    """Put one template in the place of what was known of it, and let its list be read anew."""
    key = account_id, record.waba_id
    make_lists_due(tx, [key], now_us=record.changed_at_us)
    kept = MirroredTemplate(
        name=record.name,
        language=record.language,
        provider_id=record.provider_id,
        category=record.category,
        status=record.status,
        quality=record.quality,
        rejected_reason=record.rejected_reason,
        components=orjson.dumps(record.components).decode(),
        shape=encode_shape(shape_of(record.components, category=record.category)),
    )
    save_templates(tx, key, [kept], now_us=record.changed_at_us)


def remove_template(tx: Tx, account_id: str, *, waba_id: str, name: str, language: str, now_us: int) -> None:
    """
    Forget one template, and let its list be read anew; one that is not there is forgotten already.

    A reading that began before would bring it back, and the next one takes it away again.
    """
    make_lists_due(tx, [(account_id, waba_id)], now_us=now_us)
    remove_templates(tx, [(account_id, waba_id, name, language)])
