"""What the tests of the documents share: the pages, and the tables in them."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def table_rows():
    """Return the cells of every table row below a heading, up to the next heading; header rows included."""

    def read(page, heading):
        text = (ROOT / page).read_text(encoding="utf-8")
        parts = re.split(rf"^#+ {re.escape(heading)}$", text, flags=re.MULTILINE)
        assert len(parts) == 2, f"{page} has not one heading {heading!r}"
        section = re.split(r"^#+ ", parts[1], flags=re.MULTILINE)[0]
        lines = [line for line in section.splitlines() if line.startswith("|") and not line.startswith("| ---")]
        return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines][1:]

    return read
