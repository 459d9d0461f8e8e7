"""Files over the contract: upload, get, delete (contract, section 4)."""

import asyncio
import re
from typing import Final
from urllib.parse import quote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from waypost.contract.errors import BAD_MEDIA, PARAMETER_MISSING
from waypost.contract.replies import FailureReplies, media_deleted, media_uploaded, three_key
from waypost.media.collector import Collector
from waypost.media.filenames import safe_filename
from waypost.media.sniff import DOCUMENT_BYTES_MAX, MediaFacts, check_media
from waypost.media.temporary import prepare_directory
from waypost.observe import get_logger
from waypost.observe.metrics import Metrics
from waypost.ports import BlobStore, Clock, IdFactory
from waypost.settings import Settings
from waypost.store.engine import Database
from waypost.store.media import PENDING, STORED, Asset, count_stored_bytes, delete_asset, find_asset, insert_upload
from waypost.web.api_v2.multipart import PREFIX, ReceivedFile, UploadFault, receive_file
from waypost.web.api_v2.ranges import UnsatisfiableRangeError, parse_range
from waypost.web.auth import Principal
from waypost.web.responses import json_response, reply_response

FILE_PART: Final = "file"
UPLOADS_MAX: Final = 16
"""Uploads being judged and stored at once; more wait. Receiving holds no place: a slow client must not take one."""
_MIME_TYPE: Final = re.compile(
    r"[a-zA-Z0-9!#$&^_.+-]{1,64}/[a-zA-Z0-9!#$&^_.+-]{1,100}(?:; ?[a-z]{1,20}=[\w.+-]{1,60})?"
)
_UNKNOWN_TYPE: Final = "application/octet-stream"
_SAFE: Final = {
    # A file from a stranger must never act in a browser: not shown, not guessed at, and if opened, in a sandbox.
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cache-Control": "private, no-store",
}

_logger = get_logger("media")


class MediaEndpoints:
    """
    Answers media calls of one account.

    Temporary files are in the data directory's ``incoming``, which is made; what a crash left there a day ago is
    removed.
    """

    def __init__(
        self,
        *,
        database: Database,
        blobs: BlobStore,
        collector: Collector,
        clock: Clock,
        ids: IdFactory,
        replies: FailureReplies,
        settings: Settings,
        metrics: Metrics,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._collector = collector
        self._clock = clock
        self._ids = ids
        self._replies = replies
        self._limits = settings.limits
        self._metrics = metrics
        self._slots = asyncio.Semaphore(UPLOADS_MAX)
        self._directory = settings.data_dir / "incoming"
        prepare_directory(self._directory, prefix=PREFIX)

    async def upload(self, principal: Principal, request: Request) -> Response:
        """Take a file, and answer its id once its bytes and its row are durable."""
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length[:20]) > self._limits.upload_body_bytes_max:
            return reply_response(three_key(413))
        try:
            received = await receive_file(
                request.stream(),
                request.headers.get("content-type", ""),
                directory=self._directory,
                part=FILE_PART,
                file_bytes_max=DOCUMENT_BYTES_MAX,
                body_bytes_max=self._limits.upload_body_bytes_max,
            )
            if isinstance(received, ReceivedFile):
                try:
                    async with self._slots:
                        return await self._keep(principal, received)
                finally:
                    await asyncio.to_thread(received.path.unlink, missing_ok=True)
        except ClientDisconnect:
            return Response(status_code=400)
        except OSError as error:
            _logger.error("media.upload_not_stored", detail=str(error))  # noqa: TRY400 - expected of disks
            return reply_response(three_key(503), headers={"Retry-After": "5"})
        match received:
            case UploadFault.BODY_TOO_LARGE:
                return reply_response(three_key(413))
            case UploadFault.FILE_TOO_LARGE:
                return reply_response(self._replies.failed(BAD_MEDIA))
            case UploadFault.NO_FILE:
                return reply_response(self._replies.failed(PARAMETER_MISSING))

    async def _keep(self, principal: Principal, received: ReceivedFile) -> Response:
        account_id = principal.account_id
        facts = await asyncio.to_thread(check_media, received.path)
        if not isinstance(facts, MediaFacts):
            _logger.info("media.upload_refused", account_id=account_id, fault=facts.fault.value)
            return reply_response(self._replies.failed(BAD_MEDIA))
        stored_bytes = await self._database.read(lambda tx: count_stored_bytes(tx, account_id), account_id=account_id)
        if stored_bytes + facts.size_bytes > self._limits.account_stored_bytes_max:
            return reply_response(three_key(429), headers={"Retry-After": "3600"})
        digest = await self._blobs.put(received.path)
        media_id = self._ids.new()
        await self._database.write(
            lambda tx: insert_upload(
                tx,
                account_id=account_id,
                media_id=media_id,
                digest=digest,
                mime_type=facts.mime_type,
                kind=facts.kind.value,
                size_bytes=facts.size_bytes,
                filename=None if received.filename is None else safe_filename(received.filename),
                now_us=self._clock.now_us(),
            ),
            account_id=account_id,
        )
        self._metrics.media_stored_bytes.inc(facts.size_bytes)
        _logger.info(
            "media.stored", account_id=account_id, media_id=media_id, kind=facts.kind.value, size_bytes=facts.size_bytes
        )
        return json_response(media_uploaded(media_id))

    async def get(self, principal: Principal, request: Request) -> Response:
        """Send a file, or a range of it; an inbound file that has not been fetched yet is fetched now."""
        asset = await self._find(principal.account_id, request.path_params["id"])
        if asset is not None and asset.state == PENDING:
            return reply_response(three_key(503), headers={"Retry-After": "5"})
        if asset is None or asset.state != STORED or asset.digest is None or asset.size_bytes is None:
            return reply_response(three_key(404))
        digest, size_bytes = asset.digest, asset.size_bytes
        etag = f'"{digest}"'
        headers = {**_SAFE, "ETag": etag, "Accept-Ranges": "bytes", "Content-Disposition": _disposition(asset.filename)}
        if _names(request.headers.get("if-none-match"), etag):
            return Response(status_code=304, headers=headers)
        asked = request.headers.get("range")
        if request.headers.get("if-range", etag) != etag:
            asked = None
        try:
            part = parse_range(asked, size_bytes)
        except UnsatisfiableRangeError:
            return Response(status_code=416, headers={**_SAFE, "Content-Range": f"bytes */{size_bytes}"})
        if not await self._blobs.exists(digest):
            _logger.error("media.bytes_missing", account_id=asset.account_id, media_id=asset.id)
            return reply_response(three_key(404))
        start, end = part if part is not None else (0, size_bytes)
        headers["Content-Length"] = str(end - start)
        headers["Content-Type"] = _served_type(asset.mime_type)
        if part is not None:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size_bytes}"
        status = 200 if part is None else 206
        if request.method == "HEAD":
            return Response(status_code=status, headers=headers)
        return StreamingResponse(self._blobs.stream(digest, start=start, end=end), status_code=status, headers=headers)

    async def delete(self, principal: Principal, request: Request) -> Response:
        """Delete a file for the account; its bytes go once nothing refers to them."""
        media_id, now_us = request.path_params["id"], self._clock.now_us()
        is_deleted = await self._database.write(
            lambda tx: delete_asset(tx, principal.account_id, media_id, now_us=now_us), account_id=principal.account_id
        )
        return json_response(media_deleted()) if is_deleted else reply_response(three_key(404))

    async def _find(self, account_id: str, media_id: str) -> Asset | None:
        asset = await self._database.read(lambda tx: find_asset(tx, account_id, media_id), account_id=account_id)
        if asset is None or asset.state != PENDING:
            return asset
        await self._collector.collect_now(account_id, media_id)
        return await self._database.read(lambda tx: find_asset(tx, account_id, media_id), account_id=account_id)


def _disposition(filename: str | None) -> str:
    """Return a header that makes browsers save; the name only in its encoded form (RFC 6266)."""
    return "attachment" if filename is None else f"attachment; filename*=UTF-8''{quote(filename, safe='')}"


def _served_type(mime_type: str | None) -> str:
    """Return a type fit for a header: an inbound file's is the provider's word."""
    return mime_type if mime_type is not None and _MIME_TYPE.fullmatch(mime_type) else _UNKNOWN_TYPE


def _names(value: str | None, etag: str) -> bool:
    """Say whether an If-None-Match names this tag."""
    if value is None:
        return False
    return value.strip() == "*" or etag in [tag.strip().removeprefix("W/") for tag in value.split(",")]
