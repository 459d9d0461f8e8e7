"""Roles of the console's users, and how long a name is locked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.domain.users import Role, lock_us, role_named

SECOND_US = 1_000_000


def test_a_role_is_found_by_the_word_that_is_stored():
    assert {role.word: role for role in Role} == {word: role_named(word) for word in ("viewer", "operator", "admin")}


@pytest.mark.parametrize("word", ["", "owner", "Admin", "ADMIN", "admin "])
def test_no_other_word_is_a_role(word: str):
    assert role_named(word) is None


def test_each_role_may_do_what_those_below_it_may():
    assert Role.VIEWER < Role.OPERATOR < Role.ADMIN


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 0), (4, 0), (5, 30), (6, 60), (7, 120), (9, 480), (10, 900), (11, 900), (10**9, 900)]
)
def test_the_first_failures_are_free_and_the_lock_doubles_up_to_a_quarter_of_an_hour(failures: int, seconds: int):
    assert lock_us(failures) == seconds * SECOND_US


@given(st.integers(min_value=0, max_value=10**6))
def test_another_failure_never_shortens_the_lock(failures: int):
    assert lock_us(failures) <= lock_us(failures + 1) <= 900 * SECOND_US
