"""What files for spreadsheets say, cell by cell."""

from datetime import UTC, datetime

import pytest

from waypost.web.csv_text import csv_text


@pytest.mark.parametrize("formula", ["=1+1", "+1+cmd|' /C calc'!A0", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_text_that_could_run_as_a_formula_is_shown_as_text(formula):
    assert csv_text([[formula]]).strip('"').startswith("'" + formula[0])


def test_phone_numbers_and_the_rest_stand_as_they_are():
    at = datetime(2031, 3, 4, 9, 15, 22, tzinfo=UTC)
    assert csv_text([["+12025550143", "12025550143", None, True, False, at, 7, 'a "b", c']]) == (
        '+12025550143,12025550143,,true,false,2031-03-04T09:15:22Z,7,"a ""b"", c"\r\n'
    )
