"""A file of recipients, from the command that sends it to the result it writes, against a running demo."""

import csv
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Command
from tests.cli.test_gateway_commands import _running

from waypost.cli import bulk_sending
from waypost.cli.exits import ExitCode

GOOD = "phone;name\n12025550143;Noor\n+12025550144;Sam\n"
BAD = GOOD + "12025550145\n\n1202555;Kim\n"


@pytest.fixture
def demo(data_dir: Path, tmp_path: Path, waypost: Command, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(bulk_sending, "POLL_SECONDS", 0.05)
    monkeypatch.delenv("WAYPOST_DATA_DIR")
    with _running("demo", "--port", "0", "--data-dir", str(data_dir), directory=tmp_path, until="curl"):
        monkeypatch.setenv("WAYPOST_DATA_DIR", str(data_dir))
        account_id = waypost("accounts", "list", "--json").json[0]["id"]
        assert waypost("accounts", "change", account_id, "--skip-optin").code == ExitCode.OK
        yield


def _file(tmp_path: Path, content: str) -> Path:
    path = tmp_path / "guests.csv"
    path.write_text(content, encoding="utf-8")
    return path


def _result(tmp_path: Path) -> list[dict[str, Any]]:
    with (tmp_path / "guests.result.csv").open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def test_a_file_is_checked_sent_once_told_row_by_row_and_only_sent_again_when_asked(
    waypost: Command, demo: None, tmp_path: Path
) -> None:
    path = _file(tmp_path, BAD)
    template = ("--template", "bicycle_photo", "--attribute", "name")
    entry = tmp_path / "entry.json"
    entry.write_text(
        json.dumps(
            {
                "message_type": "template",
                "type_template": [
                    {"name": "repair_done", "language": {"locale": "en"}, "attributes": ["{{name}}", "B-52"]}
                ],
            }
        ),
        encoding="utf-8",
    )
    send = ("messages", "send", "--file", str(path))

    no_column = waypost(*send, "--template", "repair_done", "--attribute", "colour")
    nothing = waypost(*send)
    bad = waypost(*send, "--entry", str(entry))
    assert [no_column.code, nothing.code, bad.code] == [ExitCode.USAGE, ExitCode.USAGE, ExitCode.FAILURE]
    assert "It has: phone, name" in no_column.err
    assert f"{path}:4: has 1 fields, the header has 2" in bad.err
    assert f"{path}:6: the recipient has less than 10 digits" in bad.err
    assert waypost("bulk", "list", "--json").json == [], "nothing was sent, and nothing begun"

    sent = waypost(*send, "--entry", str(entry), "--skip-bad", "--json")
    assert sent.code == ExitCode.OK, sent.err
    assert {name: sent.json[name] for name in ("state", "rows_total", "rows_accepted", "rows_bad")} == {
        "state": "done",
        "rows_total": 2,
        "rows_accepted": 2,
        "rows_bad": 2,
    }
    assert "sending: 2 of 2" in sent.err
    assert [(line["line"], line["outcome"], line["remark"]) for line in _result(tmp_path)] == [
        ("2", "accepted", ""),
        ("3", "accepted", ""),
        ("4", "bad", "has 1 fields, the header has 2"),
        ("6", "bad", "the recipient has less than 10 digits"),
    ]

    repeated = waypost(*send, "--entry", str(entry), "--skip-bad", "--json")
    assert (repeated.code, repeated.json["id"]) == (ExitCode.OK, sent.json["id"])
    assert "sent before" in repeated.err
    again = waypost(*send, "--entry", str(entry), "--skip-bad", "--again", "--json")
    assert again.json["id"] != sent.json["id"]
    refused = waypost(*send, *template, "--skip-bad", "--json", "--result", str(tmp_path / "other.csv"))
    assert (refused.code, refused.json["rows_refused"]) == (ExitCode.FAILURE, 2), refused.err

    shown = waypost("bulk", "show", sent.json["id"], "--outcomes", "--json").json
    assert sum(one["rows"] for one in shown["outcomes"]) == 2
    assert waypost("bulk", "pause", sent.json["id"]).code == ExitCode.FAILURE
    assert waypost("bulk", "resume", sent.json["id"], "--json").json["state"] == "done"
    assert waypost("bulk", "cancel", sent.json["id"], "--json").json["state"] == "done"
    assert waypost("bulk", "result", sent.json["id"]).out.splitlines()[0].startswith("position,recipient,outcome")
    assert waypost("bulk", "show", "01c17ac6-a3d0-7000-8000-0000000000ff").code == ExitCode.NOT_FOUND
    assert len(waypost("bulk", "list", "--json").json) == 3


def test_ctrl_c_pauses_when_asked_to_and_the_same_command_goes_on(waypost: Command, demo: None, tmp_path: Path) -> None:
    """The messages are due in an hour, so the command waits for them until it is interrupted."""
    from datetime import UTC, datetime, timedelta

    # Longer than a field may be, but in a column that the entry does not ask for.
    path = _file(
        tmp_path, GOOD.replace("name\n", "name;notes\n").replace("Noor", f"Noor;{'x' * 9_000}").replace("Sam", "Sam;")
    )
    entry = tmp_path / "entry.json"
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    content = {"name": "repair_done", "language": {"locale": "en"}, "attributes": ["{{name}}", "B-52"]}
    entry.write_text(
        json.dumps({"message_type": "template", "scheduled_at": later, "type_template": [content]}), encoding="utf-8"
    )
    command = [sys.executable, "-m", "waypost.cli", "messages", "send", "--file", str(path), "--entry", str(entry)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=os.environ)
    watch = threading.Timer(60, process.kill)
    watch.start()
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if line.startswith("sending:"):
            process.send_signal(signal.SIGINT)
    code = process.wait()
    watch.cancel()
    process.stderr.close()

    assert code == 130, said
    assert "The gateway goes on sending" in said
    [bulk] = waypost("bulk", "list", "--json").json
    scheduled = waypost("messages", "scheduled", "--json").json
    assert (bulk["rows_accepted"], len(scheduled)) == (2, 2)
    moved = waypost("messages", "reschedule", scheduled[0]["id"], "2001-01-01T00:00:00Z")
    assert (moved.code, waypost("messages", "cancel", scheduled[1]["id"]).code) == (ExitCode.OK, ExitCode.OK)
    assert waypost("messages", "reschedule", scheduled[1]["id"], later).code == ExitCode.FAILURE
    assert waypost("messages", "reschedule", scheduled[1]["id"], "tomorrow").code == ExitCode.USAGE

    ended = waypost("messages", "send", "--file", str(path), "--entry", str(entry), "--json")
    assert (ended.code, ended.json["id"], ended.json["state"]) == (ExitCode.OK, bulk["id"], "done"), ended.err
    assert [line["status"] for line in _result(tmp_path)].count("cancelled") == 1
