"""The lean histogram tells a scrape what prometheus_client's own would."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from waypost.observe.histogram import LoopHistogram

BOUNDS = (0.001, 0.25, 1.0, 60.0)


@given(st.lists(st.one_of(st.sampled_from(BOUNDS), st.integers(0, 800).map(lambda number: number / 8))))
def test_a_scrape_sees_what_the_usual_histogram_would_show(values: list[float]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    lean = LoopHistogram("waypost_test_seconds", "Seconds.", BOUNDS)
    ours.register(lean)
    usual = Histogram("waypost_test_seconds", "Seconds.", buckets=BOUNDS, registry=theirs)

    for value in values:
        lean.observe(value)
        usual.observe(value)

    expected = [line for line in generate_latest(theirs).decode().splitlines() if "_created" not in line]
    assert expected == generate_latest(ours).decode().splitlines()
