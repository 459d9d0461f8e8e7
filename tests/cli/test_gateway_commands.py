"""Commands that speak to a running gateway, and those that start one."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Command

from waypost.cli.exits import ExitCode

PHONE = "12025550143"


@contextmanager
def _running(*arguments: str, directory: Path, until: str) -> Iterator[str]:
    """
    Run a command of its own process until the block ends; yields its output up to the line that has ``until``.

    It is not measured: what it does is measured in the tests of its parts, and a gateway that is starts half as fast.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "waypost.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=directory,
        env={name: value for name, value in os.environ.items() if name != "COVERAGE_PROCESS_CONFIG"},
    )
    assert process.stdout is not None
    seen = ""
    try:
        for line in process.stdout:
            seen += line
            if until in line:
                break
        else:
            raise AssertionError(f"it ended before `{until}`:\n{seen}")
        yield seen
    finally:
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
        process.stdout.close()
        process.wait(30)


@pytest.fixture
def demo(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    monkeypatch.delenv("WAYPOST_DATA_DIR")
    with _running("demo", "--port", "0", "--data-dir", str(data_dir), directory=tmp_path, until="curl"):
        monkeypatch.setenv("WAYPOST_DATA_DIR", str(data_dir))
        yield json.loads((data_dir / "demo.json").read_text())


@pytest.fixture(scope="module")
def one_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data directory of a demo that runs for all tests of this module."""
    directory = tmp_path_factory.mktemp("demo")
    with _running("demo", "--port", "0", "--data-dir", str(directory / "data"), directory=directory, until="curl"):
        yield directory / "data"


@pytest.fixture
def shared_demo(one_demo: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """That demo, for tests that do not disturb each other: one sends, the others are refused."""
    monkeypatch.setenv("WAYPOST_DATA_DIR", str(one_demo))
    facts: dict[str, Any] = json.loads((one_demo / "demo.json").read_text())
    return facts


def _phone_writes(demo: dict[str, Any]) -> None:
    body = json.dumps({"to": demo["source_phone"], "type": "text", "text": {"body": "hi"}}).encode()
    url = f"{demo['sandbox_url']}/sandbox/phones/{demo['phone']}/messages"
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status < 300


def test_a_message_is_sent_watched_and_looked_at_while_the_demo_runs(
    waypost: Command, shared_demo: dict[str, Any], tmp_path: Path
) -> None:
    demo = shared_demo
    early = waypost("messages", "send", "12025550188", "--text", "too early")  # of the demo's phones, one has written
    _phone_writes(demo)
    picture = tmp_path / "picture.png"
    picture.write_bytes(
        bytes.fromhex(
            "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c6360000000020001"
            "48afa4710000000049454e44ae426082"
        )
    )

    text = waypost("messages", "send", demo["phone"], "--text", "Hello", "--x-apiheader", "t-1", "--wait", "--json")
    file = waypost("messages", "send", demo["phone"], "--file", str(picture), "--caption", "Receipt", "--json")
    tail = waypost("messages", "tail", "--count", "2", "--json")
    plain = waypost("messages", "tail", "--count", "1")
    listed = waypost("messages", "list", "--x-apiheader", "t-1", "--json")
    doctor = waypost("doctor", "--json")

    assert (ExitCode.FAILURE, True) == (early.code, "8002" in early.err or "8007" in early.err)
    assert text.code == ExitCode.OK, text.err
    assert text.json["status"] in {"delivered", "read"}
    assert file.code == ExitCode.OK, file.err
    assert {text.json["id"], file.json["id"]} == {json.loads(line)["id"] for line in tail.out.splitlines()}
    assert demo["phone"] in plain.out
    assert [text.json["id"]] == [one["id"] for one in listed.json]
    assert all(finding["is_good"] for finding in doctor.json), doctor.json
    assert {"settings", "database", "files", "clock", "master key"} <= {finding["check"] for finding in doctor.json}


@pytest.mark.parametrize("command", ["demo", "serve"])
def test_a_second_process_on_the_same_one_demoectory_says_what_to_do_and_ends_with_1(
    one_demo: Path, tmp_path: Path, command: str
) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "waypost.cli", command, "--port", "0", "--data-dir", str(one_demo)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
        check=False,
    )

    assert second.returncode == ExitCode.FAILURE
    assert "Traceback" not in second.stderr + second.stdout
    assert second.stderr.splitlines()[-1] == (
        f"Waypost cannot start: another Waypost serves from {one_demo}: stop it, or choose another WAYPOST_DATA_DIR"
    )


def test_sending_needs_one_thing_to_send_and_a_gateway(waypost: Command, data_dir: Path) -> None:
    assert waypost("messages", "send", PHONE).code == ExitCode.USAGE
    assert waypost("messages", "send", PHONE, "--text", "x").code == ExitCode.USAGE
    assert waypost("messages", "send", PHONE, "--text", "x", "--detach").err.startswith("Error: --detach is for a file")
    assert waypost("messages", "send", "--file", "x.csv", "--text", "x", "--wait").code == ExitCode.USAGE
    known = ("--base-url", "http://127.0.0.1:1", "--api-key", "wp_x")
    unreachable = waypost("messages", "send", PHONE, "--text", "x", *known)
    assert unreachable.code == ExitCode.UNAVAILABLE
    assert "waypost demo" in unreachable.err
    assert (
        waypost("messages", "send", PHONE, "--text", "x", "--base-url", "ftp://x", "--api-key", "k").code
        == ExitCode.USAGE
    )
    assert waypost("messages", "send", PHONE, "--file", "nowhere.png", *known).code == ExitCode.USAGE


@pytest.mark.usefixtures("shared_demo")
def test_a_refused_key_ends_with_1_and_says_so(waypost: Command) -> None:
    outcome = waypost("messages", "send", PHONE, "--text", "x", "--api-key", "wp_wrong")
    tail = waypost("messages", "tail", "--api-key", "wp_wrong")

    assert (ExitCode.FAILURE, ExitCode.FAILURE) == (outcome.code, tail.code)
    assert "403" in outcome.err
    assert "401" in tail.err


def test_the_sandbox_plays_alone(tmp_path: Path) -> None:
    with _running("sandbox", "--port", "0", directory=tmp_path, until="Sandbox at") as seen:
        url = seen.strip().rpartition(" ")[2]
        with urllib.request.urlopen(f"{url}sandbox/ledger", timeout=10) as answer:
            assert answer.status == 200


def test_a_taken_port_ends_with_4(waypost: Command, tmp_path: Path) -> None:
    with _running("sandbox", "--port", "0", directory=tmp_path, until="Sandbox at") as seen:
        port = seen.strip().rstrip("/").rpartition(":")[2]

        assert waypost("sandbox", "--port", port).code == ExitCode.UNAVAILABLE


def test_the_gateway_serves_with_chosen_roles(tmp_path: Path) -> None:
    environment_free = {name for name in os.environ if name.startswith("WAYPOST_")}
    assert not environment_free

    with _running(
        "serve",
        "--port",
        "0",
        "--data-dir",
        str(tmp_path / "d"),
        "--role",
        "accept",
        directory=tmp_path,
        until="process.ready",
    ) as seen:
        assert "accept" in seen


def test_the_doctor_names_every_fault_with_its_cure(
    waypost: Command, account_id: str, monkeypatch: pytest.MonkeyPatch, data_dir: Path
) -> None:
    monkeypatch.setenv("WAYPOST_SOURCE_ACCESS_TOKEN", "t")
    monkeypatch.setenv("WAYPOST_GRAPH_URL", "http://127.0.0.1:1/v25.0")
    source = ("--phone-number", "12025550199", "--phone-number-id", "p", "--waba-id", "w", "--provider", "meta")
    source_id = waypost("sources", "create", "Shop", *source, "--json").json["id"]
    waypost("sources", "pause", source_id, "--reason", "token expired")
    blocked = data_dir / "file"
    blocked.write_text("in the way")
    monkeypatch.setenv("WAYPOST_BLOB_URL", f"file://{blocked}/blobs")

    plain = waypost("doctor")
    findings = waypost("doctor", "--json").json

    assert plain.code == ExitCode.FAILURE
    assert {"files", "number Shop", "number Shop, credentials"} == {
        finding["check"] for finding in findings if not finding["is_good"]
    }
    assert all(finding["advice"] for finding in findings if not finding["is_good"])
    assert f"waypost sources resume {source_id}" in plain.out


def test_the_doctor_ends_early_where_nothing_else_can_be_looked_at(
    waypost: Command, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = waypost("doctor", "--json")
    gone = waypost("doctor", "--json", "--database-url", "postgresql://waypost@127.0.0.1:1/waypost")
    monkeypatch.setenv("WAYPOST_PORT", "many")
    wrong = waypost("doctor", "--json")

    assert [ExitCode.FAILURE] * 3 == [missing.code, gone.code, wrong.code]
    assert ["database"] == [one["check"] for one in missing.json if not one["is_good"]]
    assert ["database"] == [one["check"] for one in gone.json if not one["is_good"]]
    assert ["settings"] == [one["check"] for one in wrong.json]


def test_the_doctor_tells_a_wrong_master_key(
    waypost: Command, account_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAYPOST_SOURCE_ACCESS_TOKEN", "t")
    waypost("sources", "create", "S", "--phone-number", "12025550199", "--phone-number-id", "p", "--waba-id", "w")
    monkeypatch.setenv("WAYPOST_MASTER_KEY", "ab" * 32)

    findings = waypost("doctor", "--json").json

    assert ["master key"] == [one["check"] for one in findings if not one["is_good"]]
    assert waypost("sources", "list").code == ExitCode.OK
