"""``POST /api/v3/metainfo/template/create_media_handler``: a file that shows reviewers what a header will hold."""

import asyncio
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from waypost.contract.errors import (
    BAD_MEDIA,
    CLIENT_NOT_FOUND,
    PARAMETER_MISSING,
    ContractError,
    ContractRefusal,
)
from waypost.contract.management_replies import sample_uploaded
from waypost.contract.replies import FailureReplies, three_key
from waypost.contract.template_queries import check_sample_format, source_of_query
from waypost.media.filenames import safe_filename
from waypost.media.sniff import VIDEO_BYTES_MAX, MediaFacts, check_media
from waypost.media.temporary import prepare_directory
from waypost.observe import get_logger
from waypost.ports import BlobStore, Clock, IdFactory
from waypost.providers.cloud_api.calls import CallFailure
from waypost.settings import Settings
from waypost.store.directory import Directory, Source
from waypost.store.engine import Database
from waypost.store.media import count_stored_bytes, insert_upload
from waypost.web.api_v2.multipart import PREFIX, ReceivedFile, UploadFault, receive_file
from waypost.web.api_v2.templates import error_of_call
from waypost.web.auth import Principal
from waypost.web.responses import json_response, reply_response
from waypost.web.template_desk import TemplateDesk

SAMPLE_BYTES_MAX: Final = VIDEO_BYTES_MAX
"""Ours: a sample is looked at once by a reviewer, and is held in memory while it is passed on."""

_FILE: Final = "file"
_TEXTS: Final = frozenset({"format", "source"})
_AT_ONCE_MAX: Final = 4
_FORMS: Final = 64 * 1024
"""What a body may have beside its file."""

_logger = get_logger("media")


class SampleEndpoint:
    """
    Passes a sample on to the provider, and keeps it as an upload of the account's, so that it can be looked at.

    The file stays until it is deleted like any upload.
    """

    def __init__(
        self,
        *,
        database: Database,
        directory: Directory,
        blobs: BlobStore,
        desk: TemplateDesk,
        clock: Clock,
        ids: IdFactory,
        replies: FailureReplies,
        settings: Settings,
    ) -> None:
        self._database = database
        self._directory = directory
        self._blobs = blobs
        self._desk = desk
        self._clock = clock
        self._ids = ids
        self._replies = replies
        self._base_url = settings.base_url
        self._stored_bytes_max = settings.limits.account_stored_bytes_max
        self._slots = asyncio.Semaphore(_AT_ONCE_MAX)
        self._files = settings.data_dir / "incoming"
        prepare_directory(self._files, prefix=PREFIX)

    async def upload(self, principal: Principal, request: Request) -> Response:
        """Take a file of the kind that ``format`` names, and answer the provider's handle for it."""
        try:
            received = await receive_file(
                request.stream(),
                request.headers.get("content-type", ""),
                directory=self._files,
                part=_FILE,
                file_bytes_max=SAMPLE_BYTES_MAX,
                body_bytes_max=SAMPLE_BYTES_MAX + _FORMS,
                texts=_TEXTS,
            )
            if isinstance(received, ReceivedFile):
                try:
                    async with self._slots:
                        return await self._pass_on(principal, request, received)
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
                return self._failed(BAD_MEDIA)
            case UploadFault.NO_FILE:
                return self._failed(PARAMETER_MISSING)

    async def _pass_on(self, principal: Principal, request: Request, received: ReceivedFile) -> Response:
        members = {**request.query_params, **received.texts}
        refusal = check_sample_format(members.get("format"))
        if isinstance(refusal, ContractRefusal):
            return reply_response(self._replies.refused(refusal))
        facts = await asyncio.to_thread(check_media, received.path)
        if not isinstance(facts, MediaFacts) or facts.kind.value != members["format"].strip().lower():
            return self._failed(BAD_MEDIA)
        source = self._directory.now.source_of(principal.account_id, source_of_query(members))
        if source is None:
            return self._failed(CLIENT_NOT_FOUND)
        account_id = principal.account_id
        stored_bytes = await self._database.read(lambda tx: count_stored_bytes(tx, account_id), account_id=account_id)
        if stored_bytes + facts.size_bytes > self._stored_bytes_max:
            return reply_response(three_key(429), headers={"Retry-After": "3600"})
        return await self._keep(source, received, facts)

    async def _keep(self, source: Source, received: ReceivedFile, facts: MediaFacts) -> Response:
        named = None if received.filename is None else safe_filename(received.filename)
        filename = named or f"sample-{facts.kind.value}"
        handle = await self._desk.upload_sample(
            source,
            data=await asyncio.to_thread(received.path.read_bytes),
            mime_type=facts.mime_type,
            filename=filename,
        )
        if isinstance(handle, CallFailure):
            return self._failed(error_of_call(handle))
        digest = await self._blobs.put(received.path)
        media_id = self._ids.new()
        await self._database.write(
            lambda tx: insert_upload(
                tx,
                account_id=source.account_id,
                media_id=media_id,
                digest=digest,
                mime_type=facts.mime_type,
                kind=facts.kind.value,
                size_bytes=facts.size_bytes,
                filename=filename,
                now_us=self._clock.now_us(),
            ),
            account_id=source.account_id,
        )
        return json_response(sample_uploaded(sample_id=handle, url=f"{self._base_url}/api/v2/media/{media_id}"))

    def _failed(self, error: ContractError) -> Response:
        return reply_response(self._replies.failed(error))
