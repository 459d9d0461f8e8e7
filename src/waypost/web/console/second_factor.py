"""The second factor: time-based one-time passwords (RFC 6238) of six digits, a new one each 30 seconds."""

import base64
import binascii
import io
import secrets
from typing import Final

import segno
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor import InvalidToken
from cryptography.hazmat.primitives.twofactor.totp import TOTP

_SECRET_BYTES: Final = 20
_DIGITS: Final = 6
_STEP_SECONDS: Final = 30
_STEPS_APART: Final = (0, -1, 1)
"""How far the clocks of phone and gateway may be apart, in steps; the likeliest first."""


def new_secret() -> str:
    """Return a secret of 160 bits in base32, as authenticator apps take it."""
    return base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def is_secret(text: str) -> bool:
    """Say whether a text is a secret as ``new_secret`` makes them."""
    try:
        return len(base64.b32decode(text)) == _SECRET_BYTES
    except (binascii.Error, ValueError):
        return False


def step_of_code(secret: str, code: str, *, now_us: int) -> int | None:
    """Return the time step that a code is of, if it is one of now or of a step beside; None: it is wrong."""
    if len(code) != _DIGITS or not code.isascii() or not code.isdigit():
        return None
    step = now_us // 1_000_000 // _STEP_SECONDS
    for apart in _STEPS_APART:
        try:
            _totp(secret).verify(code.encode(), (step + apart) * _STEP_SECONDS)
        except InvalidToken:
            continue
        return step + apart
    return None


def enrolment_uri(secret: str, *, name: str) -> str:
    """Return what an authenticator app reads from the picture."""
    return _totp(secret).get_provisioning_uri(name, "Waypost")


def enrolment_picture(uri: str) -> str:
    """Return the picture, a QR code, as a ``data:`` URL."""
    file = io.BytesIO()
    segno.make(uri, error="m").save(file, kind="svg", scale=5, border=2, light="#ffffff", xmldecl=False)
    return "data:image/svg+xml;base64," + base64.b64encode(file.getvalue()).decode()


def _totp(secret: str) -> TOTP:
    # SHA-1 is what the apps know; as the hash of an HMAC it stands (RFC 6194).
    return TOTP(base64.b32decode(secret), _DIGITS, SHA1(), _STEP_SECONDS)  # noqa: S303
