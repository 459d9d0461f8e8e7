"""
Secrets at rest: AES-256-GCM under a master key that never enters the database.

A sealed value is ``version (1 byte) · key id (4) · nonce (12) · ciphertext and tag``. The associated data names the
place the value belongs to, so a value copied into another row does not open.
"""

import hashlib
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
_VERSION: Final = b"\x01"
_NONCE_BYTES: Final = 12
_KEY_ID_BYTES: Final = 4


class SealBrokenError(Exception):
    """A sealed value does not open: another master key, another row, or damage."""


class Sealer:
    """Seals and opens with the newest of its keys; opens with any of them, so that keys can be rotated."""

    def __init__(self, keys: list[bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise ValueError(f"a master key is {KEY_BYTES} bytes, given as {KEY_BYTES * 2} hex digits")
        self._by_id = {_key_id(key): AESGCM(key) for key in reversed(keys)}
        self._newest = _key_id(keys[0])

    def seal(self, secret: str, *, place: str) -> bytes:
        """Return the sealed form; ``place`` is ``table/row/column`` and must be given again to open it."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._by_id[self._newest].encrypt(nonce, secret.encode(), place.encode())
        return _VERSION + self._newest + nonce + sealed

    def open(self, sealed: bytes, *, place: str) -> str:
        """Return the secret. Raises ``SealBrokenError``."""
        head, nonce_end = 1 + _KEY_ID_BYTES, 1 + _KEY_ID_BYTES + _NONCE_BYTES
        cipher = self._by_id.get(sealed[1:head])
        if sealed[:1] != _VERSION or cipher is None:
            raise SealBrokenError(f"{place} was sealed with another master key: restore WAYPOST_MASTER_KEY")
        try:
            return cipher.decrypt(sealed[head:nonce_end], sealed[nonce_end:], place.encode()).decode()
        except InvalidTag:
            raise SealBrokenError(f"{place} does not open: it was altered or moved") from None


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"waypost key id" + key).digest()[:_KEY_ID_BYTES]
