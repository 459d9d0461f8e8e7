"""Places are shared so that the least favoured gets as much as possible."""

from hypothesis import given
from hypothesis import strategies as st

from waypost.domain.fairness import fair_shares

keys = st.sampled_from("abcdefgh")
counts = st.dictionaries(keys, st.integers(0, 30), max_size=8)


@given(st.integers(0, 100), counts, counts)
def test_all_places_are_given_as_long_as_somebody_wants_one(places, wanted, held):
    shares = fair_shares(places, wanted, held=held)

    assert min(places, sum(wanted.values())) == sum(shares.values())
    assert all(0 < share <= wanted[key] for key, share in shares.items())


@given(st.integers(0, 100), counts, counts)
def test_nobody_who_wants_more_has_less_than_one_who_was_given_something(places, wanted, held):
    shares = fair_shares(places, wanted, held=held)

    level = {key: held.get(key, 0) + shares.get(key, 0) for key in wanted}
    unsatisfied = [key for key in wanted if shares.get(key, 0) < wanted[key]]
    for poor in unsatisfied:
        assert all(level[poor] >= level[rich] - 1 for rich in shares)


def test_who_holds_less_comes_first():
    assert fair_shares(4, {"busy": 10, "idle": 10}, held={"busy": 6}) == {"idle": 4}


def test_equal_claims_are_served_in_order():
    assert fair_shares(2, {"a": 1, "b": 1, "c": 1}, held={}) == {"a": 1, "b": 1}


def test_a_backlog_takes_only_what_the_others_leave():
    assert fair_shares(10, {"backlog": 100_000, "small": 2}, held={}) == {"small": 2, "backlog": 8}
