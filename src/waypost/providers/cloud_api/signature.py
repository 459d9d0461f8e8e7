"""
The signature of the provider's webhooks.

``X-Hub-Signature-256: sha256=<hex HMAC-SHA256(app secret, raw body)>`` (Graph webhooks, getting started, 2025). It is
checked over the bytes as they came, before anything parses them.
"""

from collections.abc import Sequence
from hmac import compare_digest
from typing import Final

from waypost.domain.mac import hmac_sha256_hex

SIGNATURE_HEADER: Final = b"x-hub-signature-256"
_PREFIX: Final = b"sha256="


def is_signed(body: bytes, signature: bytes | None, *, app_secrets: Sequence[str]) -> bool:
    """
    Say whether one of the secrets signed these bytes; in time that does not depend on which, or on how much is right.

    Args:
        body: the raw request body.
        signature: the header's value; None if there was none.
        app_secrets: the current one, and the former while both are valid. Without any, nothing is signed.
    """
    if signature is None or not signature.startswith(_PREFIX):
        return False
    given = signature[len(_PREFIX) :].lower()
    is_valid = False
    for secret in app_secrets:
        expected = hmac_sha256_hex(secret.encode(), body).encode()
        is_valid |= bool(secret) and compare_digest(given, expected)
    return is_valid
