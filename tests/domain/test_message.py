"""The table of states."""

import re
from pathlib import Path

from waypost.domain.message import CANCELLABLE_STATES, MESSAGE_TRANSITIONS, PENDING_STATES, MessageState

DOC = Path(__file__).parents[2] / "docs" / "states.md"


def reachable(start):
    found, todo = set(), [start]
    while todo:
        for state in MESSAGE_TRANSITIONS[todo.pop()] - found:
            found.add(state)
            todo.append(state)
    return found


def test_the_table_names_every_state():
    assert set(MessageState) == set(MESSAGE_TRANSITIONS)


def test_every_state_can_be_reached_and_none_leads_to_itself():
    starts = (MessageState.SCHEDULED, MessageState.WAITING, MessageState.QUEUED)

    assert set(MessageState) == {*starts, *(state for start in starts for state in reachable(start))}
    assert not [state for state, targets in MESSAGE_TRANSITIONS.items() if state in targets]


def test_every_pending_state_has_a_way_to_an_end():
    ends = {MessageState.READ, MessageState.FAILED}

    assert all(ends <= reachable(state) for state in PENDING_STATES)


def test_what_upstream_took_is_never_queued_again():
    past = set(MessageState) - PENDING_STATES

    assert not [state for state in past if MESSAGE_TRANSITIONS[state] & PENDING_STATES]


def test_only_what_is_not_under_way_can_be_cancelled():
    assert {
        state for state, targets in MESSAGE_TRANSITIONS.items() if MessageState.CANCELLED in targets
    } == CANCELLABLE_STATES


def test_the_drawing_in_the_documentation_is_the_table():
    drawn = re.findall(r"^ +(\w+) --> (\w+)$", DOC.read_text(encoding="utf-8"), re.MULTILINE)

    table = {
        (state.name.lower(), target.name.lower())
        for state, targets in MESSAGE_TRANSITIONS.items()
        for target in targets
    }
    assert len(drawn) == len(set(drawn))
    assert table == set(drawn)


def test_the_documentation_explains_every_state():
    explained = re.findall(r"^\| `(\w+)` \| (\d+) \|", DOC.read_text(encoding="utf-8"), re.MULTILINE)

    assert [(state.name.lower(), str(state.value)) for state in MessageState] == explained
