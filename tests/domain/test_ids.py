"""What an id says of the time it was made."""

from waypost.domain.ids import BEFORE_ALL, first_id_at, made_at_us
from waypost.ports import SystemClock, UuidFactory


def test_a_fresh_id_tells_when_it_was_made():
    before_us = SystemClock().now_us()

    made_us = made_at_us(UuidFactory().new())

    assert before_us // 1_000 * 1_000 <= made_us <= SystemClock().now_us()


def test_an_id_sorts_behind_the_first_of_its_millisecond_and_before_the_first_of_the_next():
    one = UuidFactory().new()
    at_us = made_at_us(one)

    assert first_id_at(at_us) < one < first_id_at(at_us + 1_000) < BEFORE_ALL


def test_a_time_before_the_epoch_counts_as_the_epoch():
    assert first_id_at(-1) == first_id_at(0) == "00000000-0000-0000-0000-000000000000"
