"""Ids that look like Meta's."""

import base64
import hashlib
import os
import secrets

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

# The countries of the longest matching calling code; anything else is called US.
_COUNTRIES = {"1": "US", "44": "GB", "49": "DE", "52": "MX", "55": "BR", "91": "IN"}


def outbound_wamid(number: str) -> str:
    """Return a fresh message id for a message to `number` (digits), in the form observed in the wild in 2025.

    The form is base64 of 1C 18 length number 15 02 00 11 18 length hex-id 00; the id is 72 random bits.
    """
    return _wamid(number.encode(), b"\x15\x02\x00\x11", os.urandom(9).hex().upper().encode())


def inbound_wamid(number: str) -> str:
    """Return a fresh message id for a message from `number`; as `outbound_wamid` but with 12 and 32 hex digits."""
    return _wamid(number.encode(), b"\x15\x02\x00\x12", os.urandom(16).hex().upper().encode())


def _wamid(number: bytes, kind: bytes, hex_id: bytes) -> str:
    raw = b"".join((b"\x1c\x18", bytes((len(number),)), number, kind, b"\x18", bytes((len(hex_id),)), hex_id, b"\x00"))
    return "wamid." + base64.b64encode(raw).decode()


def object_id() -> str:
    """Return a fresh Graph object id: 16 digits, the first not 0."""
    return str(10**15 + secrets.randbelow(9 * 10**15))


def trace_id() -> str:
    """Return a fresh `fbtrace_id`: A and 22 letters or digits."""
    return "A" + "".join(_ALPHABET[byte % 62] for byte in os.urandom(22))


def user_id(number: str) -> str:
    """Return the business-scoped user id of a phone: its country, a dot and 16 digits, always the same for it."""
    country = next((name for code, name in _COUNTRIES.items() if number.startswith(code)), "US")
    return f"{country}.{int.from_bytes(hashlib.sha256(number.encode()).digest()[:8]) % 10**16:016d}"
