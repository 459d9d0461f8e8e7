"""Accounts, keys and sources through the command line."""

import io
import sqlite3
from pathlib import Path

import pytest
from tests.cli.conftest import Command

from waypost.cli.exits import ExitCode

SOURCE = ("--phone-number", "+1 202-555-0199", "--phone-number-id", "pn1", "--waba-id", "w1")


@pytest.fixture
def source_id(account_id: str, waypost: Command, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("WAYPOST_SOURCE_ACCESS_TOKEN", "token-canary")
    found: str = waypost("sources", "create", "Shop", *SOURCE, "--json").json["id"]
    monkeypatch.delenv("WAYPOST_SOURCE_ACCESS_TOKEN")
    return found


def test_an_account_is_made_changed_and_listed(waypost: Command, account_id: str) -> None:
    changed = waypost(
        "accounts",
        "change",
        account_id,
        "--skip-optin",
        "--requests-per-second-max",
        "5",
        "--stop-word",
        "HALT",
        "--json",
    ).json
    unset = waypost("accounts", "change", account_id, "--requests-per-second-max", "0", "--json").json
    listed = waypost("accounts", "list", "--json").json

    assert (
        changed["skip_optin"],
        changed["requests_per_second_max"],
        changed["stop_words"],
    ) == (True, 5.0, ["HALT"])
    assert unset["requests_per_second_max"] is None
    assert [account_id] == [one["id"] for one in listed]
    assert waypost("accounts", "show", account_id, "--json").json == unset == listed[0]


def test_an_account_is_disabled_and_enabled(waypost: Command, account_id: str) -> None:
    disabled = waypost("accounts", "disable", account_id, "--json").json
    enabled = waypost("accounts", "enable", account_id, "--json").json

    assert disabled["disabled_at"] is not None
    assert enabled["disabled_at"] is None


def test_an_account_that_does_not_exist_ends_with_3(waypost: Command, account_id: str) -> None:
    assert {ExitCode.NOT_FOUND} == {
        waypost("accounts", command, "nobody").code for command in ("show", "change", "disable", "enable")
    }


def test_a_value_against_the_rules_ends_with_2_and_names_the_option(waypost: Command, account_id: str) -> None:
    outcome = waypost("accounts", "change", account_id, "--source-policy", "loose")

    assert outcome.code == ExitCode.USAGE
    assert "--source-policy" in outcome.err


def test_a_key_is_shown_once_and_ends_when_revoked(waypost: Command, account_id: str, database: Path) -> None:
    created = waypost("keys", "create", "--name", "shop", "--scope", "messages:send", "--json").json
    listed = waypost("keys", "list", "--json").json
    revoked = waypost("keys", "revoke", created["id"], "--json").json

    assert created["key"].startswith(f"wp_{created['id']}_")
    assert [one["scopes"] for one in listed] == [["messages:send"]]
    assert "key" not in listed[0]
    assert revoked["revoked_at"] is not None
    assert created["key"].encode() not in database.read_bytes()


def test_a_key_needs_a_scope_that_exists(waypost: Command, account_id: str) -> None:
    assert {ExitCode.USAGE} == {
        waypost("keys", "create").code,
        waypost("keys", "create", "--scope", "messages:steal").code,
        waypost("keys", "create", "--all", "--expires", "soon").code,
    }
    assert waypost("keys", "create", "--all", "--expires", "2001-01-01").code == ExitCode.FAILURE


def test_an_operators_key_has_the_manage_scope(waypost: Command, account_id: str) -> None:
    assert waypost("keys", "create", "--operator", "--json").json["scopes"] == ["manage"]


def test_the_account_must_be_named_where_there_are_several(waypost: Command, account_id: str) -> None:
    waypost("accounts", "create", "Another")

    assert waypost("keys", "list").code == ExitCode.USAGE
    assert waypost("keys", "list", "--account", account_id).code == ExitCode.OK


def test_there_is_no_key_without_an_account(waypost: Command, database: Path) -> None:
    assert waypost("keys", "create", "--all").code == ExitCode.NOT_FOUND
    assert waypost("keys", "create", "--all", "--account", "nobody").code == ExitCode.NOT_FOUND
    assert waypost("keys", "revoke", "nokey").code == ExitCode.NOT_FOUND


def test_a_source_never_shows_its_tokens(waypost: Command, source_id: str, database: Path) -> None:
    shown = waypost("sources", "show", source_id)

    assert "12025550199" in shown.out
    assert "token-canary" not in shown.out
    assert b"token-canary" not in b"".join(file.read_bytes() for file in database.parent.glob("waypost.db*"))


def test_an_access_token_is_read_from_a_pipe(
    waypost: Command, account_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("from-a-pipe\n"))
    piped = waypost("sources", "create", "Shop", *SOURCE)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    empty = waypost("sources", "create", "Shop", *SOURCE)

    assert (piped.code, empty.code) == (ExitCode.OK, ExitCode.USAGE)
    assert "WAYPOST_SOURCE_ACCESS_TOKEN" in empty.err


def test_a_source_is_changed_paused_resumed_and_deleted(
    waypost: Command, source_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = waypost(
        "sources", "change", source_id, "--name", "Workshop", "--rate", "10", "--burst", "2", "--json"
    ).json
    unset = waypost("sources", "change", source_id, "--rate", "0", "--json").json
    monkeypatch.setenv("WAYPOST_SOURCE_APP_SECRET", "app-secret")
    secured = waypost("sources", "change", source_id, "--json").json
    paused = waypost("sources", "pause", source_id, "--reason", "under review", "--json").json
    resumed = waypost("sources", "resume", source_id, "--json").json
    deleted = waypost("sources", "delete", source_id, "--yes")

    assert (changed["name"], changed["pace"]) == ("Workshop", {"rate_per_second": 10.0, "burst": 2})
    assert unset["pace"] is None
    assert (unset["has_app_secret"], secured["has_app_secret"]) == (False, True)
    assert (paused["paused_reason"], resumed["paused_reason"]) == ("under review", None)
    assert deleted.code == ExitCode.OK
    assert waypost("sources", "show", source_id).code == ExitCode.NOT_FOUND


def test_a_number_cannot_be_connected_twice(waypost: Command, source_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAYPOST_SOURCE_ACCESS_TOKEN", "t")

    outcome = waypost("sources", "create", "Again", *SOURCE)

    assert outcome.code == ExitCode.FAILURE
    assert "phone_number_id" in outcome.err


def test_every_change_is_in_the_audit_log(waypost: Command, source_id: str, database: Path) -> None:
    waypost("sources", "pause", source_id)

    with sqlite3.connect(database) as connection:
        rows = connection.execute("SELECT actor, action, target FROM audit_log ORDER BY id").fetchall()
    connection.close()

    assert [action for _, action, _ in rows] == ["account.create", "source.create", "source.pause"]
    assert all(actor.startswith("cli:") for actor, _, _ in rows)
    assert rows[-1][2] == source_id
