"""The code with which the console's first user is made; apart from passwords, whose library no start needs."""

import base64
from typing import Final

from waypost.domain.mac import hmac_sha256_hex

_CODE_CHARACTERS: Final = 12


def first_run_code(token_key: bytes) -> str:
    """
    Return the code that makes the first user, such as ``K7QF-2M4A-PL3X``; it is of no use once there is one.

    It comes from the installation's own key: all nodes know it, and it stays the same over restarts.
    """
    digest = bytes.fromhex(hmac_sha256_hex(token_key, b"console first run"))
    letters = base64.b32encode(digest).decode()[:_CODE_CHARACTERS]
    return "-".join(letters[start : start + 4] for start in range(0, _CODE_CHARACTERS, 4))
