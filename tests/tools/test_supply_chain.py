"""What we depend on: locked with hashes, from no particular host, under licences that fit ours."""

import importlib.metadata
import re
import tomllib

import pytest
from tools.environment import ROOT

DIRECT_MAX = 29
# Licences that an Apache-2.0 program may depend on; LGPL because psycopg is imported, not copied.
ALLOWED = re.compile(
    r"Apache|BSD|MIT|MPL|PSF|Python Software Foundation|ISC|LGPL|Lesser|Unlicense|Zlib|0BSD", re.IGNORECASE
)
REFUSED = re.compile(r"\bA?GPL|Affero", re.IGNORECASE)


def read_lock(name: str) -> dict[str, list[str]]:
    """Return the hashes of each pinned requirement, by `name==version; marker`."""
    text = (ROOT / "requirements" / f"{name}.lock").read_text()
    entries = [entry for entry in text.replace("\\\n", " ").splitlines() if entry.strip()]
    return {entry.split("--hash")[0].strip(): re.findall(r"--hash=sha256:[0-9a-f]{64}", entry) for entry in entries}


def locked_names(name: str) -> set[str]:
    return {re.split(r"[=\[; ]", requirement)[0] for requirement in read_lock(name)}


@pytest.mark.parametrize("name", ["run", "dev"])
def test_every_requirement_is_pinned_with_hashes_and_no_host_is_named(name: str):
    lock = read_lock(name)

    assert lock
    for requirement, hashes in lock.items():
        assert re.match(r"[a-z0-9._-]+(\[[a-z]+\])?==[^ ]+", requirement), requirement
        assert hashes, requirement
    assert "://" not in (ROOT / "requirements" / f"{name}.lock").read_text()


def test_what_tests_install_covers_what_runs():
    """In the same versions; for tests they may be installed on more systems."""
    run, dev = ({pin.partition(" ;")[0] for pin in read_lock(name)} for name in ("run", "dev"))

    assert run <= dev


def test_direct_dependencies_are_few_and_locked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    direct = {re.split(r"[>=\[; ]", name)[0].replace("_", "-") for name in project["project"]["dependencies"]}
    tools = {re.split(r"[>=\[; ]", name)[0] for name in project["dependency-groups"]["dev"] if isinstance(name, str)}

    assert len(direct) <= DIRECT_MAX
    assert direct <= locked_names("run")
    assert tools <= locked_names("dev")


def licence_of(name: str) -> str:
    metadata = importlib.metadata.metadata(name)
    stated = [metadata.get("License-Expression"), *(metadata.get_all("Classifier") or [])]
    found = [text for text in stated if text and ("::" not in text or text.startswith("License"))]
    if not found:
        # Some state nothing but the file itself, whose heading names the licence.
        files = [file for file in importlib.metadata.files(name) or [] if file.name.upper().startswith("LICENSE")]
        found = [metadata.get("License") or "", *(file.read_text()[:300] for file in files)]
    return " ".join(found)


def test_licences_of_what_runs_fit_ours():
    installed = {dist.name.lower().replace("_", "-") for dist in importlib.metadata.distributions()}

    for name in sorted(locked_names("run") & installed):
        licence = licence_of(name)
        assert ALLOWED.search(licence), f"{name}: {licence!r}"
        assert not REFUSED.search(licence), f"{name}: {licence!r}"


def test_our_own_licence_is_apache_2():
    text = (ROOT / "LICENSE").read_text()

    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["license"] == "Apache-2.0"
