"""Pacing: no window holds more starts than the rate and the burst allow."""

from hypothesis import given
from hypothesis import strategies as st

from waypost.domain.throttle import START_SLACK_SECONDS, Bucket, Pace

paces = st.builds(Pace, rate=st.floats(0.1, 200), burst=st.integers(1, 20))
gaps = st.lists(st.floats(0, 5) | st.floats(0, 0.05), max_size=60)


def starts_of(bucket, *, begin, waits):
    """Take whatever is available each time after waiting, and return the times of all starts."""
    now, taken = begin, []
    for wait in waits:
        now += wait
        for _ in range(bucket.available(now)):
            bucket.take(now)
            taken.append(now)
    return taken


def most_beyond(taken, pace):
    """Return by how much the fullest window exceeds rate times length plus burst; at most 0 when none does."""
    return max(
        (
            (j - i + 1) - (pace.rate * (taken[j] - taken[i]) + pace.burst)
            for i in range(len(taken))
            for j in range(i, len(taken))
        ),
        default=0.0,
    )


@given(paces, gaps, st.booleans(), st.floats(0, 1e5))
def test_no_sliding_window_exceeds_the_pace(pace, waits, is_full, begin):
    bucket = Bucket(pace, now=begin, is_full=is_full)

    taken = starts_of(bucket, begin=begin, waits=waits)

    assert most_beyond(taken, pace) <= 1e-6


@given(paces, st.floats(0, 1e5), st.integers(1, 60))
def test_starts_at_the_earliest_allowed_times_keep_the_pace(pace, begin, count):
    bucket = Bucket(pace, now=begin, is_full=True)
    now, taken = begin, []
    for _ in range(count):
        now = max(now, bucket.next_start(now))
        bucket.take(now)
        taken.append(now)

    assert most_beyond(taken, pace) <= 1e-6
    # And they are not slower than the pace either: after the burst, one start an interval.
    assert taken[-1] - begin <= (count - 1) / pace.rate + 1e-6


@given(paces, st.lists(st.floats(0, 1), max_size=60))
def test_a_late_wake_up_is_made_up_for_by_the_burst(pace, lateness):
    """As long as none comes later than the burst less the slack lasts, as many have started as the pace allows."""
    longest = (pace.burst - 1) / pace.rate - START_SLACK_SECONDS
    waits = [share * max(0.0, longest) for share in lateness]

    taken = starts_of(Bucket(pace, now=0.0, is_full=True), begin=0.0, waits=[0.0, *waits])

    assert len(taken) >= pace.rate * sum(waits) - 1e-6


@given(paces, gaps, st.booleans(), st.none() | st.floats(0, 20))
def test_something_is_available_exactly_when_the_next_start_has_come(pace, waits, is_full, silence):
    bucket = Bucket(pace, now=0.0, is_full=is_full)
    if silence is not None:
        bucket.silence(silence)
    now = 0.0
    for wait in waits:
        now += wait
        following = bucket.next_start(now)
        assert (bucket.available(now) > 0) is (following <= now)
        assert bucket.available(max(now, following)) > 0
        if bucket.available(now):
            bucket.take(now)


@given(paces)
def test_a_new_owner_begins_with_a_spent_bucket(pace):
    spent = Bucket(pace, now=100.0, is_full=False)
    full = Bucket(pace, now=100.0, is_full=True)

    assert 0 <= spent.available(100.0) <= 1
    assert 1 <= full.available(100.0) <= pace.burst
    assert spent.next_start(100.0) >= full.next_start(100.0)


def test_the_burst_is_what_is_allowed_at_once_less_the_slack():
    slow = Bucket(Pace(rate=1.0, burst=10), now=0.0, is_full=True)
    single = Bucket(Pace(rate=1.0, burst=1), now=0.0, is_full=True)

    assert slow.available(0.0) == 9
    assert slow.next_start(0.0) == 0.0
    assert single.available(0.0) == 1
    assert START_SLACK_SECONDS < 1.0


def test_a_silence_lets_nothing_start_and_a_shorter_one_does_not_end_it():
    bucket = Bucket(Pace(rate=10.0, burst=5), now=0.0, is_full=True)

    bucket.silence(8.0)
    bucket.silence(3.0)

    assert bucket.available(7.9) == 0
    assert bucket.next_start(1.0) == 8.0
    assert bucket.is_used(7.9)
    assert not bucket.is_used(8.0)
    assert bucket.available(8.0) > 0


def test_a_bucket_whose_time_has_passed_can_be_forgotten():
    bucket = Bucket(Pace(rate=1.0, burst=2), now=0.0, is_full=True)
    bucket.take(0.0)

    assert bucket.is_used(0.5)
    assert not bucket.is_used(1.0)


def test_a_new_pace_keeps_what_was_spent():
    bucket = Bucket(Pace(rate=1.0, burst=1), now=0.0, is_full=True)
    bucket.take(0.0)

    bucket.set_pace(Pace(rate=100.0, burst=1))

    assert bucket.next_start(0.0) == 1.0
