"""
Exports: messages and events as CSV, JSON lines or Parquet, in parts, so that memory holds one page at a time.

A row is a plain mapping with the same members in each form. Times are RFC 3339 in UTC; in Parquet they are timestamps.
"""

import io
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from importlib import import_module
from typing import Any, Final, Protocol

import orjson

from waypost.domain.message import MessageState
from waypost.domain.pricing import parse_pricing
from waypost.store.reporting import InboundEvent, ReportedMessage, events_of, page_inbound, page_messages
from waypost.store.tallies import TallyEvent
from waypost.store.transaction import Tx
from waypost.web.csv_text import csv_text

ROWS_PER_PAGE: Final = 2_000
ROWS_PER_GROUP: Final = 20_000
"""Rows of one row group of a Parquet file; smaller ones make the file larger and its reading slower."""
PARQUET_MISSING: Final = "Parquet needs the extra: pip install 'waypost[parquet]'"

Record = dict[str, Any]


class ExportFormat(StrEnum):
    """The form of an export."""

    CSV = "csv"
    JSON = "json"
    """One JSON object a line."""
    PARQUET = "parquet"

    @property
    def media_type(self) -> str:
        return {"csv": "text/csv", "json": "application/x-ndjson", "parquet": "application/vnd.apache.parquet"}[self]


class ExportKind(StrEnum):
    """What is exported."""

    MESSAGES = "messages"
    EVENTS = "events"


_MESSAGE_COLUMNS: Final = {
    "id": str, "source_id": str, "source": str, "recipient": str, "is_group": bool, "kind": str, "template": str,
    "x-apiheader": str, "status": str, "wamid": str, "accepted_at": datetime, "scheduled_at": datetime,
    "sent_at": datetime, "delivered_at": datetime, "read_at": datetime, "played_at": datetime, "failed_at": datetime,
    "failure": str, "failure_code": int, "failure_detail": str, "price_category": str, "price_type": str,
    "price_billable": bool, "clicked_at": datetime, "clicks": int,
}  # fmt: skip
_EVENT_COLUMNS: Final = {
    "event": str, "at": datetime, "detail": str, "message_id": str, "wamid": str, "source_id": str, "recipient": str,
    "template": str, "x-apiheader": str,
}  # fmt: skip
COLUMNS: Final = {ExportKind.MESSAGES: _MESSAGE_COLUMNS, ExportKind.EVENTS: _EVENT_COLUMNS}


class PageReader:
    """
    Reads an export page by page; ``read`` is to be run in transactions of their own until it returns None.

    Events are those of the messages accepted in the span, whenever they happened, then what came in during the span.
    """

    def __init__(self, kind: ExportKind, account_id: str, *, from_us: int, until_us: int) -> None:
        self._kind = kind
        self._account_id = account_id
        self._from_us = from_us
        self._until_us = until_us
        self._after = ""
        self._has_messages = True

    def read(self, tx: Tx) -> list[Record] | None:
        """Return the next rows, at most a page of messages and what happened to them; None at the end."""
        if self._has_messages:
            page = page_messages(
                tx,
                self._account_id,
                from_us=self._from_us,
                until_us=self._until_us,
                after=self._after,
                at_most=ROWS_PER_PAGE,
            )
            if page:
                self._after = page[-1].id
                return self._records(page)
            self._has_messages, self._after = False, ""
        if self._kind is ExportKind.MESSAGES:
            return None
        inbound = page_inbound(
            tx,
            self._account_id,
            from_us=self._from_us,
            until_us=self._until_us,
            after=self._after,
            at_most=ROWS_PER_PAGE,
        )
        if not inbound:
            return None
        self._after = inbound[-1].id
        return [_inbound_record(event) for event in inbound]

    def _records(self, page: Sequence[ReportedMessage]) -> list[Record]:
        if self._kind is ExportKind.MESSAGES:
            return [_message_record(message) for message in page]
        return [record for message in page for record in _event_records(message)]


def _message_record(message: ReportedMessage) -> Record:
    pricing = None if message.pricing is None else parse_pricing(message.pricing)
    return {
        "id": message.id,
        "source_id": message.source_id,
        "source": message.source_given or "",
        "recipient": message.recipient,
        "is_group": bool(message.is_group),
        "kind": message.kind,
        "template": message.template_name,
        "x-apiheader": message.caller_data,
        "status": MessageState(message.state).name.lower(),
        "wamid": message.wamid,
        "accepted_at": _time(message.accepted_at_us),
        "scheduled_at": _time(message.scheduled_at_us),
        "sent_at": _time(message.sent_at_us),
        "delivered_at": _time(message.delivered_at_us),
        "read_at": _time(message.read_at_us),
        "played_at": _time(message.played_at_us),
        "failed_at": _time(message.ended_at_us if message.failed_at_us is None else message.failed_at_us),
        "failure": message.failure,
        "failure_code": message.failure_code,
        "failure_detail": message.failure_detail,
        "price_category": None if pricing is None else pricing.category,
        "price_type": None if pricing is None else pricing.type,
        "price_billable": None if pricing is None else pricing.is_billable,
        "clicked_at": _time(message.clicked_at_us),
        "clicks": message.clicks,
    }


def _event_records(message: ReportedMessage) -> Iterator[Record]:
    for event in events_of(message):
        yield {
            "event": event.event.value,
            "at": _time(event.at_us),
            "detail": event.detail,
            "message_id": message.id,
            "wamid": message.wamid,
            "source_id": message.source_id,
            "recipient": message.recipient,
            "template": message.template_name,
            "x-apiheader": message.caller_data,
        }


def _inbound_record(event: InboundEvent) -> Record:
    return {
        "event": TallyEvent.INBOUND.value,
        "at": _time(event.occurred_at_us),
        "detail": event.kind,
        "message_id": event.id,
        "wamid": event.provider_id,
        "source_id": event.source_id,
        "recipient": event.sender,
        "template": None,
        "x-apiheader": "",
    }


def _time(at_us: int | None) -> datetime | None:
    return None if at_us is None else datetime.fromtimestamp(at_us // 1_000_000, UTC).replace(
        microsecond=at_us % 1_000_000
    )  # fmt: skip


class Encoder(Protocol):
    """Turns rows into bytes, part by part; ``end`` gives what is left."""

    def begin(self) -> bytes: ...
    def encode(self, records: Sequence[Record]) -> bytes: ...
    def end(self) -> bytes: ...


class ParquetMissingError(Exception):
    """The extra ``parquet`` is not installed; the text says how to install it."""

    def __init__(self) -> None:
        super().__init__(PARQUET_MISSING)


def encoder_for(form: ExportFormat, kind: ExportKind) -> Encoder:
    """Return the encoder of a form. Raises ParquetMissingError."""
    match form:
        case ExportFormat.CSV:
            return _CsvEncoder(list(COLUMNS[kind]))
        case ExportFormat.JSON:
            return _JsonEncoder()
        case ExportFormat.PARQUET:
            return _ParquetEncoder(COLUMNS[kind])


class _CsvEncoder:
    """Lines with a header."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns

    def begin(self) -> bytes:
        return csv_text([self._columns]).encode()

    def encode(self, records: Sequence[Record]) -> bytes:
        return csv_text([record[column] for column in self._columns] for record in records).encode()

    def end(self) -> bytes:
        return b""


class _JsonEncoder:
    def begin(self) -> bytes:
        return b""

    def encode(self, records: Sequence[Record]) -> bytes:
        option = orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE
        return b"".join([orjson.dumps(record, option=option) for record in records])

    def end(self) -> bytes:
        return b""


class _ParquetEncoder:
    """One file, written as it grows: pyarrow writes into a sink, whose bytes are taken away after each row group."""

    def __init__(self, columns: dict[str, type]) -> None:
        try:
            arrow: Any = import_module("pyarrow")
            parquet: Any = import_module("pyarrow.parquet")
        except ImportError as error:
            raise ParquetMissingError from error
        types = {
            str: arrow.string(),
            bool: arrow.bool_(),
            int: arrow.int64(),
            datetime: arrow.timestamp("us", tz="UTC"),
        }
        self._arrow = arrow
        self._schema = arrow.schema([(name, types[kind]) for name, kind in columns.items()])
        self._sink = io.BytesIO()
        self._writer = parquet.ParquetWriter(_Growing(self._sink), self._schema, compression="zstd")
        self._held: list[Record] = []

    def begin(self) -> bytes:
        return self._taken()

    def encode(self, records: Sequence[Record]) -> bytes:
        self._held += records
        if len(self._held) < ROWS_PER_GROUP:
            return b""
        return self._flushed()

    def end(self) -> bytes:
        last = self._flushed() if self._held else b""
        self._writer.close()
        return last + self._taken()

    def _flushed(self) -> bytes:
        self._writer.write_table(self._arrow.Table.from_pylist(self._held, schema=self._schema))
        self._held = []
        return self._taken()

    def _taken(self) -> bytes:
        taken = self._sink.getvalue()
        self._sink.seek(0)
        self._sink.truncate()
        return taken


class _Growing(io.RawIOBase):
    """A sink that knows how far it has been written, though its bytes are taken away meanwhile."""

    def __init__(self, sink: io.BytesIO) -> None:
        super().__init__()
        self._sink = sink
        self._position = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        written = self._sink.write(data)
        self._position += written
        return written

    def tell(self) -> int:
        return self._position
