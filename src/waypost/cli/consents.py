"""``waypost consents``: who may be written to, by what evidence; in and out as files."""

import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Final

import typer

from waypost.cli.exits import CommandFailure, ExitCode
from waypost.cli.options import AccountOption, DatabaseUrl, DataDir, Json
from waypost.cli.printing import print_line, print_note, print_record, print_records

if TYPE_CHECKING:
    from waypost.cli.opening import DirectStore
    from waypost.domain.consent import ConsentAction, ConsentEvidence
    from waypost.store.consents import ConsentRecord, HistoryEntry

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Consents: opt-ins and opt-outs with their evidence, and the blocklist.",
    epilog="A list of opt-ins to begin with: waypost consents import optins.csv --source WEB",
)

_FAULTS_SHOWN_MAX: Final = 20

Recipient = Annotated[str, typer.Argument(help="Country code and number.")]
Source = Annotated[str, typer.Option("--source", help="Where this comes from, 1 to 25 characters.")]


@app.command(epilog="Example: waypost consents show 12025550143 --json")
def show(
    recipient: Recipient,
    *,
    account: AccountOption = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Show where one recipient stands, and everything recorded about it, newest first."""
    from waypost.cli.asking import build_request  # noqa: PLC0415
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.store.consents import find_consents, list_history  # noqa: PLC0415
    from waypost.web.manage.consent_views import ConsentEntryView, ConsentView  # noqa: PLC0415
    from waypost.web.manage.requests import ConsentHistory  # noqa: PLC0415

    digits = build_request(ConsentHistory, recipient=recipient).recipient
    with opened_store(data_dir, database_url) as store:
        account_id = store.account_id(account)
        found = store.read(lambda tx: find_consents(tx, account_id, [digits]))
        entries = store.read(lambda tx: list_history(tx, account_id, digits, at_most=10_000))
    if digits not in found:
        raise CommandFailure(
            ExitCode.NOT_FOUND,
            "Nothing is known of this recipient's consent.",
            hint="Record an opt-in: waypost consents import FILE, or POST /api/v2/consent/manage/",
        )
    standing = ConsentView.of(found[digits]).model_dump(mode="json")
    history = [ConsentEntryView.of(entry).model_dump(mode="json") for entry in entries]
    if as_json:
        print_record({**standing, "history": history}, as_json=True)
        return
    print_record(standing, as_json=False)
    print_line("\nhistory")
    print_records(history, columns=("at", "action", "source", "ip", "user_agent"), as_json=False)


@app.command("import", epilog="Example: waypost consents import optins.csv --source WEB")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV with the columns recipient, source, user_agent, ip; - is stdin.")],
    *,
    source: Annotated[str | None, typer.Option("--source", help="For rows without one.")] = None,
    optout: Annotated[bool, typer.Option("--optout", help="Record opt-outs instead of opt-ins.")] = False,
    account: AccountOption = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """
    Record opt-ins, or opt-outs, from a CSV file.

    Rows that cannot be recorded are named and left out; exit code 1 says that there were some. A second run records
    nothing twice: who has opted in already is counted as that.
    """
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.domain.consent import ConsentAction  # noqa: PLC0415
    from waypost.web.consent_lists import COLUMNS, NoRecipientColumnError, read_batches  # noqa: PLC0415

    action = ConsentAction.OPTOUT if optout else ConsentAction.OPTIN
    recorded, repeated, faulty = 0, 0, 0
    with opened_store(data_dir, database_url) as store, _reading(file) as lines:
        account_id = store.account_id(account)
        try:
            for batch in read_batches(lines, source=source):
                outcome = _change(store, account_id, action, batch.evidence)
                recorded += sum(outcome)
                repeated += len(outcome) - sum(outcome)
                for fault in batch.faults[: max(0, _FAULTS_SHOWN_MAX - faulty)]:
                    print_note(f"Row {fault.row}: {fault.why}")
                faulty += len(batch.faults)
        except NoRecipientColumnError as error:
            raise CommandFailure(
                ExitCode.USAGE,
                "The file has no column `recipient`.",
                hint=f"Its first line names the columns: {','.join(COLUMNS)} (the last three may be left out).",
            ) from error
        store.write(lambda tx: store.editor().note(tx, account_id=account_id, action="consent.import", target=action))
    print_record({"recorded": recorded, "already_opted_in": repeated, "faulty": faulty}, as_json=as_json)
    if faulty:
        raise CommandFailure(
            ExitCode.FAILURE, f"{faulty} rows could not be recorded.", hint="Mend them, and run again."
        )


@app.command(epilog="Example: waypost consents export --history --format json > history.json")
def export(
    *,
    history: Annotated[
        bool, typer.Option("--history", help="Everything recorded, not where recipients stand.")
    ] = False,
    form: Annotated[str, typer.Option("--format", help="csv or json.")] = "csv",
    account: AccountOption = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Write all consents to standard output, a page at a time."""
    from waypost.cli.asking import build_request  # noqa: PLC0415
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.web.manage.consent_files import PAGE_ROWS, FileWriter, Page, read_page  # noqa: PLC0415
    from waypost.web.manage.requests import ConsentFile  # noqa: PLC0415

    request = build_request(ConsentFile, content="history" if history else "consents", form=form)
    writer = FileWriter(request.content, request.form)
    with opened_store(data_dir, database_url) as store:
        account_id = store.account_id(account)

        def page_behind(last: "ConsentRecord | HistoryEntry | None") -> Page:
            return store.read(lambda tx: read_page(tx, account_id, request.content, last=last))

        page = page_behind(None)
        sys.stdout.write(writer.begin() + writer.write(page))
        while len(page) == PAGE_ROWS:
            page = page_behind(page[-1])
            sys.stdout.write(writer.write(page))
        sys.stdout.write(writer.end())


@app.command(epilog="Example: waypost consents block 12025550143 --source SUPPORT")
def block(
    recipient: Recipient,
    *,
    source: Source = "CLI",
    account: AccountOption = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Put a recipient on the blocklist: nothing is sent to it, whatever it has agreed to."""
    _change_one(recipient, "blocklist", source=source, account=account, data_dir=data_dir, database_url=database_url)
    print_note("Blocked.")


@app.command(epilog="Example: waypost consents unblock 12025550143")
def unblock(
    recipient: Recipient,
    *,
    source: Source = "CLI",
    account: AccountOption = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Take a recipient off the blocklist; its opt-in or opt-out is as it was."""
    _change_one(recipient, "whitelist", source=source, account=account, data_dir=data_dir, database_url=database_url)
    print_note("Unblocked.")


def _change_one(
    recipient: str, word: str, *, source: str, account: str | None, data_dir: Path | None, database_url: str | None
) -> None:
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.contract.consents import parse_recipients  # noqa: PLC0415
    from waypost.domain.consent import ConsentAction  # noqa: PLC0415

    evidence, failed = parse_recipients([{"recipient": recipient, "source": source}])
    if failed:
        raise CommandFailure(ExitCode.USAGE, failed[0][1].error.text)
    with opened_store(data_dir, database_url) as store:
        _change(store, store.account_id(account), ConsentAction(word), (evidence[0][1],))


def _change(
    store: "DirectStore", account_id: str, action: "ConsentAction", evidence: "tuple[ConsentEvidence, ...]"
) -> list[bool]:
    """Record up to 1000 recipients in one transaction; return which of them were recorded."""
    from waypost.store.consents import ConsentWrite  # noqa: PLC0415
    from waypost.web.consenting import change_consents  # noqa: PLC0415

    editor = store.editor()
    write = ConsentWrite(account_id=account_id, action=action, evidence=evidence, now_us=editor.clock.now_us())
    [outcome] = store.write(lambda tx: change_consents(tx, store.snapshot(tx), editor.ids, [write]))
    return outcome


@contextmanager
def _reading(file: Path) -> Iterator[IO[str]]:
    try:
        if str(file) == "-":
            yield sys.stdin
        else:
            # Spreadsheets put a byte order mark in front.
            with file.open(encoding="utf-8-sig", newline="") as opened:
                yield opened
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CommandFailure(
            ExitCode.USAGE, f"{file} cannot be read: {error}", hint="Save it as CSV in UTF-8."
        ) from error
