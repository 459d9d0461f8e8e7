"""Changing the master key by the command line."""

from pathlib import Path

import pytest
from tests.cli.conftest import Command

from waypost.cli.exits import ExitCode
from waypost.store.sealing import key_id

OLD, NEW, OTHER = "ab" * 32, "cd" * 32, "ef" * 32


@pytest.fixture(autouse=True)
def _stay_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAYPOST_GRAPH_URL", "http://127.0.0.1:1/v25.0")


@pytest.fixture
def source_id(waypost: Command, account_id: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("WAYPOST_SOURCE_ACCESS_TOKEN", "t")
    names = ("--phone-number", "12025550199", "--phone-number-id", "p", "--waba-id", "w")
    found: str = waypost("sources", "create", "Shop", *names, "--json").json["id"]
    return found


def keys_of(data_dir: Path) -> list[str]:
    return (data_dir / "master.key").read_text().split()


def master_key_finding(waypost: Command) -> bool:
    findings = waypost("doctor", "--json").json
    return next(one["is_good"] for one in findings if one["check"] == "master key")


def test_a_key_is_changed_in_three_steps(waypost: Command, source_id: str, data_dir: Path) -> None:
    [old] = keys_of(data_dir)

    rotated = waypost("master-key", "rotate", "--json")
    shown = waypost("master-key", "show", "--json").json
    new, kept = keys_of(data_dir)
    dropped = waypost("master-key", "drop", "--yes", "--json")

    assert ExitCode.OK == rotated.code, rotated.err
    assert (True, 2, []) == (rotated.json["is_new"], rotated.json["values"], rotated.json["broken"])
    assert [("seals", 2), ("opens", 0)] == [(row["role"], row["values"]) for row in shown]
    assert old == kept
    assert [key_id(bytes.fromhex(old))] == dropped.json["dropped"]
    assert [new] == keys_of(data_dir)
    assert 0o600 == (data_dir / "master.key").stat().st_mode & 0o777
    assert master_key_finding(waypost)
    assert all(key not in rotated.out + rotated.err + str(shown) for key in (old, new))


def test_a_change_that_is_not_over_is_gone_on_with_and_makes_no_third_key(
    waypost: Command, source_id: str, data_dir: Path
) -> None:
    (data_dir / "master.key").write_text(f"{NEW}\n{keys_of(data_dir)[0]}\n")

    refused = waypost("master-key", "drop", "--yes")
    first = waypost("master-key", "rotate", "--batch", "1", "--json").json
    second = waypost("master-key", "rotate", "--json").json

    assert ExitCode.FAILURE == refused.code
    assert "waypost master-key rotate" in refused.err
    assert (False, 2, 0) == (first["is_new"], first["values"], second["values"])
    assert 2 == len(keys_of(data_dir))


def test_keys_of_the_environment_are_set_by_its_owner(
    waypost: Command, account_id: str, monkeypatch: pytest.MonkeyPatch, data_dir: Path
) -> None:
    monkeypatch.setenv("WAYPOST_MASTER_KEY", OLD)
    monkeypatch.setenv("WAYPOST_SOURCE_ACCESS_TOKEN", "t")
    waypost("sources", "create", "S", "--phone-number", "12025550199", "--phone-number-id", "p", "--waba-id", "w")
    alone = waypost("master-key", "rotate")
    monkeypatch.setenv("WAYPOST_MASTER_KEY", f"{NEW},{OLD}")
    rotated = waypost("master-key", "rotate", "--json")
    dropped = waypost("master-key", "drop")
    monkeypatch.setenv("WAYPOST_MASTER_KEY", NEW)

    assert ExitCode.USAGE == alone.code
    assert "NEW,OLD" in alone.err
    assert 2 == rotated.json["values"]
    assert "first one alone" in dropped.err
    assert master_key_finding(waypost)
    assert "nothing to do" in waypost("master-key", "drop").err


def test_keys_of_another_gateway_change_nothing(
    waypost: Command, source_id: str, monkeypatch: pytest.MonkeyPatch, data_dir: Path
) -> None:
    kept = keys_of(data_dir)
    monkeypatch.setenv("WAYPOST_MASTER_KEY_FILE", str(data_dir / "another.key"))

    outcome = waypost("master-key", "rotate")

    assert ExitCode.FAILURE == outcome.code
    assert "gateway's own" in outcome.err
    assert kept == keys_of(data_dir)
    assert [("seals", 0), ("missing", 2)] == [
        (row["role"], row["values"]) for row in waypost("master-key", "show", "--json").json
    ]


def test_a_value_of_a_dropped_key_is_named_and_the_rest_is_changed(
    waypost: Command, source_id: str, monkeypatch: pytest.MonkeyPatch, data_dir: Path
) -> None:
    [old] = keys_of(data_dir)
    (data_dir / "master.key").write_text(f"{OTHER}\n")
    monkeypatch.setenv("WAYPOST_SOURCE_ACCESS_TOKEN", "new")
    assert ExitCode.OK == waypost("sources", "change", source_id, "--new-access-token").code

    outcome = waypost("master-key", "rotate", "--json")

    assert ExitCode.FAILURE == outcome.code
    [fault] = outcome.json["broken"]
    assert fault.startswith(f"sources/{source_id}/verify_token")
    assert key_id(bytes.fromhex(old)) in fault
    assert ExitCode.FAILURE == waypost("master-key", "drop", "--yes").code
    (data_dir / "master.key").write_text("\n".join([*keys_of(data_dir), old]))
    assert ExitCode.OK == waypost("master-key", "rotate").code
    assert ExitCode.OK == waypost("master-key", "drop", "--yes").code
    assert 1 == len(keys_of(data_dir))
