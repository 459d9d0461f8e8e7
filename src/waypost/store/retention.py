"""
What has been kept long enough: finding it in small pieces, blanking it or deleting it.

Ids are UUIDv7, so an id stands for a time, and a table is walked in the order of its primary key from the oldest row
on. The id only says where to look; whether a row is due is a condition on the row itself, asked once when it is found
and again in the transaction that removes it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import orjson

from waypost.domain.message import (
    Attachment,
    Contacts,
    Content,
    Interactive,
    Location,
    Media,
    MessageKind,
    Reaction,
    Template,
    Text,
)
from waypost.store.content import encode_content
from waypost.store.statements import Sql
from waypost.store.transaction import Tx

_EMPTY: Final[Mapping[MessageKind, Content]] = {
    MessageKind.TEXT: Text(body=""),
    MessageKind.MEDIA: Media(attachment=Attachment()),
    MessageKind.LOCATION: Location(longitude=0.0, latitude=0.0),
    MessageKind.TEMPLATE: Template(name="", language=""),
    MessageKind.MEDIA_TEMPLATE: Template(name="", language=""),
    MessageKind.INTERACTIVE: Interactive(definition={}),
    MessageKind.CONTACTS: Contacts(contacts=[]),
    MessageKind.REACTION: Reaction(message_id="", emoji=""),
}
BLANK_CONTENT: Final[Mapping[str, str]] = MappingProxyType(
    {kind.value: encode_content(content) for kind, content in _EMPTY.items()}
)
"""By a message's kind: content that says nothing and is read back like any other."""

_TIMES: Final = (
    "ended_at_us",
    "failed_at_us",
    "sent_at_us",
    "delivered_at_us",
    "read_at_us",
    "played_at_us",
    "attempt_started_at_us",
)
_MESSAGE_DUE: Final = (
    # Ended, and nothing has become known of it since: the end is the latest of all its times.
    "state >= 60 AND accepted_at_us <= :until_us AND "
    + " AND ".join(f"COALESCE({name}, 0) <= :until_us" for name in _TIMES)
)
_NOTIFICATION_DUE: Final = (
    # A pending one ends by its schedule, unless nobody delivers to its endpoint any more.
    "(state <> 0 AND ended_at_us <= :until_us OR state = 0 AND created_at_us <= :until_us AND NOT EXISTS ("
    "SELECT 1 FROM webhook_endpoints e WHERE e.id = notifications.endpoint_id "
    "AND e.deleted_at_us IS NULL AND e.disabled_reason IS NULL))"
)


class Shelf:
    """A table that is walked by id, and the condition under which its rows have been kept long enough."""

    __slots__ = ("delete", "find", "name", "walk")

    def __init__(self, name: str, condition: str) -> None:
        self.name = name
        self.walk = Sql(
            f"SELECT MAX(w.id) FROM (SELECT id FROM {name} WHERE id > :after AND id < :before "  # noqa: S608
            "ORDER BY id LIMIT :places) AS w"
        )
        self.find = Sql(
            f"SELECT id FROM {name} WHERE id > :after AND id <= :through AND {condition} ORDER BY id"  # noqa: S608
        )
        self.delete = Sql(f"DELETE FROM {name} WHERE id = ANY(:ids) AND {condition} RETURNING id")  # noqa: S608


MESSAGES: Final = Shelf("messages", _MESSAGE_DUE)
NOTIFICATIONS: Final = Shelf("notifications", _NOTIFICATION_DUE)
DELIVERY_ATTEMPTS: Final = Shelf("delivery_attempts", "started_at_us <= :until_us")
INBOUND_MESSAGES: Final = Shelf("inbound_messages", "received_at_us <= :until_us")
AUDIT_LOG: Final = Shelf("audit_log", "at_us <= :until_us")
_MESSAGES_WITH_TEXT: Final = Shelf("messages", f"{_MESSAGE_DUE} AND NOT content = ANY(:blanks)")
_INBOUND_WITH_TEXT: Final = Shelf(
    # The payload is the JSON of the whole inbound message; quotes within a text are escaped, so this is the member.
    "inbound_messages",
    """received_at_us <= :until_us AND payload NOT LIKE '%"payload":{}%'""",
)

_DELETE_ATTEMPTS: Final = Sql("DELETE FROM attempts WHERE message_id = ANY(:ids)")
_LOCK_MESSAGES: Final = Sql(
    f"SELECT id, kind FROM messages WHERE id = ANY(:ids) AND {_MESSAGE_DUE} ORDER BY id FOR UPDATE"  # noqa: S608
)
_BLANK_MESSAGES: Final = Sql("UPDATE messages SET content = :content, fallback = NULL WHERE id = ANY(:ids)")
_LOCK_INBOUND: Final = Sql("SELECT id, payload FROM inbound_messages WHERE id = ANY(:ids) ORDER BY id FOR UPDATE")
_BLANK_INBOUND: Final = Sql("UPDATE inbound_messages SET payload = :payload WHERE id = :id")
_CURSOR: Final = Sql("SELECT value FROM meta WHERE name = :name")
_SET_CURSOR: Final = Sql(
    "INSERT INTO meta (name, value) VALUES (:name, :value) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)


def _aged(table: str, key: str, column: str) -> Sql:
    return Sql(
        f"DELETE FROM {table} WHERE ({key}) IN "  # noqa: S608
        f"(SELECT {key} FROM {table} WHERE {column} <= :until_us ORDER BY {column} LIMIT :places)"
    )


RAW_WEBHOOKS: Final = _aged("raw_webhooks", "id", "received_at_us")
PARKED_STATUSES: Final = _aged("parked_statuses", "id", "received_at_us")
IDEMPOTENCY_RECORDS: Final = _aged("idempotency_records", "account_id, operation, key_hash", "created_at_us")
INGRESS_GAPS: Final = _aged("ingress_gaps", "started_at_us", "ended_at_us")
GONE_GROUPS: Final = Sql(
    "DELETE FROM chat_groups WHERE (source_id, id) IN (SELECT source_id, id FROM chat_groups "
    "WHERE state IN ('creating', 'failed', 'deleted') AND changed_at_us <= :until_us LIMIT :places)"
)
"""Groups that were never made, or have ended; living ones stay."""


_END_UNDELIVERABLE: Final = Sql(
    "UPDATE notifications SET state = 2, ended_at_us = :now_us, last_error = 'the endpoint was deleted' WHERE id IN ("
    "SELECT n.id FROM webhook_endpoints e CROSS JOIN notifications n "
    "WHERE e.deleted_at_us IS NOT NULL AND n.endpoint_id = e.id AND n.state = 0 LIMIT :places) AND state = 0"
)


@dataclass(frozen=True, slots=True)
class Step:
    """One piece of a walk: it ended behind ``through`` (None: at the end), and these rows on it are due."""

    through: str | None
    ids: list[str]


def walk(tx: Tx, shelf: Shelf, *, after: str, before: str, until_us: int, places: int) -> Step:
    """Look at the next ``places`` rows between two ids; those are due that were done with at ``until_us``."""
    return _walk(tx, shelf, after=after, before=before, until_us=until_us, places=places)


def walk_messages_with_text(tx: Tx, *, after: str, before: str, until_us: int, places: int) -> Step:
    """Look likewise for messages whose content is still there."""
    return _walk(
        tx,
        _MESSAGES_WITH_TEXT,
        after=after,
        before=before,
        until_us=until_us,
        places=places,
        blanks=list(BLANK_CONTENT.values()),
    )


def walk_inbound_with_text(tx: Tx, *, after: str, before: str, until_us: int, places: int) -> Step:
    """Look likewise for inbound messages whose content is still there."""
    return _walk(tx, _INBOUND_WITH_TEXT, after=after, before=before, until_us=until_us, places=places)


def _walk(tx: Tx, shelf: Shelf, *, after: str, before: str, until_us: int, places: int, **others: object) -> Step:
    end = tx.one(shelf.walk, after=after, before=before, places=places)
    assert end is not None
    if end[0] is None:
        return Step(None, [])
    rows = tx.rows(shelf.find, after=after, through=end[0], until_us=until_us, **others)
    return Step(str(end[0]), [row[0] for row in rows])


def delete_due(tx: Tx, shelf: Shelf, ids: Sequence[str], *, until_us: int) -> int:
    """Delete those of the rows that are due still; a message goes with its attempts. Return how many."""
    gone = [row[0] for row in tx.rows(shelf.delete, ids=list(ids), until_us=until_us)]
    if shelf is MESSAGES and gone:
        tx.run(_DELETE_ATTEMPTS, ids=gone)
    return len(gone)


def delete_aged(tx: Tx, statement: Sql, *, until_us: int, places: int) -> int:
    """Delete the oldest rows of a table with an index on its time; return how many."""
    return tx.run(statement, until_us=until_us, places=places)


def end_undeliverable(tx: Tx, *, now_us: int, places: int) -> int:
    """End notifications whose endpoint was deleted, at most so many; return how many."""
    return tx.run(_END_UNDELIVERABLE, now_us=now_us, places=places)


def blank_messages(tx: Tx, ids: Sequence[str], *, until_us: int) -> int:
    """Take the content from those of the messages that are due still; return how many."""
    by_kind: dict[str, list[str]] = {}
    for message_id, kind in tx.rows(_LOCK_MESSAGES, ids=list(ids), until_us=until_us):
        by_kind.setdefault(kind, []).append(message_id)
    return sum(tx.run(_BLANK_MESSAGES, content=BLANK_CONTENT[kind], ids=found) for kind, found in by_kind.items())


def blank_inbound(tx: Tx, ids: Sequence[str]) -> int:
    """Take what was said and by what name from inbound messages; kind, times and numbers stay. Return how many."""
    rows = tx.rows(_LOCK_INBOUND, ids=list(ids))
    for inbound_id, payload in rows:
        message = orjson.loads(payload)
        blank = orjson.dumps({**message, "payload": {}, "profile_name": ""}).decode()
        tx.run(_BLANK_INBOUND, payload=blank, id=inbound_id)
    return len(rows)


def load_cursor(tx: Tx, name: str) -> str:
    """Return where a walk has come to; ``""`` if it has not begun."""
    row = tx.one(_CURSOR, name=f"retention.{name}")
    return "" if row is None else str(row[0])


def save_cursor(tx: Tx, name: str, value: str) -> None:
    """Keep where a walk has come to."""
    tx.run(_SET_CURSOR, name=f"retention.{name}", value=value)
