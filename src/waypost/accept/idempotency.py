"""What makes a repeated request the same request."""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Idempotency:
    """A caller's key (hashed, since customers put phone numbers in keys) and what its request was."""

    key_hash: str
    fingerprint: str

    @classmethod
    def of(cls, key: str, body: bytes) -> "Idempotency":
        """Return the record's form of a key and of the raw body it came with."""
        return cls(key_hash=hashlib.sha256(key.encode()).hexdigest(), fingerprint=hashlib.sha256(body).hexdigest())
