"""
Fixtures every area shares: a real PostgreSQL, and a wall around the machine.

One PostgreSQL server is started per test process, on first use; each test gets a database of its own. Connections and
name lookups that would leave the machine fail the test that tried them.
"""

import asyncio
import gc
import ipaddress
import logging
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
import uvicorn.server
from tools.postgres import PostgresCluster

from waypost.store.migrate import migrate

_escapes: list[str] = []


class LeftTheMachineError(RuntimeError):
    """A test tried to reach something that is not on this machine."""


def _is_loopback(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host in {None, "", "localhost"}:
        return True
    try:
        address = ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _is_address(host: object) -> bool:
    try:
        ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return False
    return True


def _refuse_leaving(event: str, arguments: tuple[object, ...]) -> None:
    """Refuse, as an audit hook, every connection and every lookup that would leave the machine."""
    if event in {"socket.connect", "socket.sendto"}:
        address = arguments[1]
        if isinstance(address, tuple) and not _is_loopback(address[0]):
            _escapes.append(f"{event} {address[0]}:{address[1]}")
            raise LeftTheMachineError(_escapes[-1])
    elif event in {"socket.getaddrinfo", "socket.gethostbyname"}:
        host = arguments[0]
        if not _is_loopback(host) and not _is_address(host):
            _escapes.append(f"{event} {host!r}")
            raise LeftTheMachineError(_escapes[-1])


def _install_trace_function_patiently(function: Any, *, install: Any = sys.settrace) -> None:
    """
    Install a trace function, again if another thread is doing so at this very moment.

    CPython 3.11 raises then, instead of waiting; measuring coverage, each thread installs one as it begins, and the
    thread that loses would not begin at all.
    """
    while True:
        try:
            install(function)
        except RuntimeError:
            continue
        return


class _Impatient:
    """
    What uvicorn sees of asyncio: it sleeps a tenth of a second between two looks whether it is to stop.

    That is nothing to a server, but thousands of tests stop one, or three.
    """

    sleep_seconds_max = 0.02

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, self.sleep_seconds_max))


def _log_plainly() -> None:
    """
    Show what was logged beside a failed test, a plain line each.

    By default structlog draws a box around each frame of a traceback, which takes it two seconds of the event loop.
    """
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.dev.ConsoleRenderer(
                colors=False, timestamp_key="time", exception_formatter=structlog.dev.plain_traceback
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stdout),
        cache_logger_on_first_use=False,
    )


def pytest_configure() -> None:
    if sys.version_info < (3, 12):
        sys.settrace = _install_trace_function_patiently
    # A shell has what runs in its background ignore interrupts, and all that this starts would go on ignoring them.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    uvicorn.server.asyncio = _Impatient()  # type: ignore[attr-defined]
    # An audit hook sees Python's own sockets whatever library uses them, and cannot be patched away by a test.
    sys.addaudithook(_refuse_leaving)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Log plainly again: a command that ran in this process has set up logging for itself."""
    _log_plainly()


def pytest_collection_finish() -> None:
    """Keep the cycle collector from walking, in every test, all the modules and tests that stay to the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _nothing_leaves_the_machine() -> Iterator[None]:
    """Fail a test that tried to leave the machine, even if the code under test swallowed the refusal."""
    _escapes.clear()
    yield
    escapes = list(_escapes)
    _escapes.clear()
    assert escapes == []


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[PostgresCluster]:
    """Start one real PostgreSQL server for this test process; tests may stop and start it, and must leave it running."""
    with PostgresCluster() as cluster:
        yield cluster


@pytest.fixture
def postgres_url(postgres_cluster: PostgresCluster) -> Iterator[str]:
    """Give the test an empty database of its own: `postgresql://...`."""
    name = postgres_cluster.create_database()
    yield postgres_cluster.url(name)
    postgres_cluster.drop_database(name)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy: migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("template") / "waypost.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres_cluster: PostgresCluster) -> str:
    """The name of a migrated PostgreSQL database to copy."""
    name = postgres_cluster.create_database()
    migrate(postgres_cluster.url(name))
    return name


@pytest.fixture
def migrated_sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """Give the test a migrated SQLite database of its own."""
    shutil.copyfile(sqlite_template, tmp_path / "waypost.db")
    return f"sqlite:///{tmp_path}/waypost.db"


@pytest.fixture
def migrated_postgres_url(postgres_cluster: PostgresCluster, postgres_template: str) -> Iterator[str]:
    """Give the test a migrated PostgreSQL database of its own."""
    name = postgres_cluster.create_database(template=postgres_template)
    yield postgres_cluster.url(name)
    postgres_cluster.drop_database(name)


@pytest.fixture(params=["migrated_sqlite_url", "migrated_postgres_url"], ids=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Give the test a migrated database of its own, of either kind."""
    url: str = request.getfixturevalue(request.param)
    return url
