"""The command line, run in this process against a database of its own."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from waypost.cli import run


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return orjson.loads(self.out)


Command = Callable[..., Outcome]


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory that exists and is named by the environment; the working directory is elsewhere and empty."""
    directory = tmp_path / "data"
    directory.mkdir()
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    monkeypatch.setenv("WAYPOST_DATA_DIR", str(directory))
    return directory


@pytest.fixture
def waypost(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run one command and return how it ended."""

    def call(*arguments: str) -> Outcome:
        code = run(_checked(arguments))
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


@pytest.fixture
def database(sqlite_template: Path, data_dir: Path) -> Path:
    """A migrated, empty database."""
    return shutil.copyfile(sqlite_template, data_dir / "waypost.db")


@pytest.fixture
def account_id(database: Path, waypost: Command) -> str:
    """The id of the one account there is."""
    found: str = waypost("accounts", "create", "Bicycle shop", "--json").json["id"]
    return found


def _checked(arguments: Sequence[str]) -> list[str]:
    assert all(isinstance(one, str) for one in arguments)
    return list(arguments)
