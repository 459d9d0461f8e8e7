"""Changes to bulk sends, for the manage API and the command line alike; each with its entry in the audit log."""

from typing import Any, Final

import orjson

from waypost.contract.errors import ContractError, ContractRefusal
from waypost.contract.requests import parse_entry
from waypost.domain.bulk import BulkState, columns_of, count_placeholders, fill
from waypost.domain.policy import SourcePolicy
from waypost.store.bulk import BulkRecord, add_rows, change_state, create_bulk, find_bulk, find_unsent, hold_bulk
from waypost.store.cancellation import cancel_messages
from waypost.store.claiming import LaneKey
from waypost.store.directory import Snapshot
from waypost.store.transaction import Tx
from waypost.web.manage.bulk_models import BulkCreation, BulkRow
from waypost.web.manage.cancelling import tell_cancelled
from waypost.web.manage.editing import Editor
from waypost.web.manage.problems import Fault, Problem, ProblemKind, invalid, not_found

CANCELLED_PER_TRANSACTION_MAX: Final = 500
PLACEHOLDERS_MAX: Final = 500
"""With the longest field in each, a filled entry has 4 MB; a carousel of ten cards needs some 200."""
_SAMPLE_RECIPIENT: Final = "12025550143"
_SAMPLE_FIELDS: Final = ("1", "en", "image", "https://shop.example.org/118.png", "2031-03-05T09:00:00Z")


def add_bulk(
    tx: Tx, editor: Editor, account_id: str, request: BulkCreation, *, source_policy: SourcePolicy
) -> BulkRecord:
    """Add a bulk send, or return the one of the same digest. Raises ``Problem`` where no row could ever be sent."""
    _check_entry(request.entry, source_policy=source_policy, now_us=editor.clock.now_us())
    bulk_id = editor.ids.new()
    record = create_bulk(
        tx,
        bulk_id=bulk_id,
        account_id=account_id,
        name=request.name,
        digest=request.digest,
        entry=orjson.dumps(request.entry).decode(),
        now_us=editor.clock.now_us(),
    )
    if record.id == bulk_id:
        editor.note(tx, account_id=account_id, action="bulk.create", target=bulk_id)
    return record


def put_rows(tx: Tx, account_id: str, bulk_id: str, rows: list[BulkRow], *, first: int, rows_max: int) -> BulkRecord:
    """
    Keep rows from a position on; a position that has a row keeps it, so that a call may be repeated.

    Raises ``Problem``: it takes no rows any more, there would be a gap, a row lacks a column, or there are too many.
    """
    held = _held(tx, account_id, bulk_id)
    if held.state != BulkState.DRAFT and first + len(rows) <= held.rows_total:
        return held
    if held.state != BulkState.DRAFT:
        raise _does_not_fit(held, "take rows", "Only a draft takes rows. Make another bulk send for them.")
    if first > held.rows_total:
        raise Problem(
            ProblemKind.CONFLICT,
            f"Rows from {first} on would leave a gap: there are {held.rows_total}.",
            hint=f"Go on with from={held.rows_total}.",
        )
    if first + len(rows) > rows_max:
        raise invalid("body.rows", f"a bulk send has at most {rows_max} rows", hint="Make another one for the rest.")
    _check_fields(orjson.loads(held.entry), rows)
    return add_rows(tx, held, first=first, rows=[(row.recipient, orjson.dumps(row.fields).decode()) for row in rows])


def start_bulk(tx: Tx, editor: Editor, account_id: str, bulk_id: str) -> BulkRecord:
    """Let a draft or a paused bulk send run; one that runs or is done stays so."""
    held = _held(tx, account_id, bulk_id)
    if held.state in {BulkState.RUNNING, BulkState.DONE}:
        return held
    if not held.rows_total:
        raise _does_not_fit(held, "start", "Put rows first: it has none.")
    return _change(tx, editor, held, BulkState.RUNNING, "start", hint="A cancelled one stays so. Make another one.")


def pause_bulk(tx: Tx, editor: Editor, account_id: str, bulk_id: str) -> BulkRecord:
    """Make no more messages of its rows until it is started again; those that are made go out."""
    held = _held(tx, account_id, bulk_id)
    if held.state == BulkState.PAUSED:
        return held
    return _change(tx, editor, held, BulkState.PAUSED, "pause", hint="Only one that runs can be paused.")


def cancel_bulk(tx: Tx, editor: Editor, account_id: str, bulk_id: str) -> BulkRecord:
    """Never make messages of the rows that are left; one that is done stays so."""
    held = _held(tx, account_id, bulk_id)
    if held.state in {BulkState.CANCELLED, BulkState.DONE}:
        return held
    return _change(tx, editor, held, BulkState.CANCELLED, "cancel", hint="")


def cancel_some_messages(tx: Tx, editor: Editor, account_id: str, bulk_id: str, *, snapshot: Snapshot) -> list[LaneKey]:
    """
    Cancel messages of a bulk send that were not sent yet, a bounded number; return their lanes, none at the end.

    As with one message: once this is durable no request for them starts, and subscribers are told.
    """
    ids = find_unsent(tx, account_id, bulk_id, at_most=CANCELLED_PER_TRANSACTION_MAX)
    now_us = editor.clock.now_us()
    cancelled = cancel_messages(tx, account_id, ids, now_us=now_us)
    tell_cancelled(tx, editor, account_id, cancelled, snapshot=snapshot, now_us=now_us)
    return [(one.source_id, one.recipient) for one in cancelled]


def _held(tx: Tx, account_id: str, bulk_id: str) -> BulkRecord:
    held = hold_bulk(tx, account_id, bulk_id)
    if held is None:
        raise not_found("bulk send")
    return held


def _change(tx: Tx, editor: Editor, held: BulkRecord, state: BulkState, verb: str, *, hint: str) -> BulkRecord:
    if not change_state(tx, held.account_id, held.id, state, now_us=editor.clock.now_us()):
        raise _does_not_fit(held, verb, hint)
    editor.note(tx, account_id=held.account_id, action=f"bulk.{verb}", target=held.id)
    changed = find_bulk(tx, held.account_id, held.id)
    assert changed is not None
    return changed


def _does_not_fit(held: BulkRecord, verb: str, hint: str) -> Problem:
    return Problem(ProblemKind.CONFLICT, f"The bulk send cannot {verb}: it is {held.state}.", hint=hint)


def _check_entry(entry: dict[str, Any], *, source_policy: SourcePolicy, now_us: int) -> None:
    """
    Refuse an entry that is wrong whatever the rows hold: one that is refused alike for fields of very different kinds.

    What only some rows would spoil is found with them.
    """
    if "recipient_whatsapp" in entry:
        raise invalid(
            "body.entry", "names a recipient", hint="Leave recipient_whatsapp out: each row has its own recipient."
        )
    if count_placeholders(entry) > PLACEHOLDERS_MAX:
        raise invalid("body.entry", f"has more than {PLACEHOLDERS_MAX} placeholders", hint="Leave some of them out.")
    columns = columns_of(entry)
    found: set[ContractError | None] = set()
    for field in _SAMPLE_FIELDS:
        sample = {**fill(entry, dict.fromkeys(columns, field)), "recipient_whatsapp": _SAMPLE_RECIPIENT}
        parsed = parse_entry(sample, source_policy=source_policy, now_us=now_us)
        found.add(parsed.error if isinstance(parsed, ContractRefusal) else None)
    error = found.pop()
    if error is not None and not found:
        raise invalid(
            "body.entry",
            f"would be refused: {error.code} {error.text}",
            hint="It is an entry of a send request, as docs/contract.md has it, without the recipient.",
        )


def _check_fields(entry: dict[str, Any], rows: list[BulkRow]) -> None:
    columns = columns_of(entry)
    faults = [
        Fault(f"body.rows.{place}.fields", f"lacks {', '.join(sorted(columns - row.fields.keys()))}")
        for place, row in enumerate(rows)
        if not columns <= row.fields.keys()
    ]
    if faults:
        raise Problem(
            ProblemKind.INVALID,
            f"{faults[0].place}: {faults[0].message}",
            hint="The entry names these columns, so each row needs a field for each. None of the rows was kept.",
            faults=tuple(faults[:100]),
        )
