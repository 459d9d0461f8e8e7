"""The correlation token proves which attempt a status speaks of."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.domain.token import (
    ATTEMPT_NUMBER_MAX,
    is_genuine,
    make_token,
    parse_token,
)

KEY = b"k" * 32
MESSAGE_ID = "3f0c9a52-7d1e-4b86-9c44-0a5be1d27f63"


def token(**members):
    return make_token(
        members.pop("key", KEY), **({"account_id": "a1", "message_id": MESSAGE_ID, "number": 1} | members)
    )


@given(st.uuids(), st.integers(1, ATTEMPT_NUMBER_MAX), st.binary(min_size=1, max_size=100))
def test_a_token_says_its_attempt_and_is_genuine_for_its_account_only(message_id, number, key):
    text = token(message_id=str(message_id), number=number, key=key)

    parsed = parse_token(text)

    assert parsed is not None
    assert (str(message_id), number) == (parsed.message_id, parsed.number)
    assert is_genuine(key, account_id="a1", token=parsed)
    assert not is_genuine(key, account_id="a2", token=parsed)
    assert not is_genuine(key + b"x", account_id="a1", token=parsed)
    assert len(text) <= 56


def test_the_tag_is_the_documented_one():
    attempt = MESSAGE_ID.replace("-", "") + "01"

    expected = hmac.new(KEY, f"a1{attempt}".encode(), hashlib.sha256).hexdigest()[:16]

    assert f"v1.{attempt}.{expected}" == token()


def test_the_same_attempt_has_the_same_token_with_and_without_hyphens():
    assert token() == token(message_id=MESSAGE_ID.replace("-", ""))
    assert token() != token(number=2)


@pytest.mark.parametrize(
    "text",
    ["", "ticket-118", "v2" + token()[2:], token()[:-17] + "!" + token()[-16:], token()[:-1] + "é", token() + "0000"],
)
def test_other_callback_data_is_no_token(text):
    assert parse_token(text) is None


def test_a_text_of_the_right_form_without_a_number_is_no_token():
    assert parse_token("v1." + "0" * 32 + "xx." + "0" * 16) is None


def test_a_changed_token_is_not_genuine():
    changed = parse_token(token().replace("v1.3f", "v1.3e"))

    assert changed is not None
    assert not is_genuine(KEY, account_id="a1", token=changed)


@pytest.mark.parametrize("length", [1, 64, 65, 200])
def test_keys_of_any_length_are_those_of_hmac(length):
    key = b"k" * length
    attempt = MESSAGE_ID.replace("-", "") + "01"

    assert hmac.new(key, f"a1{attempt}".encode(), hashlib.sha256).hexdigest()[:16] == token(key=key)[-16:]
