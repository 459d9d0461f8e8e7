"""Lists of opt-ins and opt-outs: looked through first, and recorded when that is wanted."""

import asyncio
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import UploadFile
from starlette.responses import Response

from waypost.domain.consent import ConsentAction
from waypost.domain.users import Role
from waypost.store.consents import ConsentWrite, find_consents
from waypost.store.transaction import Tx
from waypost.web.consent_lists import COLUMNS, ListBatch, NoRecipientColumnError, RowFault, read_batches
from waypost.web.consenting import change_consents
from waypost.web.console.context import Console
from waypost.web.console.routing import ConsoleRoute, action, page
from waypost.web.console.visit import Visit
from waypost.web.manage.problems import Problem, ProblemKind, invalid

LIST_BYTES_MAX: Final = 8_000_000
ROWS_MAX: Final = 100_000
_FAULTS_SHOWN_MAX: Final = 100
_ACTIONS: Final = (ConsentAction.OPTIN.value, ConsentAction.OPTOUT.value, ConsentAction.BLOCKLIST.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOutcome:
    """What became, or would become, of a list; ``faults`` are the first hundred of ``faults_count``."""

    is_trial: bool
    rows: int
    recorded: int
    repeated: int
    faults_count: int
    faults: Sequence[RowFault]


class ConsentImportPage:
    """The form, a trial, and the import; who has opted in already is counted as that, so it may be repeated."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def routes(self) -> list[ConsoleRoute]:
        """Return the routes."""
        bytes_max = LIST_BYTES_MAX + 64 * 1024
        return [
            page("/consent/import", self.show, Role.OPERATOR),
            action("/consent/import", self.import_list, Role.OPERATOR, bytes_max=bytes_max),
            action("/consent/import/try", self.try_list, Role.OPERATOR, bytes_max=bytes_max),
        ]

    async def show(self, visit: Visit) -> Response:
        """Show the form."""
        return visit.page("consent_import.html", outcome=None, columns=COLUMNS, rows_max=ROWS_MAX)

    async def try_list(self, visit: Visit) -> Response:
        """Say what would become of a list, and change nothing."""
        return await self._answer(visit, is_trial=True)

    async def import_list(self, visit: Visit) -> Response:
        """Record a list, a thousand rows at a time; rows that cannot be recorded are named and left out."""
        return await self._answer(visit, is_trial=False)

    async def _answer(self, visit: Visit, *, is_trial: bool) -> Response:
        done = ConsentAction(visit.choice("action", _ACTIONS))
        batches = await self._batches_of(visit)
        recorded = 0
        for batch in batches:
            recorded += await (self._tried if is_trial else self._recorded)(visit, batch, done)
        if not is_trial:
            editor = visit.editor
            await visit.change(
                lambda tx: editor.note(tx, account_id=visit.account_id, action="consent.import", target=done.value)
            )
            self._console.manage.notify_now()
        faults = [fault for batch in batches for fault in batch.faults]
        good = sum(len(batch.evidence) for batch in batches)
        outcome = ListOutcome(
            is_trial=is_trial,
            rows=good + len(faults),
            recorded=recorded,
            repeated=good - recorded,
            faults_count=len(faults),
            faults=faults[:_FAULTS_SHOWN_MAX],
        )
        template = "consent_import_part.html" if visit.is_htmx else "consent_import.html"
        return visit.page(template, outcome=outcome, columns=COLUMNS, rows_max=ROWS_MAX)

    async def _recorded(self, visit: Visit, batch: ListBatch, done: ConsentAction) -> int:
        if not batch.evidence:
            return 0
        manage = self._console.manage
        write = ConsentWrite(
            account_id=visit.account_id, action=done, evidence=batch.evidence, now_us=manage.clock.now_us()
        )

        def change(tx: Tx) -> int:
            [outcome] = change_consents(tx, manage.directory.now, manage.ids, [write])
            return sum(outcome)

        return await visit.change(change)

    async def _tried(self, visit: Visit, batch: ListBatch, done: ConsentAction) -> int:
        """Return how many would be recorded: all, but opt-ins of those who have opted in by themselves."""
        if done is not ConsentAction.OPTIN:
            return len(batch.evidence)
        numbers = [one.recipient for one in batch.evidence]
        found = await visit.read(lambda tx: find_consents(tx, visit.account_id, numbers))
        known = {number for number, record in found.items() if record.is_opted_in(implicit_optin=False)}
        return len(set(numbers) - known)

    async def _batches_of(self, visit: Visit) -> list[ListBatch]:
        upload = visit.form.get("file")
        if not isinstance(upload, UploadFile) or not upload.filename:
            raise invalid("file", "no file was chosen", hint="Choose a CSV file first.")
        data = await upload.read()
        if len(data) > LIST_BYTES_MAX:
            raise _too_long(f"{LIST_BYTES_MAX // 1_000_000} MB")
        source = visit.field("source") or None
        try:
            # Spreadsheets put a byte order mark in front.
            text = data.decode("utf-8-sig")
            batches = await asyncio.to_thread(lambda: list(read_batches(io.StringIO(text, newline=""), source=source)))
        except NoRecipientColumnError as error:
            raise invalid(
                "file",
                "has no column `recipient`",
                hint=f"Its first line names the columns: {','.join(COLUMNS)} (the last three may be left out).",
            ) from error
        except (UnicodeDecodeError, csv.Error) as error:
            raise invalid("file", "cannot be read as CSV", hint="Save it as CSV in UTF-8.") from error
        if sum(len(batch.evidence) + len(batch.faults) for batch in batches) > ROWS_MAX:
            raise _too_long(f"{ROWS_MAX:,} rows")
        return batches


def _too_long(limit: str) -> Problem:
    """Return the problem of a list beyond a limit, which is given in words."""
    return Problem(
        ProblemKind.TOO_LARGE,
        f"The list has more than {limit}.",
        hint="Split it, or use: waypost consents import",
    )
