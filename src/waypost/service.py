"""
Running a set of services as one process: start in order, stop in reverse, within a budget.

A service is started, runs until it is asked to stop, and is stopped. The shutdown budget (`drain_seconds`) is for all
of them together. The first SIGTERM or SIGINT begins the shutdown, the second cancels what still runs, the third is not
handled and ends the process on the spot: nothing accepted is lost by that either, which is what the store is for.
"""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from waypost.observe import get_logger

EXIT_CLEAN: Final = 0
EXIT_CRASHED: Final = 70  # EX_SOFTWARE of sysexits.h
EXIT_OVERRUN: Final = 75  # EX_TEMPFAIL of sysexits.h
_CLOSE_SECONDS: Final = 5.0
_WATCH_QUIET_SECONDS: Final = 10.0
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

_logger = get_logger("service")


class Service(Protocol):
    """
    A part of the process with a life of its own. `name` is for logs.

    The calls come in this order, each once: `start`, `run`, `stop`. When starting fails, `run` is left out; `stop` must
    then clear up what a half-done `start` opened. `stop` before `start` and a second `stop` do nothing.
    """

    @property
    def name(self) -> str: ...

    async def start(self) -> None:
        """Open what is needed; once this returns, services started later may rely on this one."""

    async def run(self, stopping: asyncio.Event) -> None:
        """
        Work until `stopping` is set, then finish what was begun, and return.

        Returning earlier, or raising, is a defect and takes the process down. Cancellation means that the budget is
        used up: return as soon as what must be recorded is recorded.
        """

    async def stop(self) -> None:
        """Close what `start` opened. Services started later have stopped by now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Running:
    service: Service
    stop: asyncio.Event
    task: asyncio.Task[None] | None  # None while it has not been started in full.


async def run_services(
    services: Sequence[Service],
    *,
    drain_seconds: float = 30.0,
    on_ready: Callable[[], None] | None = None,
    stop: asyncio.Event | None = None,
    handle_signals: bool = True,
    refusals: tuple[type[Exception], ...] = (),
) -> int:
    """
    Run the services until a signal, `stop`, or a crash, and return the process's exit code.

    Args:
        services: in the order of starting; a later one may use an earlier one.
        drain_seconds: what stopping may take, for all services together.
        on_ready: called once, when every service has started.
        stop: setting it begins the shutdown, as a signal does.
        handle_signals: off for a caller who is not in the main thread or has handlers of its own.
        refusals: what a `start` may raise that is no defect, and explains itself to whoever started the process.

    Returns:
        0 after a clean stop; 70 when a service crashed; 75 when the budget was not enough; 128 + n when a second
        signal n cut the stop short.

    Raises one of `refusals`, once what had started by then has stopped.
    """
    supervisor = _Supervisor(drain_seconds=drain_seconds, stop=stop or asyncio.Event(), refusals=refusals)
    with _signals_handled(supervisor.take_signal) if handle_signals else contextlib.nullcontext():
        return await supervisor.run(services, on_ready)


@contextlib.contextmanager
def _signals_handled(take_signal: Callable[[int], bool]) -> Iterator[None]:
    loop = asyncio.get_running_loop()

    def handle(number: int) -> None:
        if not take_signal(number):
            for one in _SIGNALS:
                loop.remove_signal_handler(one)

    for number in _SIGNALS:
        loop.add_signal_handler(number, handle, number)
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


class _Supervisor:
    def __init__(self, *, drain_seconds: float, stop: asyncio.Event, refusals: tuple[type[Exception], ...]) -> None:
        self._drain_seconds = drain_seconds
        self._stop = stop
        self._refusals = refusals
        self._refusal: Exception | None = None
        self._hurry = asyncio.Event()
        self._exit_code = EXIT_CLEAN

    def take_signal(self, number: int) -> bool:
        """Begin the shutdown, or cut it short the second time; return whether one more signal would be listened to."""
        name = signal.Signals(number).name
        if not self._stop.is_set():
            _logger.info("process.stopping", signal=name, drain_seconds=self._drain_seconds)
            self._stop.set()
            return True
        _logger.warning("process.stopping_at_once", signal=name)
        self._exit_code = 128 + number
        self._hurry.set()
        return False

    async def run(self, services: Sequence[Service], on_ready: Callable[[], None] | None) -> int:
        running: list[_Running] = []
        async with asyncio.TaskGroup() as group:
            try:
                if await self._start_all(group, services, running):
                    if on_ready is not None:
                        on_ready()
                    await self._stop.wait()
            except asyncio.CancelledError:
                self._hurry.set()
                raise
            finally:
                await self._drain(group, running)
        if self._refusal is not None:
            raise self._refusal
        return self._exit_code

    async def _start_all(self, group: asyncio.TaskGroup, services: Sequence[Service], running: list[_Running]) -> bool:
        """Start the services in order; return whether all of them run and nobody asked to stop meanwhile."""
        for service in services:
            stop = asyncio.Event()
            running.append(_Running(service=service, stop=stop, task=None))
            starting = group.create_task(self._guard(service.start, service, "start"), name=f"start {service.name}")
            if not await _is_done_before(group, starting, self._stop):
                starting.cancel()
                await asyncio.wait({starting})
            if self._stop.is_set():
                return False
            task = group.create_task(self._keep(service, stop), name=service.name)
            running[-1] = _Running(service=service, stop=stop, task=task)
        return True

    async def _keep(self, service: Service, stop: asyncio.Event) -> None:
        """Run a service; if it ends unasked, take the process down."""
        await self._guard(lambda: service.run(stop), service, "run")
        if not stop.is_set() and not self._stop.is_set():
            _logger.error("service.ended_unasked", service=service.name)
            self._fail()

    async def _guard(self, work: Callable[[], Awaitable[None]], service: Service, phase: str) -> None:
        try:
            await work()
        except Exception as error:  # The outermost edge of a service: whatever it is, the process goes down in order.
            if phase == "start" and isinstance(error, self._refusals):
                self._refusal = error
                self._stop.set()
                return
            _logger.exception("service.crashed", service=service.name, phase=phase)
            self._fail()

    def _fail(self) -> None:
        self._exit_code = EXIT_CRASHED
        self._stop.set()

    async def _drain(self, group: asyncio.TaskGroup, running: Sequence[_Running]) -> None:
        """Stop what runs in reverse order: each has finished and closed before the one it relies on is asked."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._drain_seconds
        for one in reversed(running):
            one.stop.set()
            if one.task is not None and not await _is_done_before(group, one.task, self._hurry, deadline=deadline):
                if not self._hurry.is_set():
                    _logger.warning("service.drain_overrun", service=one.service.name)
                    self._exit_code = self._exit_code or EXIT_OVERRUN
                one.task.cancel()
                await asyncio.wait({one.task})
            try:
                async with asyncio.timeout_at(max(deadline, loop.time() + _CLOSE_SECONDS)):
                    await self._guard(one.service.stop, one.service, "stop")
            except TimeoutError:
                _logger.warning("service.close_overrun", service=one.service.name)
                self._exit_code = self._exit_code or EXIT_OVERRUN


async def _is_done_before(
    group: asyncio.TaskGroup, task: asyncio.Task[None], event: asyncio.Event, *, deadline: float | None = None
) -> bool:
    """Wait until the task is done, the event set, or the deadline (of the loop's clock) past; return whether it is."""
    waiter = group.create_task(event.wait())
    try:
        seconds = None if deadline is None else max(0.0, deadline - asyncio.get_running_loop().time())
        await asyncio.wait({task, waiter}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiter.cancel()
    return task.done()


async def rest(stopping: asyncio.Event, seconds: float) -> None:
    """Wait this long between two turns of a loop, or until it is asked to stop."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stopping.wait()


class LoopWatchdog:
    """
    Notices when something blocks the event loop: it sleeps briefly and measures how late it wakes.

    Logs `loop.stalled` with the lateness, at most once per 10 s, when it exceeds `stall_seconds`.
    """

    def __init__(self, *, stall_seconds: float = 1.0, interval_seconds: float = 0.25) -> None:
        self._stall_seconds = stall_seconds
        self._interval_seconds = interval_seconds

    async def run(self, stopping: asyncio.Event) -> None:
        """Watch until stopped."""
        loop = asyncio.get_running_loop()
        quiet_until = 0.0
        while not stopping.is_set():
            due = loop.time() + self._interval_seconds
            await rest(stopping, self._interval_seconds)
            late_seconds = loop.time() - due
            if late_seconds > self._stall_seconds and due > quiet_until:
                quiet_until = due + _WATCH_QUIET_SECONDS
                _logger.warning("loop.stalled", late_seconds=round(late_seconds, 3))
