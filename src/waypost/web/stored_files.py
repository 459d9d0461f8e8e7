"""Stored bytes over HTTP: whole, a range of them, or the word that they have not changed; what they are cannot act."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from waypost.ports import BlobStore

UNKNOWN_TYPE: Final = "application/octet-stream"
_SAFE: Final = {
    # A file from a stranger must never act in a browser: not guessed at, and if it is opened by itself, in a sandbox.
    "x-content-type-options": "nosniff",
    "content-security-policy": "sandbox; default-src 'none'",
}
_RANGE: Final = re.compile(r"bytes=[ \t]*(\d{0,19})-(\d{0,19})[ \t]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """
    A file to hand out, and how.

    ``digest`` names its bytes in the store. ``content_type`` is fit for a header. ``is_inline``: a browser may show it
    inside a page, else it saves it. ``cache_control`` is the header's value.
    """

    digest: str
    size_bytes: int
    filename: str | None
    content_type: str
    is_inline: bool
    cache_control: str


async def answer_file(request: Request, blobs: BlobStore, file: StoredFile) -> Response | None:
    """
    Answer GET or HEAD with a file; GET with the one range of it that is asked for (RFC 9110, section 14).

    Several ranges, other units and what is malformed count as no range. Returns None where the bytes are gone.
    """
    etag = f'"{file.digest}"'
    safe = {**_SAFE, "cache-control": file.cache_control}
    headers = {**safe, "etag": etag, "accept-ranges": "bytes", "content-disposition": _disposition(file)}
    if _names(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    is_whole = request.method != "GET" or request.headers.get("if-range", etag) != etag
    asked = None if is_whole else request.headers.get("range")
    try:
        part = _parse_range(asked, file.size_bytes)
    except _UnsatisfiableRangeError:
        return Response(status_code=416, headers={**safe, "content-range": f"bytes */{file.size_bytes}"})
    if not await blobs.exists(file.digest):
        return None
    start, end = (0, file.size_bytes) if part is None else part
    headers["content-length"] = str(end - start)
    headers["content-type"] = file.content_type
    if part is not None:
        headers["content-range"] = f"bytes {start}-{end - 1}/{file.size_bytes}"
    status = 200 if part is None else 206
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    return StreamingResponse(blobs.stream(file.digest, start=start, end=end), status_code=status, headers=headers)


def _disposition(file: StoredFile) -> str:
    """Return how a browser takes it; the name only in its encoded form (RFC 6266)."""
    manner = "inline" if file.is_inline else "attachment"
    return manner if file.filename is None else f"{manner}; filename*=UTF-8''{quote(file.filename, safe='')}"


def _names(value: str | None, etag: str) -> bool:
    """Say whether an If-None-Match names this tag."""
    if value is None:
        return False
    return value.strip() == "*" or etag in [tag.strip().removeprefix("W/") for tag in value.split(",")]


class _UnsatisfiableRangeError(ValueError):
    """The range begins behind the last byte, or asks for none."""


def _parse_range(value: str | None, size_bytes: int) -> tuple[int, int] | None:
    """Return the start and end (not included) that are asked for, None for the whole. Raises the error above."""
    found = _RANGE.fullmatch(value) if value is not None else None
    if found is None or (not found[1] and not found[2]):
        return None
    if not found[1]:
        length = int(found[2])
        if length == 0 or size_bytes == 0:
            raise _UnsatisfiableRangeError
        return max(0, size_bytes - length), size_bytes
    start = int(found[1])
    if found[2] and int(found[2]) < start:
        return None
    if start >= size_bytes:
        raise _UnsatisfiableRangeError
    return start, min(int(found[2]) + 1, size_bytes) if found[2] else size_bytes
