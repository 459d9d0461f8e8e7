"""Names that may stand in URLs and pages in place of what must not, such as a phone number."""

import base64
import binascii
import hashlib
import hmac
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

_CHARACTERS_MAX: Final = 400


class OpaqueNames:
    """
    Makes names by AES-SIV (RFC 5297) under a key of the installation's own, bound to an account.

    The same text has the same name, on every node; nobody without the key reads it, or makes one up.
    """

    def __init__(self, key: bytes) -> None:
        self._cipher = AESSIV(hashlib.sha512(hmac.digest(key, b"console opaque names", "sha256")).digest())

    def name_of(self, account_id: str, text: str) -> str:
        """Return the name of a text that is not empty: letters, digits, ``-`` and ``_``."""
        sealed = self._cipher.encrypt(text.encode(), [account_id.encode()])
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def text_of(self, account_id: str, name: str) -> str | None:
        """Return what a name stands for; None for one that is not of this account, or not ours at all."""
        if len(name) > _CHARACTERS_MAX or not name.isascii():
            return None
        try:
            sealed = base64.b64decode(name + "=" * (-len(name) % 4), altchars=b"-_", validate=True)
            return self._cipher.decrypt(sealed, [account_id.encode()]).decode()
        except (binascii.Error, InvalidTag, ValueError):
            return None
