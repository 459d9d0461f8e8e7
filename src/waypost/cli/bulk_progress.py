"""How far a bulk send is: a bar on a terminal, now and then a line elsewhere; on standard error."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from waypost.cli.printing import print_note

LINE_SECONDS: Final = 5.0


class Bar(Protocol):
    """Shows how much of a known amount is done."""

    def show(self, done: int, *, note: str = "") -> None:
        """Show that so much is done; more than the total counts as all of it."""


@contextmanager
def shown_bar(what: str, *, total: int) -> Iterator[Bar]:
    """Show a bar, or lines, while the block runs."""
    if sys.stderr.isatty():
        # rich takes a third of a second to import: only for those who see its bars.
        from rich.console import Console  # noqa: PLC0415
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, TextColumn("{task.fields[note]}"), console=Console(stderr=True)) as progress:
            task = progress.add_task(what, total=total, note="")

            class _Drawn:
                def show(self, done: int, *, note: str = "") -> None:
                    progress.update(task, completed=min(done, total), note=note)

            yield _Drawn()
    else:
        yield _Lines(what, total)


class _Lines:
    def __init__(self, what: str, total: int) -> None:
        self._what = what
        self._total = total
        self._next = 0.0
        self._last = ""

    def show(self, done: int, *, note: str = "") -> None:
        done = min(done, self._total)
        line = f"{self._what}: {done} of {self._total}" + (f", {note}" if note else "")
        now = time.monotonic()
        if line != self._last and (now >= self._next or done == self._total):
            self._next, self._last = now + LINE_SECONDS, line
            print_note(line)
