"""
Signatures of webhooks by Standard Webhooks 1.0 (standard-webhooks specification, read Nov 2026).

A secret is ``whsec_`` and base64 of the key; the signature is base64 of HMAC-SHA256 over ``id.timestamp.body``.
"""

import base64
import binascii
import hmac
from collections.abc import Sequence
from typing import Final

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - the public prefix of secrets


class SigningKey:
    """The key inside a secret, made ready: what HMAC does with the key alone is done once."""

    __slots__ = ("_ready",)

    def __init__(self, secret: str) -> None:
        """Raises ValueError, without the secret, if it is not base64."""
        try:
            key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
        except binascii.Error:
            raise ValueError("a webhook secret is whsec_ and base64") from None
        self._ready = hmac.new(key, digestmod="sha256")

    def sign(self, signed: bytes) -> str:
        """Return the signature of ``id.timestamp.body``, with its version."""
        hashing = self._ready.copy()
        hashing.update(signed)
        return "v1," + base64.b64encode(hashing.digest()).decode()


def sign(keys: Sequence[SigningKey], *, webhook_id: str, timestamp: str, body: bytes) -> str:
    """Return the ``webhook-signature`` header: one signature per key, the current key's first, with a space between."""
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return " ".join([key.sign(signed) for key in keys])
