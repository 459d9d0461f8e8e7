"""Who is alive and owns what."""

from sqlalchemy import BigInteger, Column, SmallInteger, Table, Text

from waypost.store.tables.metadata import METADATA

SHARD_LEASES = Table(
    "shard_leases",
    METADATA,
    Column("shard", SmallInteger, primary_key=True, autoincrement=False),
    Column("owner", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("expires_at_us", BigInteger, nullable=False),
)

NODES = Table(
    "nodes",
    METADATA,
    Column("node", Text, primary_key=True),
    Column("expires_at_us", BigInteger, nullable=False),
)
"""Living nodes that own or would own shards; outlived rows are swept by the next to beat."""
