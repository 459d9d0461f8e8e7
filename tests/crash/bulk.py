"""
`python -m tests.crash.bulk --rows 100000 --kills 10`: a file is sent while gateway and command are killed.

Each row is compared from end to end: one row of the gateway, one message, one acceptance upstream, one line of result.
"""

import argparse
import asyncio
import collections
import csv
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from tests.crash.demo_process import SHORT_TIMES, DemoProcess
from tests.crash.evidence import collect
from tests.crash.trial import new_seed

TEMPLATE = "repair_done"
SETTINGS = {
    **SHORT_TIMES,
    # A restart is no gap even on a busy machine, and a whole cohort of attempts in doubt has time to be resolved.
    "WAYPOST_DISPATCH__INGRESS_GAP_SECONDS": "12",
    "WAYPOST_DISPATCH__HOLD_SECONDS": "13",
    "WAYPOST_DISPATCH__DOUBT_SECONDS_MAX": "240",
    "WAYPOST_DISPATCH__NUMBER_RATE_PER_SECOND": "10000",
    "WAYPOST_DISPATCH__NUMBER_BURST": "10000",
    "WAYPOST_LOG_LEVEL": "warning",
}
SECONDS_MAX = 3600.0
DRAIN_SECONDS_MAX = 300.0
_LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkPlan:
    """How many rows, and how often gateway and command are killed, each, spread over the rows."""

    rows: int
    kills: int
    seed: int


@dataclass(slots=True, kw_only=True)
class BulkReport:
    """What came of it; ``broken`` names each claim that does not hold."""

    plan: BulkPlan
    seconds: float = 0.0
    send_seconds: float = 0.0
    starts_of_command: int = 0
    starts_of_gateway: int = 0
    gateway_bytes_max: int = 0
    command_bytes_max: int = 0
    released: int = 0
    accepted_twice: int = 0
    unknown: int = 0
    broken: list[str] = field(default_factory=list)

    def table(self) -> str:
        """Return the figures as text."""
        rate = self.plan.rows / max(self.send_seconds, 0.001)
        return "\n".join(
            [
                f"{self.plan.rows} rows, {self.plan.kills} kills each of gateway and command, seed {self.plan.seed}",
                (
                    f"  {self.send_seconds:.1f} s from the first start of the command to its result, {rate:.0f} rows/s; "
                    f"{self.seconds:.1f} s in all"
                ),
                f"  starts: gateway {self.starts_of_gateway}, command {self.starts_of_command}",
                (
                    f"  most memory: gateway with sandbox {self.gateway_bytes_max / 1e6:.0f} MB, "
                    f"command {self.command_bytes_max / 1e6:.0f} MB"
                ),
                (
                    f"  attempts released from doubt {self.released}, messages accepted twice upstream {self.accepted_twice}, "
                    f"ended unknown after a second kill {self.unknown}"
                ),
                *[f"  BROKEN: {one}" for one in self.broken[:20]],
            ]
        )


class _Command:
    """The command that sends the file; started, killed and started again."""

    def __init__(self, demo: DemoProcess, file: Path) -> None:
        self._demo = demo
        self._file = file
        self._process: subprocess.Popen[bytes] | None = None
        self.starts = 0
        self.bytes_max = 0

    def start(self) -> None:
        self.starts += 1
        facts = self._demo.facts()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("WAYPOST_")}
        environment |= {"WAYPOST_URL": self._demo.base_url, "WAYPOST_API_KEY": facts["api_key"]}
        arguments = ("messages", "send", "--file", str(self._file), "--template", TEMPLATE)
        with (self._demo.directory / f"command-{self.starts}.txt").open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "waypost.cli", *arguments, "--attribute", "name", "--attribute", "bicycle"],
                cwd=self._demo.directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def code(self) -> int | None:
        assert self._process is not None
        if self._process.poll() is None:
            self.bytes_max = max(self.bytes_max, memory_peak(self._process.pid))
        return self._process.poll()

    @property
    def output(self) -> str:
        return (self._demo.directory / f"command-{self.starts}.txt").read_text(encoding="utf-8", errors="replace")


def memory_peak(pid: int) -> int:
    """Return the most memory a process has had resident, in bytes; 0 when it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:")), 0)


def recipient_of(number: int) -> str:
    """Return the number of one row's recipient: reserved for fiction, and longer than any that is in use."""
    return f"1202555{number:07}"


async def run_bulk_trial(plan: BulkPlan, directory: Path) -> BulkReport:
    """Send a file under kills and compare every ledger afterwards; all files are below ``directory``."""
    began = time.monotonic()
    report = BulkReport(plan=plan)
    demo = DemoProcess(directory, settings=SETTINGS)
    file = directory / "recipients.csv"
    with file.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(("phone", "name", "bicycle"))
        writer.writerows((recipient_of(number), f"Guest {number}", f"B-{number}") for number in range(plan.rows))
    command = _Command(demo, file)
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
            demo.start()
            await demo.ready(session)
            _let_everybody_be_written_to(demo)
            await _unbound(demo, session)
            send_began = time.monotonic()
            command.start()
            await _kill_again_and_again(plan, demo, command, session, report)
            report.send_seconds = time.monotonic() - send_began
            left = await _drained(demo)
            report.gateway_bytes_max = max(report.gateway_bytes_max, memory_peak(demo.pid))
        if left:
            report.broken.append(f"{left} messages are not delivered")
        code = await demo.terminate()
        if code:
            report.broken.append(f"the gateway ended with {code}")
    finally:
        command.kill()
        demo.kill()
    report.starts_of_command, report.starts_of_gateway = command.starts, demo.starts
    report.command_bytes_max = command.bytes_max
    _compare(plan, demo, file.with_suffix(".result.csv"), report)
    report.seconds = time.monotonic() - began
    return report


async def _kill_again_and_again(
    plan: BulkPlan, demo: DemoProcess, command: _Command, session: aiohttp.ClientSession, report: BulkReport
) -> None:
    """Kill one or the other, in turns, at moments spread over the progress; return when the command has ended."""
    chance = random.Random(plan.seed)
    # One of each falls into the upload, when nothing is sent yet; the others are spread over the sending.
    later = [(turn + chance.random()) / (2 * plan.kills) for turn in range(2 * plan.kills - 2)]
    moments = [0.0, 0.0, *later][: 2 * plan.kills]
    deadline = time.monotonic() + SECONDS_MAX
    for turn, moment in enumerate(moments):
        while _settled(demo) < moment * plan.rows and command.code() is None and time.monotonic() < deadline:
            report.gateway_bytes_max = max(report.gateway_bytes_max, memory_peak(demo.pid))
            await asyncio.sleep(_LOOK_SECONDS)
        await asyncio.sleep(chance.uniform(0.0, 1.0))
        if turn % 2:
            command.kill()
            command.start()
        else:
            demo.kill()
            demo.start()
            await demo.ready(session)
            await _unbound(demo, session)
    while (code := command.code()) is None and time.monotonic() < deadline:
        report.gateway_bytes_max = max(report.gateway_bytes_max, memory_peak(demo.pid))
        await asyncio.sleep(_LOOK_SECONDS)
    if code != 0:
        report.broken.append(f"the command ended with {code}: {command.output[-500:]}")


async def _drained(demo: DemoProcess) -> int:
    """
    Return when every message has been delivered or has ended, or after long with how many have not.

    What the demo's inspector is still to be told is not waited for: with many rows that takes longer than sending them.
    """
    deadline = time.monotonic() + DRAIN_SECONDS_MAX
    while True:
        with closing(sqlite3.connect(f"file:{demo.data_dir / 'waypost.db'}?mode=ro", uri=True, timeout=30)) as database:
            [[left]] = database.execute("SELECT COUNT(*) FROM messages WHERE state < 80").fetchall()
        if not left or time.monotonic() > deadline:
            return int(left)
        await asyncio.sleep(1.0)


def _let_everybody_be_written_to(demo: DemoProcess) -> None:
    """A hundred thousand phones need not write first: the account takes its recipients' consent as given."""
    with closing(sqlite3.connect(demo.data_dir / "waypost.db", timeout=30)) as database:
        [[account_id]] = database.execute("SELECT id FROM accounts").fetchall()
    subprocess.run(
        [
            *(sys.executable, "-m", "waypost.cli", "accounts", "change", account_id, "--skip-optin"),
            *("--data-dir", str(demo.data_dir)),
        ],
        check=True,
        capture_output=True,
        cwd=demo.directory,
        timeout=60,
    )


async def _unbound(demo: DemoProcess, session: aiohttp.ClientSession) -> None:
    """Let the sandbox take messages as fast as they come; it forgets that when it is killed."""
    async with session.get(f"{demo.sandbox_url}/sandbox/numbers") as response:
        [number] = (await response.json())["numbers"]
    path = f"/sandbox/numbers/{number['phone_number_id']}"
    async with session.put(f"{demo.sandbox_url}{path}", json={"rate": 0}) as response:
        assert response.status < 300, await response.text()


def _settled(demo: DemoProcess) -> int:
    """Return how many messages have been accepted upstream."""
    with closing(sqlite3.connect(f"file:{demo.data_dir / 'waypost.db'}?mode=ro", uri=True, timeout=30)) as database:
        [[count]] = database.execute("SELECT COUNT(*) FROM attempts WHERE outcome = 'accepted'").fetchall()
    return int(count)


def _compare(plan: BulkPlan, demo: DemoProcess, result: Path, report: BulkReport) -> None:
    wanted = {recipient_of(number) for number in range(plan.rows)}
    with closing(sqlite3.connect(demo.data_dir / "waypost.db")) as database:
        bulks = database.execute("SELECT state, rows_total, rows_accepted, rows_refused FROM bulk_sends").fetchall()
        rows = database.execute("SELECT position, recipient, message_id FROM bulk_rows ORDER BY position").fetchall()
        messages = database.execute(
            "SELECT id, recipient, bulk_id, state, releases, content FROM messages WHERE bulk_id IS NOT NULL"
        ).fetchall()
    if bulks != [("done", plan.rows, plan.rows, 0)]:
        report.broken.append(f"bulk sends: {bulks}")
    if [(position, recipient) for position, recipient, _ in rows] != [
        (number, recipient_of(number)) for number in range(plan.rows)
    ]:
        report.broken.append("rows are not those of the file, in its order")
    if {row[2] for row in rows} != {row[0] for row in messages} or len(messages) != plan.rows:
        report.broken.append(f"{len(messages)} messages of {plan.rows} rows")
    for _, recipient, _, _, _, content in messages:
        if json.loads(content)["attributes"] != [f"Guest {int(recipient[7:])}", f"B-{int(recipient[7:])}"]:
            report.broken.append(f"{recipient} is written to with another's row")
    # Hit by a second kill after its one release, a message may not be sent again: it ends unknown, and that is told.
    unknown = {row[1] for row in messages if row[3] == 230 and row[4]}
    report.unknown = len(unknown)
    ends = collections.Counter(row[3] for row in messages if row[1] not in unknown)
    if not set(ends) <= {80, 90, 100}:
        report.broken.append(f"messages by state: {dict(ends)}")
    releases = {recipient: releases for _, recipient, _, _, releases, _ in messages}
    report.released = sum(1 for count in releases.values() if count)
    sent = collections.Counter(one.recipient for one in collect(demo.data_dir).acceptances)
    if not wanted - unknown <= sent.keys() <= wanted:
        report.broken.append(f"accepted upstream for {len(sent)} recipients of {len(wanted)}")
    for recipient, times in sent.items():
        if times > 1:
            report.accepted_twice += 1
            if not releases.get(recipient):
                report.broken.append(f"{recipient} was accepted {times} times upstream, without a release")
    _compare_result(plan, result, report)


def _compare_result(plan: BulkPlan, result: Path, report: BulkReport) -> None:
    if not result.exists():
        report.broken.append("there is no result")
        return
    with result.open(encoding="utf-8", newline="") as text:
        lines = [(int(line["line"]), line["recipient"], line["outcome"]) for line in csv.DictReader(text)]
    if lines != [(number + 2, recipient_of(number), "accepted") for number in range(plan.rows)]:
        report.broken.append("the result is not a line for each line of the file")


def main() -> int:
    """Run one trial; the exit code is 1 if a claim was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.bulk", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=3, help="of the gateway, and as many of the command")
    parser.add_argument("--seed", type=int, default=new_seed(), help="replays the moments of the kills")
    parser.add_argument("--directory", type=Path, help="keep all files of the trial here; default: a temporary one")
    given = parser.parse_args()
    directory = given.directory or Path(tempfile.mkdtemp(prefix="waypost-bulk-"))
    sys.stdout.write(f"seed {given.seed}, files in {directory}\n")
    sys.stdout.flush()
    report = asyncio.run(run_bulk_trial(BulkPlan(rows=given.rows, kills=given.kills, seed=given.seed), directory))
    sys.stdout.write(report.table() + "\n")
    return 1 if report.broken else 0


if __name__ == "__main__":
    sys.exit(main())
