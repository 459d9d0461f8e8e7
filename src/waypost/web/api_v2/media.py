"""Files over the contract: upload, get, delete (contract, section 4)."""

import asyncio
import re
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from waypost.contract.errors import BAD_MEDIA
from waypost.contract.replies import FailureReplies, media_deleted, media_uploaded, three_key
from waypost.media.collector import Collector
from waypost.media.filenames import safe_filename
from waypost.media.sniff import DOCUMENT_BYTES_MAX, MediaFacts, check_media
from waypost.observe import get_logger
from waypost.observe.metrics import Metrics
from waypost.ports import BlobStore, Clock, IdFactory
from waypost.settings import Settings
from waypost.store.engine import Database
from waypost.store.media import PENDING, STORED, Asset, delete_asset, find_asset
from waypost.web.api_v2.multipart import ReceivedFile
from waypost.web.api_v2.uploads import UploadDesk, UploadForm
from waypost.web.auth import Principal
from waypost.web.responses import json_response, reply_response
from waypost.web.stored_files import UNKNOWN_TYPE, StoredFile, answer_file

UPLOADS_MAX: Final = 16
"""Uploads being judged and stored at once."""
_MIME_TYPE: Final = re.compile(
    r"[a-zA-Z0-9!#$&^_.+-]{1,64}/[a-zA-Z0-9!#$&^_.+-]{1,100}(?:; ?[a-z]{1,20}=[\w.+-]{1,60})?"
)

_logger = get_logger("media")


class MediaEndpoints:
    """Answers media calls of one account."""

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
        self._replies = replies
        self._body_bytes_max = settings.limits.upload_body_bytes_max
        self._uploads = UploadDesk(
            UploadForm(file_bytes_max=DOCUMENT_BYTES_MAX, body_bytes_max=self._body_bytes_max, at_once_max=UPLOADS_MAX),
            database=database,
            blobs=blobs,
            clock=clock,
            ids=ids,
            replies=replies,
            settings=settings,
            metrics=metrics,
        )

    async def upload(self, principal: Principal, request: Request) -> Response:
        """Take a file, and answer its id once its bytes and its row are durable."""
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length[:20]) > self._body_bytes_max:
            return reply_response(three_key(413))
        return await self._uploads.receive(request, lambda received: self._keep(principal.account_id, received))

    async def _keep(self, account_id: str, received: ReceivedFile) -> Response:
        facts = await asyncio.to_thread(check_media, received.path)
        if not isinstance(facts, MediaFacts):
            _logger.info("media.upload_refused", account_id=account_id, fault=facts.fault.value)
            return reply_response(self._replies.failed(BAD_MEDIA))
        refusal = await self._uploads.refuse_for_room(account_id, facts)
        if refusal is not None:
            return refusal
        filename = None if received.filename is None else safe_filename(received.filename)
        return json_response(media_uploaded(await self._uploads.keep(account_id, received, facts, filename=filename)))

    async def get(self, principal: Principal, request: Request) -> Response:
        """Send a file, or a range of it; an inbound file that has not been fetched yet is fetched now."""
        asset = await self._find(principal.account_id, request.path_params["id"])
        if asset is not None and asset.state == PENDING:
            return reply_response(three_key(503), headers={"Retry-After": "5"})
        if asset is None or asset.state != STORED or asset.digest is None or asset.size_bytes is None:
            return reply_response(three_key(404))
        file = StoredFile(
            digest=asset.digest,
            size_bytes=asset.size_bytes,
            filename=asset.filename,
            content_type=_served_type(asset.mime_type),
            is_inline=False,
            cache_control="private, no-store",
        )
        response = await answer_file(request, self._blobs, file)
        if response is None:
            _logger.error("media.bytes_missing", account_id=asset.account_id, media_id=asset.id)
            return reply_response(three_key(404))
        return response

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


def _served_type(mime_type: str | None) -> str:
    """Return a type fit for a header: an inbound file's is the provider's word."""
    return mime_type if mime_type is not None and _MIME_TYPE.fullmatch(mime_type) else UNKNOWN_TYPE
