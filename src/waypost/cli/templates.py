"""``waypost templates``: message templates, as the provider has them."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from waypost.cli.exits import CommandFailure, ExitCode
from waypost.cli.options import AccountOption, DatabaseUrl, DataDir, Json, Limit, Yes
from waypost.cli.printing import print_line, print_note, print_record, print_records
from waypost.cli.template_parts import button_values, components_of, print_parts, read_components

if TYPE_CHECKING:
    from waypost.cli.opening import DirectStore
    from waypost.store.directory import Source
    from waypost.store.template_reading import MirrorRecord, TemplateRecord

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Message templates: looked up in the gateway's copy, made and deleted at the provider.",
    epilog="The copy is kept by a running gateway; read it anew with: waypost templates sync",
)

TemplateName = Annotated[str, typer.Argument(help="The template's name.", metavar="NAME")]
SourceOption = Annotated[
    str | None, typer.Option("--source", help="Source id, of the business account meant; default: the default source.")
]
LanguageOption = Annotated[str | None, typer.Option("--language", help="Name or code, such as en or German.")]
_LIST_COLUMNS = ("name", "language", "status", "category", "quality", "id")
_SYNC_SECONDS = 30.0
_LOOK_AGAIN_SECONDS = 0.25


@app.command("list", epilog="Example: waypost templates list --status approved --language English")
def list_(
    *,
    name: Annotated[str | None, typer.Option("--name", help="Only this name.")] = None,
    status: Annotated[str | None, typer.Option("--status", help="Such as approved, pending or rejected.")] = None,
    category: Annotated[str | None, typer.Option("--category", help="marketing, utility or authentication.")] = None,
    language: LanguageOption = None,
    account: AccountOption = None,
    limit: Limit = 200,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """List an account's templates."""
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.contract.languages import codes_of  # noqa: PLC0415
    from waypost.store.template_reading import TemplateFilter, list_templates  # noqa: PLC0415
    from waypost.web.manage.template_models import TemplateView  # noqa: PLC0415

    wanted = TemplateFilter(
        name=name or "",
        status=status or "",
        category=category or "",
        languages=codes_of(language) if language else None,
    )
    with opened_store(data_dir, database_url) as store:
        account_id = store.account_id(account)
        records = store.read(lambda tx: list_templates(tx, account_id, wanted, at_most=limit))
    print_records(
        [TemplateView.of(record).model_dump(mode="json") for record in records],
        columns=_LIST_COLUMNS,
        as_json=as_json,
        empty="No template matches. Is the copy fresh? Read it anew with: waypost templates sync",
    )


@app.command(epilog="Example: waypost templates show repair_done --language en")
def show(
    name: TemplateName,
    *,
    language: LanguageOption = None,
    account: AccountOption = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Show a template in its languages, or in one."""
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.web.manage.template_models import TemplateView  # noqa: PLC0415

    with opened_store(data_dir, database_url) as store:
        records = _named(store, store.account_id(account), name, language)
    views = [TemplateView.of(record).model_dump(mode="json") for record in records]
    if as_json:
        print_records(views, columns=_LIST_COLUMNS, as_json=True)
        return
    for place, (record, view) in enumerate(zip(records, views, strict=True)):
        if place:
            print_line("")
        del view["components"]
        print_record(view, as_json=False)
        print_line("")
        print_parts(record, (), {})


@app.command(
    epilog="Example: waypost templates preview repair_done --language en --value Noor --value B-52 --button 0=r/31"
)
def preview(
    name: TemplateName,
    *,
    language: LanguageOption = None,
    value: Annotated[
        list[str] | None, typer.Option("--value", help="Of {{1}}, {{2}}...; the header's come first; repeat it.")
    ] = None,
    button: Annotated[
        list[str] | None, typer.Option("--button", help="PLACE=VALUE: the end of a URL, or a code; repeat it.")
    ] = None,
    account: AccountOption = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Show what a template looks like with values in it."""
    from waypost.cli.asking import build_request  # noqa: PLC0415
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.web.manage.template_editing import preview_of  # noqa: PLC0415
    from waypost.web.manage.template_models import TemplatePreview  # noqa: PLC0415

    buttons = button_values(button or [])
    request = build_request(
        TemplatePreview,
        parameters=value or [],
        buttons=[{"index": place, "value": given} for place, given in buttons.items()],
    )
    with opened_store(data_dir, database_url) as store:
        record = _one(_named(store, store.account_id(account), name, language))
    shown = preview_of(record, request)
    if as_json:
        print_record(shown.model_dump(mode="json"), as_json=True)
    else:
        print_parts(record, request.parameters, buttons)


@app.command(
    epilog=(
        "Example: waypost templates create repair_done --language en --category utility "
        "--body 'Dear {{1}}, your bicycle is ready.' --example Noor --quick-reply 'Thank you'"
    )
)
def create(
    name: TemplateName,
    *,
    language: Annotated[str, typer.Option("--language", help="Code, such as en or en_US.")],
    category: Annotated[str, typer.Option("--category", help="marketing, utility or authentication.")],
    body: Annotated[str | None, typer.Option("--body", help="Its text, with {{1}} for what changes.")] = None,
    example: Annotated[
        list[str] | None, typer.Option("--example", help="A value for each {{n}} of the body, in order; repeat it.")
    ] = None,
    header: Annotated[str | None, typer.Option("--header", help="A text above it.")] = None,
    footer: Annotated[str | None, typer.Option("--footer", help="A text below it.")] = None,
    quick_reply: Annotated[list[str] | None, typer.Option("--quick-reply", help="A button; repeat it.")] = None,
    components: Annotated[
        Path | None,
        typer.Option("--components", help="File with the provider's components as a JSON array, in place of the rest."),
    ] = None,
    source: SourceOption = None,
    account: AccountOption = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Hand a template in for the provider's review."""
    from waypost.cli.asking import build_request  # noqa: PLC0415
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.cli.provider import CommandStore, ask_provider  # noqa: PLC0415
    from waypost.ports import SystemClock  # noqa: PLC0415
    from waypost.web.manage.template_editing import made  # noqa: PLC0415
    from waypost.web.manage.template_models import TemplateCreation, TemplateView  # noqa: PLC0415
    from waypost.web.template_desk import TemplateDesk  # noqa: PLC0415

    parts = components_of(body, example or [], header, footer, quick_reply or []) if components is None else None
    request = build_request(
        TemplateCreation,
        name=name,
        language=language,
        category=category,
        components=parts if components is None else read_components(components),
    )
    with opened_store(data_dir, database_url) as store:
        chosen = _source(store, store.account_id(account), source)
        record = made(
            ask_provider(
                store.settings,
                lambda calls: TemplateDesk(CommandStore(store), calls, clock=SystemClock()).create(
                    store.editor(), chosen, request.upstream()
                ),
            )
        )
    print_record(TemplateView.of(record).model_dump(mode="json", exclude={"components"}), as_json=as_json)
    if record.status != "APPROVED":
        print_note("It can be sent once it is APPROVED: waypost templates show " + name)


@app.command(epilog="Example: waypost templates delete repair_done --language en --yes")
def delete(
    name: TemplateName,
    *,
    language: Annotated[str | None, typer.Option("--language", help="Only this one; default: all of them.")] = None,
    yes: Yes = False,
    account: AccountOption = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Delete a template; the name of an approved one cannot be used again for 30 days."""
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.cli.provider import CommandStore, ask_provider  # noqa: PLC0415
    from waypost.ports import SystemClock  # noqa: PLC0415
    from waypost.web.manage.template_editing import removed  # noqa: PLC0415
    from waypost.web.template_desk import TemplateDesk  # noqa: PLC0415

    with opened_store(data_dir, database_url) as store:
        account_id = store.account_id(account)
        records = _named(store, account_id, name, language)
        languages = ", ".join(record.language for record in records)
        if not yes:
            typer.confirm(f"Delete template {name} ({languages}) at the provider?", abort=True, err=True)
        for waba_id in sorted({record.waba_id for record in records}):
            chosen = _source_of(store, account_id, waba_id)
            own = [record for record in records if record.waba_id == waba_id]
            removed(
                ask_provider(
                    store.settings,
                    lambda calls, chosen=chosen, own=own: TemplateDesk(  # type: ignore[misc]
                        CommandStore(store), calls, clock=SystemClock()
                    ).delete(store.editor(), chosen, own, is_every_language=language is None),
                )
            )
    print_note(f"Deleted: {name} ({languages}).")


@app.command(epilog="Example: waypost templates sync")
def sync(
    *,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait until a running gateway has read them, 30 s at most.")
    ] = True,
    account: AccountOption = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Have a running gateway read the provider's templates anew."""
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.ports import SystemClock  # noqa: PLC0415
    from waypost.store.template_mirror import make_lists_due  # noqa: PLC0415
    from waypost.store.template_reading import list_mirrors  # noqa: PLC0415
    from waypost.web.manage.template_models import TemplateListView  # noqa: PLC0415

    with opened_store(data_dir, database_url) as store:
        account_id = store.account_id(account)
        asked_us = SystemClock().now_us()
        keys = [(account_id, mirror.waba_id) for mirror in store.read(lambda tx: list_mirrors(tx, account_id))]
        store.write(lambda tx: make_lists_due(tx, keys, now_us=asked_us))
        deadline = time.monotonic() + (_SYNC_SECONDS if wait else 0.0)
        while True:
            mirrors = store.read(lambda tx: list_mirrors(tx, account_id))
            waiting = [one for one in mirrors if is_awaited(one, asked_us)]
            if not waiting or time.monotonic() >= deadline:
                break
            time.sleep(_LOOK_AGAIN_SECONDS)
    print_records(
        [TemplateListView.of(mirror).model_dump(mode="json") for mirror in mirrors],
        columns=("waba_id", "synced_at", "due_at", "failure"),
        as_json=as_json,
        empty="No business account is mirrored yet: a running gateway begins with its first source.",
    )
    if waiting and wait:
        raise CommandFailure(
            ExitCode.UNAVAILABLE, "Nobody has read them yet.", hint="Is a gateway running on this database?"
        )


def is_awaited(mirror: "MirrorRecord", asked_us: int) -> bool:
    """Say whether a list that was to be read anew is neither read since then, nor known not to be readable."""
    is_tried = mirror.failure is not None and mirror.due_at_us > asked_us
    return (mirror.synced_at_us or 0) < asked_us and not is_tried


def _named(store: "DirectStore", account_id: str, name: str, language: str | None) -> "list[TemplateRecord]":
    """Return the template in its languages; raises that there is none, or none in this language."""
    from waypost.contract.languages import codes_of  # noqa: PLC0415
    from waypost.store.template_reading import TemplateFilter, list_templates  # noqa: PLC0415

    languages = codes_of(language) if language else None
    wanted = TemplateFilter(name=name, languages=languages)
    records = store.read(lambda tx: list_templates(tx, account_id, wanted))
    if not records:
        raise CommandFailure(
            ExitCode.NOT_FOUND,
            f"There is no template {name}" + (f" in {language}." if language else "."),
            hint="List them: waypost templates list. Is the copy fresh? waypost templates sync",
        )
    return records


def _one(records: "list[TemplateRecord]") -> "TemplateRecord":
    if len(records) > 1:
        languages = ", ".join(record.language for record in records)
        raise CommandFailure(ExitCode.USAGE, f"It has several languages: {languages}.", hint="Name one: --language")
    return records[0]


def _source(store: "DirectStore", account_id: str, named: str | None) -> "Source":
    return _required(store.read(store.snapshot).source_of(account_id, named))


def _source_of(store: "DirectStore", account_id: str, waba_id: str) -> "Source":
    return _required(store.read(store.snapshot).source_reaching(account_id, waba_id))


def _required(source: "Source | None") -> "Source":
    if source is None:
        raise CommandFailure(
            ExitCode.NOT_FOUND, "There is no such source.", hint="Connect a number: waypost sources connect"
        )
    return source
