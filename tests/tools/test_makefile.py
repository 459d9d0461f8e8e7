"""The commands of the README's first screen."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tools.environment import ROOT

from tools import environment, run, test, verify


def test_make_alone_lists_every_target():
    shown = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert set(re.findall(r"^  make ([a-z]+)", shown, re.MULTILINE)) == targets


def test_every_recipe_is_one_line_that_calls_one_tool():
    recipes = re.findall(r"^\t(.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)

    for recipe in recipes:
        assert re.match(r"@(\$\(PYTHON\) -m tools\.|awk |rm -rf )", recipe), recipe


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a checkout with the tools, and with lock files of nothing."""
    shutil.copytree(ROOT / "tools", tmp_path / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "requirements").mkdir()
    for name in ("run", "dev"):
        (tmp_path / "requirements" / f"{name}.lock").write_text("")
    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "VENV", tmp_path / ".venv")
    return tmp_path


def test_an_environment_is_made_once_and_again_only_when_a_lock_changes(checkout: Path, monkeypatch):
    calls: list[str] = []

    def pretend(command: list[str], **_) -> None:
        calls.append(" ".join(command))
        if "venv" in command:
            (checkout / ".venv" / "bin").mkdir(parents=True)
            (checkout / ".venv" / "bin" / "python").symlink_to(sys.executable)
            (checkout / ".venv" / "pyvenv.cfg").write_text("")

    monkeypatch.setattr(environment, "_call", pretend)

    environment.ensure_environment("run")
    first = list(calls)
    environment.ensure_environment("run")
    again = calls[len(first) :]
    (checkout / "requirements" / "run.lock").write_text("changed")
    environment.ensure_environment("run")
    changed = calls[len(first) :]
    environment.ensure_environment("dev")
    environment.ensure_environment("run")

    assert [call.split()[2] for call in first] == ["venv", "pip", "pip", "compileall"]
    assert "--require-hashes --only-binary :all: -r" in first[1]
    assert "--no-deps --no-build-isolation -e" in first[2]
    assert again == []
    assert [call.split()[2] for call in changed] == ["pip", "pip", "compileall"]
    assert sum("dev.lock" in call for call in calls) == 1


@pytest.mark.parametrize("fails", ["", "uv.lock", "bin/uv"])
def test_uv_installs_where_it_is_locked_and_pip_where_uv_fails(checkout: Path, monkeypatch, fails: str):
    calls: list[list[str]] = []

    def pretend(command: list[str], **_) -> None:
        calls.append(command)
        if fails and fails in " ".join(command):
            raise environment.SetupError(fails)

    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (checkout / ".venv" / "pyvenv.cfg").write_text("")
    lock = checkout / "requirements" / "dev.lock"
    pin = "uv==1.2.3 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"
    lock.write_text(f"urllib3==1 \\\n    --hash=sha256:cc\n{pin}uvicorn==1 \\\n    --hash=sha256:dd\n")
    monkeypatch.setattr(environment, "_call", pretend)

    environment.ensure_environment("dev")

    assert (checkout / ".venv" / "uv.lock").read_text() == pin
    installers = [Path(call[0]).name for call in calls if str(lock) in call]
    assert installers == {"": ["uv"], "uv.lock": ["python"], "bin/uv": ["uv", "python"]}[fails]
    assert all("--require-hashes" in call for call in calls if "-r" in call)


def test_a_failing_install_is_said_and_leaves_no_stamp(checkout: Path, capsys: pytest.CaptureFixture[str]):
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (checkout / ".venv" / "pyvenv.cfg").write_text("")
    (checkout / "requirements" / "run.lock").write_text("not a requirement !")

    assert run.main(["demo"]) == 1
    assert "error: failed with exit code" in capsys.readouterr().err
    assert not list((checkout / ".venv").glob(".installed*"))


def test_a_python_that_is_too_old_looks_for_a_newer_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(environment, "PYTHON_VERSION_MIN", (9, 9))
    monkeypatch.setattr(environment, "_NEWER_PYTHONS", ("python9.9", "sh"))
    assert environment.find_python() == shutil.which("sh")

    monkeypatch.setattr(environment, "_NEWER_PYTHONS", ())
    with pytest.raises(environment.SetupError, match=r"Python 9\.9 or newer is needed"):
        environment.find_python()


def test_help_teaches(capsys: pytest.CaptureFixture[str]):
    assert run.main(["--help"]) == 0
    assert "the command line of Waypost" in capsys.readouterr().out
    for main in (test.main, verify.main):
        with pytest.raises(SystemExit):
            main(["--help"])
        assert "--quick" in capsys.readouterr().out


def test_counts_come_from_the_results_and_skips_count_as_failures(tmp_path: Path):
    results = tmp_path / "r.xml"
    results.write_text(
        '<testsuites><testsuite tests="7" failures="1" errors="1" skipped="1"/><testsuite tests="2"/></testsuites>'
    )

    assert verify.count_tests(results) == (6, 3)


def test_the_closing_line_shows_a_failure_even_when_only_a_check_failed(capsys: pytest.CaptureFixture[str]):
    report = verify.Report()
    assert report.step("good", [sys.executable, "-c", ""])
    assert re.fullmatch(r"0 passed, 0 failed in [0-9.]+ s", report.closing_line())

    assert not report.step("bad", [sys.executable, "-c", "raise SystemExit(3)"])
    assert re.fullmatch(r"0 passed, 1 failed in [0-9.]+ s", report.closing_line())
    assert "FAILED" in capsys.readouterr().out


def test_a_step_that_takes_too_long_is_stopped(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(verify, "SECONDS_MAX", 0.0)

    assert not verify.Report().step("endless", [sys.executable, "-c", "while True: pass"])


def test_the_ci_ends_with_the_closing_line_and_the_exit_code(tmp_path: Path):
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    summary = "mkdir -p var/test; echo 3 passed, {} failed in 1.0 s | tee var/test/summary; exit {}"

    endings = []
    for recipe in (summary.format(0, 0), summary.format(1, 1), "exit 2", "true"):
        (tmp_path / "Makefile").write_text(f"test:\n\t@{recipe}\n")
        ran = subprocess.run([tmp_path / ".ci" / "run"], capture_output=True, text=True, check=False)
        endings.append((ran.stdout.splitlines()[-1], ran.returncode == 0))

    assert endings == [
        ("3 passed, 0 failed in 1.0 s", True),
        ("3 passed, 1 failed in 1.0 s", False),
        ("0 passed, 1 failed", False),
        ("0 passed, 1 failed", False),
    ]
