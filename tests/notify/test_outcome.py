"""What the end of a delivery means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.notify.outcome import Outcome, Rule, disabled_failing, judge
from waypost.settings import NotifySettings

SCHEDULE = NotifySettings().schedule_seconds
RULE = Rule(schedule_seconds=SCHEDULE, jitter_share=0.2)
NOW_US = 1_792_000_000_000_000


def verdict(status: int | None, *, failed_tries: int = 1, retry_after: float | None = None, random: float = 0.0):
    return judge(RULE, status=status, failed_tries=failed_tries, retry_after_seconds=retry_after, random=random)


@pytest.mark.parametrize(
    ("seconds", "words"), [(432_000, "5 days"), (129_600, "36 hours"), (7_200, "2 hours"), (90, "90 seconds")]
)
def test_the_reason_of_a_disabled_endpoint_names_the_time_that_is_set(seconds: float, words: str):
    assert disabled_failing(seconds) == f"No delivery has succeeded for {words}."


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_acknowledges(status: int):
    assert verdict(status).outcome is Outcome.DELIVERED


@pytest.mark.parametrize("status", [None, 100, 199, 300, 301, 304, 400, 404, 429, 500, 599])
def test_all_else_is_tried_again(status: int | None):
    found = verdict(status)

    assert (found.outcome, found.is_gone) == (Outcome.FAILED, False)


def test_410_says_that_the_endpoint_is_gone():
    assert verdict(410).is_gone


def test_ten_tries_over_75_hours_and_then_it_is_dead():
    waits = [verdict(500, failed_tries=tries).wait_seconds for tries in range(1, 10)]

    assert waits == [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
    assert sum(waits) / 3600 == pytest.approx(75.6, abs=0.1)
    assert verdict(500, failed_tries=10).outcome is Outcome.DEAD


@given(st.integers(1, 9), st.floats(0, 1, exclude_max=True), st.none() | st.floats(-10, 1e9))
def test_a_try_is_never_early_and_retry_after_wins_up_to_a_day(tries: int, random: float, retry_after: float | None):
    wait = verdict(503, failed_tries=tries, random=random, retry_after=retry_after).wait_seconds

    assert wait >= SCHEDULE[tries]
    assert wait >= min(retry_after or 0, 86_400)
    assert wait <= max(SCHEDULE[tries] * 1.2, min(retry_after or 0, 86_400))


def test_the_share_of_jitter_can_be_set():
    calm = Rule(schedule_seconds=SCHEDULE, jitter_share=0.0)
    wild = Rule(schedule_seconds=SCHEDULE, jitter_share=1.0)

    waits = [
        judge(rule, status=500, failed_tries=2, retry_after_seconds=None, random=0.5).wait_seconds
        for rule in (calm, wild)
    ]

    assert waits == [300, 450]
