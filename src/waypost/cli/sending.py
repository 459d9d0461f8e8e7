"""``waypost messages send``: one message, or one to each recipient of a file, through a running gateway."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from waypost.cli.exits import CommandFailure, ExitCode
from waypost.cli.options import ApiKeyOption, BaseUrl, DataDir, Json
from waypost.cli.printing import print_record

if TYPE_CHECKING:
    from waypost.cli.http import GatewayClient

EPILOG = (
    "Example: waypost messages send 12025550143 --file picture.jpg --caption 'Receipt 118' --wait. "
    "To many: waypost messages send --file recipients.csv --template order_ready --attribute name"
)
_ENDS = frozenset({"delivered", "read", "failed"})
_POLL_SECONDS = 0.2
_WAIT_SECONDS = 60.0
_SOURCES = "/api/v2/source/"


def send(
    recipient: Annotated[
        str | None, typer.Argument(help="Country code and number; left out, --file holds the recipients.")
    ] = None,
    *,
    text: Annotated[
        str | None, typer.Option("--text", help="Send this text; with a file of recipients, {{column}} stands for one.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="Upload this file and send it; without RECIPIENT, CSV of recipients.")
    ] = None,
    template: Annotated[str | None, typer.Option("--template", help="To many: send this template.")] = None,
    language: Annotated[str, typer.Option("--language", help="The template's language.")] = "en",
    attribute: Annotated[
        list[str] | None,
        typer.Option("--attribute", help="Column for the template's next parameter; repeat it.", metavar="COLUMN"),
    ] = None,
    entry_file: Annotated[
        Path | None,
        typer.Option("--entry", help="To many: an entry of a send request without recipient, as JSON."),
    ] = None,
    recipient_column: Annotated[
        str | None, typer.Option("--recipient-column", help="Column of the recipients; else the first.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Name of the bulk send; else the file's.")] = None,
    result: Annotated[
        Path | None, typer.Option("--result", help="Where to write what became of each row; else FILE.result.csv.")
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out rows that cannot be sent.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Send a file again that was sent before.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Do not wait until all is sent.")] = False,
    pause_on_interrupt: Annotated[
        bool, typer.Option("--pause-on-interrupt", help="Ctrl-C pauses the bulk send; else it goes on.")
    ] = False,
    url: Annotated[str | None, typer.Option("--media-url", help="Send the file at this URL.")] = None,
    media_type: Annotated[
        str, typer.Option("--media-type", help="With --media-url: image, video, audio, document or sticker.")
    ] = "image",
    caption: Annotated[str | None, typer.Option("--caption", help="Under the file.")] = None,
    source: Annotated[str | None, typer.Option("--source", help="Source id; files need one.")] = None,
    header: Annotated[str | None, typer.Option("--x-apiheader", help="Your own data, echoed in webhooks.")] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until it is delivered or has failed, 60 s at most.")
    ] = False,
    base_url: BaseUrl = None,
    api_key: ApiKeyOption = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> int | None:
    """Send one message through a running gateway and print its id, or one to each recipient of a file."""
    from waypost.cli.http import open_client  # noqa: PLC0415

    for_many = {
        "--template": template, "--entry": entry_file, "--attribute": attribute, "--name": name, "--result": result,
        "--recipient-column": recipient_column, "--skip-bad": skip_bad, "--again": again, "--detach": detach,
        "--pause-on-interrupt": pause_on_interrupt,
    }  # fmt: skip
    connect = partial(open_client, base_url=base_url, api_key=api_key, data_dir=data_dir)
    if recipient is not None:
        _refuse(for_many, "is for a file of recipients")
        _send_to_one(
            connect, recipient, text=text, file=file, url=url, media_type=media_type, caption=caption, source=source,
            header=header, waits=wait, as_json=as_json,
        )  # fmt: skip
        return None
    _refuse({"--media-url": url, "--caption": caption, "--wait": wait}, "is for a single message")
    if file is None:
        raise CommandFailure(ExitCode.USAGE, "To whom?", hint="Give a RECIPIENT, or --file with recipients.")
    return _send_to_many(
        connect, file, text=text, template=template, language=language, attributes=attribute or [],
        entry_file=entry_file, source=source, header=header, recipient_column=recipient_column, name=name,
        result=result, skip_bad=skip_bad, again=again, detach=detach, pause_on_interrupt=pause_on_interrupt,
        as_json=as_json,
    )  # fmt: skip


def _send_to_one(
    connect: Callable[[], "GatewayClient"],
    recipient: str,
    *,
    text: str | None,
    file: Path | None,
    url: str | None,
    media_type: str,
    caption: str | None,
    source: str | None,
    header: str | None,
    waits: bool,
    as_json: bool,
) -> None:
    if [text, file, url].count(None) != 2:
        raise CommandFailure(ExitCode.USAGE, "Give one of --text, --file and --media-url.")
    client = connect()
    entry: dict[str, Any] = {"recipient_whatsapp": recipient, "message_type": "text"}
    if text is not None:
        entry["type_text"] = [{"content": text}]
    else:
        attachment: dict[str, Any] = {"attachment_url": url, "attachment_type": media_type}
        if file is not None:
            attachment = {"attachment_id": _uploaded(client, file)}
            source = source or _default_source(client.get(_SOURCES))
        if caption is not None:
            attachment["caption"] = caption
        entry |= {"message_type": "media", "type_media": [{"attachments": [attachment]}]}
    _post(client, _with(entry, source, header), waits=waits, as_json=as_json)


def _send_to_many(
    connect: Callable[[], "GatewayClient"],
    file: Path,
    *,
    text: str | None,
    template: str | None,
    language: str,
    attributes: list[str],
    entry_file: Path | None,
    source: str | None,
    header: str | None,
    recipient_column: str | None,
    name: str | None,
    result: Path | None,
    skip_bad: bool,
    again: bool,
    detach: bool,
    pause_on_interrupt: bool,
    as_json: bool,
) -> int:
    """Return the exit code."""
    if [text, template, entry_file].count(None) != 2:
        raise CommandFailure(ExitCode.USAGE, "Give one of --template, --text and --entry.")
    from waypost.cli.bulk_entry import build_entry  # noqa: PLC0415
    from waypost.cli.bulk_results import refuse_to_overwrite  # noqa: PLC0415
    from waypost.cli.bulk_sending import SendingPlan, patiently, send_file  # noqa: PLC0415

    refuse_to_overwrite(file, result)
    client = connect()
    entry = build_entry(text=text, template=template, language=language, attributes=attributes, entry_file=entry_file)
    source = source or entry.get("source") or _default_source(patiently(lambda: client.get(_SOURCES)))
    plan = SendingPlan(
        file=file,
        entry=_with(entry, source, header),
        recipient_column=recipient_column,
        name=name,
        result=result,
        skip_bad=skip_bad,
        again=again,
        detach=detach,
        pause_on_interrupt=pause_on_interrupt,
        as_json=as_json,
    )
    return send_file(client, plan)


def _refuse(options: dict[str, Any], why: str) -> None:
    """Refuse the first of these options that was given: passed over, it would not do what somebody means by it."""
    for option, given in options.items():
        if given:
            raise CommandFailure(ExitCode.USAGE, f"{option} {why}.", hint="See --help of this command.")


def _with(entry: dict[str, Any], source: str | None, header: str | None) -> dict[str, Any]:
    named = {"source": source, "x-apiheader": header}
    return {**entry, **{name: given for name, given in named.items() if given is not None}}


def _uploaded(client: "GatewayClient", file: Path) -> str:
    import mimetypes  # noqa: PLC0415

    guessed = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return client.upload(file, mime_type=guessed)


def _post(client: "GatewayClient", entry: dict[str, Any], *, waits: bool, as_json: bool) -> None:
    from waypost.cli.http import refuse_failure  # noqa: PLC0415

    answer = client.post("/api/v2/message/", {"message": [entry]})
    refuse_failure(answer)
    message_id = answer["data"]["id"]
    print_record(_wait_for_end(client, message_id) if waits else {"id": message_id}, as_json=as_json)


def _wait_for_end(client: "GatewayClient", message_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        found: dict[str, Any] = client.get(f"/api/v2/message/{message_id}")["data"]
        if found["status"] in _ENDS:
            if found["status"] == "failed":
                raise CommandFailure(ExitCode.FAILURE, f"{message_id} failed: {found['status_remark']}")
            return {"id": message_id, "status": found["status"]}
        if time.monotonic() > deadline:
            raise CommandFailure(
                ExitCode.FAILURE,
                f"{message_id} is still {found['status']} after {_WAIT_SECONDS:.0f} s.",
                hint=f"Look at it again: waypost messages show {message_id}",
            )
        time.sleep(_POLL_SECONDS)


def _default_source(answer: Any) -> str | None:
    """Return the default source's id, which files and templates must name; the first one's where none is default."""
    sources = answer.get("data", [])
    chosen = [one["id"] for one in sources if one.get("default")] or [one["id"] for one in sources]
    return chosen[0] if chosen else None
