"""What follows from the provider's news of groups: the group as it is now, and notices for who hears them."""

from collections.abc import Sequence

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
    data: dict[str, str | int | None] = {"source_id": source.id}
    if change.request_id is not None:
        data["request_id"] = change.request_id
    match change.event:
        case GroupEvent.FAILED:
            data |= {"operation": change.operation, "provider_code": change.failure_code, "detail": change.failure}
        case GroupEvent.PARTICIPANTS:
            data |= {
                "added": len(change.added),
                "removed": len(change.removed),
                "refused": len(change.refused),
                "participants": len(applied.record.participants),
                "reason": change.reason,
            }
        case GroupEvent.JOIN_REQUEST:
            state = change.operation.removeprefix("join_request_")
            data |= {"join_request_id": change.join_request_id, "state": state}
        case GroupEvent.SETTINGS:
            data |= {"changed": ",".join(change.changed), "refused": ",".join(change.refused)}
        case _:
            pass
    return Notice(
        account_id=source.account_id,
        source_id=source.id,
        subject_id=applied.record.id,
        type=f"group.{change.event.value}",
        occurred_at_us=change.occurred_at_us,
        data=data,
    )
