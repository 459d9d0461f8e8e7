"""Signatures, judged by the reference library."""

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from waypost.notify.signing import SigningKey, sign
from waypost.store.endpoints import new_webhook_secret


@given(st.binary(min_size=1, max_size=64), st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1))
def test_the_reference_library_verifies_any_key_and_body(key: bytes, text: str):
    secret = "whsec_" + base64.b64encode(key).decode()
    timestamp = str(int(time.time()))
    body = f'{{"text":"{text}"}}'

    signature = sign([SigningKey(secret)], webhook_id="id-1", timestamp=timestamp, body=body.encode())

    headers = {"webhook-id": "id-1", "webhook-timestamp": timestamp, "webhook-signature": signature}
    assert Webhook(secret).verify(body, headers) == {"text": text}


def test_with_two_secrets_each_verifies():
    secrets = [new_webhook_secret(), new_webhook_secret()]
    timestamp = str(int(time.time()))

    signature = sign([SigningKey(secret) for secret in secrets], webhook_id="i", timestamp=timestamp, body=b"{}")

    headers = {"webhook-id": "i", "webhook-timestamp": timestamp, "webhook-signature": signature}
    for secret in secrets:
        Webhook(secret).verify("{}", headers)


def test_a_secret_that_is_not_base64_is_refused_without_being_repeated():
    with pytest.raises(ValueError, match="whsec_ and base64") as caught:
        SigningKey("whsec_not*base64")

    assert "not*base64" not in str(caught.value)
