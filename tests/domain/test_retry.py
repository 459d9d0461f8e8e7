"""Retry schedules."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.domain.retry import (
    RETRY_AFTER_SECONDS_MAX,
    SEND_RETRY_SECONDS,
    THROTTLE_SECONDS,
    bounded_retry_after,
    notify_retry_seconds,
    pair_silence_seconds,
    parse_retry_after,
    send_retry_seconds,
    source_silence_seconds,
    with_jitter,
)

randoms = st.floats(0, 1, exclude_max=True)


@given(st.floats(0, 1e6), randoms)
def test_jitter_adds_up_to_a_fifth_and_takes_nothing_away(seconds, random):
    assert seconds <= with_jitter(seconds, random=random) <= seconds * 1.2


@given(st.none() | st.floats())
def test_a_retry_after_is_never_negative_nor_beyond_a_day(seconds):
    assert 0.0 <= bounded_retry_after(seconds) <= RETRY_AFTER_SECONDS_MAX


@pytest.mark.parametrize(
    ("seconds", "bounded"), [(None, 0.0), (math.nan, 0.0), (-1.0, 0.0), (7.5, 7.5), (1e9, 86400.0)]
)
def test_junk_in_a_retry_after_counts_as_none(seconds, bounded):
    assert bounded == bounded_retry_after(seconds)


@given(st.integers(1, 50), st.none() | st.floats(0, 1e6), randoms)
def test_waits_are_never_shorter_than_the_schedule_or_than_what_upstream_asked_for(attempt, retry_after, random):
    for schedule, wait in ((SEND_RETRY_SECONDS, send_retry_seconds), (THROTTLE_SECONDS, source_silence_seconds)):
        seconds = wait(attempt, retry_after_seconds=retry_after, random=random)
        assert schedule[min(attempt, len(schedule)) - 1] <= seconds
        assert bounded_retry_after(retry_after) <= seconds


@pytest.mark.parametrize(
    ("in_a_row", "seconds"), [(1, 4.0), (2, 16.0), (3, 64.0), (5, 1024.0), (6, 3600.0), (99, 3600.0)]
)
def test_a_throttled_pair_waits_by_powers_of_four_up_to_an_hour(in_a_row, seconds):
    assert seconds == pair_silence_seconds(in_a_row, retry_after_seconds=None, random=0.0)


def test_a_pair_honours_a_longer_retry_after():
    assert pair_silence_seconds(1, retry_after_seconds=50.0, random=0.0) == 50.0


def test_notifications_follow_their_schedule_and_then_end():
    schedule = (0.0, 5.0, 300.0)

    assert notify_retry_seconds(schedule, 1, retry_after_seconds=None, random=0.0) == 5.0
    assert notify_retry_seconds(schedule, 2, retry_after_seconds=600.0, random=0.0) == 600.0
    assert notify_retry_seconds(schedule, 3, retry_after_seconds=None, random=0.0) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 12.5 ", 12.5),
        ("9999999999", 86_400),
        ("Wed, 14 Oct 2026 17:42:00 GMT", 60),
        ("Wed, 14 Oct 2026 17:42:00", 60),
        ("Wed, 14 Oct 2026 17:42:00 -0000", 60),
        ("Wed, 14 Oct 2020 17:42:00 GMT", 0),
        ("Thu, 14 Oct 2027 17:42:00 GMT", 86_400),
        ("Mon, 99 Foo 2026 99:99:99 GMT", None),
        ("Mon, 01 Jan 99999 00:00:00 GMT", None),
        ("soon", None),
        ("-5", None),
        ("nan", None),
        ("inf", None),
        ("1e999", None),
        ("²", None),
        ("", None),
        (None, None),
        ("9" * 80, None),
    ],
)
def test_a_retry_after_is_read_in_both_forms_and_junk_is_none(value, seconds):
    assert parse_retry_after(value, now_us=1_791_999_660_000_000) == seconds
