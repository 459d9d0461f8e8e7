"""How many messages of each source may start: what its pace allows, shared fairly by account, then by source."""

from collections.abc import Iterable, Mapping
from typing import Final

from waypost.dispatch.lanes import SourceLane
from waypost.domain.fairness import fair_shares
from waypost.ports import ShardLeases
from waypost.store.directory import Source

SOURCE_SHARE_OF_PLACES: Final = 0.75
"""No source holds more of the places than this while others exist, so that a hanging one leaves room."""


def plan_places(
    sources: Mapping[str, Source],
    lanes: Mapping[str, SourceLane],
    active: Iterable[str],
    leases: ShardLeases,
    *,
    now: float,
    free: int,
    in_flight_max: int,
) -> dict[str, int]:
    """
    Return the places per source, all above 0; at most ``free`` in all.

    ``active`` are the sources thought to have queued messages; ``now`` is monotonic seconds.
    """
    if free <= 0:
        return {}
    source_max = _source_max(lanes, in_flight_max)
    wanted: dict[str, dict[str, int]] = {}
    held: dict[str, dict[str, int]] = {}
    for source_id in active:
        source, lane = sources.get(source_id), lanes.get(source_id)
        if source is None or lane is None or source.paused_reason is not None or not leases.may_start(source.shard):
            continue
        allowed = min(lane.bucket.available(now), source_max - lane.in_flight_count, free)
        if allowed > 0:
            wanted.setdefault(source.account_id, {})[source_id] = allowed
            held.setdefault(source.account_id, {})[source_id] = lane.in_flight_count
    by_account = fair_shares(free, _sums(wanted), held=_sums(held))
    places: dict[str, int] = {}
    for account_id, share in by_account.items():
        places |= fair_shares(share, wanted[account_id], held=held[account_id])
    return places


def next_start(
    sources: Mapping[str, Source],
    lanes: Mapping[str, SourceLane],
    active: Iterable[str],
    leases: ShardLeases,
    *,
    now: float,
    in_flight_max: int,
) -> float | None:
    """
    Return when the first of the active sources may start, monotonic seconds; None if none waits for its pace alone.

    One that is paused, whose lease ends, or that holds all the places it may have, is left out: no time ends that, and
    whoever waited for one would wait no time at all, over and over.
    """
    source_max = _source_max(lanes, in_flight_max)
    moments = [
        lane.bucket.next_start(now)
        for source_id in active
        if (source := sources.get(source_id)) is not None
        and (lane := lanes.get(source_id)) is not None
        and source.paused_reason is None
        and lane.in_flight_count < source_max
        and leases.may_start(source.shard)
    ]
    return min(moments, default=None)


def _source_max(lanes: Mapping[str, SourceLane], in_flight_max: int) -> int:
    return in_flight_max if len(lanes) == 1 else int(in_flight_max * SOURCE_SHARE_OF_PLACES)


def _sums(by_account: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    return {account_id: sum(sources.values()) for account_id, sources in by_account.items()}
