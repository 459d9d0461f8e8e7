"""Saying that the database was restored from a backup."""

import io
import os
from pathlib import Path

import pytest
from tests.cli.conftest import Command

from waypost.cli.exits import ExitCode
from waypost.maintenance.leases import LOCK_FILE, lock_data_directory

ZEROS = {
    "scheduled": 0,
    "waiting": 0,
    "queued": 0,
    "dispatching": 0,
    "in_doubt_before": 0,
    "bulk_sends_paused": 0,
    "notified": 0,
}


def test_it_says_what_it_held(waypost: Command, account_id: str) -> None:
    outcome = waypost("restored", "--yes", "--json")

    assert (ExitCode.OK, {**ZEROS, "backup_last_alive_at": None}) == (outcome.code, outcome.json)
    assert "--status in_doubt" in outcome.err


def test_it_refuses_while_a_gateway_serves(waypost: Command, account_id: str, data_dir: Path) -> None:
    lock = lock_data_directory(data_dir / LOCK_FILE)
    try:
        refused = waypost("restored", "--yes")
    finally:
        os.close(lock)

    assert ExitCode.FAILURE == refused.code
    assert "Stop all processes" in refused.err
    assert ExitCode.OK == waypost("restored", "--yes").code


def test_it_asks_first(waypost: Command, account_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))

    outcome = waypost("restored")

    assert ExitCode.FAILURE == outcome.code
    assert "0 unsent messages" in outcome.err
    assert outcome.err.endswith("Nothing was changed.\n")


def test_where_there_is_no_database_it_says_so(waypost: Command, data_dir: Path) -> None:
    assert ExitCode.UNAVAILABLE == waypost("restored", "--yes").code


def test_its_help_teaches(waypost: Command, data_dir: Path) -> None:
    text = " ".join(waypost("restored", "--help").out.split())

    assert "would send it again" in text
    assert "docs/runbook/restore-a-backup.md" in text
