"""Who changed what, when; written in the transaction of the change itself."""

from dataclasses import dataclass
from typing import Final

from waypost.domain.ids import BEFORE_ALL
from waypost.store.statements import Sql
from waypost.store.transaction import Tx


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
    return [
        AuditEntry(id=row[0], account_id=row[1], actor=row[2], action=row[3], target=row[4], at_us=row[5])
        for row in rows
    ]
