"""Who changed what, when; written in the transaction of the change itself."""

from dataclasses import dataclass
from typing import Final

from waypost.domain.ids import BEFORE_ALL
from waypost.store.paging import Page, Walk
from waypost.store.statements import Sql
from waypost.store.transaction import Row, Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """
    One change by a person or a program.

    ``account_id`` None: the change concerns no single account. ``actor`` is ``key:<key id>`` or ``cli:<user>``,
    ``action`` a noun and a verb such as ``source.pause``, ``target`` the id of what was changed.
    """

    id: str
    account_id: str | None
    actor: str
    action: str
    target: str
    at_us: int


_INSERT: Final = Sql(
    "INSERT INTO audit_log (id, account_id, actor, action, target, at_us) "
    "VALUES (:id, :account_id, :actor, :action, :target, :at_us)"
)
_LIST: Final = Sql(
    "SELECT id, account_id, actor, action, target, at_us FROM audit_log "
    "WHERE account_id = :account_id AND id < :before ORDER BY id DESC LIMIT :at_most"
)

_MATCHES: Final = (
    "(CAST(:actor AS TEXT) IS NULL OR e.actor = :actor) AND (CAST(:action AS TEXT) IS NULL OR e.action = :action)"
)
_COLUMNS: Final = "e.id, e.account_id, e.actor, e.action, e.target, e.at_us"
_OF_ACCOUNT: Final = Walk(_COLUMNS, "audit_log e", keys="e.account_id = :account_id", matches=_MATCHES)
_OF_ALL: Final = Walk(_COLUMNS, "audit_log e", keys="e.id > ''", matches=_MATCHES)
_OF_TARGET: Final = Walk(
    _COLUMNS,
    "audit_log e",
    keys="e.target = :target AND (CAST(:account_id AS TEXT) IS NULL OR e.account_id = :account_id)",
    matches=_MATCHES,
)
PLANNED: Final = (*_OF_ACCOUNT.statements, *_OF_ALL.statements, *_OF_TARGET.statements)
"""The statements of pages, for tests of their plans."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """What entries must match; None matches all. ``actor`` is ``key:<key id>`` and the like, whole."""

    actor: str | None = None
    action: str | None = None
    target: str | None = None


ALL_ENTRIES: Final = AuditFilter()


def record_change(tx: Tx, entry: AuditEntry) -> None:
    """Add an entry; it stands or falls with the change."""
    tx.run(
        _INSERT,
        id=entry.id,
        account_id=entry.account_id,
        actor=entry.actor,
        action=entry.action,
        target=entry.target,
        at_us=entry.at_us,
    )


def list_changes(tx: Tx, account_id: str, *, before: str = BEFORE_ALL, at_most: int) -> list[AuditEntry]:
    """Return the account's entries, newest first, older than the id ``before``."""
    rows = tx.rows(_LIST, account_id=account_id, before=before, at_most=at_most)
    return [_entry(row) for row in rows]


def search_audit(
    tx: Tx,
    account_id: str | None,
    *,
    wanted: AuditFilter = ALL_ENTRIES,
    cursor: str | None = None,
    at_most: int,
) -> Page[AuditEntry]:
    """Return a page of the entries that match, newest first; ``account_id`` None: of the whole installation."""
    if wanted.target is not None:
        walk, keys = _OF_TARGET, {"target": wanted.target, "account_id": account_id}
    elif account_id is not None:
        walk, keys = _OF_ACCOUNT, {"account_id": account_id}
    else:
        walk, keys = _OF_ALL, {}
    matches = {"actor": wanted.actor, "action": wanted.action}
    return walk.page(tx, keys, matches, cursor=cursor, at_most=at_most).of(_entry)


def _entry(row: Row) -> AuditEntry:
    return AuditEntry(id=row[0], account_id=row[1], actor=row[2], action=row[3], target=row[4], at_us=row[5])
