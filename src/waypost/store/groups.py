"""
Groups of the accounts' numbers, as their provider last told of them.

A group that was asked for stands under the id of its request until the provider gives it one of its own; it is found
by either. Should the provider be faster than our own entry, both stand for a moment: the one with the provider's id
counts. Groups are few, so they are written one after the other.
"""

from dataclasses import replace
from typing import Final, NamedTuple

import orjson

from waypost.domain.group import GroupChange, GroupEvent, GroupState
from waypost.domain.value import value
from waypost.store.statements import InsertMany, Sql
from waypost.store.tables import CHAT_GROUPS
from waypost.store.transaction import Row, Tx

_COLUMNS: Final = (
    "account_id", "source_id", "id", "request_id", "subject", "description", "invite_link", "join_approval_mode",
    "participants", "state", "failure", "created_at_us", "changed_at_us",
)  # fmt: skip
_SELECTED: Final = ", ".join(f"g.{name}" for name in _COLUMNS)
_SAVE: Final = InsertMany(
    CHAT_GROUPS,
    _COLUMNS,
    on_conflict="(source_id, id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name not in ("account_id", "source_id", "id")),
)
_ADD: Final = InsertMany(CHAT_GROUPS, _COLUMNS, on_conflict="(source_id, id) DO NOTHING")
_HOLD: Final = Sql(
    f"SELECT {_SELECTED} FROM chat_groups g WHERE g.source_id = :source_id AND g.id = :id "  # noqa: S608
    "AND g.account_id = :account_id FOR UPDATE"
)
_FORGET_REQUEST: Final = Sql(
    "DELETE FROM chat_groups WHERE account_id = :account_id AND source_id = :source_id AND id = :request_id "
    "AND state IN ('creating', 'failed')"
)
# Not the entry of a request whose group stands under its own id already, and nothing of a number out of use.
_COUNTS: Final = (
    "NOT (g.id = g.request_id AND EXISTS (SELECT 1 FROM chat_groups o WHERE o.request_id = g.request_id "
    "AND o.source_id = g.source_id AND o.id <> g.id)) "
    "AND EXISTS (SELECT 1 FROM sources s WHERE s.id = g.source_id AND s.deleted_at_us IS NULL)"
)
_LIST: Final = Sql(
    f"SELECT {_SELECTED} FROM chat_groups g WHERE g.account_id = :account_id AND g.id > :after "  # noqa: S608
    "AND (CAST(:source_id AS TEXT) IS NULL OR g.source_id = :source_id) AND g.state <> 'deleted' "
    f"AND {_COUNTS} ORDER BY g.id LIMIT :at_most"
)
_FIND: Final = Sql(
    f"SELECT {_SELECTED} FROM chat_groups g WHERE g.account_id = :account_id "  # noqa: S608
    f"AND (g.id = :id OR g.request_id = :id) AND {_COUNTS} ORDER BY g.changed_at_us DESC LIMIT 1"
)
_OF_REQUEST: Final = Sql(
    "SELECT 1 FROM chat_groups WHERE account_id = :account_id AND request_id = :request_id AND source_id = :source_id"
)


@value
class GroupRecord:
    """
    One group; ``id`` is the provider's, or that of the request as long as there is none.

    ``participants`` are digits, or user ids, sorted; the business is not among them. ``failure`` says why a group was
    never made.
    """

    account_id: str
    source_id: str
    id: str
    request_id: str | None = None
    subject: str = ""
    description: str = ""
    invite_link: str | None = None
    join_approval_mode: str = "auto_approve"
    participants: tuple[str, ...] = ()
    state: GroupState = GroupState.ACTIVE
    failure: str | None = None
    created_at_us: int
    changed_at_us: int

    @property
    def has_id(self) -> bool:
        """Whether the provider has given it an id, so that it can be written to and asked about."""
        return self.state not in (GroupState.CREATING, GroupState.FAILED)


class Applied(NamedTuple):
    """A group after a change; ``is_news`` False: the change was known."""

    record: GroupRecord
    is_news: bool


def keep_request(tx: Tx, record: GroupRecord) -> None:
    """Keep a group that was asked for, unless its provider has told of it already."""
    if (
        tx.one(_OF_REQUEST, account_id=record.account_id, request_id=record.request_id, source_id=record.source_id)
        is None
    ):
        add_group(tx, record)


def add_group(tx: Tx, record: GroupRecord) -> bool:
    """Keep a group that was not known; False: it was, and stays as it is."""
    return tx.write_many(_ADD, [_row(record)]) > 0


def save_group(tx: Tx, record: GroupRecord) -> None:
    """Put a group in the place of what was known of it; who has made it from that must hold it."""
    tx.write_many(_SAVE, [_row(record)])


def hold_group(tx: Tx, *, account_id: str, source_id: str, group_id: str) -> GroupRecord | None:
    """Return one group by the id it stands under, which nobody else can change until the transaction ends."""
    row = tx.one(_HOLD, account_id=account_id, source_id=source_id, id=group_id)
    return None if row is None else _record(row)


def list_groups(
    tx: Tx, account_id: str, *, source_id: str | None = None, after: str = "", at_most: int
) -> list[GroupRecord]:
    """Return an account's groups in the order of their ids, without deleted ones and those of numbers out of use."""
    rows = tx.rows(_LIST, account_id=account_id, source_id=source_id, after=after, at_most=at_most)
    return [_record(row) for row in rows]


def find_group(tx: Tx, account_id: str, group_id: str) -> GroupRecord | None:
    """Return the account's group by its id or its request's, or None: another account's is the same as none."""
    row = tx.one(_FIND, account_id=account_id, id=group_id)
    return None if row is None else _record(row)


def apply_change(tx: Tx, *, account_id: str, source_id: str, change: GroupChange) -> Applied | None:
    """
    Keep what the provider says of a group; None if it is about an operation on a group nobody knows.

    A change told twice is no news. A deleted group stays deleted, whatever is told late of it.
    """
    row_id = change.group_id or change.request_id
    assert row_id is not None
    before = hold_group(tx, account_id=account_id, source_id=source_id, group_id=row_id)
    is_new = False
    if change.event is GroupEvent.FAILED and change.group_id is not None:
        return None if before is None else Applied(before, is_news=True)
    if before is None:
        before = GroupRecord(
            account_id=account_id,
            source_id=source_id,
            id=row_id,
            created_at_us=change.occurred_at_us,
            changed_at_us=change.occurred_at_us,
        )
        is_new = add_group(tx, before)
        if not is_new:
            # Another node was told of it at the same time, and has been waited for.
            before = hold_group(tx, account_id=account_id, source_id=source_id, group_id=row_id) or before
    after = _after(before, change)
    is_news = is_new or after != before or change.event in (GroupEvent.JOIN_REQUEST, GroupEvent.SETTINGS)
    if before.state is GroupState.DELETED:
        return Applied(before, is_news=False)
    if is_news:
        after = replace(after, changed_at_us=max(before.changed_at_us, change.occurred_at_us))
        if change.event is GroupEvent.CREATED and change.request_id is not None:
            tx.run(_FORGET_REQUEST, account_id=account_id, source_id=source_id, request_id=change.request_id)
        save_group(tx, after)
    return Applied(after, is_news=is_news)


def _after(before: GroupRecord, change: GroupChange) -> GroupRecord:
    said = {
        name: text
        for name in ("subject", "description", "invite_link", "join_approval_mode")
        if (text := getattr(change.settings, name)) is not None
    }
    match change.event:
        case GroupEvent.CREATED:
            state = GroupState.SUSPENDED if before.state is GroupState.SUSPENDED else GroupState.ACTIVE
            # What was told of changes since then stands: only what is not known yet is filled in.
            unknown = {name: text for name, text in said.items() if name == "invite_link" or not getattr(before, name)}
            mode = said.get("join_approval_mode", before.join_approval_mode)
            unknown["join_approval_mode"] = mode
            return replace(before, state=state, request_id=change.request_id or before.request_id, **unknown)
        case GroupEvent.FAILED:
            unknown = {name: text for name, text in said.items() if not getattr(before, name)}
            return replace(
                before, state=GroupState.FAILED, request_id=change.request_id, failure=change.failure, **unknown
            )
        case GroupEvent.DELETED:
            return replace(before, state=GroupState.DELETED, participants=())
        case GroupEvent.PARTICIPANTS:
            members = {*before.participants, *change.added} - {*change.removed}
            return replace(before, participants=tuple(sorted(members)))
        case GroupEvent.SETTINGS:
            return replace(before, **said)
        case GroupEvent.SUSPENDED:
            return replace(before, state=GroupState.SUSPENDED)
        case GroupEvent.RESUMED:
            return replace(before, state=GroupState.ACTIVE)
        case GroupEvent.JOIN_REQUEST:
            return before


def _row(record: GroupRecord) -> Row:
    return (
        record.account_id, record.source_id, record.id, record.request_id, record.subject, record.description,
        record.invite_link, record.join_approval_mode, orjson.dumps(record.participants).decode(), record.state.value,
        record.failure, record.created_at_us, record.changed_at_us,
    )  # fmt: skip


def _record(row: Row) -> GroupRecord:
    named = dict(zip(_COLUMNS, row, strict=True))
    named["participants"] = tuple(orjson.loads(named["participants"]))
    return GroupRecord(**{**named, "state": GroupState(named["state"])})
