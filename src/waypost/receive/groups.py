"""What follows from the provider's news of groups: the group as it is now, and notices for who hears them."""

from collections.abc import Sequence
from typing import Any

from waypost.domain.group import GroupChange, GroupEvent
from waypost.domain.value import value
from waypost.outbox import Notice
from waypost.store.directory import Source
from waypost.store.groups import Applied, apply_change
from waypost.store.transaction import Tx


@value
class GroupArrival:
    """One change of one group of a source's number."""

    source: Source
    change: GroupChange


def keep_group_changes(tx: Tx, arrivals: Sequence[GroupArrival]) -> list[Notice]:
    """Keep changes in their order; return the notices of those that were not known."""
    notices: list[Notice] = []
    for arrival in arrivals:
        source, change = arrival.source, arrival.change
        applied = apply_change(tx, account_id=source.account_id, source_id=source.id, change=change)
        if applied is not None and applied.is_news:
            notices.append(_notice(source, change, applied))
    return notices


def _notice(source: Source, change: GroupChange, applied: Applied) -> Notice:
    """Return the notice of a change: ids and counts, and no text or number of anybody."""
    about: dict[str, Any] = {
        "account_id": source.account_id,
        "source_id": source.id,
        "subject_id": applied.record.id,
        "occurred_at_us": change.occurred_at_us,
    }
    own, asked = source.id, change.request_id
    match change.event:
        case GroupEvent.CREATED:
            return Notice(type="group.created", data={"source_id": own, "request_id": asked}, **about)
        case GroupEvent.DELETED:
            return Notice(type="group.deleted", data={"source_id": own, "request_id": asked}, **about)
        case GroupEvent.SUSPENDED:
            return Notice(type="group.suspended", data={"source_id": own}, **about)
        case GroupEvent.RESUMED:
            return Notice(type="group.resumed", data={"source_id": own}, **about)
        case GroupEvent.FAILED:
            return _failed_notice(change, own, about)
        case GroupEvent.PARTICIPANTS:
            return _participants_notice(change, applied, own, about)
        case GroupEvent.JOIN_REQUEST:
            return _join_request_notice(change, own, about)
        case GroupEvent.SETTINGS:
            return _settings_notice(change, own, about)


def _failed_notice(change: GroupChange, source_id: str, about: dict[str, Any]) -> Notice:
    return Notice(
        type="group.failed",
        data={
            "source_id": source_id,
            "request_id": change.request_id,
            "operation": change.operation,
            "provider_code": change.failure_code,
            "detail": change.failure,
        },
        **about,
    )


def _participants_notice(change: GroupChange, applied: Applied, source_id: str, about: dict[str, Any]) -> Notice:
    return Notice(
        type="group.participants",
        data={
            "source_id": source_id,
            "request_id": change.request_id,
            "added": len(change.added),
            "removed": len(change.removed),
            "refused": len(change.refused),
            "participants": len(applied.record.participants),
            "reason": change.reason,
        },
        **about,
    )


def _join_request_notice(change: GroupChange, source_id: str, about: dict[str, Any]) -> Notice:
    return Notice(
        type="group.join_request",
        data={
            "source_id": source_id,
            "join_request_id": change.join_request_id,
            "state": change.operation.removeprefix("join_request_"),
        },
        **about,
    )


def _settings_notice(change: GroupChange, source_id: str, about: dict[str, Any]) -> Notice:
    return Notice(
        type="group.settings",
        data={
            "source_id": source_id,
            "request_id": change.request_id,
            "changed": ",".join(change.changed),
            "refused": ",".join(change.refused),
        },
        **about,
    )
