"""Files: upload, download, delete (contract, section 4)."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from waypost.client.calls import (
    Answer,
    AsyncRunner,
    Call,
    Request,
    Runner,
    done_or_gone,
    envelope_of,
    object_of,
    raise_for_status,
    text_at,
)
from waypost.client.connection import segment
from waypost.client.errors import UnexpectedAnswerError
from waypost.client.uploads import prepare_upload

_PATH: Final = "/api/v2/media/"


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFile:
    """A file and its type, such as ``image/jpeg``."""

    content: bytes = field(repr=False)
    mime_type: str


def upload(file: Path | str | bytes | BinaryIO, *, filename: str | None, mime_type: str | None) -> Call[str]:
    """
    Return the call that uploads a file. Raises OSError if it cannot be read.

    It may be made again after a lost answer: at worst a file is kept twice, and nobody is sent anything.
    """
    framed = prepare_upload(file, filename=filename, mime_type=mime_type)

    def parse(answer: Answer) -> str:
        media_id = text_at(object_of(answer), "mediaId")
        if not media_id:
            raise UnexpectedAnswerError("The answer has no mediaId.", status=answer.status)
        return media_id

    return Call(request=Request(method="POST", path=f"{_PATH}upload/", upload=framed), parse=parse, is_repeatable=True)


def read(media_id: str) -> Call[MediaFile]:
    """Return the call that fetches a file into memory."""

    def parse(answer: Answer) -> MediaFile:
        raise_for_status(answer)
        kind = answer.headers.get("content-type", "application/octet-stream")
        if kind.startswith("application/json"):
            # Servers answer failures with 200; no file of this API is JSON.
            envelope_of(answer)
        return MediaFile(content=answer.body, mime_type=kind)

    return Call(request=Request(method="GET", path=f"{_PATH}{segment(media_id)}"), parse=parse, is_repeatable=True)


def download(media_id: str, path: Path) -> Call[Path]:
    """Return the call that fetches a file to a path, piece by piece; the file has its name once it is whole."""

    def parse(answer: Answer) -> Path:
        raise_for_status(answer)
        return path

    return Call(
        request=Request(method="GET", path=f"{_PATH}{segment(media_id)}", sink=path), parse=parse, is_repeatable=True
    )


def delete(media_id: str) -> Call[None]:
    """Return the call that deletes a file."""
    return Call(
        request=Request(method="DELETE", path=f"{_PATH}{segment(media_id)}"), parse=done_or_gone, is_repeatable=True
    )


class Media:
    """Files, by a client that blocks."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def upload(
        self, file: Path | str | bytes | BinaryIO, *, filename: str | None = None, mime_type: str | None = None
    ) -> str:
        """
        Upload a file and return its media id; it is sent in pieces and never held in memory.

        Args:
            file: a path, bytes, or a file open for reading in binary mode that can seek.
            filename: what recipients see of a document; default the path's name.
            mime_type: default by the name; the server judges by content.

        Raises: RefusedError (8008: wrong type or too large), OSError for the file, and what every call raises.

        """
        return self._runner.run(upload(file, filename=filename, mime_type=mime_type))

    def read(self, media_id: str) -> MediaFile:
        """Return a file, uploaded or received, in memory. Raises NotFoundError, and what every call raises."""
        return self._runner.run(read(media_id))

    def download(self, media_id: str, to: Path | str) -> Path:
        """
        Fetch a file to a path in pieces, and return the path; what was there before is replaced.

        Raises NotFoundError, OSError for the path, and what every call raises.
        """
        return self._runner.run(download(media_id, Path(to)))

    def delete(self, media_id: str) -> None:
        """Delete a file. Raises NotFoundError, and what every call raises."""
        self._runner.run(delete(media_id))


class AsyncMedia:
    """Files, by a client that does not block; see ``Media``."""

    def __init__(self, runner: AsyncRunner) -> None:
        self._runner = runner

    async def upload(
        self, file: Path | str | bytes | BinaryIO, *, filename: str | None = None, mime_type: str | None = None
    ) -> str:
        """See ``Media.upload``."""
        return await self._runner.run(upload(file, filename=filename, mime_type=mime_type))

    async def read(self, media_id: str) -> MediaFile:
        """See ``Media.read``."""
        return await self._runner.run(read(media_id))

    async def download(self, media_id: str, to: Path | str) -> Path:
        """See ``Media.download``."""
        return await self._runner.run(download(media_id, Path(to)))

    async def delete(self, media_id: str) -> None:
        """See ``Media.delete``."""
        await self._runner.run(delete(media_id))
