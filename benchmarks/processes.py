"""Child processes: starting them, talking to them, and reading what they cost."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import orjson

ROOT = Path(__file__).resolve().parent.parent
STOP_SECONDS = 10.0


class ChildFailedError(RuntimeError):
    """A child process ended, or did not answer; the message ends with the tail of its log."""


class Child:
    """
    A Python module as a process of its own; a context manager that stops it.

    What it writes to its standard error goes to a log file; its standard output too, unless it takes commands.
    """

    def __init__(self, module: str, *arguments: str, log_path: Path, takes_commands: bool = False) -> None:
        self.name = module
        self._log_path = log_path
        with log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=ROOT,
                stdin=subprocess.PIPE if takes_commands else subprocess.DEVNULL,
                stdout=subprocess.PIPE if takes_commands else log,
                stderr=log,
                start_new_session=True,
            )
        self.pid = self._process.pid
        # A child that takes commands tells first where it listens.
        self.port = int(self._read()["port"]) if takes_commands else 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def tell(self, **command: Any) -> None:
        """Send one command; `hear` returns its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(orjson.dumps(command) + b"\n")
        self._process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        """Return the answer to the oldest command that has none."""
        return self._read()

    def ask(self, **command: Any) -> dict[str, Any]:
        """Send one command and return its answer."""
        self.tell(**command)
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self.failure("ended")
        answer: dict[str, Any] = orjson.loads(line)
        return answer

    def failure(self, what: str) -> ChildFailedError:
        """Return an error that says what this child did, with the end of its log."""
        tail = self._log_path.read_text(encoding="utf-8", errors="replace")[-3000:]
        return ChildFailedError(f"{self.name} {what}:\n{tail}")

    def wait_until_ready(self, url: str, *, seconds: float = 20.0) -> None:
        """Return once the URL answers 200. Raises ChildFailedError."""
        deadline = time.monotonic() + seconds
        while True:
            if self._process.poll() is not None:
                raise self.failure("ended")
            with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=2):
                return
            if time.monotonic() > deadline:
                raise self.failure(f"did not answer at {url}")
            time.sleep(0.02)

    def cpu_seconds(self) -> float:
        """Return the time its threads have spent on a processor."""
        return cpu_seconds(self.pid)

    def rss_bytes(self) -> int:
        """Return its resident memory."""
        with Path(f"/proc/{self.pid}/statm").open() as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def stop(self) -> None:
        """End it: politely, and after ten seconds by force. A second call does nothing."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process and its children, by schedstat: in nanoseconds, where `stat` has 10 ms."""
    total = 0.0
    for one in _family(pid):
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{one}/task").iterdir():
                with contextlib.suppress(OSError):
                    total += int((task / "schedstat").read_text().split()[0]) / 1e9
    return total


def _family(pid: int) -> Iterator[int]:
    yield pid
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _family(int(child))


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
