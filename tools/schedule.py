"""
The order in which several processes run the tests, and which tests are measured; a plugin of pytest.

Stories come first in each process's share, so that what is left at the end are short tests, which processes that are
done take over. Measuring coverage would cost the stories minutes, and is owed to the tests of parts: while a story
runs, nothing is measured.

Before, one process with ``--collect-only`` does once what each of the others would have to do, and slower as it is
measured: it imports all modules, has the asserts of the tests rewritten, and fills the caches of Hypothesis.
"""

import importlib
import os
import pkgutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest
from coverage import Coverage
from hypothesis import given, strategies

import waypost
from tools.stories import place_among_stories

_NOT_TO_IMPORT: Final = ("waypost.store.migrations.", "waypost.cli.__main__")
"""These do their work when they are imported."""
_FOR_CHILDREN: Final = "COVERAGE_PROCESS_CONFIG"
"""By this variable a process knows from its start that it is measured; measuring sets it."""


def in_order(files: Sequence[Path], *, shares: int) -> list[int]:
    """
    Return the positions of the tests, of which ``files`` holds each one's file, in the order to run them.

    Each of ``shares`` equal parts begins with stories, and has as many files of them as the others. Tests of one file,
    and files of parts, stay neighbours: they share what they have started.
    """
    stories: dict[Path, list[int]] = {}
    parts: list[int] = []
    for position, file in enumerate(files):
        (parts if place_among_stories(file) is None else stories.setdefault(file, [])).append(position)
    longest_first = sorted(stories, key=lambda file: place_among_stories(file) or 0)
    ordered: list[int] = []
    for share in range(shares):
        ordered += [position for file in longest_first[share::shares] for position in stories[file]]
        room = len(files) * (share + 1) // shares - len(ordered)
        ordered += parts[: max(0, room)]
        parts = parts[max(0, room) :]
    return ordered + parts


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests, in every process alike."""
    shares = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    items[:] = [items[position] for position in in_order([item.path for item in items], shares=shares)]


class _Measuring:
    """Coverage of this process and of those it starts, if it is measured; switched on and off at will."""

    def __init__(self) -> None:
        self._coverage = Coverage.current()
        self._is_on = self._coverage is not None

    def switch(self, *, on: bool) -> None:
        """Measure, or do not, from here on; a second call is nothing."""
        if self._coverage is None or on is self._is_on:
            return
        self._is_on = on
        if on:
            self._coverage.start()
        else:
            self._coverage.stop()
            os.environ.pop(_FOR_CHILDREN, None)


_measuring = pytest.StashKey[_Measuring]()


def pytest_configure(config: pytest.Config) -> None:
    """Measure nothing of collecting; but in the one process that only collects, what importing runs."""
    measuring = config.stash[_measuring] = _Measuring()
    if config.option.collectonly:
        for module in pkgutil.walk_packages(waypost.__path__, "waypost."):
            if not module.name.startswith(_NOT_TO_IMPORT):
                importlib.import_module(module.name)
    # The process that starts the others goes on: by that they know that they are measured.
    if config.option.collectonly or "PYTEST_XDIST_WORKER" in os.environ:
        measuring.switch(on=False)


def pytest_collection_finish(session: pytest.Session) -> None:
    """
    Let the one process that only collects write down what Hypothesis else works out in each, at its first test.

    That is what there is of Unicode, and which constants all these modules have; it takes seconds.
    """
    if session.config.option.collectonly:
        given(strategies.text())(lambda _: None)()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Measure the tests of parts."""
    item.config.stash[_measuring].switch(on=place_among_stories(item.path) is None)
    return (yield)
