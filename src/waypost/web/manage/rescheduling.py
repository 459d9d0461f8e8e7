"""Moving a scheduled message to another time."""

from typing import Final

from waypost.contract.requests import SCHEDULE_DAYS_MAX
from waypost.store.inspection import find_message
from waypost.store.scheduling import move_scheduled
from waypost.store.transaction import Tx
from waypost.web.manage.editing import Editor
from waypost.web.manage.problems import Problem, ProblemKind, invalid, not_found
from waypost.web.manage.requests import Rescheduling
from waypost.web.manage.traffic_views import status_name
from waypost.web.manage.views import as_microseconds

_AHEAD_US_MAX: Final = SCHEDULE_DAYS_MAX * 86_400 * 1_000_000


def reschedule_message(tx: Tx, editor: Editor, account_id: str, message_id: str, request: Rescheduling) -> str:
    """
    Move a scheduled message, its time to live with it; a time that has passed means at once. Return its source.

    Once this is durable it is not sent before the new time. Raises ``Problem``: there is no such message, it is
    scheduled no longer, or the time is too far ahead.
    """
    now_us = editor.clock.now_us()
    at_us = as_microseconds(request.scheduled_at)
    if at_us > now_us + _AHEAD_US_MAX:
        raise invalid(
            "body.scheduled_at",
            f"is more than {SCHEDULE_DAYS_MAX} days ahead",
            hint="Choose an earlier time, or cancel the message and send it when it is nearer.",
        )
    source_id = move_scheduled(tx, account_id, message_id, at_us=at_us, now_us=now_us)
    if source_id is None:
        found = find_message(tx, account_id, message_id)
        if found is None:
            raise not_found("message")
        raise Problem(
            ProblemKind.CONFLICT,
            f"The message cannot be moved any more: it is {status_name(found[0].state)}.",
            hint="Only scheduled messages can be moved. One that is queued or waiting can still be cancelled.",
        )
    editor.note(tx, account_id=account_id, action="message.reschedule", target=message_id)
    return source_id
