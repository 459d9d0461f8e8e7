"""Read receipts: what is read, and what is refused."""

import pytest

from waypost.contract.errors import ContractRefusal
from waypost.contract.reading import ReadingMark, parse_reading_mark


@pytest.mark.parametrize(("typing", "shows_typing"), [("true", True), ("false", False), ("null", False)])
def test_typing_is_shown_when_asked_for(typing, shows_typing):
    mark = parse_reading_mark(b'{"message_id":"wamid.SAMPLE","typing":%s}' % typing.encode())

    assert mark == ReadingMark(message_id="wamid.SAMPLE", shows_typing=shows_typing)


def test_typing_is_true_or_false_and_nothing_else():
    refused = parse_reading_mark(b'{"message_id":"wamid.SAMPLE","typing":"true"}')

    assert isinstance(refused, ContractRefusal)
    assert (refused.error.code, refused.error.text) == ("8006", "typing is invalid")
