"""The process under test: `waypost demo` on loopback, started, killed and started again over one data directory."""

import asyncio
import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import aiohttp

READY_SECONDS_MAX = 60.0
SHORT_TIMES = {
    # Reliability, section 3.1: the rules are the real ones, their constants are short. The gap is less than the hold,
    # so that no ingress that was away for as long as an attempt is held can count as healthy.
    "WAYPOST_DISPATCH__HOLD_SECONDS": "8",
    "WAYPOST_DISPATCH__INGRESS_GAP_SECONDS": "7",
    "WAYPOST_DISPATCH__SWEEP_SECONDS": "0.2",
    "WAYPOST_DISPATCH__DOUBT_SECONDS_MAX": "40",
    "WAYPOST_DISPATCH__SOFT_REFUSAL_WAIT_SECONDS": "1",
    "WAYPOST_DISPATCH__POLL_SECONDS": "0.5",
    "WAYPOST_RECEIVE__HEARTBEAT_SECONDS": "0.5",
    "WAYPOST_NOTIFY__SCHEDULE_SECONDS": "0,0.2,0.4,0.8,1.5,3,3,5,5,5",
    "WAYPOST_LOG_FORMAT": "json",
}


class DemoProcess:
    """
    One demo; at most one process of it runs at a time.

    The sandbox takes the port after the gateway's. What each process wrote is in `output-<n>.txt` below `directory`.
    """

    def __init__(self, directory: Path, *, settings: Mapping[str, str] = SHORT_TIMES) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.data_dir = directory / "data"
        self.port = _free_pair_of_ports()
        self.starts = 0
        self.seconds_to_ready: list[float] = []
        self._settings = dict(settings)
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._is_ready = False

    def allow_for_restarts_of(self, seconds: float) -> None:
        """
        From the next start on, let an ingress gap of a common restart count as short; a second call overrides.

        On a slow or busy machine the short times are lengthened, always with the gap below the hold; else every restart
        would be a gap, and no attempt in doubt would ever be released.
        """
        gap_seconds = max(float(SHORT_TIMES["WAYPOST_DISPATCH__INGRESS_GAP_SECONDS"]), 2 * seconds)
        self._settings |= {
            "WAYPOST_DISPATCH__INGRESS_GAP_SECONDS": f"{gap_seconds:.1f}",
            "WAYPOST_DISPATCH__HOLD_SECONDS": f"{gap_seconds + 1:.1f}",
            "WAYPOST_DISPATCH__DOUBT_SECONDS_MAX": f"{5 * (gap_seconds + 1):.1f}",
        }

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def sandbox_url(self) -> str:
        return f"http://127.0.0.1:{self.port + 1}"

    @property
    def output(self) -> str:
        """What the newest process has written."""
        return self._output_path().read_text(encoding="utf-8", errors="replace")

    @property
    def pid(self) -> int:
        """The process that runs now."""
        assert self._process is not None
        return self._process.pid

    def facts(self) -> dict[str, str]:
        """Return the content of `demo.json`."""
        facts: dict[str, str] = json.loads((self.data_dir / "demo.json").read_text(encoding="utf-8"))
        return facts

    def start(self) -> None:
        """Start a process; the one before must have ended."""
        assert self._process is None
        self.starts += 1
        environment = {name: value for name, value in os.environ.items() if not name.startswith("WAYPOST_")}
        environment |= self._settings
        environment |= {"WAYPOST_PORT": str(self.port), "WAYPOST_DATA_DIR": str(self.data_dir)}
        if sys.dont_write_bytecode:
            # A start without bytecode takes seconds of compiling: let later starts find what the first one wrote.
            bytecode = Path(tempfile.gettempdir()) / f"waypost-bytecode-{os.getuid()}"
            environment |= {"PYTHONPYCACHEPREFIX": str(bytecode), "PYTHONDONTWRITEBYTECODE": ""}
        with self._output_path().open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "waypost.cli", "demo"],
                cwd=self.directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._started = time.monotonic()
        self._is_ready = False

    async def ready(self, session: aiohttp.ClientSession) -> None:
        """Return when all of it serves; raise if it ends, or takes longer than `READY_SECONDS_MAX`."""
        deadline = self._started + READY_SECONDS_MAX
        while time.monotonic() < deadline:
            assert self._process is not None
            if self._process.poll() is not None:
                raise AssertionError(f"the demo ended with {self._process.returncode}:\n{self.output[-4000:]}")
            with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                async with session.get(f"{self.base_url}/health/ready") as answer:
                    if answer.status == 200:
                        if not self._is_ready:
                            self.seconds_to_ready.append(time.monotonic() - self._started)
                        self._is_ready = True
                        return
            await asyncio.sleep(0.02)
        raise AssertionError(f"the demo was not ready in {READY_SECONDS_MAX} s:\n{self.output[-4000:]}")

    def kill(self) -> None:
        """End it at once by SIGKILL; a second call does nothing."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    async def terminate(self, *, seconds_max: float = 45.0) -> int:
        """Ask it to stop by SIGTERM and return its exit code; raise if it does not stop in time."""
        process = self._process
        assert process is not None
        process.send_signal(signal.SIGTERM)
        code = await asyncio.to_thread(process.wait, seconds_max)
        self._process = None
        return code

    def _output_path(self) -> Path:
        return self.directory / f"output-{self.starts}.txt"


def _free_pair_of_ports() -> int:
    """
    Return a port that is free together with the next one.

    Below the range of which the system gives ports to outgoing connections: none of them can take a port of ours
    between a kill and the next start.
    """
    for _ in range(200):
        port = random.randrange(12_000, 30_000, 2)
        with contextlib.suppress(OSError), socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", port))
            second.bind(("127.0.0.1", port + 1))
            return port
    raise OSError("no two free ports on 127.0.0.1")
