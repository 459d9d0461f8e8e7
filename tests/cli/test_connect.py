"""``waypost sources connect``, against the sandbox of a running demo."""

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Command, Outcome
from tests.cli.test_gateway_commands import demo

from waypost.cli.exits import ExitCode

__all__ = ["demo"]

NUMBER_ID, WABA = "110000000000077", "120000000000077"
TOKEN, SECRET = "token-of-a-system-user", "secret-of-the-app"
PHONE = "12025550143"


def _sandbox(demo: dict[str, Any], method: str, path: str, body: Any = None) -> Any:
    request = urllib.request.Request(
        demo["sandbox_url"] + path,
        data=None if body is None else json.dumps(body).encode(),
        method=method,
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


@pytest.fixture
def number(demo: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A number at the provider that nothing was done about yet, and a gateway that knows where it is."""
    made = {"display_phone_number": "12025550177", "waba_id": WABA, "access_token": TOKEN, "app_secret": SECRET}
    _sandbox(demo, "PUT", f"/sandbox/numbers/{NUMBER_ID}", {**made, "verified_name": "Bicycle shop"})
    _sandbox(demo, "POST", f"/v25.0/{NUMBER_ID}/deregister")
    _sandbox(demo, "DELETE", f"/v25.0/{WABA}/subscribed_apps")
    monkeypatch.setenv("WAYPOST_BASE_URL", demo["base_url"])
    monkeypatch.setenv("WAYPOST_DEFAULT_PROVIDER", "sandbox")
    monkeypatch.setenv("WAYPOST_SOURCE_ACCESS_TOKEN", TOKEN)
    monkeypatch.setenv("WAYPOST_SOURCE_APP_SECRET", SECRET)


def _steps(outcome: Outcome) -> dict[str, bool]:
    return {one["step"]: one["is_good"] for one in outcome.json["steps"]}


def _heard(demo: dict[str, Any]) -> list[dict[str, Any]]:
    request = urllib.request.Request(
        f"{demo['base_url']}/manage/v1/inbound-messages", headers={"Authorization": f"Bearer {demo['api_key']}"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        items: list[dict[str, Any]] = json.loads(answer.read())["items"]
        return items


CONNECT = ("sources", "connect", "--phone-number-id", NUMBER_ID, "--waba-id", WABA, "--json")


@pytest.mark.usefixtures("number")
def test_a_number_is_connected_step_by_step_and_a_second_run_goes_on(
    waypost: Command, demo: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = waypost(*CONNECT)
    assert ExitCode.FAILURE == first.code
    assert _steps(first) == {
        "number and token": True,
        "business account": True,
        "app secret": True,
        "source": True,
        "registration": False,
        "subscription": True,
        "gateway": True,
        "webhooks": True,
        "templates": True,
    }
    assert "registration: see above" in first.err
    assert first.json["callback_url"] == f"{demo['base_url']}/webhooks/cloud_api/{first.json['source_id']}"
    shown = waypost("sources", "show", first.json["source_id"], "--json").json
    assert ("Bicycle shop", "12025550177", True) == (shown["name"], shown["phone_number"], shown["has_app_secret"])

    monkeypatch.setenv("WAYPOST_SOURCE_PIN", "123456")
    monkeypatch.delenv("WAYPOST_SOURCE_ACCESS_TOKEN")
    monkeypatch.delenv("WAYPOST_SOURCE_APP_SECRET")
    template = {
        "name": "hello",
        "language": "en",
        "category": "UTILITY",
        "components": [{"type": "BODY", "text": "Hi"}],
    }
    made = _sandbox(demo, "POST", f"/v25.0/{WABA}/message_templates", template)
    while _sandbox(demo, "GET", f"/v25.0/{made['id']}")["status"] != "APPROVED":
        continue
    second = waypost(*CONNECT, "--name", "Workshop", "--test-to", PHONE)
    assert (ExitCode.OK, first.json["source_id"]) == (second.code, second.json["source_id"]), second
    assert all(_steps(second).values())
    assert "test message" in _steps(second)
    assert "Workshop" == waypost("sources", "show", first.json["source_id"], "--json").json["name"]
    arrived = _sandbox(demo, "GET", f"/sandbox/phones/{PHONE}/messages")["messages"]
    assert "hello" in json.dumps(arrived)

    # What the number is told from now on comes here.
    monkeypatch.delenv("WAYPOST_SOURCE_PIN")
    told = {"to": "12025550177", "type": "text", "text": {"body": "is it open today?"}}
    _sandbox(demo, "POST", f"/sandbox/phones/{PHONE}/messages", told)
    while first.json["source_id"] not in {one["source_id"] for one in _heard(demo)}:
        continue
    third = waypost(*[one for one in CONNECT if one != "--json"])
    assert ExitCode.OK == third.code
    assert "ok    webhooks: the provider posts them to this gateway" in third.out
    assert f"Verify token: {first.json['verify_token']}" in third.out


@pytest.mark.usefixtures("number")
def test_what_is_wrong_is_found_before_anything_is_saved(
    waypost: Command, demo: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = len(waypost("sources", "list", "--json").json)

    def failed(*arguments: str, step: str, advice: str) -> None:
        outcome = waypost(*CONNECT, *arguments)
        last = outcome.json["steps"][-1]
        assert (ExitCode.FAILURE, None) == (outcome.code, outcome.json["source_id"])
        assert (step, False, True) == (last["step"], last["is_good"], advice in last["advice"]), last
        assert "Nothing was changed" in outcome.err

    failed("--phone-number-id", "110000000000078", step="number and token", advice="Phone number ID")
    failed("--waba-id", "1", step="business account", advice="Business Account ID")
    monkeypatch.setenv("WAYPOST_SOURCE_APP_SECRET", "of-another-app")
    failed(step="app secret", advice="App secret of the app")
    monkeypatch.delenv("WAYPOST_SOURCE_APP_SECRET")
    failed(step="app secret", advice="WAYPOST_SOURCE_APP_SECRET")
    monkeypatch.setenv("WAYPOST_SOURCE_ACCESS_TOKEN", "wrong")
    failed(step="number and token", advice="System users")
    monkeypatch.setenv("WAYPOST_SANDBOX_URL", "http://127.0.0.1:9")
    failed(step="number and token", advice="WAYPOST_GRAPH_URL")
    monkeypatch.delenv("WAYPOST_SANDBOX_URL")

    assert sources == len(waypost("sources", "list", "--json").json)
    for arguments, code, words in (
        (("--test-to", "12"), ExitCode.USAGE, "--test-to"),
        (("--waba-id", "a/b"), ExitCode.USAGE, "--waba-id"),
        (("--phone-number-id", "?"), ExitCode.USAGE, "--phone-number-id"),
    ):
        outcome = waypost(*CONNECT, *arguments)
        assert (code, True) == (outcome.code, words in outcome.err)
    lacking = waypost("sources", "connect")
    assert (ExitCode.USAGE, True) == (lacking.code, "--phone-number-id is missing" in lacking.err)


@pytest.mark.usefixtures("number")
def test_a_gateway_that_is_not_reached_and_webhooks_left_elsewhere_are_told(
    waypost: Command, demo: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from waypost.web.manage import connecting

    monkeypatch.setattr(connecting, "PROBES", 1)
    monkeypatch.setenv("WAYPOST_BASE_URL", "http://127.0.0.1:9")
    away = waypost(*CONNECT)
    assert (False, False) == (_steps(away)["gateway"], "webhooks" in _steps(away))
    monkeypatch.setenv("WAYPOST_BASE_URL", demo["sandbox_url"])
    other = waypost(*CONNECT)
    assert "answers HTTP" in next(one["found"] for one in other.json["steps"] if one["step"] == "gateway")

    monkeypatch.setattr(connecting, "PROBES", 20)
    monkeypatch.setenv("WAYPOST_BASE_URL", demo["base_url"])
    left = waypost(*CONNECT, "--no-lead-webhooks", "--test-to", PHONE)
    assert not _steps(left)["webhooks"]
    assert not _steps(left)["test message"]  # there is no template yet
    monkeypatch.setenv("WAYPOST_SOURCE_PIN", "12")
    assert not _steps(waypost(*CONNECT))["registration"]


def test_the_texts_of_help_name_every_secret(waypost: Command, data_dir: Path) -> None:
    shown = waypost("sources", "connect", "--help").out

    for variable in ("WAYPOST_SOURCE_ACCESS_TOKEN", "WAYPOST_SOURCE_APP_SECRET", "WAYPOST_SOURCE_PIN"):
        assert variable in shown
