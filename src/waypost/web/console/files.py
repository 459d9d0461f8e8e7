"""
Stored bytes as the console hands them out: shown inside a page if they are a picture, sound or film, else saved.

What comes from customers never acts: no type is guessed at, and a file that is opened by itself stands in a sandbox.
"""

from typing import Final
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse

from waypost.web.api_v2.ranges import UnsatisfiableRangeError, parse_range
from waypost.web.console.visit import Visit
from waypost.web.manage.problems import not_found

SHOWN_TYPES: Final = frozenset(
    {
        *("image/jpeg", "image/png", "image/webp", "image/gif"),
        *("video/mp4", "video/3gpp", "video/webm"),
        *("audio/aac", "audio/mp4", "audio/mpeg", "audio/amr", "audio/ogg", "audio/opus", "audio/wav"),
    }
)
"""Raster pictures, sound and film; what else there is, SVG and HTML above all, could carry scripts."""
_UNKNOWN_TYPE: Final = "application/octet-stream"
_SAFE: Final = {
    "content-security-policy": "sandbox; default-src 'none'",
    "cache-control": "private, max-age=3600",
    "accept-ranges": "bytes",
}


def base_type(mime_type: str | None) -> str:
    """Return a type without its parameters, in lower case; ``""`` for none."""
    return (mime_type or "").partition(";")[0].strip().lower()


async def answer_file(
    visit: Visit, *, digest: str, size_bytes: int, mime_type: str | None, filename: str | None
) -> Response:
    """Answer with stored bytes, or the range of them that is asked for. Raises ``Problem`` where they are gone."""
    request, blobs = visit.request, visit.console.blobs
    etag = f'"{digest}"'
    is_shown = base_type(mime_type) in SHOWN_TYPES
    headers = {**_SAFE, "etag": etag, "content-disposition": _disposition(filename, is_shown=is_shown)}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    asked = request.headers.get("range") if request.headers.get("if-range", etag) == etag else None
    try:
        part = parse_range(asked, size_bytes)
    except UnsatisfiableRangeError:
        return Response(status_code=416, headers={**_SAFE, "content-range": f"bytes */{size_bytes}"})
    if not await blobs.exists(digest):
        raise not_found("file")
    start, end = (0, size_bytes) if part is None else part
    headers["content-length"] = str(end - start)
    headers["content-type"] = base_type(mime_type) if is_shown else _UNKNOWN_TYPE
    if part is not None:
        headers["content-range"] = f"bytes {start}-{end - 1}/{size_bytes}"
    return StreamingResponse(
        blobs.stream(digest, start=start, end=end), status_code=200 if part is None else 206, headers=headers
    )


def _disposition(filename: str | None, *, is_shown: bool) -> str:
    """Return how a browser takes it; the name only in its encoded form (RFC 6266)."""
    manner = "inline" if is_shown else "attachment"
    return manner if filename is None else f"{manner}; filename*=UTF-8''{quote(filename, safe='')}"
