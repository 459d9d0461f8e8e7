"""The bytes of stored files, for whoever may see the account's messages."""

from starlette.responses import Response

from waypost.store.media import PENDING, STORED, Asset, find_asset
from waypost.web.console.context import Console
from waypost.web.console.files import answer_file
from waypost.web.console.routing import ConsoleRoute, page
from waypost.web.console.visit import Visit
from waypost.web.manage.problems import Problem, ProblemKind, not_found


class MediaContentPage:
    """One route, which every page that shows a file leads to."""

    def __init__(self, console: Console) -> None:
        self._collector = console.collector

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
        return await answer_file(
            visit,
            digest=asset.digest,
            size_bytes=asset.size_bytes,
            mime_type=asset.mime_type,
            filename=asset.filename,
        )

    async def _found(self, visit: Visit) -> Asset:
        media_id = visit.part("media_id")
        asset = await visit.read(lambda tx: find_asset(tx, visit.account_id, media_id))
        if asset is None:
            raise not_found("file")
        return asset
