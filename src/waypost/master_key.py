"""
The keys that seal secrets at rest: where they come from, how a first one is made, and how one takes another's place.

There is most often one. While it is being changed there are two: the first seals, all open.
"""

import base64
import binascii
import fcntl
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from waypost.settings import Settings
from waypost.settings_text import SettingsError
from waypost.store.sealing import Sealer

MASTER_KEY_BYTES = 32


def read_master_keys(settings: Settings) -> tuple[bytes, ...]:
    """
    Return the master keys, 32 bytes each: from `master_key` when set, else from `master_key_file`.

    Commas separate them in the setting, lines in the file. A missing file is made with a random key and mode 0600, on
    disk before this returns. A second call, or a second process at the same time, reads the same key.

    Raises:
        SettingsError: a key is not 32 bytes in hex or base64, or the file is open to other users or unreadable.
    """
    if settings.master_key is not None:
        return _decode_all(settings.master_key.get_secret_value().split(","), name="WAYPOST_MASTER_KEY")
    path = settings.master_key_file
    try:
        if not path.exists():
            _create(path)
        return _read(path)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f"WAYPOST_MASTER_KEY_FILE: cannot use {path}: {error}"]) from error


def open_sealer(settings: Settings) -> Sealer:
    """
    Return a sealer with the keys that are set; it follows changes of the key file.

    Raises: SettingsError as ``read_master_keys``.
    """
    keys = read_master_keys(settings)
    if settings.master_key is not None:
        return Sealer(keys)
    return Sealer(keys, reread=_following(settings.master_key_file, keys))


def new_master_key() -> bytes:
    """Return a random key."""
    return secrets.token_bytes(MASTER_KEY_BYTES)


@contextmanager
def changing_key_file(path: Path) -> Iterator[Callable[[Sequence[bytes]], None]]:
    """
    Keep others from changing the key file meanwhile, and yield what writes new keys into it.

    They are written all or nothing, flushed, and with the owner and mode of the file before. Raises OSError.
    """
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        # The directory and not the file: each writing puts another file in its place.
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield lambda keys: _replace(path, keys)
    finally:
        os.close(directory)


def _following(path: Path, keys: tuple[bytes, ...]) -> Callable[[], tuple[bytes, ...]]:
    """Return what reads the keys anew once their file has changed; what cannot be read leaves those known."""
    known = (_stamp(path), keys)

    def reread() -> tuple[bytes, ...]:
        nonlocal known
        try:
            stamp = _stamp(path)
            if stamp != known[0]:
                known = (stamp, _read(path))
        except (OSError, UnicodeDecodeError, SettingsError):
            pass
        return known[1]

    return reread


def _stamp(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _read(path: Path) -> tuple[bytes, ...]:
    if path.stat().st_mode & 0o077:
        raise SettingsError([f"WAYPOST_MASTER_KEY_FILE: {path} is open to other users; run: chmod 600 {path}"])
    lines = [line for line in path.read_text(encoding="ascii").splitlines() if line.strip()]
    return _decode_all(lines or [""], name="WAYPOST_MASTER_KEY_FILE")


def _decode_all(texts: Sequence[str], *, name: str) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(_decode(text, name=name) for text in texts))


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
    try:
        _write(unfinished, [new_master_key()])
        try:
            # A link, unlike a rename, does not replace a key that is there: what it sealed would be lost.
            os.link(unfinished, path)
        except FileExistsError:
            return
        _flush_directory(path.parent)
    finally:
        unfinished.unlink(missing_ok=True)


def _replace(path: Path, keys: Sequence[bytes]) -> None:
    before = path.stat()
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        _write(unfinished, keys)
        if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
            # Root changes the key of a gateway that runs as somebody else, who must be able to read it.
            os.chown(unfinished, before.st_uid, before.st_gid)
        unfinished.replace(path)
        _flush_directory(path.parent)
    finally:
        unfinished.unlink(missing_ok=True)


def _write(path: Path, keys: Sequence[bytes]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(b"".join(key.hex().encode() + b"\n" for key in keys))
        file.flush()
        os.fsync(file.fileno())


def _flush_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
