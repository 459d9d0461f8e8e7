"""``waypost templates``, beside a running demo."""

import json
from pathlib import Path
from typing import Any

from tests.cli.conftest import Command
from tests.cli.test_gateway_commands import demo

from waypost.cli.exits import ExitCode

__all__ = ["demo"]

PLAIN = ("--language", "en", "--category", "utility", "--body", "Dear {{1}}, it is ready.", "--example", "Noor")


def test_a_template_is_made_shown_previewed_and_deleted(waypost: Command, demo: dict[str, Any], tmp_path: Path) -> None:
    synced = waypost("templates", "sync", "--json")
    assert (ExitCode.OK, None) == (synced.code, synced.json[0]["failure"])
    created = waypost(
        "templates", "create", "wheel_ready", *PLAIN, "--footer", "The shop", "--quick-reply", "Thanks", "--json"
    )
    assert (ExitCode.OK, "UTILITY") == (created.code, created.json["category"]), created.err
    again = waypost("templates", "create", "wheel_ready", *PLAIN)
    assert ExitCode.FAILURE == again.code
    assert "the provider refuses it" in again.err

    listed = waypost("templates", "list", "--name", "WHEEL_READY", "--language", "english", "--json")
    assert [created.json["id"]] == [one["id"] for one in listed.json]
    shown = waypost("templates", "show", "wheel_ready")
    assert "Dear {{1}}, it is ready." in shown.out
    assert "[ Thanks ]" in shown.out
    preview = waypost("templates", "preview", "wheel_ready", "--value", "Ms Sato")
    assert ["Dear Ms Sato, it is ready.", "The shop", "[ Thanks ]"] == preview.out.splitlines()
    preview = waypost("templates", "preview", "wheel_ready", "--value", "Ms Sato", "--json")
    assert "Dear Ms Sato, it is ready." == preview.json["body"]
    too_many = waypost("templates", "preview", "wheel_ready", "--value", "a", "--value", "b")
    assert (ExitCode.FAILURE, True) == (too_many.code, "takes 1 values" in too_many.err)

    path = tmp_path / "components.json"
    link = {"type": "URL", "text": "Look", "url": "https://shop.example.org/{{1}}", "example": ["x"]}
    cards = [{"components": [{"type": "BODY", "text": "One card"}]}]
    parts = [
        {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["4::x"]}},
        {"type": "BODY", "text": "Look"},
        {"type": "BUTTONS", "buttons": [link]},
        {"type": "CAROUSEL", "cards": cards},
    ]
    path.write_text(json.dumps(parts))
    german = ("--language", "de", "--category", "utility", "--components", str(path))
    assert ExitCode.OK == waypost("templates", "create", "wheel_ready", *german).code
    assert ExitCode.USAGE == waypost("templates", "preview", "wheel_ready").code
    preview = waypost("templates", "preview", "wheel_ready", "--language", "German", "--button", "0=b/52")
    assert ["[image]", "Look", "[ Look ]  https://shop.example.org/b/52", "---", "One card"] == preview.out.splitlines()
    assert 2 == len(waypost("templates", "show", "wheel_ready", "--json").json)
    assert "waba_id" in waypost("templates", "show", "wheel_ready").out

    gone = waypost("templates", "delete", "wheel_ready", "--language", "de", "--yes")
    assert (ExitCode.OK, "Deleted: wheel_ready (de).\n") == (gone.code, gone.err)
    assert ExitCode.OK == waypost("templates", "delete", "wheel_ready", "--yes").code
    assert ExitCode.NOT_FOUND == waypost("templates", "show", "wheel_ready").code


def test_what_is_wrong_is_said_before_the_provider_is_asked(waypost: Command, account_id: str, tmp_path: Path) -> None:
    for arguments, code, words in (
        (("create", "x", "--language", "en", "--category", "utility"), ExitCode.USAGE, "--body"),
        (("create", "X", *PLAIN), ExitCode.USAGE, "--name"),
        (("create", "x", *PLAIN), ExitCode.NOT_FOUND, "no such source"),
        (("create", "x", *PLAIN, "--components", str(tmp_path)), ExitCode.USAGE, "cannot be read"),
        (("create", "x", *PLAIN, "--components", __file__), ExitCode.USAGE, "is not JSON"),
        (("preview", "x", "--button", "first"), ExitCode.USAGE, "PLACE=VALUE"),
        (("show", "x", "--language", "en"), ExitCode.NOT_FOUND, "no template x in en"),
        (("delete", "x"), ExitCode.NOT_FOUND, "no template x."),
        (("list",), ExitCode.OK, "No template matches"),
        (("sync",), ExitCode.OK, "No business account is mirrored"),
    ):
        ended = waypost("templates", *arguments)
        assert (code, True) == (ended.code, words in ended.err), (arguments, ended)


def test_a_sync_that_nobody_makes_is_no_success(waypost: Command, account_id: str, monkeypatch: Any) -> None:
    from waypost.cli import templates

    monkeypatch.setattr(templates, "_SYNC_SECONDS", 0.3)
    _mirror_nothing(account_id)

    waiting = waypost("templates", "sync")
    asked = waypost("templates", "sync", "--no-wait")

    assert (ExitCode.UNAVAILABLE, True) == (waiting.code, "gateway running" in waiting.err)
    assert ExitCode.OK == asked.code


def _mirror_nothing(account_id: str) -> None:
    from waypost.cli.opening import opened_store
    from waypost.store.statements import Sql

    insert = Sql("INSERT INTO template_lists (account_id, waba_id, due_at_us) VALUES (:account_id, 'w', 0)")
    with opened_store(None, None) as store:
        store.write(lambda tx: tx.run(insert, account_id=account_id))
