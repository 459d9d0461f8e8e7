"""The virtual environment of this checkout: made when missing, filled from the lock files, left alone when current."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON_VERSION_MIN = (3, 11)
_NEWER_PYTHONS = ("python3.14", "python3.13", "python3.12", "python3.11")
# Installing dev.lock covers run.lock: a test holds the two together.
_COVERED_BY: dict[str, tuple[str, ...]] = {"run": ("run", "dev"), "dev": ("dev",)}
_AS_LOCKED = ("--require-hashes", "--only-binary", ":all:")

Group = Literal["run", "dev"]


class SetupError(RuntimeError):
    """The environment could not be made; the message says what to do about it."""


def ensure_environment(group: Group) -> Path:
    """
    Make sure that `.venv` holds what a lock file lists and this project, and return its `bin` directory.

    A second call does nothing, as long as the lock file, pyproject.toml and the interpreter are the same.

    Args:
        group: `run` for what the gateway needs, `dev` for that and what the tests need.

    Raises:
        SetupError: there is no fitting Python, it lacks venv, or pip failed.
    """
    binaries = VENV / "bin"
    stamps = [VENV / f".installed-{other}" for other in _COVERED_BY[group]]
    if not _is_usable(binaries / "python"):
        _make_environment()
    for stamp, other in zip(stamps, _COVERED_BY[group], strict=True):
        if stamp.is_file() and stamp.read_text(encoding="ascii") == _fingerprint(other):
            return binaries
    print(f"installing from requirements/{group}.lock ...", flush=True)
    lock = ROOT / "requirements" / f"{group}.lock"
    pip = [str(binaries / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    if not _install_by_uv(binaries, lock, pip):
        _call([*pip, *_AS_LOCKED, "-r", str(lock)])
    _call([*pip, "--no-deps", "--no-build-isolation", "-e", str(ROOT)])
    # The first start is not to pay for compiling; pip has done it for everything but this project itself.
    _call([str(binaries / "python"), "-m", "compileall", "-q", str(ROOT / "src")])
    stamps[0].write_text(_fingerprint(group), encoding="ascii")
    return binaries


def _install_by_uv(binaries: Path, lock: Path, pip: list[str]) -> bool:
    """
    Install what a lock file lists by uv, if uv is in it; return whether that was done.

    It takes a quarter of pip's time. Where it cannot (it knows of pip's settings only the index and the certificates),
    nothing is said but that: pip then says what is wrong, if anything is.
    """
    pin = re.search(r"^uv==(?:.*\\\n)*.*$", lock.read_text(encoding="utf-8"), re.MULTILINE)
    if pin is None:
        return False
    only_uv = VENV / "uv.lock"
    only_uv.write_text(pin[0] + "\n", encoding="utf-8")
    uv = [str(binaries / "uv"), "pip", "install", "--quiet", "--python", str(binaries / "python")]
    try:
        _call([*pip, *_AS_LOCKED, "-r", str(only_uv)])
        _call([*uv, "--compile-bytecode", *_AS_LOCKED, "-r", str(lock)], variables=_for_uv(binaries / "python"))
    except (SetupError, OSError):
        print("installing by uv failed; pip is tried ...", flush=True)
        return False
    return True


def _for_uv(python: Path) -> dict[str, str]:
    """Return this process's environment, and in it what pip is told of the index and of certificates."""
    variables = dict(os.environ)
    for option, name in (("index-url", "UV_DEFAULT_INDEX"), ("cert", "SSL_CERT_FILE")):
        command = [str(python), "-m", "pip", "--disable-pip-version-check", "config", "get", f"global.{option}"]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        found = os.environ.get(f"PIP_{option.replace('-', '_').upper()}") or answer.stdout.strip()
        if found:
            variables.setdefault(name, found)
    return variables


def environment_variables() -> dict[str, str]:
    """Return this process's environment with `.venv` activated."""
    variables = {**os.environ, "VIRTUAL_ENV": str(VENV)}
    variables["PATH"] = os.pathsep.join([str(VENV / "bin"), os.environ.get("PATH", os.defpath)])
    return variables


def _fingerprint(group: str) -> str:
    digest = hashlib.sha256(str(VENV).encode())
    for path in (ROOT / "requirements" / f"{group}.lock", ROOT / "pyproject.toml", VENV / "pyvenv.cfg"):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _is_usable(python: Path) -> bool:
    """Return whether an interpreter runs and is new enough; an environment whose Python was removed is not."""
    if not python.exists():
        return False
    answer = subprocess.run(
        [str(python), "-c", "import sys, pip; print(*sys.version_info[:2])"],
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.returncode == 0 and tuple(map(int, answer.stdout.split())) >= PYTHON_VERSION_MIN


def _make_environment() -> None:
    python = find_python()
    print("making .venv ...", flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    try:
        _call([python, "-m", "venv", str(VENV)])
    except SetupError as error:
        raise SetupError(
            f"{python} cannot make virtual environments. On Debian: apt-get install python3-venv"
        ) from error


def find_python() -> str:
    """
    Return a Python of at least 3.11: the one that runs this, or a newer one on the path.

    Raises:
        SetupError: there is none.
    """
    if sys.version_info[:2] >= PYTHON_VERSION_MIN:
        return sys.executable
    for name in _NEWER_PYTHONS:
        path = shutil.which(name)
        if path is not None:
            return path
    wanted = ".".join(map(str, PYTHON_VERSION_MIN))
    raise SetupError(f"Python {wanted} or newer is needed; this is {sys.version.split()[0]}.")


def _call(command: list[str], *, variables: dict[str, str] | None = None) -> None:
    answer = subprocess.run(command, cwd=ROOT, check=False, env=variables)
    if answer.returncode != 0:
        raise SetupError(f"failed with exit code {answer.returncode}: {' '.join(command)}")
