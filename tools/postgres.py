"""
A throw-away PostgreSQL server on a free loopback port, for tests and benchmarks.

The server keeps its default durability (`fsync`, `full_page_writes` and `synchronous_commit` on): Waypost refuses to
start on anything weaker, and figures measured on anything weaker would not be honest. For the same reason databases
belong to an ordinary role: a superuser stands above row-level security.
"""

import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import psycopg
from psycopg import sql

VERSION_MIN = 14
START_SECONDS_MAX = 60.0
_SERVER_PROGRAMS = ("initdb", "postgres")
SUPERUSER = "postgres"
OWNER = "waypost"


class PostgresMissingError(RuntimeError):
    """No PostgreSQL server of a usable version is installed on this machine."""


class PostgresStartError(RuntimeError):
    """The server did not come up; the message ends with the tail of its log."""


def find_binaries() -> Path:
    """
    Find the directory that holds `initdb` and `postgres` of the newest installed PostgreSQL.

    Returns:
        A directory such as `/usr/lib/postgresql/15/bin`, of version 14 or newer.

    Raises:
        PostgresMissingError: none is installed; the message says what to install.
    """
    candidates = list(Path("/usr/lib/postgresql").glob("*/bin"))
    on_path = shutil.which("postgres")
    if on_path is not None:
        candidates.append(Path(on_path).resolve().parent)
    versions = [(_version(directory), directory) for directory in candidates]
    usable = [(version, directory) for version, directory in versions if version >= VERSION_MIN]
    if not usable:
        raise PostgresMissingError(
            f"PostgreSQL {VERSION_MIN} or newer is needed (its server programs, not only psql). "
            "On Debian or Ubuntu: apt-get install postgresql"
        )
    return max(usable)[1]


def _version(directory: Path) -> int:
    """Return the major version of the server in `directory`, or 0 where a program is missing."""
    if not all((directory / program).is_file() for program in _SERVER_PROGRAMS):
        return 0
    answer = subprocess.run([directory / "postgres", "--version"], capture_output=True, text=True, check=False)
    match = re.search(r"(\d+)", answer.stdout)
    return int(match.group(1)) if match else 0


def _unprivileged_user() -> pwd.struct_passwd | None:
    """Return the user to run the server as, or None to stay who we are: initdb refuses root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PostgresMissingError("PostgreSQL refuses to run as root, and there is no user `postgres` or `nobody`.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class PostgresCluster:
    """
    One PostgreSQL server in a temporary directory; a context manager.

    `stop` and `start` may be called in between, to rehearse a database that goes away: data and port stay. Leaving the
    context stops the server and removes the directory.
    """

    def __init__(self, *, server_settings: Mapping[str, str] | None = None) -> None:
        self._binaries = find_binaries()
        self._user = _unprivileged_user()
        self._server_settings = dict(server_settings or {})
        self._directory: Path | None = None
        self._server: subprocess.Popen[bytes] | None = None
        self._databases = 0
        self.port = 0

    def __enter__(self) -> Self:
        # Not under pytest's own temporary directory: that one is closed to other users, and socket paths must be short.
        self._directory = Path(tempfile.mkdtemp(prefix="waypost-pg-"))
        try:
            if self._user is not None:
                os.chown(self._directory, self._user.pw_uid, self._user.pw_gid)
            self._initialise(self._directory)
            self.port = _free_port()
            self.start()
            self._create_roles()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(how="immediate")
        self._remove()

    def start(self) -> None:
        """
        Start the server and return once it answers; does nothing when it runs.

        Raises:
            PostgresStartError: it ended, or did not answer within 60 s.
        """
        if self._server is not None:
            return
        directory = self._home()
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(directory),
            "logging_collector": "off",
            "max_connections": "200",
            **self._server_settings,
        }
        command: list[str | Path] = [self._binaries / "postgres", "-D", directory / "data"]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        setpriv = shutil.which("setpriv")
        if setpriv is not None:
            # The server ends with us, even when we are killed and clean nothing up.
            command = [setpriv, "--pdeathsig", "QUIT", "--", *command]
        with (directory / "server.log").open("ab") as log:
            self._server = subprocess.Popen(command, stdout=log, stderr=log, cwd=directory, **self._identity())
        self._wait_until_it_answers()

    def stop(self, *, how: Literal["fast", "immediate"] = "fast") -> None:
        """Stop the server: `fast` rolls back and checkpoints, `immediate` is a crash. Nothing happens when stopped."""
        if self._server is None:
            return
        self._server.send_signal({"fast": 2, "immediate": 3}[how])
        self._server.wait(START_SECONDS_MAX)
        self._server = None

    def url(self, database: str = "postgres", *, role: str = OWNER) -> str:
        """Return a `postgresql://` URL of one database, without a password, for its owner or another role."""
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}"

    def create_database(self, *, template: str = "template1") -> str:
        """Create a database with a fresh name from `template`, owned by an ordinary role, and return its name."""
        self._databases += 1
        name = f"waypost_{self._databases}"
        self.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(*map(sql.Identifier, (name, template, OWNER))),
        )
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database and whatever is connected to it; a missing one is no error."""
        self.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def execute(self, statement: sql.Composed | sql.SQL) -> None:
        """Run one statement as the superuser, outside a transaction, in the database `postgres`."""
        with psycopg.connect(self.url(role=SUPERUSER), autocommit=True) as connection:
            connection.execute(statement)

    @property
    def pid(self) -> int:
        """The server's process, whose children serve the connections; 0 while it is stopped."""
        return 0 if self._server is None else self._server.pid

    def log_tail(self, lines: int = 20) -> str:
        """Return the last lines of the server's log."""
        text = (self._home() / "server.log").read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def _initialise(self, directory: Path) -> None:
        command: list[str | Path] = [
            self._binaries / "initdb",
            "-D",
            directory / "data",
            "-U",
            SUPERUSER,
            "--auth=trust",
        ]
        command += ["--encoding=UTF8", "--locale=C", "--no-sync"]
        answer = subprocess.run(command, capture_output=True, text=True, check=False, cwd=directory, **self._identity())
        if answer.returncode != 0:
            raise PostgresStartError(f"initdb failed:\n{answer.stderr}")

    def _create_roles(self) -> None:
        """Create the owner of databases, and the role that it works as on behalf of one account."""
        owner, account = sql.Identifier(OWNER), sql.Identifier(f"{OWNER}_account")
        self.execute(sql.SQL("CREATE ROLE {} LOGIN").format(owner))
        self.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(account))
        self.execute(sql.SQL("GRANT {} TO {}").format(account, owner))

    def _wait_until_it_answers(self) -> None:
        assert self._server is not None
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                psycopg.connect(self.url(role=SUPERUSER), connect_timeout=5).close()
            except psycopg.OperationalError as error:
                if self._server.poll() is not None or time.monotonic() > deadline:
                    raise PostgresStartError(f"PostgreSQL did not start:\n{self.log_tail()}") from error
                time.sleep(0.02)
            else:
                return

    def _identity(self) -> dict[str, Any]:
        """Return the arguments that make a child process run as the unprivileged user."""
        if self._user is None:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}

    def _home(self) -> Path:
        assert self._directory is not None, "use `with PostgresCluster() as cluster`"
        return self._directory

    def _remove(self) -> None:
        if self._server is not None:
            self._server.kill()
            self._server.wait()
            self._server = None
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None
