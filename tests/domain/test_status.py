"""What upstream says, in any order and any number of times, comes to the same end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.domain.errors import FailureReason
from waypost.domain.message import MESSAGE_TRANSITIONS, MessageState
from waypost.domain.status import (
    Announced,
    Status,
    StatusFact,
    StatusFacts,
    join_state,
    statuses_to_announce,
)

HANDED_OVER = (
    MessageState.WAITING,
    MessageState.QUEUED,
    MessageState.DISPATCHING,
    MessageState.IN_DOUBT,
    MessageState.ACCEPTED,
    MessageState.FAILED,
    MessageState.EXPIRED,
    MessageState.UNKNOWN,
)
"""Where the gateway's own work can stand when upstream speaks of a message."""

RANK = {Status.SENT: 1, Status.DELIVERED: 2, Status.READ: 3}

facts = st.builds(
    StatusFact,
    status=st.sampled_from(Status),
    occurred_at_us=st.integers(0, 3),
    reason=st.none() | st.sampled_from(FailureReason),
    provider_code=st.none() | st.integers(0, 2),
    detail=st.none() | st.sampled_from(["a", "b"]),
)
fact_lists = st.lists(facts, max_size=8)


def gather(told):
    gathered = StatusFacts()
    for fact in told:
        gathered = gathered.with_fact(fact)
    return gathered


def fact(status, at_us=1, **members):
    return StatusFact(status=status, occurred_at_us=at_us, **members)


@given(st.data(), fact_lists, st.sampled_from(HANDED_OVER), st.booleans())
def test_order_and_repetition_of_facts_do_not_change_the_state(data, told, gateway_state, is_accepted):
    other = data.draw(
        st.permutations(told + data.draw(st.lists(st.sampled_from(told), max_size=4) if told else st.just([])))
    )

    assert gather(told) == gather(other)
    assert join_state(gateway_state, gather(told), is_accepted=is_accepted) == join_state(
        gateway_state, gather(other), is_accepted=is_accepted
    )


def test_of_failures_at_once_a_code_of_zero_is_not_taken_for_none():
    coded, bare = fact(Status.FAILED, provider_code=0), fact(Status.FAILED)

    assert gather([coded, bare]) == gather([bare, coded])


@given(fact_lists)
def test_a_fact_known_already_changes_nothing(told):
    gathered = gather(told)

    assert all(gathered.with_fact(each) is gathered for each in told)


@given(st.lists(facts, max_size=10))
def test_statuses_are_announced_once_each_and_never_backwards(told):
    announced, gathered, posted = Announced.NONE, StatusFacts(), []
    for each in told:
        gathered = gathered.with_fact(each)
        now, announced = statuses_to_announce(announced, gathered)
        posted.extend(now)

    assert len(posted) == len(set(posted))
    ranks = [RANK[status] for status in posted if status is not Status.FAILED]
    assert ranks == sorted(ranks)
    assert Status.PLAYED not in posted
    if Status.FAILED in posted:
        after = posted[posted.index(Status.FAILED) + 1 :]
        assert Status.SENT not in after
        assert not {Status.DELIVERED, Status.READ} & set(posted[: posted.index(Status.FAILED)])


@given(fact_lists, st.data())
def test_what_was_announced_says_what_is_left_to_announce(told, data):
    _, announced = statuses_to_announce(Announced.NONE, gather(told))

    assert statuses_to_announce(announced, gather(told)) == ((), announced)


@given(st.lists(facts, max_size=8), st.sampled_from(HANDED_OVER), st.booleans())
def test_every_change_of_state_is_in_the_table(told, gateway_state, is_accepted):
    gathered, state = StatusFacts(), gateway_state
    for each in [None, *told]:
        gathered = gathered if each is None else gathered.with_fact(each)
        following = join_state(gateway_state, gathered, is_accepted=is_accepted)
        assert following == state or following in MESSAGE_TRANSITIONS[state]
        state = following


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], MessageState.ACCEPTED),
        ([Status.SENT], MessageState.SENT),
        ([Status.READ, Status.SENT], MessageState.READ),
        ([Status.DELIVERED, Status.FAILED], MessageState.DELIVERED),
        ([Status.SENT, Status.FAILED], MessageState.FAILED),
        ([Status.FAILED, Status.READ], MessageState.READ),
        ([Status.PLAYED, Status.FAILED], MessageState.PLAYED),
    ],
)
def test_the_strongest_word_decides(words, expected):
    assert expected == join_state(MessageState.IN_DOUBT, gather(map(fact, words)), is_accepted=True)


def test_a_late_sent_status_does_not_undo_read():
    gathered = gather([fact(Status.READ, 5)])

    assert (
        join_state(MessageState.READ, gathered.with_fact(fact(Status.SENT, 1)), is_accepted=True) is MessageState.READ
    )


def test_a_cancelled_message_stays_cancelled():
    assert join_state(MessageState.CANCELLED, gather([fact(Status.READ)]), is_accepted=True) is MessageState.CANCELLED


@pytest.mark.parametrize("ended", [MessageState.FAILED, MessageState.EXPIRED])
def test_an_id_alone_does_not_lift_an_end_but_proof_does(ended):
    assert join_state(ended, StatusFacts(), is_accepted=True) is ended
    assert join_state(ended, gather([fact(Status.DELIVERED)]), is_accepted=True) is MessageState.DELIVERED


def test_without_facts_or_an_id_the_gateway_s_own_state_stands():
    assert join_state(MessageState.IN_DOUBT, StatusFacts(), is_accepted=False) is MessageState.IN_DOUBT


def test_each_fact_keeps_its_earliest_time():
    gathered = gather([fact(status, at) for status in Status for at in (3, 1, 2)])

    assert (
        gathered.sent_at_us,
        gathered.delivered_at_us,
        gathered.read_at_us,
        gathered.played_at_us,
        gathered.failed_at_us,
    ) == (1, 1, 1, 1, 1)


def test_a_failure_without_a_reason_is_the_platform_s():
    assert gather([fact(Status.FAILED)]).failure is FailureReason.PLATFORM_ERROR


def test_facts_that_come_together_are_announced_in_order():
    gathered = gather([fact(Status.READ), fact(Status.SENT), fact(Status.DELIVERED), fact(Status.FAILED)])

    told, announced = statuses_to_announce(Announced.NONE, gathered)

    assert told == (Status.SENT, Status.DELIVERED, Status.READ)
    assert announced == Announced.SENT | Announced.DELIVERED | Announced.READ


def test_after_failed_only_proof_of_delivery_is_announced():
    announced = Announced.FAILED

    assert statuses_to_announce(announced, gather([fact(Status.SENT)]))[0] == ()
    assert statuses_to_announce(announced, gather([fact(Status.SENT), fact(Status.DELIVERED)]))[0] == (
        Status.DELIVERED,
    )


def test_a_played_voice_note_is_not_announced_as_failed():
    assert statuses_to_announce(Announced.NONE, gather([fact(Status.PLAYED), fact(Status.FAILED)]))[0] == ()
