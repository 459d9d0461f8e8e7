"""
Owning shards: all of them under a file lock on SQLite, a fair share by leases on PostgreSQL.

A start needs a lease with margin left, told by this node's monotonic clock from before the renewal was asked for: a
node that was paused or cut off stops starting before anybody else may begin (reliability, rule R4).
"""

import asyncio
import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from waypost.observe import get_logger
from waypost.ports import Clock
from waypost.service import rest
from waypost.store.directory import SHARDS
from waypost.store.engine import Database, Lane, StoreUnavailableError
from waypost.store.leases import beat_node, give_back_leases, next_epoch, renew_leases, take_leases
from waypost.store.transaction import Tx

ALL_SHARDS: Final = frozenset(range(SHARDS))
LOCK_FILE: Final = "waypost.lock"
"""In the data directory; held by the one process of an embedded gateway."""


class DataDirectoryInUseError(Exception):
    """Another process serves from the same data directory."""


def lock_data_directory(lock_path: Path) -> int:
    """Return a descriptor that holds the lock until it is closed. Raises ``DataDirectoryInUseError``."""
    descriptor = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise DataDirectoryInUseError(
            f"another Waypost serves from {lock_path.parent}: stop it, or choose another WAYPOST_DATA_DIR"
        ) from None
    return descriptor


class ExclusiveOwnership:
    """The one process of an embedded gateway: holds a file lock, owns everything at once."""

    def __init__(self, lock_path: Path) -> None:
        self._lock_path = lock_path
        self._descriptor: int | None = None
        self._epoch = 0

    async def start(self, database: Database) -> None:
        """Lock, and begin a new epoch. Raises ``DataDirectoryInUseError`` if another process holds the lock."""
        self._descriptor = lock_data_directory(self._lock_path)
        self._epoch = await database.write(next_epoch, lane=Lane.DISPATCH)

    def stop(self) -> None:
        """Unlock. A second call does nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def owned(self) -> frozenset[int]:
        return ALL_SHARDS if self._descriptor is not None else frozenset()

    def epoch(self, shard: int) -> int:  # noqa: ARG002 - one epoch for all
        return self._epoch

    def may_start(self, shard: int) -> bool:  # noqa: ARG002 - the lock is held for life
        return self._descriptor is not None


class LeasedOwnership:
    """One node of several on PostgreSQL: takes a fair share of the shards and keeps renewing it."""

    name = "leases"

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        node: str,
        lease_seconds: float,
        renew_seconds: float,
        margin_seconds: float,
        on_change: Callable[[], None],
    ) -> None:
        self._database = database
        self._clock = clock
        self._node = node
        self._lease_seconds = lease_seconds
        self._renew_seconds = renew_seconds
        self._margin_seconds = margin_seconds
        self._on_change = on_change
        self._held: dict[int, tuple[int, float]] = {}
        self._log = get_logger("leases")

    def owned(self) -> frozenset[int]:
        now = self._clock.monotonic()
        return frozenset(shard for shard, (_, until) in self._held.items() if until > now)

    def epoch(self, shard: int) -> int:
        return self._held[shard][0]

    def may_start(self, shard: int) -> bool:
        held = self._held.get(shard)
        return held is not None and held[1] - self._clock.monotonic() >= self._margin_seconds

    async def run(self, stopping: asyncio.Event) -> None:
        """Renew and take until stopped. ``give_back`` is called apart, when nothing is under way any more."""
        while not stopping.is_set():
            try:
                await self.turn()
            except StoreUnavailableError as error:
                self._log.warning("leases.store_unavailable", error=str(error))
            await rest(stopping, self._renew_seconds)

    async def turn(self) -> None:
        """
        Renew what is held, stop renewing what is over our share, take what is free.

        A shard over our share is not given back but left to end: a request of ours may still be under way in it.
        """
        asked_at = self._clock.monotonic()
        held_now = sorted(self.owned())
        held = await self._database.write(lambda tx: self._turn(tx, held_now), lane=Lane.DISPATCH)
        until = asked_at + self._lease_seconds
        before, self._held = self._held, {shard: (epoch, until) for shard, epoch in held.items()}
        if before.keys() != held.keys():
            self._log.info("leases.changed", held=len(held), lost=len(before.keys() - held.keys()))
            self._on_change()

    def _turn(self, tx: Tx, held: list[int]) -> dict[int, int]:
        lease_us = int(self._lease_seconds * 1_000_000)
        nodes = beat_node(tx, node=self._node, lease_us=lease_us)
        share = -(-SHARDS // nodes)
        kept = renew_leases(tx, owner=self._node, shards=held[:share], lease_us=lease_us)
        wanted = [shard for shard in range(SHARDS) if shard not in held]
        if len(kept) >= share or not wanted:
            return dict(kept)
        taken = take_leases(
            tx,
            owner=self._node,
            epoch=next_epoch(tx),
            shards=wanted,
            lease_us=lease_us,
            places=share - len(kept),
        )
        return {**kept, **taken}

    async def give_back(self) -> None:
        """Let everything go, for others to take at once."""
        shards = sorted(self._held)
        self._held = {}
        await self._database.write(lambda tx: give_back_leases(tx, owner=self._node, shards=shards), lane=Lane.DISPATCH)
