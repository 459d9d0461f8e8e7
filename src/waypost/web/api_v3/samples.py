"""``POST /api/v3/metainfo/template/create_media_handler``: a file that shows reviewers what a header will hold."""

import asyncio
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from waypost.contract.errors import (
    BAD_MEDIA,
    CLIENT_NOT_FOUND,
    ContractRefusal,
)
from waypost.contract.management_replies import sample_uploaded
from waypost.contract.template_queries import check_sample_format, source_of_query
from waypost.media.filenames import safe_filename
from waypost.media.sniff import VIDEO_BYTES_MAX, MediaFacts, check_media
from waypost.observe.metrics import Metrics
from waypost.ports import BlobStore
from waypost.providers.cloud_api.calls import CallFailure
from waypost.settings import Settings
from waypost.store.directory import Source
from waypost.web.api_v2.multipart import ReceivedFile
from waypost.web.api_v2.uploads import UploadDesk, UploadForm
from waypost.web.auth import Principal
from waypost.web.metainfo_context import MetainfoContext, error_of_call
from waypost.web.responses import json_response

SAMPLE_BYTES_MAX: Final = VIDEO_BYTES_MAX
"""Ours: a sample is looked at once by a reviewer, and is held in memory while it is passed on."""

_TEXTS: Final = frozenset({"format", "source"})
_AT_ONCE_MAX: Final = 4
_FORMS: Final = 64 * 1024
"""What a body may have beside its file."""


class SampleEndpoint:
    """
    Passes a sample on to the provider, and keeps it as an upload of the account's, so that it can be looked at.

    The file stays until it is deleted like any upload.
    """

    def __init__(
        self,
        context: MetainfoContext,
        *,
        blobs: BlobStore,
        settings: Settings,
        metrics: Metrics,
    ) -> None:
        self._context = context
        self._base_url = settings.base_url
        self._uploads = UploadDesk(
            UploadForm(
                file_bytes_max=SAMPLE_BYTES_MAX,
                body_bytes_max=SAMPLE_BYTES_MAX + _FORMS,
                at_once_max=_AT_ONCE_MAX,
                texts=_TEXTS,
            ),
            database=context.database,
            blobs=blobs,
            clock=context.clock,
            ids=context.ids,
            replies=context.replies,
            settings=settings,
            metrics=metrics,
        )

    async def upload(self, principal: Principal, request: Request) -> Response:
        """Take a file of the kind that ``format`` names, and answer the provider's handle for it."""
        return await self._uploads.receive(request, lambda received: self._pass_on(principal, request, received))

    async def _pass_on(self, principal: Principal, request: Request, received: ReceivedFile) -> Response:
        members = {**request.query_params, **received.texts}
        refusal = check_sample_format(members.get("format"))
        if isinstance(refusal, ContractRefusal):
            return self._context.refused(refusal)
        facts = await asyncio.to_thread(check_media, received.path)
        if not isinstance(facts, MediaFacts) or facts.kind.value != members["format"].strip().lower():
            return self._context.failed(BAD_MEDIA)
        source = self._context.source_of(principal, source_of_query(members))
        if source is None:
            return self._context.failed(CLIENT_NOT_FOUND)
        no_room = await self._uploads.refuse_for_room(source.account_id, facts)
        return no_room if no_room is not None else await self._keep(source, received, facts)

    async def _keep(self, source: Source, received: ReceivedFile, facts: MediaFacts) -> Response:
        named = None if received.filename is None else safe_filename(received.filename)
        filename = named or f"sample-{facts.kind.value}"
        handle = await self._context.desk.upload_sample(
            source,
            data=await asyncio.to_thread(received.path.read_bytes),
            mime_type=facts.mime_type,
            filename=filename,
        )
        if isinstance(handle, CallFailure):
            return self._context.failed(error_of_call(handle))
        media_id = await self._uploads.keep(source.account_id, received, facts, filename=filename)
        return json_response(sample_uploaded(sample_id=handle, url=f"{self._base_url}/api/v2/media/{media_id}"))
