"""Placeholders of bulk sends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.domain.bulk import BULK_TRANSITIONS, BulkState, columns_of, count_placeholders, fill

ENTRY = {
    "message_type": "template",
    "type_template": [{"name": "order_ready", "attributes": ["{{name}}", "No. {{ order }} for {{name}}", 7, None]}],
}


def test_every_text_of_an_entry_is_filled_and_nothing_else_is_touched():
    assert columns_of(ENTRY) == {"name", "order"}
    assert fill(ENTRY, {"name": "Ann", "order": "118", "other": "x"}) == {
        "message_type": "template",
        "type_template": [{"name": "order_ready", "attributes": ["Ann", "No. 118 for Ann", 7, None]}],
    }
    assert ENTRY["type_template"][0]["attributes"][0] == "{{name}}"


def test_a_column_that_is_missing_is_named():
    with pytest.raises(KeyError, match="order"):
        fill(ENTRY, {"name": "Ann"})


@given(st.text(max_size=40))
def test_what_a_field_holds_is_text_and_never_a_placeholder_or_a_pattern(value):
    assert fill("<{{a}}>", {"a": value, "b": "!"}) == f"<{value}>"


def test_a_placeholder_that_never_ends_costs_no_more_time_than_its_length():
    endless = ["{{" + " " * 1_000_000, "{{" * 500_000, "{{ a " * 200_000]
    assert columns_of(endless) == set()
    assert fill(endless, {}) == endless


def test_each_place_counts_though_its_column_is_the_same():
    assert count_placeholders(ENTRY) == 3


def test_what_is_done_or_cancelled_stays_so():
    assert {state for state, to in BULK_TRANSITIONS.items() if not to} == {BulkState.DONE, BulkState.CANCELLED}
    assert BULK_TRANSITIONS.keys() == set(BulkState)
