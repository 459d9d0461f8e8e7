"""
The order in which several processes run the tests, and which tests are measured; a plugin of pytest.

Stories come first in each process's share, so that what is left at the end are short tests, which processes that are
done take over. Measuring coverage would cost the stories minutes, and is owed to the tests of parts: while a story
runs, nothing is measured.

Before, one process with ``--collect-only`` does once what each of the others would have to do, and slower as it is
measured: it imports all modules, has the asserts of the tests rewritten, and fills the caches of Hypothesis. So what
importing a module runs counts as measured for each of them, whichever test would have been the first to do so.
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
    stories: dict[tuple[int, Path], list[int]] = {}
    parts: list[int] = []
    for position, file in enumerate(files):
        place = place_among_stories(file)
        (parts if place is None else stories.setdefault((place, file), [])).append(position)
    longest_first = [stories[key] for key in sorted(stories)]
    ordered: list[int] = []
    for share in range(shares):
        ordered += [position for story in longest_first[share::shares] for position in story]
        room = max(0, len(files) * (share + 1) // shares - len(ordered))
        ordered += parts[:room]
        parts = parts[room:]
    return ordered


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests, in every process alike."""
    shares = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    items[:] = [items[position] for position in in_order([item.path for item in items], shares=shares)]


_coverage = pytest.StashKey[Coverage | None]()


def _measure(config: pytest.Config, *, on: bool) -> None:
    """Measure this process and those that it starts from here on, or do not; nothing if it is not measured at all."""
    coverage = config.stash[_coverage]
    if coverage is None or on is (Coverage.current() is not None):
        return
    if on:
        coverage.start()
    else:
        coverage.stop()
        os.environ.pop(_FOR_CHILDREN, None)


def pytest_configure(config: pytest.Config) -> None:
    """Measure nothing of collecting; but in the one process that only collects, what importing runs."""
    config.stash[_coverage] = Coverage.current()
    if config.option.collectonly:
        for module in pkgutil.walk_packages(waypost.__path__, "waypost."):
            if not module.name.startswith(_NOT_TO_IMPORT):
                importlib.import_module(module.name)
    # The process that starts the others goes on: by that they know that they are measured.
    if config.option.collectonly or "PYTEST_XDIST_WORKER" in os.environ:
        _measure(config, on=False)


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
    _measure(item.config, on=place_among_stories(item.path) is None)
    return (yield)
