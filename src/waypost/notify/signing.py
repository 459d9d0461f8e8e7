"""
Signatures of webhooks by Standard Webhooks 1.0 (standard-webhooks specification, read Nov 2026).

A secret is ``whsec_`` and base64 of the key; the signature is base64 of HMAC-SHA256 over ``id.timestamp.body``.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Final

from waypost.domain.mac import keyed_hashes

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - the public prefix of secrets


class SigningKey:
    """The key inside a secret, made ready: what HMAC (RFC 2104) does with the key alone is done once."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, secret: str) -> None:
        """Raises ValueError, without the secret, if it is not base64."""
        try:
            key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
        except binascii.Error:
            raise ValueError("a webhook secret is whsec_ and base64") from None
        self._inner, self._outer = keyed_hashes(key)

    def sign(self, head: bytes, body: bytes) -> str:
        """Return the signature of ``head`` (``id.timestamp.``) and body, with its version."""
        inner = self._inner.copy()
        inner.update(head)
        inner.update(body)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return "v1," + binascii.b2a_base64(outer.digest(), newline=False).decode()


def sign(keys: Sequence[SigningKey], *, webhook_id: str, timestamp: str, body: bytes) -> str:
    """Return the ``webhook-signature`` header: one signature per key, the current key's first, with a space between."""
    head = f"{webhook_id}.{timestamp}.".encode()
    return " ".join([key.sign(head, body) for key in keys]) if len(keys) > 1 else keys[0].sign(head, body)
