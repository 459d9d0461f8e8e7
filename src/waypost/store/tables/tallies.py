"""Counts of events, for reports."""

from sqlalchemy import BigInteger, Column, Index, PrimaryKeyConstraint, Table, Text

from waypost.store.tables.metadata import METADATA

TALLIES = Table(
    "tallies",
    METADATA,
    Column("account_id", Text, nullable=False),
    Column("hour_us", BigInteger, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("template", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("count", BigInteger, nullable=False),
    PrimaryKeyConstraint("account_id", "hour_us", "source_id", "template", "event", "detail"),
    Index("tallies_totals", "account_id", "event", "hour_us", "source_id", "detail", "count"),
)
"""How many events of a kind there were in an hour; what is not folded in yet is in ``tally_changes``."""

TALLY_CHANGES = Table(
    "tally_changes",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("hour_us", BigInteger, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("template", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("count", BigInteger, nullable=False),
)
"""
Written beside the facts they count, in the same transaction; rows of their own, so that no writer waits.

Without an index by account: rows are folded away within seconds, and every transaction would pay for it.
"""
