"""
Files under way: bytes that come in are kept in a temporary file until the blob store takes them.

A file is gone when its block ends, unless it was kept; what a crash left is removed at a later start.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

STALE_SECONDS: Final = 24 * 3600


class TemporaryFile:
    """An open file of ours. After ``keep`` it outlives its block, and whoever kept it removes ``path``."""

    def __init__(self, path: Path, handle: int) -> None:
        self.path = path
        self.is_kept = False
        self._handle = handle

    def keep(self) -> None:
        """Leave the file where it is when the block ends."""
        self.is_kept = True

    async def write(self, data: bytes) -> None:
        """
        Write all of it, on another thread; returns only when that thread has done with the file. Raises OSError.

        Cancelled, it waits for the thread all the same: the file must not be closed under it.
        """
        writing = asyncio.ensure_future(asyncio.to_thread(_write_all, self._handle, data))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait({writing})
            raise


def prepare_directory(directory: Path, *, prefix: str) -> None:
    """Make the directory if it is missing, and remove its files of this prefix that a crash left a day ago or more."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    oldest = time.time() - STALE_SECONDS
    for leftover in directory.glob(f"{prefix}*"):
        if leftover.stat().st_mtime < oldest:
            leftover.unlink(missing_ok=True)


@contextmanager
def temporary_file(directory: Path, *, prefix: str) -> Iterator[TemporaryFile]:
    """Give a new file, readable by us alone. Raises OSError."""
    handle, name = tempfile.mkstemp(dir=directory, prefix=prefix)
    file = TemporaryFile(Path(name), handle)
    try:
        yield file
    finally:
        # Here and now rather than on a thread: an await could be cancelled, and the file would stay.
        os.close(handle)
        if not file.is_kept:
            file.path.unlink(missing_ok=True)


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
