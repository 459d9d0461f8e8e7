"""Where settings come from, what they refuse, and how they say it."""

import ipaddress
import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from tools import settings_docs
from waypost.settings import Settings
from waypost.settings_text import SettingsError, describe_values, list_settings, show_value


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for name in [name for name in os.environ if name.startswith("WAYPOST_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def refusal_of(**flags: object) -> str:
    with pytest.raises(SettingsError) as refusal:
        Settings.load(**flags)
    return str(refusal.value)


def test_flags_come_before_environment_before_file_before_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / ".env").write_text("WAYPOST_PORT=1\nWAYPOST_HOST=127.0.0.2\nWAYPOST_LOG_LEVEL=error\nOTHER=1\n")
    monkeypatch.setenv("WAYPOST_PORT", "2")
    monkeypatch.setenv("WAYPOST_HOST", "127.0.0.3")

    settings = Settings.load(port=3, log_format=None)

    assert (settings.port, settings.host, settings.log_level, settings.log_format) == (3, "127.0.0.3", "error", "auto")


def test_a_commands_own_default_is_weaker_than_anything_given(monkeypatch: pytest.MonkeyPatch):
    defaults = {"data_dir": Path("var/demo"), "port": 9}

    assert Settings.load(defaults=defaults).data_dir == Path("var/demo")
    assert Settings.load(defaults=defaults, port=10).port == 10
    monkeypatch.setenv("WAYPOST_DATA_DIR", "elsewhere")
    assert Settings.load(defaults=defaults).data_dir == Path("elsewhere")


def test_groups_are_reached_with_two_underscores_and_merge(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WAYPOST_DISPATCH__HOLD_SECONDS", "8")
    monkeypatch.setenv("WAYPOST_NOTIFY__SCHEDULE_SECONDS", "0, 0.5,1")

    settings = Settings.load(dispatch={"poll_seconds": 0.2})

    assert (settings.dispatch.hold_seconds, settings.dispatch.poll_seconds) == (8, 0.2)
    assert settings.notify.schedule_seconds == (0, 0.5, 1)


def test_paths_and_urls_follow_the_data_directory_and_port(tmp_path: Path):
    settings = Settings.load(data_dir=tmp_path / "d", port=81)

    assert settings.database_url == f"sqlite:///{tmp_path}/d/waypost.db"
    assert settings.blob_url == f"file://{tmp_path}/d/blobs"
    assert settings.master_key_file == tmp_path / "d" / "master.key"
    assert settings.base_url == "http://127.0.0.1:81"


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WAYPOST_PORT", "")

    assert Settings.load().port == 8080


def test_the_default_schedule_has_ten_tries_over_three_days():
    schedule = Settings.load().notify.schedule_seconds

    assert (len(schedule), schedule[0]) == (10, 0)
    assert 75 * 3600 <= sum(schedule) < 76 * 3600


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WAYPOST_PORT", "70000"),
        ("WAYPOST_PORT", "http"),
        ("WAYPOST_DATABASE_URL", "mysql://localhost/x"),
        ("WAYPOST_BLOB_URL", "blobs"),
        ("WAYPOST_BLOB_URL", "s3://"),
        ("WAYPOST_BASE_URL", "gateway.test"),
        ("WAYPOST_GRAPH_URL", "https://graph.test/v25.0?x=1"),
        ("WAYPOST_ALLOWED_NETWORKS", "10.0.0.0/8,nonsense"),
        ("WAYPOST_ROLES", "accept,everything"),
        ("WAYPOST_LOG_FORMAT", "xml"),
        ("WAYPOST_DISPATCH__HOLD_SECONDS", "0"),
        ("WAYPOST_CONTRACT__FAILURE_HTTP_STATUS", "500"),
        ("WAYPOST_NOTIFY__SCHEDULE_SECONDS", "1,2,soon"),
        ("WAYPOST_NOTIFY__SCHEDULE_SECONDS", ","),
    ],
)
def test_a_value_that_breaks_its_rule_is_named_with_its_rule(name: str, value: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(name, value)
    descriptions = {line.name: line.description for line in list_settings(Settings)}

    lines = refusal_of().splitlines()

    assert len(lines) == 1
    assert lines[0].startswith(f"{name}: ")
    assert descriptions[name] in lines[0]


def test_every_fault_has_its_line_and_no_line_repeats_a_secret(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WAYPOST_DATABASE_URL", "mysql://user:hunter2@localhost/x")
    monkeypatch.setenv("WAYPOST_PORT", "-1")
    monkeypatch.setenv("WAYPOST_LEASES__RENEW_SECONDS", "never")

    text = refusal_of()

    assert {line.split(":")[0] for line in text.splitlines()} == {
        "WAYPOST_DATABASE_URL",
        "WAYPOST_PORT",
        "WAYPOST_LEASES__RENEW_SECONDS",
    }
    assert "hunter2" not in text


@pytest.mark.parametrize(
    ("flags", "part"),
    [
        ({"leases": {"lease_seconds": 90}}, "WAYPOST_LEASES: renew_seconds"),
        ({"dispatch": {"request_timeout_seconds": 60}}, "request_timeout_seconds must be less"),
        ({"media": {"provider_days": 1}}, "WAYPOST_MEDIA: provider_renew_days must be less"),
        ({"base_url": "http://gateway.test"}, "base_url must be https"),
        ({"base_url": "http://192.0.2.1"}, "base_url must be https"),
        ({"port": 9090, "operations_port": 9090}, "operations_port must differ"),
        ({"data_dir": 3}, "WAYPOST_DATA_DIR: "),
    ],
)
def test_values_that_do_not_go_together_are_refused(flags: dict[str, object], part: str):
    text = refusal_of(**flags)

    assert part in text
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize("base_url", ["http://localhost:1", "http://[::1]:1", "http://a.localhost", "https://a.test/"])
def test_plain_http_is_taken_only_on_this_machine(base_url: str):
    assert Settings.load(base_url=base_url).base_url == base_url.rstrip("/")
    assert Settings.load(base_url="http://lan.test", allow_http_urls=True).base_url == "http://lan.test"


def test_an_unknown_name_is_refused_with_the_nearest_known_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("WAYPOST_PROT", "1")
    (tmp_path / ".env").write_text("WAYPOST_DISPATCH__HOLD_SECS=1\nWAYPOST_QQQQ=1\n")

    text = refusal_of()

    assert "WAYPOST_PROT: there is no such setting. Did you mean WAYPOST_PORT?" in text
    assert "Did you mean WAYPOST_DISPATCH__HOLD_SECONDS?" in text
    assert "WAYPOST_QQQQ: there is no such setting. `waypost config show` lists them all." in text


def test_an_unknown_member_of_a_group_given_as_a_flag_is_refused():
    assert refusal_of(dispatch={"hold": 1}).startswith("WAYPOST_DISPATCH")


def test_the_clients_names_are_not_settings(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WAYPOST_API_KEY", "x")
    monkeypatch.setenv("WAYPOST_URL", "http://127.0.0.1:1")

    assert Settings.load(env_file=None).port == 8080


def test_networks_may_be_single_addresses_and_carry_host_bits():
    settings = Settings.load(allowed_networks="127.0.0.1/8, ::1", trusted_proxies=[ipaddress.ip_network("10.0.0.0/8")])

    assert [str(network) for network in settings.allowed_networks] == ["127.0.0.0/8", "::1/128"]
    assert [str(network) for network in settings.trusted_proxies] == ["10.0.0.0/8"]


def test_the_tree_is_frozen():
    settings = Settings.load()

    with pytest.raises(ValidationError):
        settings.port = 1  # type: ignore[misc]
    with pytest.raises(ValidationError):
        settings.dispatch.hold_seconds = 1  # type: ignore[misc]


def test_present_values_are_shown_without_secrets():
    settings = Settings.load(
        database_url="postgres://user:hunter2@localhost/x",
        master_key="ab" * 32,
        s3={"access_key_id": "AK", "secret_access_key": "hunter2"},
    )

    shown = {line.name: value for line, value in describe_values(settings)}

    assert shown["WAYPOST_DATABASE_URL"] == "postgresql://user:********@localhost/x"
    assert shown["WAYPOST_MASTER_KEY"] == "********"
    assert shown["WAYPOST_ALLOW_HTTP_URLS"] == "false"
    assert shown["WAYPOST_OPERATIONS_PORT"] == ""
    assert "hunter2" not in str(shown)
    assert "hunter2" not in repr(settings)


def test_every_setting_is_described_and_quantities_have_units():
    for line in list_settings(Settings):
        assert line.description.endswith("."), line.name
        unit = next((unit for unit in ("seconds", "bytes", "days", "hours") if line.name.lower().endswith(unit)), "")
        assert unit.removesuffix("s") in line.description, line.name


def test_a_shown_value_can_be_read_back(monkeypatch: pytest.MonkeyPatch):
    settings = Settings.load()
    for line, value in describe_values(settings):
        monkeypatch.setenv(line.name, value)

    again = Settings.load()

    assert [show_value(value) for _, value in describe_values(again)] == [v for _, v in describe_values(settings)]


def test_the_document_of_settings_is_current():
    assert settings_docs.PATH.read_text(encoding="utf-8") == settings_docs.render(), "run: make docs"
