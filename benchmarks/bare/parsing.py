"""Reading just enough of requests, webhooks and answers, and making the rows."""

import hashlib
import hmac
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import uuid_utils

from benchmarks.bare import statements
from benchmarks.rows import text_row
from waypost.domain.message import MessageState
from waypost.store.tallies import TallyKey, hour_of, keep_tallies
from waypost.store.transaction import Row, Tx

_ACCEPTED = b'{"status":"success","message":"Request received successfully.","data":{"id":"%s"}}'


def accepted_answer(message_id: str) -> bytes:
    """Return the body of the answer to an accepted request."""
    return _ACCEPTED % message_id.encode()


def message_row(body: bytes, *, account_id: str) -> Row:
    """Return the row that accepting this request leaves."""
    message = orjson.loads(body)["message"][0]
    now_us = time.time_ns() // 1000
    text = message["type_text"][0]
    content = orjson.dumps({"body": text["content"], "preview_url": text["preview_url"] == "true"}).decode()
    return text_row(
        account_id,
        message["source"],
        message["recipient_whatsapp"],
        state=MessageState.QUEUED,
        content=content,
        now_us=now_us,
        caller_data=message["x-apiheader"],
    )


def send_body(recipient: str, content: str, token: str) -> bytes:
    """Return what is posted to the provider."""
    return orjson.dumps(
        {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": "+" + recipient,
            "type": "text",
            "text": orjson.loads(content),
            "biz_opaque_callback_data": token,
        }
    )


def is_signed(body: bytes, headers: Any, secret: bytes) -> bool:
    """Say whether the provider's signature over the raw body is right."""
    for name, value in headers:
        if name == b"x-hub-signature-256":
            return hmac.compare_digest(value, b"sha256=" + hmac.digest(secret, body, "sha256").hex().encode())
    return False


@dataclass(frozen=True, slots=True)
class Report:
    """One status as it came: what is kept of the POST, and what it says of which message."""

    raw: Row
    status: str
    at_us: int
    token: str

    @property
    def message_id(self) -> str:
        """The message that the token names."""
        digits = self.token[3:35]
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def read_report(body: bytes) -> Report:
    """Read a webhook with one status."""
    status = orjson.loads(body)["entry"][0]["changes"][0]["value"]["statuses"][0]
    raw = (str(uuid_utils.uuid7()), hashlib.sha256(body).hexdigest(), time.time_ns() // 1000, body, None)
    return Report(raw, status["status"], int(status["timestamp"]) * 1_000_000, status["biz_opaque_callback_data"])


def notification_row(report: Report, *, account_id: str, endpoint_id: str, recipient: str, source_id: str) -> Row:
    """Return the row that tells a subscriber of a status."""
    entry = orjson.dumps(
        {
            "ncmessage_id": report.message_id,
            "recipient": recipient,
            "status": report.status,
            "status_remark": "",
            "received_at": "2026-09-01 10:00:00",
            "source": source_id,
            "x-apiheader": "order-4711",
        }
    ).decode()
    now_us = time.time_ns() // 1000
    return (str(uuid_utils.uuid7()), account_id, endpoint_id, report.message_id, "event", entry, now_us, now_us)


def write_reports(tx: Tx, reports: Sequence[tuple[Report, Row, str]]) -> None:
    """Keep the POSTs, join the statuses, count them, and keep the notifications: (report, notification, source)."""
    tx.write_many(statements.INSERT_RAW, [report.raw for report, _, _ in reports])
    by_status: dict[str, list[Row]] = {}
    counts: dict[TallyKey, int] = {}
    for report, notification, source_id in reports:
        row = (report.at_us, *statements.STATE_OF[report.status], report.message_id)
        by_status.setdefault(report.status, []).append(row)
        counted = (notification[1], hour_of(report.at_us), source_id, "", report.status, "")
        counts[counted] = counts.get(counted, 0) + 1
    for status, rows in by_status.items():
        tx.write_many(statements.SAVE_STATUS[status], rows)
    keep_tallies(tx, counts)
    tx.write_many(statements.INSERT_NOTIFICATIONS, [row for _, row, _ in reports])
