"""Messages, webhooks and files through the command line, straight from the database."""

from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Command
from tests.store.rows import add

from waypost.cli.exits import ExitCode
from waypost.cli.opening import opened_store
from waypost.ports import UuidFactory
from waypost.store.statements import Sql

IDS = UuidFactory()


@pytest.fixture
def rows(account_id: str, data_dir: Path) -> Any:
    """Write rows into the database of the test, for its one account."""

    def write(table: str, **values: Any) -> None:
        with opened_store(data_dir, None) as store:
            store.write(lambda tx: add(tx, table, account_id=account_id, **values))

    return write


@pytest.fixture
def hook(account_id: str, waypost: Command) -> str:
    found: str = waypost(
        "webhooks", "create", "https://hooks.example.org/in", "--header", "X-Shop: north", "--json"
    ).json["id"]
    return found


def test_messages_are_found_by_their_options(waypost: Command, rows: Any) -> None:
    first, second = IDS.new(), IDS.new()
    rows("messages", id=first, caller_data="ticket-1", state=200, failure="bad_media")
    rows("messages", id=second, recipient="12025550144", wamid="wamid.2")

    def ids(*options: str) -> list[str]:
        return [one["id"] for one in waypost("messages", "list", *options, "--json").json]

    assert [second, first] == ids()
    assert [first] == ids("--status", "failed") == ids("--x-apiheader", "ticket-1")
    assert [second] == ids("--recipient", "12025550144") == ids("--wamid", "wamid.2") == ids("--limit", "1")
    assert [] == ids("--until", "2001-01-01")
    assert "bad_media" in waypost("messages", "list").out
    assert waypost("messages", "list", "--status", "lost").code == ExitCode.USAGE
    assert waypost("messages", "list", "--since", "yesterday").code == ExitCode.USAGE


def test_a_message_is_shown_with_its_life_and_its_content_only_on_demand(waypost: Command, rows: Any) -> None:
    message_id = IDS.new()
    rows("messages", id=message_id, sent_at_us=1_930_000_000_000_001)
    rows("attempts", message_id=message_id, number=1, outcome="accepted")
    rows("notifications", id=IDS.new(), subject_id=message_id)

    plain = waypost("messages", "show", message_id)
    full = waypost("messages", "show", message_id, "--content", "--json").json

    for word in ("timeline", "tries", "notifications", "accepted by the gateway", "sent"):
        assert word in plain.out
    assert "hello" not in plain.out
    assert full["content"]["body"] == "hello"
    assert waypost("messages", "show", "nope").code == ExitCode.NOT_FOUND


def test_a_message_is_cancelled_once_and_subscribers_are_told(waypost: Command, rows: Any, hook: str) -> None:
    message_id = IDS.new()
    rows("messages", id=message_id)

    first = waypost("messages", "cancel", message_id)
    second = waypost("messages", "cancel", message_id)
    missing = waypost("messages", "cancel", "nope")

    assert [ExitCode.OK, ExitCode.FAILURE, ExitCode.NOT_FOUND] == [first.code, second.code, missing.code]
    assert [message_id] == [one["subject_id"] for one in waypost("webhooks", "dead", hook, "--pending", "--json").json]


def test_stored_text_cannot_steer_the_terminal(waypost: Command, rows: Any) -> None:
    rows("messages", id=IDS.new(), recipient="\x1b[2Jgone", failure="two\nlines")

    lines = waypost("messages", "list").out.splitlines()

    assert 2 == len(lines)
    assert "\x1b" not in lines[1]
    assert "two lines" in lines[1]


def test_a_webhook_is_made_changed_and_deleted(waypost: Command, account_id: str) -> None:
    made = waypost("webhooks", "create", "https://hooks.example.org/in", "--kind", "event", "--json").json
    webhook_id = made["id"]
    changed = waypost(
        "webhooks", "change", webhook_id, "--max-batch", "50", "--timestamps", "unix", "--header", "X-A: 1", "--json"
    ).json
    rotated = waypost("webhooks", "rotate-secret", webhook_id, "--json").json
    disabled = waypost("webhooks", "disable", webhook_id, "--reason", "moving", "--json").json
    enabled = waypost("webhooks", "enable", webhook_id, "--json").json
    shown = waypost("webhooks", "show", webhook_id, "--json").json
    listed = waypost("webhooks", "list", "--json").json
    everything = waypost("webhooks", "change", webhook_id, "--all-sources", "--json").json

    assert made["secret"].startswith("whsec_")
    assert made["secret"] != rotated["secret"]
    assert (50, "unix", ["X-A"], ["event"]) == tuple(
        changed[name] for name in ("max_batch", "timestamps", "header_names", "kinds")
    )
    assert ("moving", None) == (disabled["disabled_reason"], enabled["disabled_reason"])
    assert [shown] == listed
    assert everything["source_ids"] is None
    assert waypost("webhooks", "delete", webhook_id, "--yes").code == ExitCode.OK
    assert waypost("webhooks", "show", webhook_id).code == ExitCode.NOT_FOUND


def test_a_webhook_against_the_rules_is_refused_in_words(waypost: Command, account_id: str) -> None:
    private = waypost("webhooks", "create", "https://127.0.0.1/")
    header = waypost("webhooks", "create", "https://hooks.example.org/", "--header", "novalue")
    reserved = waypost("webhooks", "create", "https://hooks.example.org/", "--header", "Host: x")
    batch = waypost("webhooks", "create", "https://hooks.example.org/", "--max-batch", "5000")

    assert [ExitCode.FAILURE, ExitCode.USAGE, ExitCode.FAILURE, ExitCode.USAGE] == [
        private.code,
        header.code,
        reserved.code,
        batch.code,
    ]
    assert "WAYPOST_ALLOWED_NETWORKS" in private.err


def test_an_operator_may_allow_a_network_for_webhooks(
    waypost: Command, account_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAYPOST_ALLOWED_NETWORKS", "127.0.0.0/8")
    monkeypatch.setenv("WAYPOST_ALLOW_HTTP_URLS", "true")

    assert waypost("webhooks", "create", "http://127.0.0.1:8081/in").code == ExitCode.OK


def test_dead_letters_are_listed_and_told_again(waypost: Command, rows: Any, hook: str, data_dir: Path) -> None:
    tested = waypost("webhooks", "test", hook, "--json").json["notification_id"]
    letters = [IDS.new() for _ in range(2)]
    for letter in letters:
        rows("notifications", id=letter, endpoint_id=hook, state=2, created_at_us=1_700_000_000_000_000)

    dead = waypost("webhooks", "dead", hook, "--json").json
    one = waypost("webhooks", "replay", hook, "--letter", letters[0], "--json").json
    rest = waypost("webhooks", "replay", hook, "--since", "2001-01-01", "--json").json
    pending = waypost("webhooks", "dead", hook, "--pending", "--json").json

    assert list(reversed(letters)) == [letter["id"] for letter in dead]
    assert ({"replayed": 1}, {"replayed": 1}) == (one, rest)
    assert {tested, *letters} == {letter["id"] for letter in pending}
    assert waypost("webhooks", "replay", hook).code == ExitCode.USAGE
    assert waypost("webhooks", "replay", hook, "--letter", letters[0]).code == ExitCode.NOT_FOUND
    assert waypost("webhooks", "dead", "nope").code == ExitCode.NOT_FOUND
    assert waypost("webhooks", "dead", hook).err.strip() == "There is none."


def test_files_are_listed(waypost: Command, rows: Any) -> None:
    rows("media_assets", id="m1", filename="picture.png")

    assert ["m1"] == [one["id"] for one in waypost("media", "list", "--json").json]
    assert "picture.png" in waypost("media", "list").out


def test_a_failed_command_leaves_nothing_behind(data_dir: Path, account_id: str) -> None:
    count = Sql("SELECT COUNT(*) FROM audit_log")

    def fail(tx: Any) -> None:
        add(tx, "messages", id="m", account_id=account_id)
        raise ZeroDivisionError

    with opened_store(data_dir, None) as store:
        before = store.read(lambda tx: tx.one(count))
        with pytest.raises(ZeroDivisionError):
            store.write(fail)
        with pytest.raises(ZeroDivisionError):
            store.read(fail_reading)
        after = store.read(lambda tx: tx.one(count))
        left = store.read(lambda tx: tx.one(Sql("SELECT COUNT(*) FROM messages")))

    assert before == after
    assert left == (0,)


def fail_reading(tx: Any) -> None:
    raise ZeroDivisionError
