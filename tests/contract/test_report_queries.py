"""Questions to reports: what is read, and what is refused."""

import pytest

from waypost.contract.errors import ContractRefusal
from waypost.contract.report_queries import ReportQuery, parse_report_query


@pytest.mark.parametrize(
    "date", ["2031-W10-1", "20310304", "2031-3-04", "2031-02-30", "٢031-03-04", "2031-03-04T00:00Z"]
)
def test_a_day_is_a_date_of_the_calendar_and_nothing_else(date):
    refused = parse_report_query({"start_date": date, "end_date": "2031-03-05"})

    assert isinstance(refused, ContractRefusal)
    assert (refused.error.code, refused.error.text) == ("8006", "start_date is invalid")
    assert isinstance(parse_report_query({"start_date": "2031-03-04", "end_date": "2031-03-05"}), ReportQuery)


@pytest.mark.parametrize(
    ("member", "value", "text"),
    [
        ("start_date", "1969-12-31", "start_date is invalid"),
        ("granularity", "hour", "granularity can only be day/week/month."),
        ("source", "a\x00b", "source is invalid"),
        ("tag", "half a pair: \ud800", "tag is invalid"),
        ("cursor", "0" * 35, "cursor is invalid"),
        ("cursor", "g" * 36, "cursor is invalid"),
        ("limit", "0", "limit is invalid"),
        ("limit", "10000", "limit is invalid"),
    ],
)
def test_what_no_database_could_look_for_is_refused(member, value, text):
    refused = parse_report_query({"start_date": "2031-03-04", "end_date": "2031-03-05", member: value})

    assert isinstance(refused, ContractRefusal)
    assert (refused.error.code, refused.error.text) == ("8006", text)
