"""The processes: ``serve`` for real work, ``demo`` for a first look. Both end with an exit code."""

import gc
import sys
from collections.abc import Awaitable, Callable

import uvloop

from waypost.app.demo import build_demo, demo_settings
from waypost.app.foundation import Foundation, open_foundation
from waypost.app.gateway import Gateway
from waypost.app.parts import Part
from waypost.app.seeding import SeedOrder
from waypost.maintenance.leases import DataDirectoryInUseError
from waypost.observe import configure_logging, get_logger
from waypost.service import run_services
from waypost.settings import Role, Settings
from waypost.settings_text import SettingsError
from waypost.store.connections import ConnectionLost, UnsafeDatabaseError
from waypost.store.engine import StoreUnavailableError
from waypost.store.migrate import SchemaTooNewError
from waypost.store.probing import find_missing_wall
from waypost.store.sealing import SealBrokenError
from waypost.store.users import has_users
from waypost.web.first_run import first_run_code

EXIT_CANNOT_START = 1
GC_THRESHOLDS = (50_000, 20, 50)
SWITCH_SECONDS = 0.0005
"""
How long a busy thread keeps the interpreter while another waits for it.

The store's threads let go of it at every step of a statement; at Python's own 5 ms each of these steps may wait that
long for it while the event loop is busy.
"""

_EXPECTED = (
    ConnectionLost,
    DataDirectoryInUseError,
    OSError,
    SchemaTooNewError,
    SealBrokenError,
    SettingsError,
    StoreUnavailableError,
    UnsafeDatabaseError,
)
"""What keeps a process from starting and is explained by its own text."""


def run_serve(settings: Settings, roles: frozenset[Role]) -> int:
    """Run a gateway with these roles until a signal; return the exit code."""
    return _run(settings, lambda: _serve(settings, roles))


def run_demo(settings: Settings, seed: SeedOrder | None = None) -> int:
    """
    Run gateway, sandbox and webhook inspector in one process until a signal; return the exit code.

    ``seed``: traffic of the past that is added first.
    """
    return _run(settings, lambda: _demo(settings, seed))


def _run(settings: Settings, main: Callable[[], Awaitable[int]]) -> int:
    configure_logging(log_format=settings.log_format, level=settings.log_level)

    async def guarded() -> int:
        try:
            return await main()
        except _EXPECTED as error:
            sys.stderr.write(f"Waypost cannot start: {error}\n")
            return EXIT_CANNOT_START

    return uvloop.run(guarded())


async def _serve(settings: Settings, roles: frozenset[Role]) -> int:
    foundation = await open_foundation(settings)
    log = get_logger("process")
    cure = await foundation.database.read(find_missing_wall)
    if cure is not None:
        log.warning("process.wall_missing", cure=cure)
    gateway = Gateway(foundation, roles)
    first_run = await _first_run(foundation) if "accept" in roles and settings.console.enabled else None

    def announce() -> None:
        settle_memory()
        gateway.is_ready = True
        log.info("process.ready", roles=sorted(roles), node=foundation.node, port=gateway.server.port)
        if first_run is not None:
            sys.stderr.write(first_run)

    return await run_services(
        gateway.services, drain_seconds=settings.drain_seconds, on_ready=announce, refusals=_EXPECTED
    )


async def _first_run(foundation: Foundation) -> str | None:
    """Return how the console's first user is made; None: there is one. Never logged: the code is a secret."""
    if await foundation.database.read(has_users):
        return None
    code, url = first_run_code(foundation.token_key), foundation.settings.base_url
    return f"The console has no user yet. Make the first one at {url}/console/first-run with the code {code}\n"


async def _demo(settings: Settings, seed: SeedOrder | None) -> int:
    demo = await build_demo(await open_foundation(demo_settings(settings)), seed)
    is_known = await demo.gateway.foundation.database.read(has_users)

    def announce() -> None:
        settle_memory()
        demo.announce(has_users=is_known)

    return await run_services(
        [*demo.services, Part(name="demo-greeting", opening=demo.greet)],
        drain_seconds=settings.drain_seconds,
        on_ready=announce,
        refusals=_EXPECTED,
    )


def settle_memory() -> None:
    """
    Take what is there at the start out of the garbage collector's sight, and let it run less often.

    The program itself is some hundred thousand objects that never die; each full collection would walk them all. What a
    request leaves behind is freed by reference counts, so collecting seldom costs little memory.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    sys.setswitchinterval(SWITCH_SECONDS)
