"""Plots and reports are made of the same counts."""

from collections import Counter
from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from waypost.contract.report_queries import Granularity, ReportSpan
from waypost.store.tallies import DAY_US, HOUR_US, Tally, TallyEvent
from waypost.web.reports.figures import by_period, by_step, total_of

SPAN = ReportSpan(start=date(2031, 2, 26), end=date(2031, 3, 12))
tallies = st.lists(
    st.builds(
        Tally,
        begin_us=st.integers(0, 15 * 24 - 1).map(lambda hour: SPAN.from_us + hour * HOUR_US),
        source_id=st.just("s"),
        template=st.sampled_from(["", "welcome"]),
        event=st.sampled_from(list(TallyEvent)).map(lambda event: event.value),
        detail=st.just(""),
        number=st.integers(1, 9),
    )
)


@given(tallies, st.sampled_from(list(Granularity)))
def test_periods_days_and_hours_add_up_to_the_same(found, granularity):
    hours = by_step(found, from_us=SPAN.from_us, until_us=SPAN.until_us, unit_us=HOUR_US)
    days = by_step(found, from_us=SPAN.from_us, until_us=SPAN.until_us, unit_us=DAY_US)
    periods = by_period(found, SPAN, granularity)

    assert (15 * 24, 15) == (len(hours), len(days))
    for series in (hours, days, periods):
        added: Counter[str] = Counter(dict.fromkeys(total_of([]), 0))
        for _, counts in series:
            added.update(counts)
        assert total_of(found) == dict(added)
    if granularity is Granularity.DAY:
        assert periods == [
            (datetime.fromtimestamp(at_us // 1_000_000, UTC).date().isoformat(), counts) for at_us, counts in days
        ]


def test_a_span_that_begins_within_an_hour_has_that_hour():
    assert [0, HOUR_US] == [at_us for at_us, _ in by_step([], from_us=5, until_us=HOUR_US + 1, unit_us=HOUR_US)]
