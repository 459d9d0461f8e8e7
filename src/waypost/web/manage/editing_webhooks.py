"""
Changes to webhook endpoints, and what is asked of the notifier: test events and replays. As in ``editing``.

An endpoint's URL and headers are checked here against the outbound guard, when they are set; the address behind a name
is checked again by the notifier at each delivery.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import orjson

from waypost.contract.events import StatusNotice, WebhookKind, render_incoming, render_status
from waypost.domain.inbound import InboundKind, InboundMessage
from waypost.domain.status import Status
from waypost.outbound.guard import OutboundPolicy, UrlRefused, check_custom_headers, parse_target
from waypost.store.directory import Snapshot
from waypost.store.endpoints import (
    EndpointRecord,
    NewEndpoint,
    change_endpoint,
    create_endpoint,
    delete_endpoint,
    disable_endpoint,
    enable_endpoint,
    find_endpoint,
    new_webhook_secret,
    rotate_secret,
)
from waypost.store.inspecting_webhooks import REPLAYED_AT_ONCE_MAX, replay_one, replay_span
from waypost.store.notifications import insert_notifications
from waypost.store.replaying import replay_subject
from waypost.store.sources import find_source
from waypost.store.transaction import Tx
from waypost.web.manage.editing import Editor
from waypost.web.manage.problems import Problem, ProblemKind, invalid, not_found
from waypost.web.manage.requests import WebhookChange, WebhookCreation, given
from waypost.web.manage.views import as_microseconds

TEST_RECIPIENT: Final = "12025550100"
TEST_CALLER_DATA: Final = "waypost-test"
_REPLAYED_OF_ONE_MAX: Final = 1_000
_PLAIN: Final = ("name", "max_batch", "stickers")


def add_webhook(
    tx: Tx, editor: Editor, account_id: str, request: WebhookCreation, *, policy: OutboundPolicy
) -> tuple[EndpointRecord, str]:
    """Add an endpoint; return it, and the secret its webhooks are signed with, for this once."""
    host = _check_url(request.url, policy)
    _check_headers(request.headers)
    _check_sources(tx, account_id, request.source_ids)
    secret = new_webhook_secret()
    new = NewEndpoint(
        id=editor.ids.new(),
        account_id=account_id,
        name=request.name or host,
        url=request.url,
        kinds=frozenset(request.kinds),
        secret=secret,
        headers=request.headers,
        max_batch=request.max_batch,
        timestamps=request.timestamps,
        source_ids=None if request.source_ids is None else frozenset(request.source_ids),
        stickers=request.stickers,
    )
    record = create_endpoint(tx, editor.sealer, new, now_us=editor.clock.now_us())
    editor.note(tx, account_id=account_id, action="webhook.create", target=record.id)
    return record, secret


def alter_webhook(
    tx: Tx, editor: Editor, account_id: str, endpoint_id: str, request: WebhookChange, *, policy: OutboundPolicy
) -> EndpointRecord:
    """Change what the request names."""
    changes: dict[str, Any] = {name: value for name in _PLAIN if (value := getattr(request, name)) is not None}
    if request.url is not None:
        _check_url(request.url, policy)
        changes["url"] = request.url
    if request.kinds is not None:
        changes["kinds"] = frozenset(request.kinds)
    if "timestamps" in given(request):
        changes["timestamps"] = request.timestamps
    if "source_ids" in given(request):
        _check_sources(tx, account_id, request.source_ids)
        changes["source_ids"] = None if request.source_ids is None else frozenset(request.source_ids)
    if request.headers is not None:
        _check_headers(request.headers)
    record = change_endpoint(
        tx, editor.sealer, account_id, endpoint_id, lambda one: replace(one, **changes), headers=request.headers
    )
    return _noted(tx, editor, record, "webhook.change")


def remove_webhook(tx: Tx, editor: Editor, account_id: str, endpoint_id: str) -> None:
    """Take an endpoint out of use for good."""
    if not delete_endpoint(tx, account_id, endpoint_id, now_us=editor.clock.now_us()):
        raise not_found("webhook")
    editor.note(tx, account_id=account_id, action="webhook.delete", target=endpoint_id)


def renew_secret(tx: Tx, editor: Editor, account_id: str, endpoint_id: str) -> tuple[EndpointRecord, str]:
    """Sign with a new secret, and for 24 h with the present one too; return it for this once."""
    secret = new_webhook_secret()
    record = rotate_secret(tx, editor.sealer, account_id, endpoint_id, secret=secret, now_us=editor.clock.now_us())
    return _noted(tx, editor, record, "webhook.rotate_secret"), secret


def silence_webhook(tx: Tx, editor: Editor, account_id: str, endpoint_id: str, *, reason: str) -> EndpointRecord:
    """Stop telling an endpoint; what is pending waits."""
    record = disable_endpoint(tx, editor.sealer, account_id, endpoint_id, reason=reason, now_us=editor.clock.now_us())
    return _noted(tx, editor, record, "webhook.disable")


def revive_webhook(tx: Tx, editor: Editor, account_id: str, endpoint_id: str) -> EndpointRecord:
    """Tell an endpoint again, beginning with what is pending."""
    record = enable_endpoint(tx, editor.sealer, account_id, endpoint_id)
    return _noted(tx, editor, record, "webhook.enable")


def queue_test_event(tx: Tx, editor: Editor, account_id: str, endpoint_id: str) -> str:
    """Queue one made-up event for an endpoint, signed and delivered like any other; return its id."""
    record = require_webhook(tx, editor, account_id, endpoint_id, in_use=True)
    now_us = editor.clock.now_us()
    subject_id, notification_id = editor.ids.new(), editor.ids.new()
    kind, entry = _test_entry(record, subject_id=subject_id, now_us=now_us)
    insert_notifications(tx, [(notification_id, account_id, endpoint_id, subject_id, kind, entry, now_us, now_us)])
    editor.note(tx, account_id=account_id, action="webhook.test", target=endpoint_id)
    return notification_id


def replay_dead_one(tx: Tx, editor: Editor, account_id: str, endpoint_id: str, notification_id: str) -> int:
    """Deliver one dead letter again, with the batch it belongs to; return how many."""
    require_webhook(tx, editor, account_id, endpoint_id, in_use=True)
    count = replay_one(tx, account_id, endpoint_id, notification_id, now_us=editor.clock.now_us())
    if count == 0:
        raise not_found("dead letter")
    editor.note(tx, account_id=account_id, action="webhook.replay", target=notification_id)
    return count


def replay_dead_span(
    tx: Tx, editor: Editor, account_id: str, endpoint_id: str, *, since: datetime, until: datetime
) -> int:
    """Deliver the dead letters of a time span again, 10,000 batches at most; return how many letters."""
    if until <= since:
        raise invalid("until", "is not after since", hint="Give a span of time: since before until.")
    require_webhook(tx, editor, account_id, endpoint_id, in_use=True)
    count = replay_span(
        tx,
        account_id,
        endpoint_id,
        since_us=as_microseconds(since),
        until_us=as_microseconds(until),
        now_us=editor.clock.now_us(),
    )
    editor.note(tx, account_id=account_id, action="webhook.replay", target=endpoint_id)
    return count


def replay_message(
    tx: Tx,
    editor: Editor,
    account_id: str,
    subject_id: str,
    *,
    snapshot: Snapshot,
    only: str | None = None,
    is_inbound: bool = False,
) -> int:
    """
    Tell webhooks again what they were told of one message, or could not be; return how many notifications that are.

    ``only`` names one of them, None: all whose endpoint is in use. Raises ``Problem`` where there is nothing to repeat.
    """
    in_use = {one.id for one in snapshot.endpoints_by_account.get(account_id, ()) if one.disabled_reason is None}
    count = replay_subject(
        tx,
        account_id,
        subject_id,
        endpoint_ids=in_use,
        only=only,
        new_id=editor.ids.new,
        now_us=editor.clock.now_us(),
        at_most=_REPLAYED_OF_ONE_MAX,
    )
    if count == 0:
        raise Problem(
            ProblemKind.CONFLICT,
            "There is nothing to tell again.",
            hint="What is pending goes out by itself; a webhook that is disabled must be enabled first.",
        )
    action = "inbound.replay" if is_inbound else "message.replay"
    editor.note(tx, account_id=account_id, action=action, target=subject_id)
    return count


def may_have_more(count: int) -> bool:
    """Say whether a replay by span may have left some for a second call."""
    return count >= REPLAYED_AT_ONCE_MAX


def require_webhook(
    tx: Tx, editor: Editor, account_id: str, endpoint_id: str, *, in_use: bool = False
) -> EndpointRecord:
    """Return an endpoint, or raise that there is none; with ``in_use`` also that it is disabled."""
    record = find_endpoint(tx, editor.sealer, account_id, endpoint_id)
    if record is None:
        raise not_found("webhook")
    if in_use and record.disabled_reason is not None:
        raise Problem(
            ProblemKind.CONFLICT,
            f"The webhook is disabled: {record.disabled_reason}.",
            hint="Enable it first; what is pending goes out then.",
        )
    return record


def _check_url(url: str, policy: OutboundPolicy) -> str:
    try:
        return parse_target(url, policy).host
    except UrlRefused as error:
        # Which rule it broke stays with us: the answer must not tell what there is in the operator's network.
        raise invalid(
            "url",
            "is not a URL that Waypost may connect to",
            hint="Public https on port 443 or 8443, without credentials; operators may allow more networks "
            "(WAYPOST_ALLOWED_NETWORKS, WAYPOST_ALLOW_HTTP_URLS).",
        ) from error


def _check_headers(headers: Mapping[str, str]) -> None:
    fault = check_custom_headers(headers)
    if fault is not None:
        raise invalid("headers", fault, hint="Names that frame, route or sign a request are reserved.")


def _check_sources(tx: Tx, account_id: str, source_ids: list[str] | None) -> None:
    for source_id in source_ids or ():
        if find_source(tx, account_id, source_id) is None:
            raise invalid("source_ids", "names a source that is not there", hint="List the account's sources.")


def _test_entry(record: EndpointRecord, *, subject_id: str, now_us: int) -> tuple[str, str]:
    """Return the kind and the entry of a test event: the first kind that the endpoint wants to hear."""
    if WebhookKind.EVENT in record.kinds:
        notice = StatusNotice(
            message_id=subject_id,
            recipient=TEST_RECIPIENT,
            status=Status.DELIVERED,
            occurred_at_us=now_us,
            caller_data=TEST_CALLER_DATA,
        )
        form = WebhookKind.EVENT.timestamps(record.timestamps)
        return WebhookKind.EVENT.value, render_status(notice, timestamps=form).decode()
    if WebhookKind.INCOMING in record.kinds:
        message = InboundMessage(
            provider_id=f"wamid.{TEST_CALLER_DATA}",
            from_number=TEST_RECIPIENT,
            from_user_id=None,
            to_number=TEST_RECIPIENT,
            profile_name="Waypost",
            occurred_at_us=now_us,
            kind=InboundKind.TEXT,
            payload={"body": "This is a test from Waypost."},
        )
        form = WebhookKind.INCOMING.timestamps(record.timestamps)
        return WebhookKind.INCOMING.value, render_incoming(message, timestamps=form).decode()
    notice_entry = {"type": "webhook.test", "subject_id": subject_id, "occurred_at_us": now_us}
    return WebhookKind.NOTICE.value, orjson.dumps(notice_entry).decode()


def _noted(tx: Tx, editor: Editor, record: EndpointRecord | None, action: str) -> EndpointRecord:
    if record is None:
        raise not_found("webhook")
    editor.note(tx, account_id=record.account_id, action=action, target=record.id)
    return record
