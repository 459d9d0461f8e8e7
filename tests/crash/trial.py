"""One trial: load, kills at random moments, restarts at once, a bounded drain, and the comparison of all ledgers."""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import aiohttp
from tests.crash.checker import Figures, Findings, check
from tests.crash.client_ledger import ClientLedger
from tests.crash.demo_process import DemoProcess
from tests.crash.evidence import collect, count_unfinished
from tests.crash.load import Load

DRAIN_SECONDS_MAX = 180.0
REST_EVERY_KILLS = 10
REST_SECONDS_MAX = 25.0
KILL_WITHIN_SECONDS = 2.0
KILLS_WHILE_STARTING = 0.15
"""Share of kills that do not wait until the process serves."""
WEATHER: tuple[dict[str, object], ...] = (
    {"kind": "slow", "seconds": 0.15, "share": 0.3},
    {"kind": "lost_answer", "then": "close", "share": 0.02},
    {"kind": "reset_before", "share": 0.01},
    {"kind": "http_5xx", "share": 0.01},
    {"kind": "duplicate_status", "share": 0.05},
    {"kind": "delayed_statuses", "seconds": 0.5, "share": 0.1},
    {"kind": "failed_status", "share": 0.02},
)
"""What goes wrong upstream besides; the sandbox forgets it when it is killed, so it is set anew at each start."""
_POLL_SECONDS = 0.25
_LOOKUPS_AT_ONCE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialPlan:
    """What a trial does; `seed` decides the moments of the kills and what the clients send."""

    kills: int
    seed: int
    rate_per_second: float = 60.0
    more_sources: int = 2
    has_weather: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialReport:
    """What came of it."""

    plan: TrialPlan
    figures: Figures
    findings: Findings
    left: dict[str, int]
    exit_code: int
    seconds: float
    restart_seconds_median: float
    restart_seconds_max: float

    def table(self) -> str:
        """Return the figures as text, one a line, each zero with what it was out of."""
        kills = max(self.plan.kills, 1)
        lines = [
            f"kill -9 of the demo, seed {self.plan.seed}: {self.plan.kills} kills in {self.seconds:.0f} s",
            f"  ready again after {self.restart_seconds_median:.2f} s (median), {self.restart_seconds_max:.2f} s (most)",
        ]
        lines += [f"  {one.name.replace('_', ' '):<24}{getattr(self.figures, one.name):>8}" for one in fields(Figures)]
        for one in fields(Findings):
            found = getattr(self.findings, one.name)
            bound = f"  (95 %: below {300 / kills:.1f} % of kills)" if not found else "  <-- VIOLATION"
            lines.append(f"  {one.name.replace('_', ' '):<24}{len(found):>8}{bound}")
        lines += [f"  left after the drain: {self.left}"] if self.left else []
        for name, found in self.findings.violations().items():
            lines += [f"{name}: {example}" for example in found[:10]]
        return "\n".join(lines)


async def run_trial(plan: TrialPlan, directory: Path) -> TrialReport:
    """Run one; everything it leaves is below `directory`, which must be empty or missing."""
    began = time.monotonic()
    demo = DemoProcess(directory)
    ledger = ClientLedger(directory / "clients.jsonl")
    try:
        async with Load(demo, ledger, seed=plan.seed, rate_per_second=plan.rate_per_second) as load:
            demo.start()
            await demo.ready(load.session)
            await load.prepare(more_sources=plan.more_sources)
            demo.kill()
            demo.start()
            await demo.ready(load.session)
            demo.allow_for_restarts_of(demo.seconds_to_ready[-1])
            load.start()
            await _kill_again_and_again(plan, demo, load)
            await load.stop()
            await _set_weather(demo, load.session, ())
            left = await drain(demo, load.session, seconds_max=DRAIN_SECONDS_MAX)
            answers = await look_up(demo, load)
        exit_code = await demo.terminate()
    finally:
        demo.kill()
        ledger.close()
    findings, figures = check(ledger.asked.values(), answers, collect(demo.data_dir))
    if exit_code != 0:
        findings.other.append(f"the demo ended with {exit_code} after SIGTERM")
    restarts = sorted(demo.seconds_to_ready[1:]) or [0.0]
    return TrialReport(
        plan=plan,
        figures=figures,
        findings=findings,
        left=left,
        exit_code=exit_code,
        seconds=time.monotonic() - began,
        restart_seconds_median=restarts[len(restarts) // 2],
        restart_seconds_max=restarts[-1],
    )


async def _kill_again_and_again(plan: TrialPlan, demo: DemoProcess, load: Load) -> None:
    chance = random.Random(plan.seed)
    weather = WEATHER if plan.has_weather else ()
    for number in range(1, plan.kills + 1):
        if number == 1 or chance.random() >= KILLS_WHILE_STARTING:
            await demo.ready(load.session)
            await _set_weather(demo, load.session, weather)
        await asyncio.sleep(chance.uniform(0, KILL_WITHIN_SECONDS))
        demo.kill()
        demo.start()
        if number % REST_EVERY_KILLS == 0 and number < plan.kills:
            # So that attempts in doubt are released between kills, and not only when all kills are over.
            await demo.ready(load.session)
            await load.stop()
            await drain(demo, load.session, seconds_max=REST_SECONDS_MAX)
            load.start()
    await demo.ready(load.session)


async def _set_weather(
    demo: DemoProcess, session: aiohttp.ClientSession, rules: Sequence[Mapping[str, object]]
) -> None:
    async with session.delete(f"{demo.sandbox_url}/sandbox/faults") as response:
        assert response.status == 200, await response.text()
    for rule in rules:
        async with session.post(f"{demo.sandbox_url}/sandbox/faults", json=rule) as response:
            assert response.status == 201, await response.text()


async def drain(demo: DemoProcess, session: aiohttp.ClientSession, *, seconds_max: float) -> dict[str, int]:
    """Return when nothing is under way any more, or after `seconds_max` with what still is."""
    deadline = time.monotonic() + seconds_max
    while True:
        left = await asyncio.to_thread(count_unfinished, demo.data_dir)
        left |= await _unfinished_upstream(demo, session)
        if not left or time.monotonic() > deadline:
            return left
        await asyncio.sleep(_POLL_SECONDS)


async def _unfinished_upstream(demo: DemoProcess, session: aiohttp.ClientSession) -> dict[str, int]:
    async with session.get(f"{demo.sandbox_url}/sandbox/status") as response:
        status = await response.json()
    names = ("unsettled", "unacknowledged_inbound", "webhook_queue")
    return {name: status[name] for name in names if status[name]}


async def look_up(demo: DemoProcess, load: Load) -> dict[str, str | None]:
    """Ask the API for every id that a client was given; return its status, None for one that it does not know."""
    answers: dict[str, str | None] = {}
    waiting = iter(sorted({one for asked in load.ledger.asked.values() for ids in asked.ids for one in ids}))
    headers = {"Authorization": f"Bearer {demo.facts()['api_key']}"}

    async def ask() -> None:
        for message_id in waiting:
            async with load.session.get(f"{demo.base_url}/api/v2/message/{message_id}", headers=headers) as response:
                body = await response.json()
                answers[message_id] = body["data"]["status"] if response.status == 200 else None

    async with asyncio.TaskGroup() as group:
        for _ in range(_LOOKUPS_AT_ONCE):
            group.create_task(ask())
    return answers


def new_seed() -> int:
    """Return a seed to print and replay."""
    return random.SystemRandom().randrange(1_000_000)
