"""Cancelling a message: taken back, and told to subscribers, in one transaction."""

from collections.abc import Sequence

from waypost.domain.errors import FailureReason
from waypost.outbox import failed_news, tell
from waypost.store.cancellation import CancelledMessage, cancel_messages
from waypost.store.claiming import LaneKey
from waypost.store.directory import Snapshot
from waypost.store.inspection import find_message
from waypost.store.transaction import Tx
from waypost.web.manage.editing import Editor
from waypost.web.manage.problems import Problem, ProblemKind, not_found
from waypost.web.manage.traffic_views import status_name


def cancel_message(tx: Tx, editor: Editor, account_id: str, message_id: str, *, snapshot: Snapshot) -> LaneKey:
    """
    Cancel one message; once this is durable no request for it starts (POL-5).

    Returns the lane it stood in: once this is durable the lane's owner is to be told, so that what waits behind it goes
    on. Who cannot tell it (another process, another node) leaves that to the owner, who looks within a minute.
    Subscribers hear of it as ``failed`` with the contract's 8015. Raises ``Problem``: there is no such message, or
    something has been done about it already.
    """
    now_us = editor.clock.now_us()
    cancelled = cancel_messages(tx, account_id, [message_id], now_us=now_us)
    if not cancelled:
        found = find_message(tx, account_id, message_id)
        if found is None:
            raise not_found("message")
        raise Problem(
            ProblemKind.CONFLICT,
            f"The message cannot be cancelled any more: it is {status_name(found[0].state)}.",
            hint="Only messages that are scheduled, waiting or queued can be cancelled.",
        )
    tell_cancelled(tx, editor, account_id, cancelled, snapshot=snapshot, now_us=now_us)
    editor.note(tx, account_id=account_id, action="message.cancel", target=message_id)
    return cancelled[0].source_id, cancelled[0].recipient


def tell_cancelled(
    tx: Tx,
    editor: Editor,
    account_id: str,
    cancelled: Sequence[CancelledMessage],
    *,
    snapshot: Snapshot,
    now_us: int,
) -> None:
    """Tell subscribers of messages just cancelled, in the same transaction."""
    news = [
        failed_news(
            account_id=account_id,
            source_id=one.source_id,
            message_id=one.id,
            recipient=one.recipient,
            source_given=one.source_given,
            caller_data=one.caller_data,
            reason=FailureReason.CANCELLED,
            occurred_at_us=now_us,
        )
        for one in cancelled
    ]
    tell(tx, snapshot, editor.ids, news, now_us=now_us)
