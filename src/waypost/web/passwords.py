"""Passwords of the console's users, and the code with which the first of them is made."""

import asyncio
import base64
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from waypost.domain.mac import hmac_sha256_hex
from waypost.web.manage.problems import Problem, invalid

PASSWORD_CHARACTERS_MIN: Final = 12
PASSWORD_CHARACTERS_MAX: Final = 256
_DISTINCT_MIN: Final = 5
_AT_ONCE: Final = 2
"""Hashing takes 64 MiB and tens of milliseconds each: more at once would only take turns, and memory."""
_CODE_CHARACTERS: Final = 12

# The second set of parameters of RFC 9106, section 4: three passes over 64 MiB with four lanes.
_HASHER: Final = PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=4)


def check_password(password: str, *, name: str) -> None:
    """Refuse a password that is too short, too long, or easily guessed. Raises ``Problem``."""
    lowered = password.lower()
    if not PASSWORD_CHARACTERS_MIN <= len(password) <= PASSWORD_CHARACTERS_MAX:
        raise _weak(f"has {PASSWORD_CHARACTERS_MIN} to {PASSWORD_CHARACTERS_MAX} characters")
    if len(set(lowered)) < _DISTINCT_MIN:
        raise _weak(f"uses at least {_DISTINCT_MIN} different characters")
    if name in lowered or "waypost" in lowered:
        raise _weak("holds neither the user's name nor the word waypost")


def hash_password(password: str) -> str:
    """Return the Argon2id hash, with its salt and parameters."""
    return _HASHER.hash(password)


def is_password(password: str, password_hash: str) -> bool:
    """Say whether this is the password; a hash that cannot be read fits none."""
    try:
        return _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


class PasswordChecks:
    """Hashes and compares passwords on threads, a few at once; an unknown name takes as long as a known one."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._nobodys_hash: str | None = None

    async def hash(self, password: str) -> str:
        """Return the hash of a password."""
        async with self._turns:
            return await asyncio.to_thread(hash_password, password)

    async def matches(self, password: str, password_hash: str | None) -> bool:
        """Say whether this is the password; None: there is no such user, and the answer is no."""
        async with self._turns:
            if password_hash is None:
                if self._nobodys_hash is None:
                    self._nobodys_hash = await asyncio.to_thread(hash_password, "nobody's password")
                await asyncio.to_thread(is_password, password, self._nobodys_hash)
                return False
            return await asyncio.to_thread(is_password, password, password_hash)


def first_run_code(token_key: bytes) -> str:
    """
    Return the code that makes the first user, such as ``K7QF-2M4A-PL3X``; it is of no use once there is one.

    It comes from the installation's own key: all nodes know it, and it stays the same over restarts.
    """
    digest = bytes.fromhex(hmac_sha256_hex(token_key, b"console first run"))
    letters = base64.b32encode(digest).decode()[:_CODE_CHARACTERS]
    return "-".join(letters[start : start + 4] for start in range(0, _CODE_CHARACTERS, 4))


def _weak(rule: str) -> Problem:
    return invalid("password", f"a password {rule}", hint="Several words in a row are easily kept and hard to guess.")
