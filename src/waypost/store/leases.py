"""The lease rows: which node owns which shard, timed by the database's clock."""

from collections.abc import Mapping

from waypost.store.statements import Sql
from waypost.store.transaction import Tx

_NEXT_EPOCH = Sql(
    "INSERT INTO meta (name, value) VALUES ('epoch', '1') "
    "ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(meta.value AS BIGINT) + 1 AS TEXT) RETURNING value"
)
_FREE = Sql(
    "SELECT v.shard FROM ROWS(:shard integer, :place integer) AS v LEFT JOIN shard_leases l ON l.shard = v.shard "
    "WHERE l.shard IS NULL OR l.expires_at_us < CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT) "
    "ORDER BY v.place LIMIT :places"
)
_TAKE = Sql(
    """
    INSERT INTO shard_leases (shard, owner, epoch, expires_at_us)
    SELECT v.shard, :owner, :epoch, CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT) + :lease_us
    FROM ROWS(:shard integer, :place integer) AS v
    ON CONFLICT (shard) DO UPDATE SET owner = excluded.owner, epoch = excluded.epoch,
        expires_at_us = excluded.expires_at_us
    WHERE shard_leases.expires_at_us < CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)
    RETURNING shard, epoch
    """
)
_RENEW = Sql(
    "UPDATE shard_leases SET expires_at_us = "
    "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT) + :lease_us "
    "WHERE owner = :owner AND shard = ANY(:shards) "
    "AND expires_at_us >= CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT) RETURNING shard, epoch"
)
_GIVE_BACK = Sql("UPDATE shard_leases SET expires_at_us = 0 WHERE owner = :owner AND shard = ANY(:shards)")
_BEAT = Sql(
    "INSERT INTO nodes (node, expires_at_us) VALUES ("
    ":node, CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT) + :lease_us) "
    "ON CONFLICT (node) DO UPDATE SET expires_at_us = excluded.expires_at_us"
)
_SWEEP = Sql("DELETE FROM nodes WHERE expires_at_us < CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)")
_COUNT = Sql("SELECT COUNT(*) FROM nodes")
_LEAVE = Sql("DELETE FROM nodes WHERE node = :node")


def next_epoch(tx: Tx) -> int:
    """Return a number greater than every one returned before."""
    row = tx.one(_NEXT_EPOCH)
    assert row is not None
    return int(row[0])


def take_leases(tx: Tx, *, owner: str, epoch: int, shards: list[int], lease_us: int, places: int) -> Mapping[int, int]:
    """Take up to ``places`` of the shards that are free or outlived; return the epochs of those. PostgreSQL only."""
    free = [row[0] for row in tx.rows(_FREE, shard=shards, place=list(range(len(shards))), places=places)]
    rows = tx.rows(_TAKE, owner=owner, epoch=epoch, shard=free, place=list(range(len(free))), lease_us=lease_us)
    return dict(rows)


def renew_leases(tx: Tx, *, owner: str, shards: list[int], lease_us: int) -> Mapping[int, int]:
    """Renew what is still ours; return the epochs of those. What is missing has been lost. PostgreSQL only."""
    return dict(tx.rows(_RENEW, owner=owner, shards=shards, lease_us=lease_us))


def give_back_leases(tx: Tx, *, owner: str, shards: list[int]) -> None:
    """Let go at once and leave, so that other nodes need not wait for the end of the lease. PostgreSQL only."""
    tx.run(_GIVE_BACK, owner=owner, shards=shards)
    tx.run(_LEAVE, node=owner)


def beat_node(tx: Tx, *, node: str, lease_us: int) -> int:
    """Say that this node lives; return how many nodes live. PostgreSQL only."""
    tx.run(_SWEEP)
    tx.run(_BEAT, node=node, lease_us=lease_us)
    row = tx.one(_COUNT)
    assert row is not None
    return int(row[0])
