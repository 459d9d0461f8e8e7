"""
A bulk send made of a file of recipients, by the rules of ``waypost messages send --file``.

The file is read whole and checked before anything is kept. What comes of it is a draft: its page shows what the first
message looks like, and whoever looks at it starts it.
"""

import asyncio
import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, TextIO

import orjson
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.responses import Response

from waypost.contract.bulk_entries import template_entry, text_entry
from waypost.domain.bulk import BulkState, columns_of, digest_of
from waypost.domain.recipient_file import FileRow, RecipientFileError, RecipientTable, read_header
from waypost.domain.users import Role
from waypost.store.bulk import BulkRecord
from waypost.store.template_reading import TemplateFilter, list_templates
from waypost.web.console.context import Console
from waypost.web.console.routing import ConsoleRoute, action, page
from waypost.web.console.visit import Visit
from waypost.web.manage.bulk_editing import add_bulk, put_rows
from waypost.web.manage.bulk_models import BulkCreation, BulkRow
from waypost.web.manage.problems import Problem, ProblemKind, invalid

_FILE_BYTES_MAX: Final = 64_000_000
_ROWS_PER_WRITE: Final = 2_000
_FAULTS_SHOWN_MAX: Final = 50
_READ_BYTES: Final = 1_000_000
_TEMPLATES_OFFERED_MAX: Final = 500
_KINDS: Final = ("template", "text", "entry")
_FIELDS: Final = ("name", "kind", "source", "template", "columns", "text", "entry", "recipient_column")


class _UnfitFileError(Exception):
    """Rows that cannot be sent: some of their faults, and how many there are."""

    def __init__(self, faults: list[str], *, bad: int, good: int) -> None:
        super().__init__()
        self.faults = faults
        self.bad = bad
        self.good = good


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """A file that can be sent, how many of its rows can be and cannot; ``columns`` are those the entry asks for."""

    table: RecipientTable
    columns: set[str]
    good: int
    bad: int
    digest: str


class BulkNewPage:
    """The form, and what it makes."""

    def __init__(self, console: Console) -> None:
        self._manage = console.manage

    def routes(self) -> list[ConsoleRoute]:
        """Return the routes."""
        return [
            page("/bulk/new", self.form, Role.OPERATOR),
            action("/bulk/new", self.create, Role.OPERATOR, bytes_max=_FILE_BYTES_MAX),
        ]

    async def form(self, visit: Visit) -> Response:
        """Show the empty form."""
        return await self._form(visit)

    async def create(self, visit: Visit) -> Response:
        """Check the file and keep it as a draft; what is wrong stands beside the form."""
        try:
            bulk, bad = await self._made(visit)
        except _UnfitFileError as unfit:
            return await self._form(visit, unfit=unfit)
        except Problem as problem:
            return await self._form(visit, problem=problem)
        path = f"/bulk/{bulk.id}"
        if bulk.state != BulkState.DRAFT:
            return visit.redirect(
                path, notice="This file was sent before with the same message: this is it, and nothing was made anew."
            )
        left_out = f" {bad} rows that cannot be sent are left out." if bad else ""
        return visit.redirect(path, notice=f"A draft of {bulk.rows_total} rows. Look at it, then start it.{left_out}")

    async def _made(self, visit: Visit) -> tuple[BulkRecord, int]:
        entry, upload = _entry_of(visit), visit.form.get("file")
        if not isinstance(upload, UploadFile) or not upload.filename:
            raise invalid("file", "is missing", hint="Choose a file of recipients: CSV with a header, or JSON lines.")
        filename = upload.filename[-120:]
        once = visit.once_key(b"bulk send") if visit.field("again") == "yes" else ""
        read = await asyncio.to_thread(
            _read,
            upload.file,
            filename,
            entry,
            recipient_column=visit.field("recipient_column") or None,
            skips_bad=visit.field("skip_bad") == "yes",
            once=once,
        )
        try:
            creation = BulkCreation(name=(visit.field("name") or filename)[:200], entry=entry, digest=read.digest)
        except ValidationError as error:
            raise invalid("name", "cannot be used", hint="Give it a name of 1 to 200 characters.") from error
        editor, account_id = visit.editor, visit.account_id
        policy, rows_max = visit.account.source_policy, self._manage.settings.bulk.rows_max
        if read.good > rows_max:
            raise invalid("file", f"has more than {rows_max} rows", hint="Split it, and make several bulk sends.")
        bulk = await visit.change(lambda tx: add_bulk(tx, editor, account_id, creation, source_policy=policy))
        if bulk.state != BulkState.DRAFT:
            return bulk, read.bad
        first, chunks = bulk.rows_total, _chunks(read, begin=bulk.rows_total)
        while chunk := await asyncio.to_thread(next, chunks, None):
            bulk = await self._manage.database.write(
                lambda tx, bulk_id=bulk.id, chunk=chunk, first=first: put_rows(  # type: ignore[misc]
                    tx, account_id, bulk_id, chunk, first=first, rows_max=rows_max
                ),
                account_id=account_id,
            )
            first += len(chunk)
        return bulk, read.bad

    async def _form(
        self, visit: Visit, *, problem: Problem | None = None, unfit: _UnfitFileError | None = None
    ) -> Response:
        found = await visit.read(
            lambda tx: list_templates(
                tx, visit.account_id, TemplateFilter(status="APPROVED"), at_most=_TEMPLATES_OFFERED_MAX
            )
        )
        status = 200 if problem is None else problem.kind.value.status
        return visit.page(
            "bulk_new.html",
            status=422 if unfit is not None else status,
            problem=problem,
            unfit=unfit,
            given={name: visit.field(name) for name in _FIELDS},
            skips_bad=visit.field("skip_bad") == "yes",
            templates=[(f"{one.name} {one.language}", one.name, one.language) for one in found],
            sources=[(one.id, one.name) for one in self._manage.directory.now.sources_of(visit.account_id)],
            megabytes=_FILE_BYTES_MAX // 1_000_000,
        )


def _chunks(read: _Read, *, begin: int) -> Iterator[list[BulkRow]]:
    """Yield the good rows from a position on, so many at a time as one transaction keeps."""
    chunk: list[BulkRow] = []
    position = 0
    for row in read.table.rows():
        made = _row(row, read.columns)
        if not isinstance(made, BulkRow):
            continue
        position += 1
        if position <= begin:
            continue
        chunk.append(made)
        if len(chunk) == _ROWS_PER_WRITE:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _entry_of(visit: Visit) -> dict[str, Any]:
    """Return what is sent, from the fields of the form. Raises ``Problem``."""
    kind = visit.choice("kind", _KINDS)
    if kind == "entry":
        entry = _json_entry(visit.field("entry"))
    elif kind == "text":
        if not visit.field("text"):
            raise invalid("text", "is empty", hint="Write what to send; {{column}} stands for a row's field.")
        entry = text_entry(visit.field("text"))
    else:
        name, _, language = visit.field("template").rpartition(" ")
        if not name:
            raise invalid("template", "is not chosen", hint="Choose one; the page Templates makes and syncs them.")
        columns = [word.strip() for word in visit.field("columns").split(",") if word.strip()]
        entry = template_entry(name, language=language, columns=columns)
    default = visit.console.manage.directory.now.source_of(visit.account_id, None)
    source_id = visit.field("source") or (default.id if default is not None and kind == "template" else "")
    if source_id and "source" not in entry:
        entry["source"] = source_id
    return entry


def _json_entry(text: str) -> dict[str, Any]:
    try:
        entry = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise invalid("entry", f"is not JSON: {error}", hint="Copy one from the page Compose.") from error
    if not isinstance(entry, dict):
        raise invalid("entry", "is no object", hint="It is one entry of a send request, without recipient.")
    return entry


def _read(
    file: BinaryIO,
    filename: str,
    entry: dict[str, Any],
    *,
    recipient_column: str | None,
    skips_bad: bool,
    once: str,
) -> _Read:
    """Read and check a whole file. Raises ``Problem`` and ``_UnfitFileError``."""
    columns = columns_of(entry)
    try:
        table = read_header(filename, lambda: _opened(file), recipient_column=recipient_column)
        missing = sorted(columns - set(table.columns))
        if missing:
            raise Problem(
                ProblemKind.INVALID,
                f"{filename} has no column {', '.join(missing)}.",
                hint=f"It has: {', '.join(table.columns)}",
            )
        good, bad, faults = _checked(table, columns)
    except RecipientFileError as error:
        raise Problem(ProblemKind.INVALID, error.detail, hint=error.hint) from error
    if (bad and not skips_bad) or not good:
        raise _UnfitFileError(faults, bad=bad, good=good)
    digest = digest_of(entry, table.recipient_column, once=once, file_digest=_digest(file))
    return _Read(table=table, columns=columns, good=good, bad=bad, digest=digest)


def _checked(table: RecipientTable, columns: set[str]) -> tuple[int, int, list[str]]:
    """Return how many rows are good and how many are not, and the first faults."""
    good, bad = 0, 0
    faults: list[str] = []
    for row in table.rows():
        made = _row(row, columns)
        if isinstance(made, BulkRow):
            good += 1
            continue
        bad += 1
        if len(faults) < _FAULTS_SHOWN_MAX:
            faults.append(f"Line {row.line}: {made}")
    return good, bad, faults


def _row(row: FileRow, columns: set[str]) -> BulkRow | str:
    """Return a row as it is kept, or why it cannot be sent."""
    if row.fault is not None:
        return row.fault
    try:
        return BulkRow(recipient=row.recipient, fields={name: row.fields[name] for name in columns})
    except ValidationError as error:
        return str(error.errors(include_url=False)[0]["msg"])


@contextmanager
def _opened(file: BinaryIO) -> Iterator[TextIO]:
    """Read an upload from its beginning; it stays open."""
    file.seek(0)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        yield text
    finally:
        text.detach()


def _digest(file: BinaryIO) -> bytes:
    digest = hashlib.sha256()
    file.seek(0)
    while part := file.read(_READ_BYTES):
        digest.update(part)
    return digest.digest()
