"""Rows that stand for work to do, written set-wise: queued messages, accepted ones, pending notifications."""

import time
from collections.abc import Iterator

import orjson
import uuid_utils

from benchmarks.tenants import Tenants
from waypost.contract.events import StatusNotice, render_status
from waypost.contract.times import TimestampForm
from waypost.domain.message import MessageState, Text
from waypost.domain.status import Status
from waypost.store.acceptance import MESSAGE_COLUMNS
from waypost.store.connections import Connection
from waypost.store.content import encode_content
from waypost.store.notifications import insert_notifications
from waypost.store.statements import InsertMany, Sql
from waypost.store.tables import MESSAGES
from waypost.store.transaction import Row

TEXT = "Your order 4711 has left our warehouse and will be with you tomorrow between nine and twelve o'clock."

_NOTHING_MORE = (None,) * (MESSAGE_COLUMNS.index("track_links") - MESSAGE_COLUMNS.index("context_id"))
"""What a text has none of: what it answers, a file, a template, a fallback, a bulk send."""
_INSERT_QUEUED = InsertMany(MESSAGES, MESSAGE_COLUMNS)
_COPIED = ", ".join(MESSAGE_COLUMNS[1:])
_COPY_QUEUED = Sql(
    # The first digit of an id is 0 until the year 2527. With another one copies stand behind all that is copied, so
    # that no two messages to one recipient stand together.
    f"INSERT INTO messages (id, {_COPIED}) "
    f"SELECT CAST(:digit AS TEXT) || substr(id, 2), {_COPIED} FROM messages WHERE state = 30 AND substr(id, 1, 1) = '0'"
)
_INSERT_ACCEPTED = InsertMany(MESSAGES, (*MESSAGE_COLUMNS, "attempt_number", "attempt_started_at_us", "wamid"))


def request_body(recipient: str, source_id: str) -> bytes:
    """Return the body of a request that sends one text (contract, section 2)."""
    return orjson.dumps(
        {
            "message": [
                {
                    "recipient_whatsapp": recipient,
                    "recipient_type": "individual",
                    "message_type": "text",
                    "source": source_id,
                    "x-apiheader": "order-4711",
                    "type_text": [{"preview_url": "false", "content": TEXT}],
                }
            ]
        }
    )


def insert_queued(connection: Connection, tenants: Tenants, count: int) -> None:
    """Queue so many texts, of all tenants in turn; all of them are there at once."""
    connection.begin()
    connection.tx.write_many(_INSERT_QUEUED, list(_queued(tenants, count)))
    connection.commit()


def multiply_queued(connection: Connection, times: int) -> None:
    """Queue every queued message so many times in all, at most 16; the database copies them by itself."""
    connection.begin()
    for copy in range(1, times):
        connection.tx.run(_COPY_QUEUED, digit=f"{copy:x}")
    connection.commit()


def _queued(tenants: Tenants, count: int) -> Iterator[Row]:
    now_us = time.time_ns() // 1000
    content = encode_content(Text(body=TEXT))
    for tenant, recipient in tenants.turns(count):
        yield text_row(
            tenant.account_id,
            tenant.source_id,
            recipient,
            state=MessageState.QUEUED,
            content=content,
            now_us=now_us,
        )


def text_row(
    account_id: str,
    source_id: str,
    recipient: str,
    *,
    state: MessageState,
    content: str,
    now_us: int,
    caller_data: str = "order-4711",
) -> Row:
    """Return the row of a text, in the order of MESSAGE_COLUMNS."""
    return (
        str(uuid_utils.uuid7()),
        account_id,
        source_id,
        source_id,
        recipient,
        0,
        "text",
        1,
        int(state),
        now_us,
        now_us,
        None,
        None,
        caller_data,
        content,
        *_NOTHING_MORE,
        0,
        0,
    )


def insert_accepted(connection: Connection, tenants: Tenants, count: int) -> list[tuple[int, str, str]]:
    """Write so many texts that upstream has taken; return (tenant's number, id, wamid) of each."""
    now_us = time.time_ns() // 1000
    content = encode_content(Text(body=TEXT))
    rows: list[Row] = []
    told: list[tuple[int, str, str]] = []
    for number, (tenant, recipient) in enumerate(tenants.turns(count)):
        row = text_row(
            tenant.account_id,
            tenant.source_id,
            recipient,
            state=MessageState.ACCEPTED,
            content=content,
            now_us=now_us,
        )
        wamid = f"wamid.HBgLMTIwMjU1NTAxNDMVAgARGBI{now_us:x}{number:012d}"
        rows.append((*row, 1, now_us, wamid))
        told.append((tenant.number, row[0], wamid))
    connection.begin()
    connection.tx.write_many(_INSERT_ACCEPTED, rows)
    connection.commit()
    return told


def insert_pending(connection: Connection, tenants: Tenants, count: int) -> None:
    """Write so many notifications that are due, each of a message of its own, for all tenants' webhooks in turn."""
    now_us = time.time_ns() // 1000
    rows = []
    for tenant, recipient in tenants.turns(count):
        message_id = str(uuid_utils.uuid7())
        entry = notice_entry(message_id, recipient, tenant.source_id, now_us)
        notification_id = str(uuid_utils.uuid7())
        rows.append(
            (
                notification_id,
                tenant.account_id,
                tenant.endpoint_id,
                message_id,
                "event",
                entry.decode(),
                now_us,
                now_us,
            )
        )
    connection.begin()
    insert_notifications(connection.tx, rows)
    connection.commit()


def notice_entry(message_id: str, recipient: str, source_id: str, now_us: int) -> bytes:
    """Return one entry of `delivery_status`."""
    notice = StatusNotice(
        message_id=message_id,
        recipient=recipient,
        status=Status.DELIVERED,
        occurred_at_us=now_us,
        source=source_id,
        caller_data="order-4711",
    )
    return render_status(notice, timestamps=TimestampForm.DATE)
