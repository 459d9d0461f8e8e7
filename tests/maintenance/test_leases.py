"""
Leases on shards: nothing starts on one that is about to end, whatever stopped this node in the meantime.

A node tells the time left by its own monotonic clock, from before the renewal was asked for; the database tells by its
own who may take a shard. Here the first is set by hand and the second is real.
"""

import pytest

from waypost.maintenance.leases import ALL_SHARDS, LeasedOwnership
from waypost.store.statements import Sql

LEASE_SECONDS, MARGIN_SECONDS = 120.0, 60.0
_OUTLIVE = Sql("UPDATE shard_leases SET expires_at_us = 0")


class MonotonicByHand:
    """A monotonic clock that stands until it is moved."""

    def __init__(self):
        self.seconds = 1000.0

    def monotonic(self):
        return self.seconds


@pytest.fixture
def database_url(migrated_postgres_url):
    """Take leases where there are any: on SQLite one process owns everything under a lock."""
    return migrated_postgres_url


@pytest.fixture
def node(database):
    """Make nodes, each with a clock of its own."""

    def make(name):
        changes = []
        ownership = LeasedOwnership(
            database=database,
            clock=MonotonicByHand(),
            node=name,
            lease_seconds=LEASE_SECONDS,
            renew_seconds=30.0,
            margin_seconds=MARGIN_SECONDS,
            on_change=lambda: changes.append(name),
        )
        return ownership, ownership._clock

    return make


def startable(ownership):
    return {shard for shard in ALL_SHARDS if ownership.may_start(shard)}


async def test_nothing_may_start_on_a_lease_with_less_than_its_margin_left(node):
    ownership, clock = node("one")
    assert startable(ownership) == set()

    await ownership.turn()
    assert startable(ownership) == ALL_SHARDS
    clock.seconds += LEASE_SECONDS - MARGIN_SECONDS
    assert startable(ownership) == ALL_SHARDS
    clock.seconds += 0.001
    assert startable(ownership) == set()
    assert ownership.owned() == ALL_SHARDS, "what is under way is still ours"

    await ownership.turn()
    assert startable(ownership) == ALL_SHARDS


async def test_the_lease_is_counted_from_before_the_renewal_was_asked_for(node, database, monkeypatch):
    ownership, clock = node("one")
    write = database.write

    async def slow_write(*arguments, **options):
        clock.seconds += 45.0
        return await write(*arguments, **options)

    monkeypatch.setattr(database, "write", slow_write)
    await ownership.turn()

    clock.seconds += LEASE_SECONDS - MARGIN_SECONDS - 45.0
    assert startable(ownership) == ALL_SHARDS
    clock.seconds += 0.001
    assert startable(ownership) == set()


async def test_a_node_that_was_paused_past_its_lease_starts_nothing_and_finds_its_shards_gone(node, database):
    paused, clock = node("paused")
    await paused.turn()
    first_epoch = paused.epoch(0)

    clock.seconds += LEASE_SECONDS * 3
    assert startable(paused) == paused.owned() == set()
    await database.write(lambda tx: tx.run(_OUTLIVE))
    other, _ = node("other")
    await other.turn()
    taken = other.owned()
    assert taken
    assert {other.epoch(shard) > first_epoch for shard in taken} == {True}

    await paused.turn()
    assert not paused.owned() & taken
    assert startable(paused) == paused.owned()


async def test_two_nodes_never_may_start_in_one_shard(node):
    one, _ = node("one")
    two, _ = node("two")
    for _ in range(3):
        await one.turn()
        await two.turn()
        assert not startable(one) & startable(two)

    await one.give_back()
    await two.turn()
    assert startable(one) == set()
    assert not startable(one) & startable(two)
