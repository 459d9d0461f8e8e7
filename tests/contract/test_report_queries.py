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
