"""Append-only files of JSON lines."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson


class Journal:
    """One append-only file of JSON lines, or nothing at all when `path` is None.

    A written line has left the process: it survives kill -9, though not a power cut. A line torn by a kill is cut
    off when the journal is next opened.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._pending: list[bytes] = []
        self._flush_is_due = False

    def replay(self) -> Iterator[dict[str, Any]]:
        """Yield every whole line, oldest first, and cut a torn one off the end."""
        if self._path is None or not self._path.exists():
            return
        with self._path.open("r+b") as file:
            whole_bytes = 0
            for line in file:
                if not line.endswith(b"\n"):
                    file.truncate(whole_bytes)
                    break
                whole_bytes += len(line)
                yield orjson.loads(line)

    def write(self, record: dict[str, Any]) -> None:
        """Append one line; it and all before it have left the process on return."""
        if self._path is None:
            return
        self._pending.append(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
        self.flush()

    def write_soon(self, record: dict[str, Any]) -> None:
        """Append one line, to leave the process by the end of this turn of the event loop."""
        if self._path is None:
            return
        self._pending.append(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
        if self._flush_is_due:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
        else:
            self._flush_is_due = True
            loop.call_soon(self.flush)

    def flush(self) -> None:
        self._flush_is_due = False
        if not self._pending or self._path is None:
            return
        if self._descriptor is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        data = self._pending[0] if len(self._pending) == 1 else b"".join(self._pending)
        self._pending.clear()
        while data:
            data = data[os.write(self._descriptor, data) :]

    def close(self) -> None:
        """Write out what is left and close; a later write opens the file again."""
        self.flush()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
