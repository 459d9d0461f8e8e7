"""What the tables are gathered in."""

from typing import Final

from sqlalchemy import Column, MetaData, SmallInteger

METADATA: Final = MetaData()


def flag(name: str, *, default: int = 0) -> Column[int]:
    return Column(name, SmallInteger, nullable=False, server_default=str(default))
