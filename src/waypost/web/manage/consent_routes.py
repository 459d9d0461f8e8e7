"""Consents: looked up, exported, and their history. Numbers travel in bodies, never in URLs."""

from fastapi import APIRouter
from starlette.responses import StreamingResponse

from waypost.domain.ids import BEFORE_ALL
from waypost.store.consents import ConsentRecord, HistoryEntry, find_consents, list_consents, list_history
from waypost.web.manage.consent_files import MEDIA_TYPES, Page, read_page, stream_file
from waypost.web.manage.consent_views import ConsentEntryView, ConsentView
from waypost.web.manage.context import ManageContext
from waypost.web.manage.guarding import Calling, Calls
from waypost.web.manage.paging import Listing, next_cursor
from waypost.web.manage.requests import ConsentCheck, ConsentExport, ConsentFile, ConsentHistory


class ConsentRoutes:
    """Who may be written to, by what evidence, since when."""

    def __init__(self, context: ManageContext) -> None:
        self._context = context

    def add_to(self, router: APIRouter) -> None:
        """Add the routes."""
        calls = Calls(router, tag="Consents")
        calls.add("POST", "/consents/check", self.check, "consent.show")
        calls.add("POST", "/consents/export", self.export, "consent.export")
        calls.add(
            "POST",
            "/consents/file",
            self.file,
            "consent.file",
            responses={
                200: {
                    "description": "The file, streamed.",
                    "content": {
                        "text/csv": {"schema": {"type": "string"}},
                        "application/json": {"schema": {"type": "array", "items": {"type": "object"}}},
                    },
                }
            },
        )
        calls.add("POST", "/consents/history", self.history, "consent.history")

    async def check(self, caller: Calling, request: ConsentCheck) -> Listing[ConsentView]:
        """Look up to 1000 recipients up; those of whom nothing is known are left out."""
        recipients = list(dict.fromkeys(request.recipients))
        found = await self._context.read(
            lambda tx: find_consents(tx, caller.account_id, recipients), account_id=caller.account_id
        )
        return Listing(
            items=[ConsentView.of(found[recipient]) for recipient in recipients if recipient in found],
            next_cursor=None,
        )

    async def export(self, caller: Calling, request: ConsentExport) -> Listing[ConsentView]:
        """Read all consents of the account, page by page, in the order of the recipients."""
        records = await self._context.read(
            lambda tx: list_consents(tx, caller.account_id, after=request.cursor or "", at_most=request.limit),
            account_id=caller.account_id,
        )
        return Listing(
            items=[ConsentView.of(record) for record in records],
            next_cursor=next_cursor([record.recipient for record in records], limit=request.limit),
        )

    async def file(self, caller: Calling, request: ConsentFile) -> StreamingResponse:
        """
        Read all consents, or the history of all, as one file.

        Pages are read one after the other: what changes meanwhile may or may not be in the file.
        """
        with self._context.exports.place(caller.account_id) as place:
            # The first page is read before the answer begins: a database that is away is then still told as 503.
            first = await self._page(caller.account_id, request, None)

            async def read(last: ConsentRecord | HistoryEntry | None) -> Page:
                return first if last is None else await self._page(caller.account_id, request, last)

            return place.stream(
                stream_file(request.content, request.form, read),
                media_type=MEDIA_TYPES[request.form],
                filename=f"{request.content}.{request.form}",
            )

    async def _page(self, account_id: str, request: ConsentFile, last: ConsentRecord | HistoryEntry | None) -> Page:
        return await self._context.read(
            lambda tx: read_page(tx, account_id, request.content, last=last), account_id=account_id
        )

    async def history(self, caller: Calling, request: ConsentHistory) -> Listing[ConsentEntryView]:
        """Read everything recorded about one recipient, newest first."""
        before = request.cursor or BEFORE_ALL
        entries = await self._context.read(
            lambda tx: list_history(tx, caller.account_id, request.recipient, before=before, at_most=request.limit),
            account_id=caller.account_id,
        )
        return Listing(
            items=[ConsentEntryView.of(entry) for entry in entries],
            next_cursor=next_cursor([entry.id for entry in entries], limit=request.limit),
        )
