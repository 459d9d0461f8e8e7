"""Services start in order, stop in reverse, within a budget, and none dies unnoticed."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable

import pytest
import structlog

from waypost.service import EXIT_CLEAN, EXIT_CRASHED, EXIT_OVERRUN, LoopWatchdog, run_services


async def nothing() -> None:
    pass


class Probe:
    """A service that records what happens to it in a list shared with others."""

    def __init__(
        self,
        name: str,
        seen: list[str],
        *,
        on_start: Callable[[], Awaitable[None]] = nothing,
        on_run: Callable[[asyncio.Event], Awaitable[object]] = asyncio.Event.wait,
        on_stop: Callable[[], Awaitable[None]] = nothing,
    ) -> None:
        self.name = name
        self._seen = seen
        self._on_start, self._on_run, self._on_stop = on_start, on_run, on_stop

    async def start(self) -> None:
        self._seen.append(f"{self.name} start")
        await self._on_start()

    async def run(self, stop: asyncio.Event) -> None:
        try:
            await self._on_run(stop)
        except asyncio.CancelledError:
            self._seen.append(f"{self.name} cancelled")
            raise
        self._seen.append(f"{self.name} ran")

    async def stop(self) -> None:
        self._seen.append(f"{self.name} stop")
        await self._on_stop()


async def fail(*_: object) -> None:
    raise RuntimeError("broken")


async def forever(*_: object) -> None:
    await asyncio.Event().wait()


async def test_services_start_in_order_and_stop_in_reverse_each_finished_before_the_next():
    seen: list[str] = []
    stop = asyncio.Event()

    code = await run_services(
        [Probe("a", seen), Probe("b", seen)], stop=stop, on_ready=lambda: (seen.append("ready"), stop.set())
    )

    assert code == EXIT_CLEAN
    assert seen == ["a start", "b start", "ready", "b ran", "b stop", "a ran", "a stop"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_drains_and_ends_clean(number: signal.Signals):
    seen: list[str] = []

    code = await run_services([Probe("a", seen)], on_ready=lambda: os.kill(os.getpid(), number))

    assert code == EXIT_CLEAN
    assert seen == ["a start", "a ran", "a stop"]


async def test_a_second_signal_cancels_what_still_runs_and_a_third_is_no_longer_caught():
    seen: list[str] = []
    loop = asyncio.get_running_loop()

    async def drain_for_ever(stop: asyncio.Event) -> None:
        await stop.wait()
        loop.call_soon(os.kill, os.getpid(), signal.SIGTERM)
        await forever()

    with structlog.testing.capture_logs() as lines:
        code = await run_services(
            [Probe("a", seen, on_run=drain_for_ever)], on_ready=lambda: os.kill(os.getpid(), signal.SIGTERM)
        )

    assert code == 128 + signal.SIGTERM
    assert seen == ["a start", "a cancelled", "a stop"]
    assert [line["event"] for line in lines] == ["process.stopping", "process.stopping_at_once"]
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


async def test_a_service_that_outlives_the_budget_is_cancelled_and_the_rest_still_stops():
    seen: list[str] = []
    stop = asyncio.Event()

    code = await run_services(
        [Probe("a", seen), Probe("b", seen, on_run=forever)], stop=stop, on_ready=stop.set, drain_seconds=0.01
    )

    assert code == EXIT_OVERRUN
    assert seen == ["a start", "b start", "b cancelled", "b stop", "a ran", "a stop"]


async def test_closing_that_outlives_the_budget_is_given_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("waypost.service._CLOSE_SECONDS", 0.01)
    seen: list[str] = []
    stop = asyncio.Event()

    code = await run_services(
        [Probe("a", seen), Probe("b", seen, on_stop=forever)], stop=stop, on_ready=stop.set, drain_seconds=0.01
    )

    assert code == EXIT_OVERRUN
    assert seen[-1] == "a stop"


async def test_a_crashed_service_takes_the_process_down_in_order_with_one_clear_line():
    seen: list[str] = []
    ready = asyncio.Event()

    async def fail_once_ready(_stop: asyncio.Event) -> None:
        await ready.wait()
        await fail()

    services = [Probe("a", seen), Probe("b", seen, on_run=fail_once_ready), Probe("c", seen)]
    with structlog.testing.capture_logs() as lines:
        code = await run_services(services, on_ready=ready.set)

    assert code == EXIT_CRASHED
    assert seen == ["a start", "b start", "c start", "c ran", "c stop", "b stop", "a ran", "a stop"]
    [line] = lines
    assert (line["event"], line["service"], line["phase"]) == ("service.crashed", "b", "run")
    assert line["exc_info"]


async def test_a_service_that_ends_unasked_counts_as_crashed():
    seen: list[str] = []

    with structlog.testing.capture_logs() as lines:
        code = await run_services([Probe("a", seen, on_run=lambda _stop: nothing())])

    assert code == EXIT_CRASHED
    assert [line["event"] for line in lines] == ["service.ended_unasked"]


async def test_a_failed_start_stops_what_was_started_and_starts_no_more():
    seen: list[str] = []
    ready: list[str] = []

    code = await run_services(
        [Probe("a", seen), Probe("b", seen, on_start=fail), Probe("c", seen)], on_ready=lambda: ready.append("")
    )

    assert code == EXIT_CRASHED
    assert seen == ["a start", "b start", "b stop", "a ran", "a stop"]
    assert ready == []


async def test_a_signal_while_starting_ends_the_start():
    seen: list[str] = []

    async def signal_and_hang() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await forever()

    code = await run_services([Probe("a", seen), Probe("b", seen, on_start=signal_and_hang), Probe("c", seen)])

    assert code == EXIT_CLEAN
    assert seen == ["a start", "b start", "b stop", "a ran", "a stop"]


async def test_a_failing_stop_does_not_keep_others_from_stopping():
    seen: list[str] = []
    stop = asyncio.Event()

    code = await run_services([Probe("a", seen), Probe("b", seen, on_stop=fail)], stop=stop, on_ready=stop.set)

    assert code == EXIT_CRASHED
    assert seen[-3:] == ["b stop", "a ran", "a stop"]


async def test_cancelling_the_whole_cancels_services_and_still_closes_them():
    seen: list[str] = []
    ready = asyncio.Event()
    whole = asyncio.create_task(run_services([Probe("a", seen, on_run=forever)], on_ready=ready.set))
    await ready.wait()

    whole.cancel()

    with pytest.raises(asyncio.CancelledError):
        await whole
    assert seen == ["a start", "a cancelled", "a stop"]


async def test_signals_may_be_left_to_the_caller():
    stop = asyncio.Event()
    handlers: list[object] = []

    def ready() -> None:
        handlers.append(signal.getsignal(signal.SIGTERM))
        stop.set()

    assert await run_services([], stop=stop, on_ready=ready, handle_signals=False) == EXIT_CLEAN
    assert handlers == [signal.SIG_DFL]


async def test_the_watchdog_reports_a_blocked_loop_once():
    watchdog = LoopWatchdog(stall_seconds=0.05, interval_seconds=0.01)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def block() -> None:
        ends = time.monotonic() + 0.1
        while time.monotonic() < ends:
            pass

    with structlog.testing.capture_logs() as lines:
        async with asyncio.TaskGroup() as group:
            group.create_task(watchdog.run(stop))
            loop.call_later(0.02, block)
            loop.call_later(0.2, block)
            loop.call_later(0.4, stop.set)

    [line] = [line for line in lines if line["event"] == "loop.stalled"]
    assert line["late_seconds"] >= 0.05


async def test_a_start_that_is_refused_for_a_known_reason_is_told_to_the_caller_and_is_no_crash():
    seen: list[str] = []

    with structlog.testing.capture_logs() as logs, pytest.raises(RuntimeError, match="broken"):
        await run_services([Probe("a", seen), Probe("b", seen, on_start=fail)], refusals=(RuntimeError,))

    assert seen == ["a start", "b start", "b stop", "a ran", "a stop"]
    assert [line for line in logs if line["log_level"] == "error"] == []
