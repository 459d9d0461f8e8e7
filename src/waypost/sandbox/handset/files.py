"""The page and what belongs to it, read once from the package."""

import hashlib
from dataclasses import dataclass
from importlib import resources

from starlette.requests import Request
from starlette.responses import Response

from waypost.sandbox.control_errors import PAGE_HEADERS

_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    body: bytes
    media_type: str
    tag: str


class Files:
    """Files by name, each with a tag of its content, so that a browser asks and is told that nothing has changed."""

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}
        for entry in (resources.files("waypost.sandbox") / "handset" / "static").iterdir():
            media_type = _TYPES.get(entry.name.rpartition(".")[2])
            if media_type is not None:
                body = entry.read_bytes()
                tag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
                self._files[entry.name] = _File(body=body, media_type=media_type, tag=tag)

    def names(self) -> list[str]:
        """Return what there is, by name."""
        return sorted(self._files)

    def answer(self, request: Request, name: str) -> Response | None:
        """Return the file, or 304 when the browser has it; None if there is no such file."""
        file = self._files.get(name)
        if file is None:
            return None
        headers = {**PAGE_HEADERS, "etag": file.tag}
        if request.headers.get("if-none-match") == file.tag:
            return Response(status_code=304, headers=headers)
        return Response(file.body, media_type=file.media_type, headers=headers)
