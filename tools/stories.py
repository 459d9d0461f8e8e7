"""Which tests are stories: the long ones, of whole gateways, command lines and pages. The others are tests of parts."""

from pathlib import Path
from typing import Final

from tools.environment import ROOT

STORIES: Final = (
    "tests/crash",
    "tests/openapi",
    "tests/console/test_every_page.py",
    "tests/console/test_walk.py",
    "tests/console/test_hostile.py",
    "tests/docs",
    "tests/gateway",
    "tests/handset",
    "tests/isolation",
)
"""The longest first."""


def place_among_stories(file: Path) -> int | None:
    """Return the place of a test's file among the stories, the longest of which has 0; None: it tests a part."""
    return next((place for place, story in enumerate(STORIES) if file.is_relative_to(ROOT / story)), None)
