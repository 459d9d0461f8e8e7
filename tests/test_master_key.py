"""The key that seals secrets at rest."""

import base64
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from waypost.master_key import read_master_keys
from waypost.settings import Settings
from waypost.settings_text import SettingsError


def load(**flags: object) -> Settings:
    return Settings.load(env_file=None, **flags)


def test_a_first_key_is_random_private_and_kept(tmp_path: Path):
    settings = load(data_dir=tmp_path / "new")

    [key] = read_master_keys(settings)

    assert len(key) == 32
    assert read_master_keys(settings) == (key,)
    assert read_master_keys(load(data_dir=tmp_path / "other")) != (key,)
    assert settings.master_key_file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["master.key"]


def test_all_who_start_at_once_get_the_same_key(tmp_path: Path):
    settings = load(data_dir=tmp_path)

    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: read_master_keys(settings), range(32)))

    assert len(keys) == 1


@pytest.mark.parametrize("text", [bytes(range(32)).hex(), base64.b64encode(bytes(range(32))).decode()])
def test_a_key_may_be_given_in_hex_or_base64(text: str, tmp_path: Path):
    (tmp_path / "key").write_text(text + "\n")
    (tmp_path / "key").chmod(0o600)

    assert read_master_keys(load(master_key=text)) == (bytes(range(32)),)
    assert read_master_keys(load(master_key_file=tmp_path / "key")) == (bytes(range(32)),)


@pytest.mark.parametrize("text", ["short", "zz" * 32, base64.b64encode(bytes(31)).decode(), "é"])
def test_a_wrong_key_is_refused_without_repeating_it(text: str, tmp_path: Path):
    (tmp_path / "key").write_text(text)
    (tmp_path / "key").chmod(0o600)

    for settings in (load(master_key=text), load(master_key_file=tmp_path / "key")):
        with pytest.raises(SettingsError, match="WAYPOST_MASTER_KEY") as refusal:
            read_master_keys(settings)
        assert text not in str(refusal.value)


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path):
    settings = load(data_dir=tmp_path)
    read_master_keys(settings)
    settings.master_key_file.chmod(0o644)

    with pytest.raises(SettingsError, match="chmod 600"):
        read_master_keys(settings)


def test_a_key_file_that_cannot_be_read_is_named(tmp_path: Path):
    with pytest.raises(SettingsError, match="WAYPOST_MASTER_KEY_FILE"):
        read_master_keys(load(master_key_file=tmp_path))
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="cannot use"):
        read_master_keys(load(master_key_file=tmp_path / "file" / "key"))
