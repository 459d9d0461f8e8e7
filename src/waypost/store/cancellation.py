"""Taking back messages that nothing has been done about yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from waypost.domain.errors import FailureReason
from waypost.domain.message import CANCELLABLE_STATES, MessageState
from waypost.domain.status import Announced
from waypost.store.statements import Sql
from waypost.store.tallies import tally_ends
from waypost.store.transaction import Tx

_CANCEL: Final = Sql(
    "UPDATE messages SET state = :cancelled, wait_reason = NULL, failure = :failure, ended_at_us = :now_us, "
    "announced = :announced WHERE account_id = :account_id AND id = ANY(:ids) AND state = ANY(:cancellable) "
    "RETURNING id, source_id, source_given, recipient, caller_data"
)


@dataclass(frozen=True, slots=True)
class CancelledMessage:
    """A message just cancelled, as far as telling of it needs to know."""

    id: str
    source_id: str
    source_given: str | None
    recipient: str
    caller_data: str


def cancel_messages(tx: Tx, account_id: str, message_ids: Sequence[str], *, now_us: int) -> list[CancelledMessage]:
    """
    Cancel those that are scheduled, waiting or queued, count and return them; the others stay as they are.

    Once this is durable no request for them starts (POL-5): the intent to send is written only for a queued row, under
    a lock that this statement waits for. The caller tells subscribers in the same transaction.
    """
    rows = tx.rows(
        _CANCEL,
        account_id=account_id,
        ids=list(message_ids),
        cancelled=int(MessageState.CANCELLED),
        cancellable=sorted(int(state) for state in CANCELLABLE_STATES),
        failure=FailureReason.CANCELLED.value,
        announced=int(Announced.FAILED),
        now_us=now_us,
    )
    tally_ends(tx, [row[0] for row in rows])
    return sorted((CancelledMessage(*row) for row in rows), key=lambda one: one.id)
