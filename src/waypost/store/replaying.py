"""
Everything that subscribers were told of one message, or were never told, told again.

A notification that went alone goes again under its own webhook id, with the same bytes (HOOK-2). One that was delivered
in a batch goes again by itself, as a new notification with an id of its own: its batch's id must never carry another
body. A dead one comes back with its whole batch, as ``inspecting_webhooks.replay_one`` has it.
"""

from collections.abc import Callable, Collection
from typing import Final

from waypost.store.inspecting_webhooks import replay_one
from waypost.store.notifications import insert_notifications
from waypost.store.notifying import DEAD, DELIVERED
from waypost.store.statements import Sql
from waypost.store.transaction import Tx

_ENDED: Final = Sql(
    "SELECT n.id, n.endpoint_id, n.kind, n.entry, n.state, n.batch_id FROM notifications n "
    "WHERE n.subject_id = :subject_id AND n.account_id = :account_id AND n.state IN (1, 2) ORDER BY n.id LIMIT :at_most"
)
_AGAIN: Final = Sql(
    "UPDATE notifications SET state = 0, attempts = 0, due_at_us = :now_us, ended_at_us = NULL, batch_id = id "
    "WHERE account_id = :account_id AND subject_id = :subject_id AND id = ANY(:ids) AND state + 0 = 1"
)
PLANNED: Final = (_ENDED, _AGAIN)
"""All statements there are, for tests of their plans."""


def replay_subject(
    tx: Tx,
    account_id: str,
    subject_id: str,
    *,
    endpoint_ids: Collection[str],
    only: str | None = None,
    new_id: Callable[[], str],
    now_us: int,
    at_most: int,
) -> int:
    """
    Let these endpoints be told again, at once, of everything about one message; return of how much.

    ``only`` names one notification, None: all. What is still to be told is left as it is, so a second call while the
    first one's are under way changes nothing.
    """
    count = 0
    alone: list[str] = []
    copies = []
    rows = tx.rows(_ENDED, account_id=account_id, subject_id=subject_id, at_most=at_most)
    for notification_id, endpoint_id, kind, entry, state, batch_id in rows:
        if endpoint_id not in endpoint_ids or only not in (None, notification_id):
            continue
        if state == DEAD:
            count += replay_one(tx, account_id, endpoint_id, notification_id, now_us=now_us)
        elif batch_id in (None, notification_id):
            assert state == DELIVERED
            alone.append(notification_id)
        else:
            copies.append((new_id(), account_id, endpoint_id, subject_id, kind, entry, now_us, now_us))
    if alone:
        count += tx.run(_AGAIN, account_id=account_id, subject_id=subject_id, ids=alone, now_us=now_us)
    insert_notifications(tx, copies)
    return count + len(copies)
