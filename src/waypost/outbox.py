"""
What subscribers are told is kept in the transaction that makes it true.

Every verb that changes what subscribers should know hands its news to the outbox, inside its own transaction: the news
is rendered once for each endpoint that wants it, so that its bytes never change over retries and replays.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from waypost.contract.events import StatusNotice, WebhookKind, render_incoming, render_status
from waypost.domain.consent import ConsentAction
from waypost.domain.errors import FailureReason
from waypost.domain.inbound import InboundKind, InboundMessage
from waypost.domain.status import Status
from waypost.ports import IdFactory
from waypost.store.directory import Endpoint, Snapshot
from waypost.store.notifications import NotificationRow, insert_notifications
from waypost.store.template_mirror import LockedTemplate
from waypost.store.transaction import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusNews:
    """One status of one message, for subscribers."""

    account_id: str
    source_id: str
    notice: StatusNotice


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingNews:
    """One inbound message, for subscribers; ``inbound_id`` is our own id of it."""

    account_id: str
    source_id: str
    inbound_id: str
    message: InboundMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """
    Something only the gateway knows: ``type`` such as ``message.in_doubt``; ``data`` holds no content, and a person's
    number only where the person is what it is about.

    ``source_id`` None: it is about the account, and for every endpoint that hears notices.
    """

    account_id: str
    source_id: str | None
    subject_id: str
    type: str
    occurred_at_us: int
    data: dict[str, str | int | None]


News = StatusNews | IncomingNews | Notice


def tell(tx: Tx, snapshot: Snapshot, ids: IdFactory, news: Sequence[News], *, now_us: int) -> int:
    """
    Keep a notification for every endpoint that wants a piece of news; return how many.

    Order is kept: of one subject, what stands earlier in ``news`` is delivered earlier.
    """
    rows: list[NotificationRow] = []
    for item in news:
        for endpoint in snapshot.endpoints_by_account.get(item.account_id, ()):
            kind, subject_id = _kind_and_subject(item)
            if not endpoint.wants(kind, item.source_id):
                continue
            entry = _render(item, endpoint)
            if entry is not None:
                rows.append((ids.new(), item.account_id, endpoint.id, subject_id, kind, entry, now_us, now_us))
    insert_notifications(tx, rows)
    return len(rows)


def failed_news(
    *,
    account_id: str,
    source_id: str,
    message_id: str,
    recipient: str,
    source_given: str | None,
    caller_data: str,
    reason: FailureReason,
    occurred_at_us: int,
) -> StatusNews:
    """Return the news that the gateway itself has drawn a message's end."""
    return StatusNews(
        account_id=account_id,
        source_id=source_id,
        notice=StatusNotice(
            message_id=message_id,
            recipient=recipient,
            status=Status.FAILED,
            occurred_at_us=occurred_at_us,
            reason=reason,
            source=source_given or "",
            caller_data=caller_data,
        ),
    )


def in_doubt_notice(*, account_id: str, source_id: str, message_id: str, occurred_at_us: int) -> Notice:
    """Return the notice that nobody knows whether upstream has a message, so that the customer can act."""
    return Notice(
        account_id=account_id,
        source_id=source_id,
        subject_id=message_id,
        type="message.in_doubt",
        occurred_at_us=occurred_at_us,
        data={},
    )


def paused_notice(
    *, account_id: str, source_id: str, reason: str, provider_code: int | None, occurred_at_us: int
) -> Notice:
    """Return the notice that a source sends nothing until somebody resumes it."""
    return Notice(
        account_id=account_id,
        source_id=source_id,
        subject_id=source_id,
        type="source.paused",
        occurred_at_us=occurred_at_us,
        data={"reason": reason, "provider_code": provider_code},
    )


def template_notices(before: LockedTemplate | None, after: LockedTemplate, *, occurred_at_us: int) -> list[Notice]:
    """
    Return the notices of what has changed of a template; ``before`` None: it was not known here.

    They are about the account. A template is told of by the provider's id.
    """
    account_id, subject_id = after.account_id, after.provider_id
    notices: list[Notice] = []
    if after.status and (before is None or after.status != before.status):
        notices.append(
            Notice(
                account_id=account_id,
                source_id=None,
                subject_id=subject_id,
                type="template.status",
                occurred_at_us=occurred_at_us,
                data={
                    "name": after.name,
                    "language": after.language,
                    "status": after.status,
                    "previous_status": None if before is None else before.status,
                    "reason": after.rejected_reason,
                },
            )
        )
    if before is not None and after.quality != before.quality:
        notices.append(
            Notice(
                account_id=account_id,
                source_id=None,
                subject_id=subject_id,
                type="template.quality",
                occurred_at_us=occurred_at_us,
                data={
                    "name": after.name,
                    "language": after.language,
                    "quality": after.quality,
                    "previous_quality": before.quality,
                },
            )
        )
    if before is not None and after.category != before.category:
        notices.append(
            Notice(
                account_id=account_id,
                source_id=None,
                subject_id=subject_id,
                type="template.category",
                occurred_at_us=occurred_at_us,
                data={
                    "name": after.name,
                    "language": after.language,
                    "category": after.category,
                    "previous_category": before.category,
                },
            )
        )
    return notices


def consent_notice(
    *, account_id: str, recipient: str, action: ConsentAction, source: str, occurred_at_us: int
) -> Notice:
    """
    Return the notice that a recipient's consent has changed; ``source`` is where that came from, such as ``WEB``.

    It is about the account, and what is told of one recipient is told in order.
    """
    about: dict[str, Any] = {
        "account_id": account_id,
        "source_id": None,
        "subject_id": recipient,
        "occurred_at_us": occurred_at_us,
    }
    match action:
        case ConsentAction.OPTIN:
            return Notice(type="consent.opted_in", data={"recipient": recipient, "source": source}, **about)
        case ConsentAction.OPTOUT:
            return Notice(type="consent.opted_out", data={"recipient": recipient, "source": source}, **about)
        case ConsentAction.BLOCKLIST:
            return Notice(type="consent.blocked", data={"recipient": recipient, "source": source}, **about)
        case ConsentAction.WHITELIST:
            return Notice(type="consent.unblocked", data={"recipient": recipient, "source": source}, **about)


def number_changed_notice(
    *, account_id: str, source_id: str, recipient: str, new_recipient: str, occurred_at_us: int
) -> Notice:
    """Return the notice that a person is reached under another number from now on, so that the customer can act."""
    return Notice(
        account_id=account_id,
        source_id=source_id,
        subject_id=recipient,
        type="recipient.number_changed",
        occurred_at_us=occurred_at_us,
        data={"recipient": recipient, "new_recipient": new_recipient},
    )


def _kind_and_subject(item: News) -> tuple[str, str]:
    match item:
        case StatusNews():
            return WebhookKind.EVENT.value, item.notice.message_id
        case IncomingNews():
            return WebhookKind.INCOMING.value, item.inbound_id
        case Notice():
            return WebhookKind.NOTICE.value, item.subject_id


def _render(item: News, endpoint: Endpoint) -> str | None:
    """Return the entry's JSON, or None if it is not told at all or the endpoint's settings leave it out."""
    match item:
        case StatusNews():
            form = WebhookKind.EVENT.timestamps(endpoint.timestamps)
            return render_status(item.notice, timestamps=form).decode()
        case IncomingNews():
            kind = item.message.kind
            if not kind.is_told or (kind is InboundKind.STICKER and not endpoint.stickers):
                return None
            return render_incoming(
                item.message, timestamps=WebhookKind.INCOMING.timestamps(endpoint.timestamps)
            ).decode()
        case Notice():
            return orjson.dumps(
                {"type": item.type, "subject_id": item.subject_id, "occurred_at_us": item.occurred_at_us, **item.data}
            ).decode()
