"""When an attempt in doubt may be made again."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.domain.doubt import DoubtLimits, Evidence, Verdict, judge_doubt

LIMITS = DoubtLimits(hold_seconds=60.0, cohort_size_min=5, doubt_seconds_max=86_400.0, room_seconds=30.0)
QUIET = Evidence(
    age=60.0,
    expires_in=None,
    is_at_most_once=False,
    releases=0,
    is_ingress_healthy=True,
    has_hint=False,
    cohort_size=4,
    complete_for=None,
)
BUSY = replace(QUIET, cohort_size=5, complete_for=60.0)
seconds = st.none() | st.floats(-10, 100_000)


@pytest.mark.parametrize("evidence", [QUIET, BUSY, replace(QUIET, expires_in=30.0)])
def test_a_message_is_released_once_everything_holds(evidence):
    assert judge_doubt(evidence, LIMITS) is Verdict.RELEASE


@pytest.mark.parametrize(
    "missing",
    [
        {"age": 59.9},
        {"is_at_most_once": True},
        {"releases": 1},
        {"is_ingress_healthy": False},
        {"has_hint": True},
        {"expires_in": 29.9},
        {"complete_for": None},
        {"complete_for": 59.9},
    ],
)
def test_a_message_is_held_while_one_condition_is_missing(missing):
    assert judge_doubt(replace(BUSY, **missing), LIMITS) is Verdict.HOLD


@pytest.mark.parametrize("over", [{"expires_in": 0.0}, {"age": 86_400.0}])
def test_a_message_is_given_up_when_its_time_is_over(over):
    assert judge_doubt(replace(BUSY, **over), LIMITS) is Verdict.GIVE_UP


@given(
    st.builds(
        Evidence,
        age=st.floats(0, 100_000),
        expires_in=seconds,
        is_at_most_once=st.booleans(),
        releases=st.integers(0, 2),
        is_ingress_healthy=st.booleans(),
        has_hint=st.booleans(),
        cohort_size=st.integers(0, 10),
        complete_for=seconds,
    )
)
def test_nothing_is_released_twice_nor_where_the_caller_forbade_it(evidence):
    if judge_doubt(evidence, LIMITS) is Verdict.RELEASE:
        assert evidence.releases == 0
        assert not evidence.is_at_most_once
        assert evidence.is_ingress_healthy
        assert evidence.age >= LIMITS.hold_seconds
