"""What every role needs: database, directory, keys, blobs, clock, ids, metrics."""

import os
import secrets
import socket
from dataclasses import dataclass
from importlib.metadata import version

from waypost.app.observers import CommitMetrics
from waypost.blobs import ObjectBlobStore, open_blob_store
from waypost.domain.mac import hmac_sha256_hex
from waypost.master_key import open_sealer
from waypost.observe import Metrics, keep_pseudonyms
from waypost.ports import Clock, IdFactory, SystemClock, UuidFactory
from waypost.settings import Settings
from waypost.store.connections import SqliteConnector, connector_for
from waypost.store.directory import Directory
from waypost.store.engine import Database, Lane
from waypost.store.installation import load_policy_clock, load_token_key
from waypost.store.migrate import migrate
from waypost.store.sealing import Sealer


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """The ground of one process; ``node`` names it, anew at each start."""

    settings: Settings
    node: str
    clock: Clock
    ids: IdFactory
    metrics: Metrics
    sealer: Sealer
    database: Database
    directory: Directory
    blobs: ObjectBlobStore
    token_key: bytes

    @property
    def is_embedded(self) -> bool:
        """Whether this process is alone on its database."""
        return isinstance(self.database.connector, SqliteConnector)


async def open_foundation(settings: Settings) -> Foundation:
    """
    Open and check everything; raises in words a person can act on, and leaves nothing half open.

    Raises: SettingsError, UnsafeDatabaseError, SchemaTooNewError, SealBrokenError, OSError.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    sealer = open_sealer(settings)
    migrate(settings.database_url)
    metrics = Metrics(version=version("waypost"))
    database = Database(connector_for(settings.database_url), observer=CommitMetrics(metrics))
    await database.start()
    try:
        directory = Directory(database, sealer, poll_seconds=settings.store.directory_poll_seconds)
        await directory.refresh()
        token_key = await database.write(lambda tx: load_token_key(tx, sealer), lane=Lane.MANAGE)
        policy_floor_us = await database.read(load_policy_clock)
    except BaseException:
        await database.stop()
        raise
    # Pseudonyms of numbers in logs are the same on all nodes and over restarts, and nobody without the key makes them.
    keep_pseudonyms(hmac_sha256_hex(token_key, b"log pseudonyms").encode())
    return Foundation(
        settings=settings,
        node=f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}",
        clock=SystemClock(policy_floor_us=policy_floor_us),
        ids=UuidFactory(),
        metrics=metrics,
        sealer=sealer,
        database=database,
        directory=directory,
        blobs=open_blobs(settings),
        token_key=token_key,
    )


def open_blobs(settings: Settings) -> ObjectBlobStore:
    """Open the blob store that the settings name."""
    s3 = settings.s3
    return open_blob_store(
        settings.blob_url,
        endpoint=s3.endpoint_url,
        region=s3.region,
        access_key_id=None if s3.access_key_id is None else s3.access_key_id.get_secret_value(),
        secret_access_key=None if s3.secret_access_key is None else s3.secret_access_key.get_secret_value(),
        is_virtual_hosted=s3.virtual_hosted,
        timeout_seconds=s3.timeout_seconds,
    )
