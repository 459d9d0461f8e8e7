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


def key_of(secret: str) -> bytes:
    """Return the key inside a secret. Raises ValueError, without the secret, if it is not base64."""
    try:
        return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("a webhook secret is whsec_ and base64") from None


def sign(keys: Sequence[bytes], *, webhook_id: str, timestamp: str, body: bytes) -> str:
    """Return the ``webhook-signature`` header: one signature per key, the current key's first, with a space between."""
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return " ".join(["v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys])
