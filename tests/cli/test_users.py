"""Users of the console through the command line."""

import io

import pytest
from tests.cli.conftest import Command

from waypost.cli.exits import ExitCode

PASSWORD = "seven green bicycles"


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAYPOST_PASSWORD", PASSWORD)


def test_a_user_is_made_listed_changed_and_removed(waypost: Command, account_id: str) -> None:
    made = waypost("users", "create", "Ops@Example.org", "--role", "operator", "--account", account_id, "--json").json
    waypost("users", "create", "boss")
    changed = waypost("users", "role", "ops@example.org", "--role", "viewer")
    waypost("users", "disable", "ops@example.org")
    listed = {one["name"]: one for one in waypost("users", "list", "--json").json}
    removed = waypost("users", "remove", "ops@example.org")

    assert ("ops@example.org", "operator", account_id, False) == (
        made["name"],
        made["role"],
        made["account_id"],
        made["has_second_factor"],
    )
    assert "ops@example.org is viewer now." in changed.out
    assert ("viewer", None) == (listed["ops@example.org"]["role"], listed["ops@example.org"]["account_id"])
    assert listed["ops@example.org"]["disabled_at"] is not None
    assert ("admin", None) == (listed["boss"]["role"], listed["boss"]["disabled_at"])
    assert ExitCode.OK == removed.code
    assert ["boss"] == [one["name"] for one in waypost("users", "list", "--json").json]


def test_the_first_run_code_is_the_same_each_time_until_there_is_a_user(waypost: Command, account_id: str) -> None:
    first, second = (waypost("users", "first-run-code") for _ in range(2))
    waypost("users", "create", "boss")
    late = waypost("users", "first-run-code")

    assert first.out == second.out
    assert 14 == len(first.out.strip())
    assert (ExitCode.FAILURE, "") == (late.code, late.out)
    assert "There is a user already." in late.err


def test_the_last_admin_is_kept(waypost: Command, account_id: str) -> None:
    waypost("users", "create", "boss")

    for command in (("disable", "boss"), ("remove", "boss"), ("role", "boss", "--role", "viewer")):
        answer = waypost("users", *command)
        assert ExitCode.FAILURE == answer.code
        assert "boss is the only admin of all accounts." in answer.err


def test_wrong_names_roles_and_passwords_end_in_words(
    waypost: Command, account_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = waypost("users", "enable", "nobody")
    role = waypost("users", "create", "someone", "--role", "owner")
    monkeypatch.setenv("WAYPOST_PASSWORD", "short")
    weak = waypost("users", "create", "someone")
    monkeypatch.delenv("WAYPOST_PASSWORD")
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    missing = waypost("users", "password", "someone")

    assert (ExitCode.NOT_FOUND, ExitCode.USAGE) == (nobody.code, role.code)
    assert "There is no user named nobody." in nobody.err
    assert "--role: there is no role owner." in role.err
    assert "password: a password has 12 to 256 characters" in weak.err
    assert "password: not given." in missing.err
