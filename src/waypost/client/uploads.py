"""A file on its way to the server: framed as a form of one part, read in pieces, at a retry from its start again."""

import asyncio
import mimetypes
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

PIECE_BYTES: Final = 256 * 1024
_UNKNOWN_TYPE: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """
    A file and its frame.

    A path is opened anew for each try. An open file is read from where it stood when the upload was made, must be
    seekable, and is left open.
    """

    source: Path | bytes | BinaryIO = field(repr=False)
    start: int
    size_bytes: int
    head: bytes = field(repr=False)
    tail: bytes = field(repr=False)
    content_type: str

    @property
    def body_bytes(self) -> int:
        """The size of the whole body, for ``Content-Length``."""
        return len(self.head) + self.size_bytes + len(self.tail)

    def pieces(self) -> Iterator[bytes]:
        """Yield the body from its start. Raises OSError."""
        yield self.head
        if isinstance(self.source, bytes):
            if self.source:
                yield self.source
        else:
            with self._opened() as file:
                left = self.size_bytes
                while left and (piece := file.read(min(PIECE_BYTES, left))):
                    left -= len(piece)
                    yield piece
        yield self.tail

    async def pieces_async(self) -> AsyncIterator[bytes]:
        """Yield the body from its start; a file is read in a thread. Raises OSError."""
        pieces = self.pieces()
        is_in_memory = isinstance(self.source, bytes)
        while piece := next(pieces, b"") if is_in_memory else await asyncio.to_thread(next, pieces, b""):
            yield piece

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        assert not isinstance(self.source, bytes)
        if isinstance(self.source, Path):
            with self.source.open("rb") as file:
                yield file
        else:
            self.source.seek(self.start)
            yield self.source


def prepare_upload(file: Path | str | bytes | BinaryIO, *, filename: str | None, mime_type: str | None) -> Upload:
    """
    Frame a file, given as a path, as bytes, or open for reading.

    Without a name a path's own is taken, else ``file``; without a type it is guessed from the name. Servers of this API
    judge by content. Raises OSError if the file cannot be read.
    """
    source = Path(file) if isinstance(file, str) else file
    start = 0
    if isinstance(source, bytes):
        size_bytes = len(source)
    elif isinstance(source, Path):
        size_bytes = source.stat().st_size
    else:
        start = source.tell()
        size_bytes = source.seek(0, 2) - start
    name = filename or (source.name if isinstance(source, Path) else "file")
    kind = mime_type or mimetypes.guess_type(name)[0] or _UNKNOWN_TYPE
    boundary = secrets.token_hex(16)
    # Quotes and line ends are escaped as browsers do (HTML, "multipart form data", read Nov 2026).
    quoted = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{quoted}"\r\n'
        f"Content-Type: {kind}\r\n\r\n"
    )
    return Upload(
        source=source,
        start=start,
        size_bytes=size_bytes,
        head=head.encode(),
        tail=f"\r\n--{boundary}--\r\n".encode(),
        content_type=f"multipart/form-data; boundary={boundary}",
    )
