"""Every check of the project; `tools.test` starts this inside the virtual environment."""

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tools.chromium import PACKAGES, ChromiumMissingError, find_chromium
from tools.environment import ROOT
from tools.postgres import PostgresMissingError, find_binaries
from tools.stories import STORIES

OUTPUT = ROOT / "var" / "test"
SECONDS_MAX = 60 * 60
"""A hang ends here. Two cores take a quarter of that; shared ones may need more."""
PROCESSES = 4
"""Most tests wait for most of their time: for a fault, a pace, a retry."""
MEMORY_DISK = Path("/dev/shm")
MEMORY_DISK_BYTES_MIN = 4 * 1024**3
_STRICT = "src/waypost/domain/*,src/waypost/contract/*"
STATIC_CHECKS: dict[str, list[str]] = {
    "lint": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
    "types": ["mypy"],
    "imports": ["lint-imports"],
    "security": ["bandit", "--quiet", "--recursive", "src", "-lll"],
}
COVERAGE_CHECKS: dict[str, list[str]] = {
    "coverage of domain and contract": ["--include", _STRICT, "--fail-under", "100"],
    "coverage of the rest": ["--omit", _STRICT, "--fail-under", "90"],
}


@dataclass(kw_only=True)
class Report:
    """What came out so far."""

    passed: int = 0
    failed: int = 0
    bad_steps: list[str] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def step(self, name: str, command: list[str]) -> bool:
        """Run one step, within what is left of the time; note it when it fails."""
        print(f"== {name}: {' '.join(command)}", flush=True)
        began = time.monotonic()
        try:
            seconds_left = max(1.0, SECONDS_MAX - (began - self.started))
            code = subprocess.run(command, cwd=ROOT, check=False, timeout=seconds_left).returncode
        except subprocess.TimeoutExpired:
            print(f"   stopped: all of it may take {SECONDS_MAX / 60:.1f} minutes", flush=True)
            code = -1
        is_good = code == 0
        print(f"   {'ok' if is_good else 'FAILED'} after {time.monotonic() - began:.1f} s", flush=True)
        if not is_good:
            self.bad_steps.append(name)
        return is_good

    @contextlib.contextmanager
    def beside(self, commands: dict[str, list[str]]) -> Iterator[None]:
        """Run steps of one processor each beside what is done here; then print what they said, and note which fail."""
        with ThreadPoolExecutor(len(commands)) as pool:
            runs = {name: pool.submit(_run_quietly, command) for name, command in commands.items()}
            yield
            for name, run in runs.items():
                code, output, seconds = run.result()
                print(f"== {name}: {' '.join(commands[name])}\n{output}", end="", flush=True)
                print(f"   {'FAILED' if code else 'ok'} after {seconds:.1f} s", flush=True)
                if code:
                    self.bad_steps.append(name)

    def tests(self, name: str, command: list[str]) -> None:
        """Run pytest and add up its counts."""
        results = OUTPUT / f"{name.replace(' ', '-')}.xml"
        self.step(name, [*command, f"--junit-xml={results}", "--durations=10"])
        if results.is_file():
            passed, failed = count_tests(results)
            self.passed += passed
            self.failed += failed

    def closing_line(self) -> str:
        """Return the line that ends the output; a bad step without a failed test counts as one failure."""
        failed = self.failed or len(self.bad_steps)
        return f"{self.passed} passed, {failed} failed in {time.monotonic() - self.started:.1f} s"


def _run_quietly(command: list[str]) -> tuple[int, str, float]:
    """Return a command's exit code, all it said, and how long it took in seconds."""
    began = time.monotonic()
    try:
        answer = subprocess.run(
            command,
            cwd=ROOT,
            check=False,
            timeout=SECONDS_MAX,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    except subprocess.TimeoutExpired:
        return -1, "   stopped: it took too long\n", time.monotonic() - began
    return answer.returncode, answer.stdout, time.monotonic() - began


def count_tests(results: Path) -> tuple[int, int]:
    """Return how many tests passed and failed (errors included) by a JUnit file; skipped ones count as failed."""
    suites = ET.parse(results).getroot().iter("testsuite")
    counts = [
        {name: int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")} for suite in suites
    ]
    failed = sum(count["failures"] + count["errors"] + count["skipped"] for count in counts)
    return sum(count["tests"] for count in counts) - failed, failed


@contextlib.contextmanager
def temporary_files_in_memory() -> Iterator[None]:
    """
    Put databases and files of tests into memory while this lasts, if there is a disk there with room enough.

    Thousands of small databases, flushed at each commit, keep a slow disk busier than two processors.
    """
    if not MEMORY_DISK.is_dir() or shutil.disk_usage(MEMORY_DISK).free < MEMORY_DISK_BYTES_MIN:
        yield
        return
    before = os.environ.get("TMPDIR")
    with tempfile.TemporaryDirectory(prefix="waypost-", dir=MEMORY_DISK) as directory:
        Path(directory).chmod(0o711)  # the database server is another user, and must get through to its own
        os.environ["TMPDIR"] = directory
        try:
            yield
        finally:
            if before is None:
                del os.environ["TMPDIR"]
            else:
                os.environ["TMPDIR"] = before


def ensure_programs() -> bool:
    """Make sure PostgreSQL and Chromium are installed, installing what is missing where we may; return whether."""
    missing = _missing_programs()
    prefix = _superuser_prefix()
    if missing and prefix is not None and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        apt = [*prefix, "apt-get", "-qq"]
        subprocess.run([*apt, "update"], env=environment, check=False)
        for packages in missing:
            print(f"installing {packages[0]} ...", flush=True)
            for package in packages:
                install = [*apt, "install", "-y", "--no-install-recommends", package]
                if subprocess.run(install, env=environment, check=False).returncode == 0:
                    break
        missing = _missing_programs()
    for text in missing.values():
        print(f"error: {text}", file=sys.stderr)
    return not missing


def _missing_programs() -> dict[tuple[str, ...], str]:
    """Return what to tell about each program that is missing, by the packages that have it, the best first."""
    missing: dict[tuple[str, ...], str] = {}
    try:
        find_binaries()
    except PostgresMissingError as error:
        missing["postgresql",] = str(error)
    try:
        find_chromium()
    except ChromiumMissingError as error:
        missing[PACKAGES] = str(error)
    return missing


def _superuser_prefix() -> list[str] | None:
    """Return what to put before a command to run it as root, or None when we may not."""
    if os.geteuid() == 0:
        return []
    if (
        shutil.which("sudo")
        and subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0
    ):
        return ["sudo", "-n"]
    return None


def main(arguments: list[str]) -> int:
    """Run the checks and print the closing line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.verify", description="Run every check and test.")
    parser.add_argument("--quick", action="store_true", help="leave out the long stories and coverage")
    options = parser.parse_args(arguments)
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir(parents=True)
    # What pytest makes of a test's asserts is kept for the other processes, which else would each make it anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # All tests are run, whatever somebody has chosen for a day's work.
    os.environ.pop("PYTEST_ADDOPTS", None)
    # Absolute, because processes that the tests start elsewhere add to the same measurement.
    os.environ["COVERAGE_FILE"] = str(OUTPUT / "coverage")
    report = Report()
    with temporary_files_in_memory(), report.beside(STATIC_CHECKS):
        if ensure_programs():
            _run_tests(report, is_quick=options.quick)
        else:
            report.bad_steps.append("programs that the tests need")
    for name in report.bad_steps:
        print(f"FAILED: {name}")
    line = report.closing_line()
    (OUTPUT / "summary").write_text(line + "\n", encoding="ascii")
    print(line, flush=True)
    return 1 if report.bad_steps or report.failed else 0


def _run_tests(report: Report, *, is_quick: bool) -> None:
    # Importing the plugin takes each process longer than all else it imports, and no test is made by it.
    pytest = ["pytest", "-p", "no:schemathesis"]
    processes = ["-n", str(PROCESSES), "--dist", "worksteal"]
    if is_quick:
        report.tests("tests of parts", [*pytest, *processes, *(f"--ignore={path}" for path in STORIES)])
        return
    measured = ["coverage", "run", "-m", *pytest, "-p", "tools.schedule"]
    # One process reads all tests first: it leaves their asserts rewritten, and has measured what importing runs.
    if not report.step("collection", [*measured, "--collect-only", "--quiet", "--quiet"]):
        return
    report.tests("tests", [*measured, *processes])
    report.step("coverage data", ["coverage", "combine", "--quiet"])
    for name, arguments in COVERAGE_CHECKS.items():
        report.step(name, ["coverage", "report", "--skip-covered", "--show-missing", *arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
