"""Files of recipients that cannot be read, in words."""

import csv
import io

import pytest

from waypost.domain.recipient_file import RecipientFileError, read_header


def test_a_file_that_is_no_csv_says_so_and_what_to_look_for():
    longest = "x" * (csv.field_size_limit() + 1)

    with pytest.raises(RecipientFileError, match=r"list\.csv is not CSV: field larger than field limit") as found:
        read_header("list.csv", lambda: io.StringIO(f"{longest}\n"), recipient_column=None)

    assert found.value.hint == "Look for quotes that are not closed."


def test_a_row_with_a_character_that_cannot_be_stored_says_so():
    text = "recipient,name\n12025550143,fine\n12025550144,no\x00t\n"
    table = read_header("list.csv", lambda: io.StringIO(text), recipient_column=None)

    assert [row.fault for row in table.rows()] == [None, "holds a NUL character"]
