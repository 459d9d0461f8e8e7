"""
Keeping the copy of the provider's templates: the gateway's own work, for all accounts.

A list is claimed by moving the time it is due; whoever has claimed it reads the provider and writes what differs. What
a webhook has changed since the reading began is left alone. Whoever writes a list and its templates in one transaction
writes the list first, so that no two wait for each other in a circle.
"""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from waypost.domain.value import value
from waypost.store.statements import InsertMany, Sql, UpdateMany
from waypost.store.tables import TEMPLATES
from waypost.store.transaction import Row, Tx

DOUBT_US: Final = 60 * 1_000_000
"""The provider contradicts the copy with every message; it is not asked for its list each time."""

ListKey = tuple[str, str]
"""(account id, business account id)."""

TemplateIdentity = tuple[str, str, str, str]
"""(account id, business account id, name, language)."""

_ADD_LISTS: Final = Sql(
    "INSERT INTO template_lists (account_id, waba_id, due_at_us) "
    "SELECT DISTINCT s.account_id, s.waba_id, CAST(:now_us AS BIGINT) FROM sources s "
    "WHERE s.deleted_at_us IS NULL AND s.waba_id <> '' ON CONFLICT (account_id, waba_id) DO NOTHING"
)
_FORGET_LISTS: Final = Sql(
    "DELETE FROM template_lists WHERE NOT EXISTS (SELECT 1 FROM sources s WHERE s.deleted_at_us IS NULL "
    "AND s.account_id = template_lists.account_id AND s.waba_id = template_lists.waba_id)"
)
_FORGET_TEMPLATES: Final = Sql(
    "DELETE FROM templates WHERE NOT EXISTS (SELECT 1 FROM template_lists l "
    "WHERE l.account_id = templates.account_id AND l.waba_id = templates.waba_id)"
)
_MAKE_DUE: Final = Sql(
    "UPDATE template_lists SET due_at_us = CAST(:now_us AS BIGINT), failure = NULL "
    "FROM ROWS(:account_id text, :waba_id text) AS v "
    "WHERE template_lists.account_id = v.account_id AND template_lists.waba_id = v.waba_id"
)
_DOUBT: Final = Sql(
    "UPDATE template_lists SET due_at_us = CAST(:now_us AS BIGINT) "
    "FROM ROWS(:account_id text, :waba_id text) AS v "
    "WHERE template_lists.account_id = v.account_id AND template_lists.waba_id = v.waba_id "
    "AND template_lists.synced_at_us < :before_us AND template_lists.due_at_us > :now_us"
)
_MAKE_STALE_DUE: Final = Sql(
    "UPDATE template_lists SET due_at_us = :now_us "
    "WHERE due_at_us > :now_us AND (synced_at_us IS NULL OR synced_at_us < :before_us)"
)
_NEXT_DUE: Final = Sql("SELECT MIN(due_at_us) FROM template_lists")
_CLAIM: Final = Sql(
    """
    UPDATE template_lists SET due_at_us = :until_us WHERE (account_id, waba_id) IN (
        SELECT account_id, waba_id FROM template_lists
        WHERE due_at_us <= :now_us AND (synced_at_us IS NULL OR synced_at_us <= :rested_us)
        ORDER BY due_at_us LIMIT :at_most FOR UPDATE SKIP LOCKED
    ) RETURNING account_id, waba_id
    """
)
_SYNCED: Final = Sql(
    "UPDATE template_lists SET synced_at_us = :now_us, failure = NULL, "
    "due_at_us = CASE WHEN due_at_us = :until_us THEN CAST(:next_us AS BIGINT) ELSE due_at_us END "
    "WHERE account_id = :account_id AND waba_id = :waba_id"
)
_FAILED: Final = Sql(
    "UPDATE template_lists SET failure = :failure, "
    "due_at_us = CASE WHEN due_at_us = :until_us THEN CAST(:next_us AS BIGINT) ELSE due_at_us END "
    "WHERE account_id = :account_id AND waba_id = :waba_id"
)
_HELD: Final = Sql(
    "SELECT name, language, provider_id, category, status, quality, rejected_reason, components, shape FROM templates "
    "WHERE account_id = :account_id AND waba_id = :waba_id"
)
_LOCK: Final = Sql(
    "SELECT t.account_id, t.waba_id, t.name, t.language, t.provider_id, t.category, t.status, t.quality, "
    "t.rejected_reason, t.changed_at_us "
    "FROM ROWS(:account_id text, :waba_id text, :name text, :language text) AS v "
    "JOIN templates t ON t.account_id = v.account_id AND t.waba_id = v.waba_id AND t.name = v.name "
    "AND t.language = v.language ORDER BY t.account_id, t.waba_id, t.name, t.language FOR UPDATE OF t"
)
_SAVE: Final = InsertMany(
    TEMPLATES,
    (
        "account_id",
        "waba_id",
        "name",
        "language",
        "provider_id",
        "category",
        "status",
        "quality",
        "rejected_reason",
        "components",
        "shape",
        "changed_at_us",
    ),
    on_conflict="(account_id, waba_id, name, language) DO UPDATE SET provider_id = excluded.provider_id, "
    "category = excluded.category, status = excluded.status, quality = excluded.quality, "
    "rejected_reason = excluded.rejected_reason, components = excluded.components, shape = excluded.shape, "
    "changed_at_us = excluded.changed_at_us",
)
_CHANGE: Final = UpdateMany(
    TEMPLATES,
    ("category", "status", "quality", "rejected_reason", "changed_at_us"),
    keys=("account_id", "waba_id", "name", "language"),
)
_REMOVE: Final = Sql(
    "DELETE FROM templates WHERE account_id = :account_id AND waba_id = :waba_id AND name = :name "
    "AND language = :language"
)


class MirroredTemplate(NamedTuple):
    """One row of a list: the provider's words, its components as JSON, and the shape worked out from them."""

    name: str
    language: str
    provider_id: str
    category: str
    status: str
    quality: str
    rejected_reason: str
    components: str
    shape: str


class LockedTemplate(NamedTuple):
    """A template held until the transaction ends, as far as news of it can change it."""

    account_id: str
    waba_id: str
    name: str
    language: str
    provider_id: str
    category: str
    status: str
    quality: str
    rejected_reason: str
    changed_at_us: int

    @property
    def key(self) -> TemplateIdentity:
        """What tells it from all others."""
        return self.account_id, self.waba_id, self.name, self.language


@value
class ClaimedList:
    """A list to be read, ours until ``until_us``."""

    account_id: str
    waba_id: str
    until_us: int

    @property
    def key(self) -> ListKey:
        """What tells it from all others."""
        return self.account_id, self.waba_id


def settle_lists(tx: Tx, *, now_us: int) -> None:
    """Have a list, due at once, for every business account that a source belongs to, and for no other."""
    tx.run(_ADD_LISTS, now_us=now_us)
    if tx.run(_FORGET_LISTS):
        tx.run(_FORGET_TEMPLATES)


def make_lists_due(tx: Tx, keys: Collection[ListKey], *, now_us: int) -> None:
    """Let these lists be read anew at once; why they could not be read before is forgotten."""
    if not keys:
        return
    ordered = sorted(keys)
    tx.run(_MAKE_DUE, now_us=now_us, account_id=[key[0] for key in ordered], waba_id=[key[1] for key in ordered])


def doubt_lists(tx: Tx, keys: Collection[ListKey], *, now_us: int) -> None:
    """Let lists be read anew that the provider contradicts, unless they were read within the last minute."""
    ordered = sorted(keys)
    tx.run(
        _DOUBT,
        now_us=now_us,
        before_us=now_us - DOUBT_US,
        account_id=[key[0] for key in ordered],
        waba_id=[key[1] for key in ordered],
    )


def make_stale_lists_due(tx: Tx, *, before_us: int, now_us: int) -> None:
    """Let all lists be read anew at once that were last read before then."""
    tx.run(_MAKE_STALE_DUE, before_us=before_us, now_us=now_us)


def next_list_due_us(tx: Tx) -> int | None:
    """Return when the next list is due, None if there is none."""
    row = tx.one(_NEXT_DUE)
    return None if row is None else row[0]


def claim_lists(tx: Tx, *, now_us: int, rested_us: int, until_us: int, at_most: int) -> list[ClaimedList]:
    """
    Claim lists that are due and were last read by ``rested_us``.

    A claim that nobody ends is due again at ``until_us``.
    """
    rows = tx.rows(_CLAIM, now_us=now_us, rested_us=rested_us, until_us=until_us, at_most=at_most)
    return [ClaimedList(account_id=account_id, waba_id=waba_id, until_us=until_us) for account_id, waba_id in rows]


def load_held(tx: Tx, claimed: ClaimedList) -> list[MirroredTemplate]:
    """Return the copy of a list."""
    rows = tx.rows(_HELD, account_id=claimed.account_id, waba_id=claimed.waba_id)
    return list(map(MirroredTemplate._make, rows))


def lock_templates(tx: Tx, keys: Sequence[TemplateIdentity]) -> list[LockedTemplate]:
    """Return those of the templates that are known, held."""
    if not keys:
        return []
    ordered = sorted(set(keys))
    rows = tx.rows(
        _LOCK,
        account_id=[key[0] for key in ordered],
        waba_id=[key[1] for key in ordered],
        name=[key[2] for key in ordered],
        language=[key[3] for key in ordered],
    )
    return list(map(LockedTemplate._make, rows))


def save_templates(tx: Tx, key: ListKey, templates: Sequence[MirroredTemplate], *, now_us: int) -> None:
    """Write templates of a list as the provider has them."""
    rows: list[Row] = [(*key, *template, now_us) for template in templates]
    tx.write_many(_SAVE, rows)


def remove_templates(tx: Tx, keys: Sequence[TemplateIdentity]) -> None:
    """Remove templates that the provider no longer has; one that is not there is removed already."""
    for account_id, waba_id, name, language in keys:
        tx.run(_REMOVE, account_id=account_id, waba_id=waba_id, name=name, language=language)


def change_templates(tx: Tx, templates: Sequence[LockedTemplate]) -> None:
    """Write what news has made of templates."""
    tx.write_many(
        _CHANGE, [(t.category, t.status, t.quality, t.rejected_reason, t.changed_at_us, *t.key) for t in templates]
    )


def end_reading(tx: Tx, claimed: ClaimedList, *, next_us: int, now_us: int) -> bool:
    """
    Say that a copy is held, and when it is read anew: sooner where somebody asked for it meanwhile.

    False: there is no such list any more, and nothing is to be kept of it. The list is held until the transaction ends.
    """
    found = tx.run(
        _SYNCED,
        account_id=claimed.account_id,
        waba_id=claimed.waba_id,
        until_us=claimed.until_us,
        next_us=next_us,
        now_us=now_us,
    )
    return found > 0


def fail_reading(tx: Tx, claimed: ClaimedList, *, failure: str, next_us: int) -> None:
    """Say why a list could not be read, and when it is tried again; a copy held before stays."""
    tx.run(
        _FAILED,
        account_id=claimed.account_id,
        waba_id=claimed.waba_id,
        until_us=claimed.until_us,
        next_us=next_us,
        failure=failure,
    )
