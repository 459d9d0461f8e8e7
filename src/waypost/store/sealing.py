"""
Secrets at rest: AES-256-GCM under a master key that never enters the database.

A sealed value is ``version (1 byte) · key id (4) · nonce (12) · ciphertext and tag``. The associated data names the
place the value belongs to, so a value copied into another row does not open.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
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
    """
    Seals with the first of its keys and opens with any of them, so that a key can be changed while all goes on.

    Keys that may change under a running process are given as ``reread``: it is asked before anything is sealed, and
    when a value names a key that is not known. So a process follows a changed key file without a restart.
    """

    def __init__(self, keys: Sequence[bytes], *, reread: Callable[[], Sequence[bytes]] | None = None) -> None:
        """``reread`` returns the keys as they are now; it is asked often, from any thread, and does not raise."""
        self._reread = reread
        self._keys: tuple[bytes, ...] = ()
        self._ciphers: dict[str, AESGCM] = {}
        self._take(keys)

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The ids of the keys, 8 hex digits each; the first is the one that seals."""
        return tuple(self._ciphers)

    def seal(self, secret: str, *, place: str) -> bytes:
        """Return the sealed form; ``place`` is ``table/row/column`` and must be given again to open it."""
        self._look_again()
        newest, cipher = next(iter(self._ciphers.items()))
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + bytes.fromhex(newest) + nonce + cipher.encrypt(nonce, secret.encode(), place.encode())

    def open(self, sealed: bytes, *, place: str) -> str:
        """Return the secret. Raises ``SealBrokenError``."""
        head, nonce_end = 1 + _KEY_ID_BYTES, 1 + _KEY_ID_BYTES + _NONCE_BYTES
        sealed_with = sealed_key_id(sealed)
        if sealed_with not in self._ciphers:
            self._look_again()
        cipher = self._ciphers.get(sealed_with)
        if sealed[:1] != _VERSION or cipher is None:
            raise SealBrokenError(
                f"{place} was sealed with master key {sealed_with}, which is not among those that are set "
                f"({', '.join(self.key_ids)}). Put that key behind the present one, in WAYPOST_MASTER_KEY after a "
                "comma or in the key file on a line of its own. If it is lost: docs/runbook/change-the-master-key.md"
            )
        try:
            return cipher.decrypt(sealed[head:nonce_end], sealed[nonce_end:], place.encode()).decode()
        except InvalidTag:
            raise SealBrokenError(f"{place} does not open: it was altered or moved") from None

    def _look_again(self) -> None:
        if self._reread is not None:
            self._take(self._reread())

    def _take(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise ValueError(f"a master key is {KEY_BYTES} bytes, given as {KEY_BYTES * 2} hex digits")
        if tuple(keys) != self._keys:
            # The dictionary is replaced and never changed: other threads go on with the one they have.
            self._ciphers = {key_id(key): AESGCM(key) for key in keys}
            self._keys = tuple(keys)


def key_id(key: bytes) -> str:
    """Return the id of a key, 8 hex digits that say nothing of the key itself."""
    return hashlib.sha256(b"waypost key id" + key).digest()[:_KEY_ID_BYTES].hex()


def sealed_key_id(sealed: bytes) -> str:
    """Return the id of the key that a value was sealed with."""
    return sealed[1 : 1 + _KEY_ID_BYTES].hex()
