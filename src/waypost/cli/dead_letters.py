"""The part of ``waypost webhooks`` about deliveries: test events, dead letters, and telling again."""

from typing import Annotated

import typer

from waypost.cli.exits import CommandFailure, ExitCode
from waypost.cli.options import AccountOption, DatabaseUrl, DataDir, Json, Limit, WebhookId
from waypost.cli.printing import print_note, print_record, print_records

_COLUMNS = ("id", "kind", "subject_id", "attempts", "created_at", "last_status", "last_error")


def add_to(app: typer.Typer) -> None:
    """Add these commands to those of webhooks."""
    app.command("test", epilog="Example: waypost webhooks test ID. Its x-apiheader is waypost-test.")(send_test)
    app.command(epilog="Example: waypost webhooks dead ID --limit 20")(dead)
    app.command(epilog="Example: waypost webhooks replay ID --since 24h")(replay)


def send_test(
    webhook_id: WebhookId,
    *,
    account: AccountOption = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Queue a made-up event; a running gateway signs and delivers it like any other."""
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.web.manage.editing_webhooks import queue_test_event  # noqa: PLC0415

    with opened_store(data_dir, database_url) as store:
        account_id = store.account_id(account)
        editor = store.editor()
        notification_id = store.write(lambda tx: queue_test_event(tx, editor, account_id, webhook_id))
    print_record({"notification_id": notification_id}, as_json=as_json)


def dead(
    webhook_id: WebhookId,
    *,
    pending: Annotated[bool, typer.Option("--pending", help="Instead, what is still to be delivered.")] = False,
    limit: Limit = 50,
    account: AccountOption = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """List what was never delivered although every try was made, newest first."""
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.store.inspecting_webhooks import list_dead, list_pending  # noqa: PLC0415
    from waypost.web.manage.editing_webhooks import require_webhook  # noqa: PLC0415
    from waypost.web.manage.notification_views import NotificationView  # noqa: PLC0415

    fetch = list_pending if pending else list_dead
    with opened_store(data_dir, database_url) as store:
        account_id = store.account_id(account)
        editor = store.editor()
        store.read(lambda tx: require_webhook(tx, editor, account_id, webhook_id))
        rows = store.read(lambda tx: fetch(tx, account_id, webhook_id, at_most=limit))
    print_records(
        [NotificationView.of(row).model_dump(mode="json") for row in rows],
        columns=_COLUMNS,
        as_json=as_json,
        empty="There is none.",
    )


def replay(
    webhook_id: WebhookId,
    *,
    letter: Annotated[str | None, typer.Option("--letter", help="Only this dead letter, with its batch.")] = None,
    since: Annotated[str | None, typer.Option("--since", help="Made since: 24h, 7d, or RFC 3339.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Made before; default now.")] = None,
    account: AccountOption = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Deliver dead letters again: same ids, same bodies, fresh signatures."""
    from datetime import UTC, datetime, timedelta  # noqa: PLC0415

    from waypost.cli.asking import parse_moment  # noqa: PLC0415
    from waypost.cli.opening import opened_store  # noqa: PLC0415
    from waypost.web.manage.editing_webhooks import (  # noqa: PLC0415
        may_have_more,
        replay_dead_one,
        replay_dead_span,
    )

    start = parse_moment(since, option="--since")
    # A second more, so that what died while this was typed is in.
    end = parse_moment(until, option="--until") or datetime.now(UTC) + timedelta(seconds=1)
    if (letter is None) == (start is None):
        raise CommandFailure(ExitCode.USAGE, "Give one of --letter and --since.")
    with opened_store(data_dir, database_url) as store:
        account_id = store.account_id(account)
        editor = store.editor()
        if letter is not None:
            count = store.write(lambda tx: replay_dead_one(tx, editor, account_id, webhook_id, letter))
        else:
            assert start is not None
            count = store.write(lambda tx: replay_dead_span(tx, editor, account_id, webhook_id, since=start, until=end))
    print_record({"replayed": count}, as_json=as_json)
    if letter is None and may_have_more(count):
        print_note("There may be more: run it again.")
