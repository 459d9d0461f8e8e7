"""
What one figure is played on: a database with tenants, the world around, and whoever is measured.

Each side that is measured has a database of its own, alike and equally full. Everything lives in a temporary directory
and listens on the loopback interface.
"""

import contextlib
import marshal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import orjson
from psycopg import sql
from tools.postgres import PostgresCluster

from benchmarks.processes import Child, cpu_seconds, free_port
from benchmarks.tenants import Tenants, create_tenants
from waypost.master_key import open_sealer
from waypost.settings import Settings
from waypost.store.connections import Connection, connector_for
from waypost.store.migrate import migrate
from waypost.store.statements import Sql

DatabaseKind = Literal["sqlite", "postgresql"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side's database, opened for us, and the settings a gateway on it has."""

    name: str
    directory: Path
    database_url: str
    connection: Connection
    tenants: Tenants
    settings: dict[str, Any]

    @property
    def port(self) -> int:
        """Where whoever is measured on this side listens."""
        return int(self.settings["port"])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def count(self, statement: str) -> int:
        """Return the one number that a statement selects."""
        row = self.connection.tx.one(Sql(statement))
        assert row is not None
        return int(row[0])

    def column(self, statement: str) -> set[str]:
        """Return the first column of what a statement selects."""
        return {row[0] for row in self.connection.tx.rows(Sql(statement))}


class Stage:
    """Made by `open_stage`; gives sides and processes, and ends them."""

    def __init__(self, kind: DatabaseKind, directory: Path, exits: contextlib.ExitStack) -> None:
        self.kind = kind
        self.directory = directory
        self._exits = exits
        self._cluster = exits.enter_context(PostgresCluster()) if kind == "postgresql" else None
        self.world = exits.enter_context(
            Child("benchmarks.world", log_path=directory / "world.log", takes_commands=True)
        )

    def add_side(self, name: str, *, has_endpoints: bool = False) -> Side:
        """Make a database with the tenants in it."""
        directory = self.directory / name
        directory.mkdir()
        if self._cluster is None:
            url = f"sqlite:///{directory}/waypost.db"
        else:
            url = self._cluster.url(self._cluster.create_database())
        migrate(url)
        settings: dict[str, Any] = {
            "port": free_port(),
            "data_dir": str(directory),
            "database_url": url,
            "sandbox_url": f"http://127.0.0.1:{self.world.port}/v25.0",
            "allow_http_urls": True,
            "allowed_networks": "127.0.0.0/8",
            "log_format": "json",
            "http": {"address_connections_max": 1000},
        }
        connection = connector_for(url).open_writer()
        self._exits.callback(connection.close)
        sealer = open_sealer(Settings(**settings))
        tenants = create_tenants(connection, sealer, hook_port=self.world.port, has_endpoints=has_endpoints)
        return Side(
            name=name,
            directory=directory,
            database_url=url,
            connection=connection,
            tenants=tenants,
            settings=settings,
        )

    def start_gateway(self, side: Side, *, roles: Sequence[str]) -> Child:
        """Start a gateway on a side, ready to serve."""
        self.settle(side)
        child = self._exits.enter_context(
            Child(
                "benchmarks.gateway",
                orjson.dumps({**side.settings, "roles": ",".join(roles)}).decode(),
                log_path=side.directory / "gateway.log",
            )
        )
        child.wait_until_ready(f"{side.url}/health/ready")
        return child

    def start_bare(self, what: str, side: Side, **others: Any) -> Child:
        """Start one of `benchmarks.bare` on a side, ready to serve."""
        self.settle(side)
        config = {
            "port": side.port,
            "database_url": side.database_url,
            "world_port": self.world.port,
            **others,
        }
        child = self._exits.enter_context(
            Child(f"benchmarks.bare.{what}", orjson.dumps(config).decode(), log_path=side.directory / "bare.log")
        )
        child.wait_until_ready(f"{side.url}/health/ready")
        return child

    def start_commanded(self, what: str, **config: Any) -> Child:
        """Start one of `benchmarks.bare` that takes commands."""
        return self._exits.enter_context(
            Child(
                f"benchmarks.bare.{what}",
                orjson.dumps({"world_port": self.world.port, **config}).decode(),
                log_path=self.directory / f"{what}.log",
                takes_commands=True,
            )
        )

    def settle(self, side: Side) -> None:
        """Let the database have statistics, as one that has run for a while has, and nothing to catch up on."""
        tx = side.connection.tx
        if self._cluster is not None:
            tx.run(Sql("VACUUM ANALYZE"))
            self._cluster.execute(sql.SQL("CHECKPOINT"))
        else:
            tx.rows(Sql("PRAGMA wal_checkpoint(TRUNCATE)"))

    def database_cpu_seconds(self) -> float:
        """Return the processor time of the database server; 0 for SQLite, which works in the measured process."""
        return 0.0 if self._cluster is None else cpu_seconds(self._cluster.pid)

    def prepare(self, requests: Sequence[tuple[str, str, bytes]], *, app_secret: str | None = None) -> None:
        """Let the world make requests ready: (path, header lines, body), signed with the secret if there is one."""
        path = self.directory / "requests"
        path.write_bytes(marshal.dumps(list(requests)))
        self.world.ask(do="prepare", path=str(path), app_secret=app_secret)
        path.unlink()


@contextlib.contextmanager
def open_stage(kind: DatabaseKind) -> Iterator[Stage]:
    """Open a stage; everything on it is gone at the end."""
    with (
        tempfile.TemporaryDirectory(prefix="waypost-bench-", ignore_cleanup_errors=True) as directory,
        contextlib.ExitStack() as exits,
    ):
        yield Stage(kind, Path(directory), exits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Processor time in microseconds."""

    process_us: float
    database_us: float


@contextlib.contextmanager
def measured_cost(stage: Stage, child: Child) -> Iterator[Callable[[int], Cost]]:
    """Measure what a child and the database spend within the block; the result is for one of so many items."""
    before, database_before = child.cpu_seconds(), stage.database_cpu_seconds()
    spent = [0.0, 0.0]

    def per(items: int) -> Cost:
        return Cost(process_us=spent[0] / max(items, 1) * 1e6, database_us=spent[1] / max(items, 1) * 1e6)

    yield per
    spent[0] = child.cpu_seconds() - before
    spent[1] = stage.database_cpu_seconds() - database_before
