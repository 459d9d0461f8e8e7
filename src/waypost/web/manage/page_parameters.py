"""The parameters of every list; apart from pages themselves, so that a command need not wait for FastAPI."""

from typing import Annotated

from fastapi import Query

from waypost.web.manage.paging import CURSOR_CHARACTERS_MAX, PAGE_ROWS_MAX

Cursor = Annotated[str | None, Query(max_length=CURSOR_CHARACTERS_MAX, description="`next_cursor` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=PAGE_ROWS_MAX, description="Most items of a page.")]
