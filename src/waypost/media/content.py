"""Reading a file in small pieces at chosen places, so that sniffing never holds a file or trusts its sizes."""

from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self


class FileContent:
    """
    The bytes of a file or of a value, read by place. Used in a `with` block.

    A read outside the file gives fewer bytes, never an error; one read gives at most what was asked.
    """

    def __init__(self, source: bytes | Path) -> None:
        self._bytes = source if isinstance(source, bytes) else None
        self._file: BinaryIO | None = source.open("rb") if isinstance(source, Path) else None
        if self._file is not None:
            self._file.seek(0, 2)
            self.size_bytes = self._file.tell()
        else:
            assert self._bytes is not None
            self.size_bytes = len(self._bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def read(self, start: int, count: int) -> bytes:
        """Return up to `count` bytes from `start` on."""
        if start < 0 or start >= self.size_bytes or count <= 0:
            return b""
        if self._bytes is not None:
            return self._bytes[start : start + count]
        assert self._file is not None
        self._file.seek(start)
        return self._file.read(count)

    def number(self, start: int, count: int, *, order: str = "big") -> int:
        """Return an unsigned integer; bytes beyond the end are left out, and 0 is given where there are none."""
        return int.from_bytes(self.read(start, count), "little" if order == "little" else "big")
