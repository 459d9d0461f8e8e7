"""
What commands print: tables for people, JSON for programs.

On a terminal a list is a table and a single thing a list of its members; into a pipe both are plain text with tabs, one
row a line and never cut. With ``--json`` both are JSON. Notes go to standard error, so that output can be piped.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]


def print_records(records: Sequence[Record], *, columns: Sequence[str], as_json: bool, empty: str = "") -> None:
    """Print a list; ``columns`` are the members a table shows, JSON has all; ``empty`` is said when there are none."""
    if as_json:
        _print_json(list(records))
    elif not records:
        print_note(empty)
    elif sys.stdout.isatty():
        _print_table(records, columns)
    else:
        print_line("\t".join(columns))
        for record in records:
            print_line("\t".join(_flat(_text(record.get(column))) for column in columns))


def print_record(record: Record, *, as_json: bool) -> None:
    """Print one thing, a member a line."""
    if as_json:
        _print_json(dict(record))
        return
    width = max(map(len, record), default=0)
    for name, value in record.items():
        print_line(f"{name:<{width}}  {_text(value)}")


def print_line(text: str) -> None:
    """Print one line of output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def print_text(text: str) -> None:
    """Print foreign text as it is, but for what could steer a terminal."""
    print_line(_visible(text))


def print_note(text: str) -> None:
    """Say something to the person, on standard error; nothing for an empty text."""
    if text:
        sys.stderr.write(_visible(text) + "\n")


def _print_json(value: Any) -> None:
    import orjson  # noqa: PLC0415

    print_line(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def _print_table(records: Sequence[Record], columns: Sequence[str]) -> None:
    # rich takes a third of a second to import: only for those who see its tables.
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold", no_wrap=column == "id")
    for record in records:
        table.add_row(*(Text(_text(record.get(column))) for column in columns))
    Console().print(table)


def _text(value: Any) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return ", ".join(_text(part) for part in value) or "-"
        case Mapping():
            return ", ".join(f"{name}={_text(part)}" for name, part in value.items())
        case _:
            return _visible(str(value))


def _visible(text: str) -> str:
    """Return the text without control characters: stored text must not be able to steer a terminal."""
    return "".join(
        character if character.isprintable() or character == "\n" else "\N{REPLACEMENT CHARACTER}" for character in text
    )


def _flat(text: str) -> str:
    return text.replace("\n", " ")
