"""The account's files: what is here, what is still to come, and why something did not."""

from typing import Final
from urllib.parse import quote

from starlette.responses import Response

from waypost.domain.message import MediaKind
from waypost.domain.users import Role
from waypost.store.inspection import MediaFilter, MediaRow, find_media, search_media
from waypost.store.media import FAILED, PENDING, STORED, delete_asset
from waypost.store.transaction import Tx
from waypost.web.console.context import PREFIX, Console
from waypost.web.console.media_content import shown_type
from waypost.web.console.routing import ConsoleRoute, action, page
from waypost.web.console.tables import Column, Listing, Row, Rows, rows_of
from waypost.web.console.uploading import FORM_BYTES_MAX, Uploads
from waypost.web.console.visit import Visit
from waypost.web.manage.problems import not_found

_KINDS: Final = tuple(kind.value for kind in MediaKind)
_STATES: Final = (STORED, PENDING, FAILED)
_ORIGINS: Final = ("upload", "inbound")
_COLUMNS: Final = (
    Column(key="name", title="Name", link="path"),
    Column(key="kind", title="Kind"),
    Column(key="state", title="State", kind="status"),
    Column(key="why", title="Why"),
    Column(key="origin", title="Origin"),
    Column(key="size_bytes", title="Size", kind="size"),
    Column(key="created_at_us", title="Came", kind="time"),
)
_EMPTY: Final = "There is no file here. Upload one above, or wait for a customer to send a picture."


class MediaPage:
    """Files: listed, looked at, uploaded, deleted."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._uploads = Uploads(console)

    def routes(self) -> list[ConsoleRoute]:
        """Return the routes."""
        return [
            page("/media", self.show_all),
            action("/media", self.upload, Role.OPERATOR, bytes_max=FORM_BYTES_MAX),
            page("/media/{media_id}", self.show),
            action("/media/{media_id}/delete", self.delete, Role.OPERATOR),
        ]

    async def show_all(self, visit: Visit) -> Response:
        """List files, newest first."""
        chosen = {
            "kind": _one_of(visit.query("kind"), _KINDS),
            "state": _one_of(visit.query("state"), _STATES),
            "origin": _one_of(visit.query("origin"), _ORIGINS),
        }
        wanted = MediaFilter(**{name: value or None for name, value in chosen.items()})

        async def fetch(cursor: str | None, at_most: int) -> Rows:
            found = await visit.read(
                lambda tx: search_media(tx, visit.account_id, wanted=wanted, cursor=cursor, at_most=at_most)
            )
            return rows_of(found, _shown)

        listing = Listing(name="media", columns=_COLUMNS, fetch=fetch, empty=_EMPTY, query=chosen)
        if visit.wants_file:
            return await listing.file(visit)
        return visit.page(
            "media.html",
            table=await listing.table(visit),
            chosen=chosen,
            kinds=_KINDS,
            states=_STATES,
            origins=_ORIGINS,
        )

    async def upload(self, visit: Visit) -> Response:
        """Keep a file for messages to come."""
        media_id = await self._uploads.keep(visit, "file")
        return visit.redirect(f"/media/{media_id}", notice="The file is kept. Send it by its id.")

    async def show(self, visit: Visit) -> Response:
        """Show one file."""
        row = await self._found(visit)
        names = self._console.manage.directory.now.sources
        source = names.get(row.source_id or "")
        return visit.page("media_one.html", file=_shown(row), source=source)

    async def delete(self, visit: Visit) -> Response:
        """Delete a file; its bytes go once nothing refers to them."""
        row, editor = await self._found(visit), visit.editor

        def delete(tx: Tx) -> bool:
            is_deleted = delete_asset(tx, visit.account_id, row.id, now_us=editor.clock.now_us())
            if is_deleted:
                editor.note(tx, account_id=visit.account_id, action="media.delete", target=row.id)
            return is_deleted

        if not await visit.change(delete):
            raise not_found("file")
        return visit.redirect("/media", notice="The file is deleted.")

    async def _found(self, visit: Visit) -> MediaRow:
        media_id = visit.part("media_id")
        row = await visit.read(lambda tx: find_media(tx, visit.account_id, media_id))
        if row is None:
            raise not_found("file")
        return row


def _one_of(word: str, allowed: tuple[str, ...]) -> str:
    return word if word in allowed else ""


def _shown(row: MediaRow) -> Row:
    """Return a file as rows show it; ``shows`` is how a page may show it: picture, video, audio, or ``""``."""
    family = (shown_type(row.mime_type) or "").partition("/")[0]
    path = f"{PREFIX}/media/{quote(row.id, safe='')}"
    return {
        **row._asdict(),
        "name": row.filename or f"{row.kind or 'file'} {row.id[-6:]}",
        "path": path,
        "content_path": f"{path}/content",
        "shows": family if row.state == STORED else "",
        "why": row.failure_detail,
    }
