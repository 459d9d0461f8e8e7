"""Cancelling, on both databases."""

from tests.store.rows import NOW_US, add

from waypost.domain.message import CANCELLABLE_STATES, MessageState
from waypost.store.cancellation import cancel_messages
from waypost.store.engine import Database
from waypost.store.inspection import find_message


async def test_only_what_nothing_was_done_about_can_be_cancelled(database: Database) -> None:
    states = list(MessageState)
    await database.write(lambda tx: [add(tx, "messages", id=state.name, state=int(state)) for state in states])

    cancelled = await database.write(
        lambda tx: cancel_messages(tx, "a", [state.name for state in states], now_us=NOW_US + 1)
    )

    assert sorted(state.name for state in CANCELLABLE_STATES) == [one.id for one in cancelled]
    for state in states:
        found = await database.read(lambda tx, state=state: find_message(tx, "a", state.name))
        assert found is not None
        is_cancelled = state in CANCELLABLE_STATES
        assert found[0].state == (MessageState.CANCELLED if is_cancelled else state)
        assert found[0].ended_at_us == (NOW_US + 1 if is_cancelled else None)


async def test_a_second_cancel_and_a_foreign_one_change_nothing(database: Database) -> None:
    await database.write(lambda tx: add(tx, "messages", id="m", source_given="417-220", caller_data="ticket-1"))

    foreign = await database.write(lambda tx: cancel_messages(tx, "b", ["m"], now_us=NOW_US))
    first = await database.write(lambda tx: cancel_messages(tx, "a", ["m"], now_us=NOW_US))
    second = await database.write(lambda tx: cancel_messages(tx, "a", ["m"], now_us=NOW_US))

    assert (foreign, second) == ([], [])
    assert [(one.id, one.source_id, one.source_given, one.recipient, one.caller_data) for one in first] == [
        ("m", "s", "417-220", "12025550143", "ticket-1")
    ]
