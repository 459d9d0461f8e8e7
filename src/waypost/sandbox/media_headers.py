"""How files that anybody may have sent are handed to a browser: never as something that runs."""

import re
from urllib.parse import quote

from waypost.sandbox.wire import Headers

# What a browser may show in place; all else is saved as a file.
_SHOWN = re.compile(r"(image/(jpeg|png|webp|gif)|audio/[a-z0-9.+-]+|video/[a-z0-9.+-]+)(\s*;.*)?")
_MIME_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+(\s*;\s*[a-z0-9_-]+=[\x20-\x7e]*)*", re.IGNORECASE)


def media_headers(mime_type: str, filename: str | None) -> tuple[str, Headers]:
    """Return the MIME type to serve a file with, and the headers that keep a browser from running it."""
    is_type = len(mime_type) <= 200 and _MIME_TYPE.fullmatch(mime_type) is not None
    served = mime_type if is_type else "application/octet-stream"
    headers = [
        (b"x-content-type-options", b"nosniff"),
        (b"content-security-policy", b"default-src 'none'; sandbox; frame-ancestors 'none'"),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"referrer-policy", b"no-referrer"),
        (b"cache-control", b"private, max-age=3600"),
    ]
    if not _SHOWN.fullmatch(served.lower()):
        # A lone surrogate in a name cannot be encoded; it is shown as a question mark.
        name = quote((filename or "file").encode("utf-8", "replace"), safe="")
        headers.append((b"content-disposition", f"attachment; filename*=UTF-8''{name}".encode()))
    return served, tuple(headers)
