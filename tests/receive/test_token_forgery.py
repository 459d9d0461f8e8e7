"""A correlation token is worth nothing to anyone without the key, nor to another account."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.domain.token import is_genuine, make_token, parse_token

KEY = b"a key for tests"
ACCOUNT = "019300aa-0000-7000-8000-00000000000a"
MESSAGE = "019300aa-1111-7000-8000-000000000002"


def token_of(**other):
    return make_token(**{"key": KEY, "account_id": ACCOUNT, "message_id": MESSAGE, "number": 1, **other})


def is_ours(text, *, key=KEY, account_id=ACCOUNT):
    parsed = parse_token(text)
    return parsed is not None and is_genuine(key, account_id=account_id, token=parsed)


def test_another_account_key_message_or_attempt_is_not_ours():
    assert is_ours(token_of())
    assert not is_ours(token_of(account_id=MESSAGE))
    assert not is_ours(token_of(key=b"another"))
    assert not is_ours(token_of(), account_id=MESSAGE)
    assert not is_ours(token_of().replace("01.", "02."))


@given(st.integers(0, 53), st.characters(codec="utf-8"))
def test_no_change_of_one_character_is_ours(place, character):
    token = token_of()
    forged = token[:place] + character + token[place + 1 :]

    assert forged == token or not is_ours(forged)


@pytest.mark.parametrize(
    "text",
    [
        "", "order-17", "v1.", "v2" + token_of()[2:], token_of().upper(), token_of() + "0", " " + token_of()[1:],
        token_of()[:-17] + "-" + token_of()[-16:], "v1." + "z" * 34 + "." + "0" * 16, "v1." + "é" * 34 + "." + "0" * 16,
        token_of() + "\n", "v1." + "0" * 31 + "\0" + "01." + "0" * 16,
    ],
)  # fmt: skip
def test_other_callback_data_is_no_token_of_ours(text):
    assert not is_ours(text)
