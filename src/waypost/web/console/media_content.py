"""
The bytes of stored files, for whoever may see the account's messages.

What comes from customers never acts: it is shown inside a page if it is a picture, sound or film, else saved.
"""

from typing import Final

from starlette.responses import Response

from waypost.store.media import PENDING, STORED, Asset, find_asset
from waypost.web.console.context import Console
from waypost.web.console.routing import ConsoleRoute, page
from waypost.web.console.visit import Visit
from waypost.web.manage.problems import Problem, ProblemKind, not_found
from waypost.web.stored_files import UNKNOWN_TYPE, StoredFile, answer_file

_SHOWN_TYPES: Final = frozenset(
    {
        *("image/jpeg", "image/png", "image/webp", "image/gif"),
        *("video/mp4", "video/3gpp", "video/webm"),
        *("audio/aac", "audio/mp4", "audio/mpeg", "audio/amr", "audio/ogg", "audio/opus", "audio/wav"),
    }
)
"""Raster pictures, sound and film; what else there is, SVG and HTML above all, could carry scripts."""


def shown_type(mime_type: str | None) -> str | None:
    """Return the type that pages show a file as, without parameters; None: they do not show such a file."""
    base = (mime_type or "").partition(";")[0].strip().lower()
    return base if base in _SHOWN_TYPES else None


class MediaContentPage:
    """One route, which every page that shows a file leads to."""

    def __init__(self, console: Console) -> None:
        self._collector = console.collector
        self._blobs = console.blobs

    def routes(self) -> list[ConsoleRoute]:
        """Return the route."""
        return [page("/media/{media_id}/content", self.content)]

    async def content(self, visit: Visit) -> Response:
        """Send a file, or a range of it; one that came in and has not been fetched yet is fetched now."""
        asset = await self._found(visit)
        if asset.state == PENDING:
            await self._collector.collect_now(visit.account_id, asset.id)
            asset = await self._found(visit)
        if asset.state != STORED or asset.digest is None or asset.size_bytes is None:
            raise Problem(
                ProblemKind.NOT_FOUND,
                "The file is not here.",
                hint="It could not be fetched yet, or not at all: look at the page Media.",
            )
        shown = shown_type(asset.mime_type)
        file = StoredFile(
            digest=asset.digest,
            size_bytes=asset.size_bytes,
            filename=asset.filename,
            content_type=shown or UNKNOWN_TYPE,
            is_inline=shown is not None,
            cache_control="private, max-age=3600",
        )
        response = await answer_file(visit.request, self._blobs, file)
        if response is None:
            raise not_found("file")
        return response

    async def _found(self, visit: Visit) -> Asset:
        media_id = visit.part("media_id")
        asset = await visit.read(lambda tx: find_asset(tx, visit.account_id, media_id))
        if asset is None:
            raise not_found("file")
        return asset
