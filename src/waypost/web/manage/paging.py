"""Pages: a limit of at most 200, and a cursor that says where the next page begins."""

from typing import Final, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

PAGE_ROWS_MAX: Final = 200
PAGE_ROWS: Final = 50
CURSOR_CHARACTERS_MAX: Final = 600
"""The longest of ours names an inbound file: its time, and the provider's id of at most 512 characters."""

Item = TypeVar("Item")


class Listing(BaseModel, Generic[Item]):
    """One page. A page may be short, or empty, and still have a next one: only null is the end."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    items: list[Item]
    next_cursor: str | None = Field(description="Null: there is no more.")


def next_cursor(ids: list[str], *, limit: int) -> str | None:
    """Return the cursor behind a page: the last id of a full one."""
    return ids[-1] if len(ids) == limit else None
