"""Passwords of the console's users."""

import asyncio
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from waypost.web.manage.problems import Problem, invalid

PASSWORD_CHARACTERS_MIN: Final = 12
PASSWORD_CHARACTERS_MAX: Final = 256
_DISTINCT_MIN: Final = 5
_AT_ONCE: Final = 2
"""Hashing takes 64 MiB and tens of milliseconds each: more at once would only take turns, and memory."""

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


def _weak(rule: str) -> Problem:
    return invalid("password", f"a password {rule}", hint="Several words in a row are easily kept and hard to guess.")
