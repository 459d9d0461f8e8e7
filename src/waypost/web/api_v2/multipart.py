"""
The one file of a ``multipart/form-data`` body, streamed to disk.

Clients that leave the boundary out of the header exist: it is then taken from the body's first line (contract,
section 4).
"""

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from waypost.media.temporary import TemporaryFile, temporary_file

PREFIX: Final = "upload-"
"""Of the temporary files' names."""
_WRITE_BYTES: Final = 1 << 20
_BOUNDARY_BYTES_MAX: Final = 256
_FIRST_LINE: Final = re.compile(rb"(?:\r\n|\n)?--([^\r\n]{1,200})\r?\n")
_TEXT_BYTES_MAX: Final = 256
_PART_HEADERS_MAX: Final = 16
_PART_HEADER_BYTES_MAX: Final = 8_192


class UploadFault(Enum):
    """Why no file came of a body."""

    NO_FILE = "no_file"
    FILE_TOO_LARGE = "file_too_large"
    BODY_TOO_LARGE = "body_too_large"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedFile:
    """
    A part written to disk; the caller removes ``path``. ``filename`` is as the client gave it, perhaps None.

    ``texts`` are the parts without a file that were asked for, each as the client gave it.
    """

    path: Path
    size_bytes: int
    filename: str | None
    texts: Mapping[str, str]


async def receive_file(
    chunks: AsyncIterator[bytes],
    content_type: str,
    *,
    directory: Path,
    part: str,
    file_bytes_max: int,
    body_bytes_max: int,
    texts: frozenset[str] = frozenset(),
) -> ReceivedFile | UploadFault:
    """
    Read a body and keep its first part of this name in a temporary file; other parts are read over.

    Parts named in ``texts`` are kept too, to their first 256 bytes.

    Reading stops at the first byte over either limit. Raises OSError when the disk fails; no file is left behind by
    anything but success.
    """
    with temporary_file(directory, prefix=PREFIX) as file:
        reader = _PartReader(part, file, file_bytes_max=file_bytes_max, texts=texts)
        fault = await reader.read(chunks, content_type, body_bytes_max=body_bytes_max)
        if fault is not None:
            return fault
        file.keep()
        return ReceivedFile(path=file.path, size_bytes=reader.size_bytes, filename=reader.filename, texts=reader.texts)


class _PartReader:
    def __init__(self, part: str, file: TemporaryFile, *, file_bytes_max: int, texts: frozenset[str]) -> None:
        self._part = part.encode()
        self._wanted_texts = {name.encode(): name for name in texts}
        self._text_name: bytes | None = None
        self._texts: dict[bytes, bytes] = {}
        self._file = file
        self._file_bytes_max = file_bytes_max
        self._header_name = b""
        self._header_value = b""
        self._headers: dict[bytes, bytes] = {}
        self._is_wanted = False
        self._is_found = False
        self._is_whole = False
        self._waiting = bytearray()
        self.size_bytes = 0
        self.filename: str | None = None

    @property
    def texts(self) -> dict[str, str]:
        """The parts without a file that were asked for and came."""
        return {self._wanted_texts[name]: data.decode("utf-8", "replace") for name, data in self._texts.items()}

    async def read(self, chunks: AsyncIterator[bytes], content_type: str, *, body_bytes_max: int) -> UploadFault | None:
        """Read the body; return what was wrong, or None once the part is on disk."""
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data":
            return UploadFault.NO_FILE
        boundary = options.get(b"boundary")
        parser = None if not boundary or len(boundary) > _BOUNDARY_BYTES_MAX else self._parser(boundary)
        body_bytes, head = 0, b""
        try:
            async for chunk in chunks:
                body_bytes += len(chunk)
                if body_bytes > body_bytes_max:
                    return UploadFault.BODY_TOO_LARGE
                data = chunk
                if parser is None:
                    head += chunk
                    found = _FIRST_LINE.match(head)
                    if found is None:
                        if len(head) > _BOUNDARY_BYTES_MAX:
                            return UploadFault.NO_FILE
                        continue
                    parser, data = self._parser(found[1].rstrip()), head
                parser.write(data)
                if self.size_bytes > self._file_bytes_max:
                    return UploadFault.FILE_TOO_LARGE
                if len(self._waiting) >= _WRITE_BYTES:
                    await self._flush()
        except FormParserError:
            return UploadFault.NO_FILE
        await self._flush()
        return None if self._is_whole else UploadFault.NO_FILE

    def _parser(self, boundary: bytes) -> MultipartParser:
        return MultipartParser(
            boundary,
            {
                "on_part_begin": self._on_part_begin,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
                "on_part_end": self._on_part_end,
            },
            max_header_count=_PART_HEADERS_MAX,
            max_header_size=_PART_HEADER_BYTES_MAX,
        )

    def _on_part_begin(self) -> None:
        self._headers = {}
        self._is_wanted = False

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[self._header_name.lower()] = self._header_value
        self._header_name = self._header_value = b""

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        name = options.get(b"name", b"")
        self._text_name = name if name in self._wanted_texts and name not in self._texts else None
        if self._text_name is not None:
            self._texts[self._text_name] = b""
        if self._is_found or name != self._part:
            return
        self._is_found = self._is_wanted = True
        filename = options.get(b"filename")
        self.filename = None if filename is None else filename.decode("utf-8", "replace")

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._text_name is not None:
            self._texts[self._text_name] = (self._texts[self._text_name] + data[start:end])[:_TEXT_BYTES_MAX]
        if self._is_wanted and self.size_bytes <= self._file_bytes_max:
            self.size_bytes += end - start
            self._waiting += memoryview(data)[start:end]

    def _on_part_end(self) -> None:
        self._is_whole = self._is_whole or self._is_wanted
        self._is_wanted = False

    async def _flush(self) -> None:
        data = bytes(self._waiting)
        self._waiting.clear()
        await self._file.write(data)
