"""Verify Standard Webhooks signatures (github.com/standard-webhooks, spec/standard-webhooks.md, read 2026)."""

import base64
import binascii
import hmac

TOLERANCE_SECONDS = 300


def secret_bytes(secret: str) -> bytes:
    """Return the key of a `whsec_<base64>` secret; raise ValueError."""
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise ValueError("a webhook secret is whsec_ and base64") from error


def fault_of(*, key: bytes, headers: dict[str, str], body: bytes, now_seconds: float) -> str | None:
    """Return why the signature is not good, or None when it is. Header names are in lower case."""
    missing = [name for name in ("webhook-id", "webhook-timestamp", "webhook-signature") if name not in headers]
    if missing:
        return f"no header {', '.join(missing)}"
    timestamp = headers["webhook-timestamp"]
    if not (timestamp.isascii() and timestamp.isdecimal()):
        return "webhook-timestamp is not a number"
    signed = b".".join((headers["webhook-id"].encode(), timestamp.encode(), body))
    expected = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    given = [part.partition(",") for part in headers["webhook-signature"].split()]
    if not any(version == "v1" and hmac.compare_digest(value, expected) for version, _, value in given):
        return "the signature is of another secret or body"
    if abs(now_seconds - int(timestamp)) > TOLERANCE_SECONDS:
        return f"webhook-timestamp is more than {TOLERANCE_SECONDS} s away from now"
    return None
