"""Looking for messages and showing one, for the manage API and the command line alike."""

from waypost.domain.message import MessageState
from waypost.store.inspecting_webhooks import list_deliveries, list_of_subject
from waypost.store.inspection import MessageRow, find_message, list_attempts
from waypost.store.paging import Order
from waypost.store.searching import MessageFilter, search_messages
from waypost.store.transaction import Tx
from waypost.web.manage.problems import not_found
from waypost.web.manage.requests import MessageSearch
from waypost.web.manage.traffic_views import MessageDetailView
from waypost.web.manage.views import as_microseconds

_RELATED_MAX = 200


def as_filter(request: MessageSearch) -> MessageFilter:
    """Return what a search asks for, as the store takes it."""
    names = request.statuses
    return MessageFilter(
        id=request.id,
        recipient=request.recipient,
        caller_data=request.x_apiheader,
        wamid=request.wamid,
        source_id=request.source_id,
        states=tuple(MessageState) if names is None else [MessageState[name.upper()] for name in names],
        failures=[reason.value for reason in request.failures or ()],
        failure_codes=request.failure_codes or (),
        since_us=0 if request.since is None else as_microseconds(request.since),
        until_us=2**62 if request.until is None else as_microseconds(request.until),
    )


def find_messages(tx: Tx, account_id: str, request: MessageSearch, *, at_most: int) -> list[MessageRow]:
    """Return the messages that match, in the order asked for, over as many pages as it takes."""
    wanted, order = as_filter(request), Order(request.order)
    page = search_messages(tx, account_id, wanted, order=order, at_most=at_most)
    rows = page.rows
    while page.next_cursor is not None and len(rows) < at_most:
        page = search_messages(
            tx, account_id, wanted, order=order, cursor=page.next_cursor, at_most=at_most - len(rows)
        )
        rows += page.rows
    return rows


def show_message(tx: Tx, account_id: str, message_id: str) -> MessageDetailView:
    """Return one message with everything that became of it; raises that there is none."""
    found = find_message(tx, account_id, message_id)
    if found is None:
        raise not_found("message")
    notifications = list_of_subject(tx, account_id, message_id, at_most=_RELATED_MAX)
    return MessageDetailView.assemble(
        found,
        attempts=list_attempts(tx, account_id, message_id),
        notifications=notifications,
        deliveries=list_deliveries(tx, account_id, notifications, at_most=_RELATED_MAX),
    )
