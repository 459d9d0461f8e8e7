"""Files that clients send in a form: received to disk, held against the account's room, and kept as its uploads."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from waypost.contract.errors import BAD_MEDIA, PARAMETER_MISSING
from waypost.contract.replies import FailureReplies, three_key
from waypost.media.sniff import MediaFacts
from waypost.media.temporary import prepare_directory
from waypost.observe import get_logger
from waypost.observe.metrics import Metrics
from waypost.ports import BlobStore, Clock, IdFactory
from waypost.settings import Settings
from waypost.store.engine import Database
from waypost.web.api_v2.multipart import PREFIX, ReceivedFile, UploadFault, receive_file
from waypost.web.file_keeping import FileKeeper
from waypost.web.responses import reply_response

FILE_PART: Final = "file"

_logger = get_logger("media")


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadForm:
    """
    What is read of a body: its part ``file``, and the parts named in ``texts``.

    ``at_once_max`` files are worked on at once; more wait. Receiving holds no place: a slow client must not take one.
    """

    file_bytes_max: int
    body_bytes_max: int
    at_once_max: int
    texts: frozenset[str] = frozenset()


class UploadDesk:
    """
    Receives files of one form, and keeps those that its endpoint wants kept.

    Temporary files are in the data directory's ``incoming``, which is made; what a crash left there a day ago is
    removed.
    """

    def __init__(
        self,
        form: UploadForm,
        *,
        database: Database,
        blobs: BlobStore,
        clock: Clock,
        ids: IdFactory,
        replies: FailureReplies,
        settings: Settings,
        metrics: Metrics,
    ) -> None:
        self._form = form
        self._replies = replies
        self._keeper = FileKeeper(
            database=database,
            blobs=blobs,
            clock=clock,
            ids=ids,
            metrics=metrics,
            stored_bytes_max=settings.limits.account_stored_bytes_max,
        )
        self._slots = asyncio.Semaphore(form.at_once_max)
        self._directory = settings.data_dir / "incoming"
        prepare_directory(self._directory, prefix=PREFIX)

    async def receive(self, request: Request, answer: Callable[[ReceivedFile], Awaitable[Response]]) -> Response:
        """Return what ``answer`` makes of the file, whose temporary copy is then gone, or why there is none."""
        try:
            received = await receive_file(
                request.stream(),
                request.headers.get("content-type", ""),
                directory=self._directory,
                part=FILE_PART,
                file_bytes_max=self._form.file_bytes_max,
                body_bytes_max=self._form.body_bytes_max,
                texts=self._form.texts,
            )
            if isinstance(received, ReceivedFile):
                try:
                    async with self._slots:
                        return await answer(received)
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

    async def refuse_for_room(self, account_id: str, facts: MediaFacts) -> Response | None:
        """Return the refusal of a file that the account has no room for; None: it has."""
        if await self._keeper.has_room(account_id, facts):
            return None
        return reply_response(three_key(429), headers={"Retry-After": "3600"})

    async def keep(self, account_id: str, received: ReceivedFile, facts: MediaFacts, *, filename: str | None) -> str:
        """Return the file's media id once its bytes and its row are durable; a second call keeps a second upload."""
        return await self._keeper.keep(account_id, received.path, facts, filename=filename)
