"""Files sent by forms of the console: judged by their content and kept as any upload of the account's."""

import asyncio
from typing import Final

from starlette.datastructures import UploadFile

from waypost.media.filenames import safe_filename
from waypost.media.sniff import DOCUMENT_BYTES_MAX, MediaFacts, check_media
from waypost.media.temporary import prepare_directory, temporary_file
from waypost.web.console.context import Console
from waypost.web.console.visit import Visit
from waypost.web.file_keeping import FileKeeper
from waypost.web.manage.problems import Problem, ProblemKind, invalid

FORM_BYTES_MAX: Final = DOCUMENT_BYTES_MAX + 64 * 1024
"""The largest file there is, with what a form has beside it."""
_PREFIX: Final = "console-"
_PIECE_BYTES: Final = 1 << 20
_AT_ONCE_MAX: Final = 4


class Uploads:
    """Keeps the files of forms; ``_AT_ONCE_MAX`` are worked on at once, more wait."""

    def __init__(self, console: Console) -> None:
        manage = console.manage
        self._keeper = FileKeeper(
            database=manage.database,
            blobs=console.blobs,
            clock=manage.clock,
            ids=manage.ids,
            metrics=console.metrics,
            stored_bytes_max=manage.settings.limits.account_stored_bytes_max,
        )
        self._directory = manage.settings.data_dir / "incoming"
        self._slots = asyncio.Semaphore(_AT_ONCE_MAX)

    async def keep(self, visit: Visit, field: str) -> str:
        """
        Return the media id of the file in this field of the form. Raises ``Problem``: there is none, or why not.

        A form that has a token and is sent twice keeps its file once, so that both times it asks for the same message.
        """
        upload = visit.form.get(field)
        if not isinstance(upload, UploadFile) or not upload.filename:
            raise invalid(field, "no file was chosen", hint="Choose a file first.")
        async with self._slots:
            await asyncio.to_thread(prepare_directory, self._directory, prefix=_PREFIX)
            with temporary_file(self._directory, prefix=_PREFIX) as file:
                while piece := await upload.read(_PIECE_BYTES):
                    await file.write(piece)
                facts = await asyncio.to_thread(check_media, file.path)
                if not isinstance(facts, MediaFacts):
                    raise invalid(
                        field,
                        f"WhatsApp does not take this file: {facts.detail}",
                        hint="JPEG and PNG pictures to 5 MB, WebP stickers, MP4 and 3GP films and sounds to 16 MB, "
                        "PDF, Office files and plain text to 100 MB; what is inside counts, not the name.",
                    )
                if not await self._keeper.has_room(visit.account_id, facts):
                    raise Problem(
                        ProblemKind.CONFLICT,
                        "The account has no room for this file.",
                        hint="Delete files first, or raise WAYPOST_LIMITS__ACCOUNT_STORED_BYTES_MAX.",
                    )
                filename = safe_filename(upload.filename)
                once_key = visit.once_key(f"{field} {filename}".encode()) if visit.field("once") else None
                return await self._keeper.keep(visit.account_id, file.path, facts, filename=filename, once_key=once_key)
