"""The media endpoints: upload, describe, download, delete."""

import asyncio
from typing import Any

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request

from waypost.sandbox.graph.call import Grant, authorise
from waypost.sandbox.graph.errors import GraphError, malformed, no_such_object
from waypost.sandbox.graph.media_kinds import ALL_TYPES, KINDS, bare, bytes_max, kind_of, matches, sniff
from waypost.sandbox.media_store import MediaStore, Medium
from waypost.sandbox.network import Network, Number
from waypost.sandbox.wire import Headers, Receive, Scope, Send, header, send_bytes, send_json

DOWNLOAD_PATH = "/whatsapp_business/attachments/"
_CHUNK_BYTES = 256 * 1024


class MediaEndpoints:
    """Uploads are checked by their content; a download URL needs the same bearer token and dies after its time."""

    def __init__(self, *, network: Network, media: MediaStore) -> None:
        self._network = network
        self._media = media

    async def upload(self, request: Request, number: Number) -> dict[str, Any]:
        """Take a multipart upload; raise 100, 131008 or 131053."""
        try:
            form = await request.form(max_files=1, max_fields=20)
        except (MultiPartException, ClientDisconnect) as error:
            raise malformed("The request body is not a readable multipart form.") from error
        try:
            if form.get("messaging_product") != "whatsapp":
                raise GraphError(100, "The parameter messaging_product is required and must be whatsapp.")
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise GraphError(100, "The parameter file is required.")
            declared = file.content_type or str(form.get("type", ""))
            largest = max(size for _, size in KINDS.values())
            data = await file.read(largest + 1)
            filename = file.filename
        finally:
            await form.close()
        mime_type = _accepted_type(data, declared)
        medium = await asyncio.to_thread(
            self._media.add,
            data,
            phone_number_id=number.phone_number_id,
            mime_type=mime_type,
            filename=filename,
            origin="upload",
        )
        self._media.keep(medium)
        return {"id": medium.media_id}

    def visible(self, grant: Grant, media_id: str, query: dict[str, str], method: str) -> Medium | None:
        """Return a medium this token may see; None when there is none of this id.

        Raises GraphError 100 subcode 33 when it belongs to someone else or to another number than the query names.
        """
        medium = self._media.find(media_id)
        if medium is None:
            return None
        owner = self._network.numbers.get(medium.phone_number_id)
        asked = query.get("phone_number_id")
        is_foreign = owner is None or owner.waba_id not in grant.waba_ids or medium.origin == "link"
        if is_foreign or asked not in (None, medium.phone_number_id):
            raise no_such_object(media_id, method)
        return medium

    def describe(self, medium: Medium, base_url: str) -> dict[str, Any]:
        return {
            "messaging_product": "whatsapp",
            "url": self.url(medium, base_url),
            "mime_type": medium.mime_type,
            "sha256": medium.sha256,
            "file_size": medium.size_bytes,
            "id": medium.media_id,
        }

    def url(self, medium: Medium, base_url: str) -> str:
        return f"{base_url}{DOWNLOAD_PATH}?{self._media.url_query(medium)}"

    def delete(self, medium: Medium) -> dict[str, Any]:
        self._media.delete(medium)
        return {"success": True}

    async def download(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the bytes of a download URL: 401 without a good token, 404 when the URL has run out."""
        try:
            grant = authorise(self._network, scope)
        except GraphError as error:
            await send_json(send, status=401, value=error.body())
            return
        query = dict(Request(dict(scope), receive).query_params)
        medium = self._media.find_by_query(query)
        owner = None if medium is None else self._network.numbers.get(medium.phone_number_id)
        if medium is None or owner is None or owner.waba_id not in grant.waba_ids:
            await send_bytes(send, status=404, body=b"Not Found", headers=((b"content-type", b"text/plain"),))
            return
        data = await asyncio.to_thread(self._media.read, medium)
        await send_ranged(scope, send, data=data, mime_type=medium.mime_type)


async def send_ranged(scope: Scope, send: Send, *, data: bytes, mime_type: str, more: Headers = ()) -> None:
    """Answer bytes: whole (200), the one range asked for (206), or 416; `more` are headers to send along."""
    headers = [(b"content-type", mime_type.encode("latin-1")), (b"accept-ranges", b"bytes"), *more]
    status, start, end = 200, 0, len(data)
    asked = header(scope, b"range")
    if asked is not None:
        found = _range(asked.decode("latin-1"), len(data))
        if found is None:
            headers.append((b"content-range", f"bytes */{len(data)}".encode()))
            await send_bytes(send, status=416, body=b"", headers=tuple(headers))
            return
        status, (start, end) = 206, found
        headers.append((b"content-range", f"bytes {start}-{end - 1}/{len(data)}".encode()))
    headers.append((b"content-length", str(end - start).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    view = memoryview(data)[start:end]
    for offset in range(0, len(view), _CHUNK_BYTES):
        chunk = bytes(view[offset : offset + _CHUNK_BYTES])
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _range(text: str, size: int) -> tuple[int, int] | None:
    unit, _, spec = text.partition("=")
    first, dash, last = spec.strip().partition("-")
    if unit.strip() != "bytes" or not dash or not (first + last).isdecimal():
        return None
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1 if last else size)
    return (start, end) if start < end else None


def _accepted_type(data: bytes, declared: str) -> str:
    kind = kind_of(declared)
    if kind is None:
        raise GraphError(
            100,
            f"Param file must be a file with one of the following types: {', '.join(ALL_TYPES)}. Received file of type "
            f"'{bare(declared) or 'application/octet-stream'}'.",
        )
    if not data:
        raise GraphError(100, "Param file must not be empty.")
    if len(data) > bytes_max(kind, data):
        raise GraphError(131053, f"The file is larger than {bytes_max(kind, data)} bytes, the most for {kind}.")
    if not matches(data, declared):
        raise GraphError(
            131053, f"The file was declared {bare(declared)}, but its content is {sniff(data) or 'of an unknown kind'}."
        )
    return bare(declared) if bare(declared) != "audio/ogg" else "audio/ogg; codecs=opus"
