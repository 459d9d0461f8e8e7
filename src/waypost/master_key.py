"""The key that seals secrets at rest: where it comes from, and how a first one is made."""

import base64
import binascii
import os
import secrets
from pathlib import Path

from waypost.settings import Settings
from waypost.settings_text import SettingsError

MASTER_KEY_BYTES = 32


def read_master_key(settings: Settings) -> bytes:
    """
    Return the master key, 32 bytes: from `master_key` when set, else from `master_key_file`.

    A missing file is made with a random key and mode 0600, on disk before this returns. A second call, or a second
    process at the same time, reads the same key.

    Raises:
        SettingsError: the key is not 32 bytes in hex or base64, or its file is open to other users or unreadable.
    """
    if settings.master_key is not None:
        return _decode(settings.master_key.get_secret_value(), name="WAYPOST_MASTER_KEY")
    path = settings.master_key_file
    try:
        if not path.exists():
            _create(path)
        if path.stat().st_mode & 0o077:
            raise SettingsError([f"WAYPOST_MASTER_KEY_FILE: {path} is open to other users; run: chmod 600 {path}"])
        return _decode(path.read_text(encoding="ascii"), name="WAYPOST_MASTER_KEY_FILE")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f"WAYPOST_MASTER_KEY_FILE: cannot use {path}: {error}"]) from error


def _decode(text: str, *, name: str) -> bytes:
    text = text.strip()
    try:
        key = bytes.fromhex(text) if len(text) == 2 * MASTER_KEY_BYTES else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != MASTER_KEY_BYTES:
        raise SettingsError([f"{name}: must be {MASTER_KEY_BYTES} bytes in hex or base64"])
    return key


def _create(path: Path) -> None:
    """Write a random key to `path`, all or nothing; another process's key, if it came first, stands."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(MASTER_KEY_BYTES).hex().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            # A link, unlike a rename, does not replace a key that is there: what it sealed would be lost.
            os.link(unfinished, path)
        except FileExistsError:
            return
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    finally:
        unfinished.unlink()
