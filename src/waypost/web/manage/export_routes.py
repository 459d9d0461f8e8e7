"""Exports: messages and events of a span, streamed."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime

from waypost.web.manage.context import ManageContext
from waypost.web.manage.guarding import PREFIX, Calling
from waypost.web.manage.problems import Problem, ProblemKind, invalid
from waypost.web.manage.views import as_microseconds
from waypost.web.reports.exporting import (
    PARQUET_MISSING,
    Encoder,
    ExportFormat,
    ExportKind,
    PageReader,
    ParquetMissingError,
    encoder_for,
)

From = Annotated[AwareDatetime, Query(alias="from", description="RFC 3339 with offset, included.")]
To = Annotated[AwareDatetime, Query(alias="to", description="Not included.")]
Format = Annotated[ExportFormat, Query(alias="format", description="`json` is one object a line.")]
_YEARS: Final = range(1970, 3001)
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The rows, as they are read.",
        "content": {form.media_type: {"schema": {"type": "string", "format": "binary"}} for form in ExportFormat},
    }
}


class ExportRoutes:
    """Reads of everything in a span, in bounded memory."""

    def __init__(self, context: ManageContext) -> None:
        self._context = context

    def add_to(self, router: APIRouter) -> None:
        """Add the routes."""
        for kind, handler in ((ExportKind.MESSAGES, self.messages), (ExportKind.EVENTS, self.events)):
            router.add_api_route(
                f"{PREFIX}/exports/{kind.value}",
                handler,
                methods=["GET"],
                operation_id=f"exports.{kind.value}",
                tags=["Exports"],
                response_class=StreamingResponse,
                responses=_ANSWERS,
            )

    async def messages(
        self, caller: Calling, since: From, until: To, form: Format = ExportFormat.CSV
    ) -> StreamingResponse:
        """Export the messages accepted in a span, oldest first, without what they say."""
        return await self._export(ExportKind.MESSAGES, caller.account_id, since, until, form)

    async def events(
        self, caller: Calling, since: From, until: To, form: Format = ExportFormat.CSV
    ) -> StreamingResponse:
        """Export what happened to the messages accepted in a span, then what came in. Statistics count the same."""
        return await self._export(ExportKind.EVENTS, caller.account_id, since, until, form)

    async def _export(
        self, kind: ExportKind, account_id: str, since: datetime, until: datetime, form: ExportFormat
    ) -> StreamingResponse:
        for name, time in (("from", since), ("to", until)):
            if time.year not in _YEARS:
                raise invalid(f"query.{name}", "must lie between the years 1970 and 3000", hint="Correct the time.")
        try:
            encoder = encoder_for(form, kind)
        except ParquetMissingError as error:
            raise Problem(
                ProblemKind.CONFLICT, "This gateway cannot write Parquet.", hint=f"{PARQUET_MISSING}; or ask for csv."
            ) from error
        reader = PageReader(kind, account_id, from_us=as_microseconds(since), until_us=as_microseconds(until))
        with self._context.exports.place(account_id) as place:
            # The first page is read before the answer begins, so that a store that is away is told as what it is.
            first = await self._context.read(reader.read, account_id=account_id)
            return place.stream(
                self._parts(reader, encoder, first, account_id),
                media_type=form.media_type,
                filename=f"waypost-{kind.value}.{'ndjson' if form is ExportFormat.JSON else form.value}",
            )

    async def _parts(
        self, reader: PageReader, encoder: Encoder, first: list[dict[str, Any]] | None, account_id: str
    ) -> AsyncIterator[bytes]:
        yield encoder.begin()
        page = first
        while page is not None:
            part = await asyncio.to_thread(encoder.encode, page)
            if part:
                yield part
            page = await self._context.read(reader.read, account_id=account_id)
        yield await asyncio.to_thread(encoder.end)
