"""CSV as spreadsheets read it, for every file that is handed out: RFC 4180, and nothing in it runs as a formula."""

import csv
import io
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
_NUMBER: Final = re.compile(r"\+?[0-9]+")


def csv_text(rows: Iterable[Iterable[Any]]) -> str:
    """
    Return rows as lines of CSV: None is empty, booleans are ``true`` and ``false``, times RFC 3339 in UTC.

    A text that a spreadsheet would take for a formula gets an apostrophe before it; a phone number is none, with ``+``
    or without.
    """
    text = io.StringIO()
    csv.writer(text).writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case str() if value.startswith(_FORMULA_STARTS) and not _NUMBER.fullmatch(value):
            return "'" + value
        case _:
            return str(value)
