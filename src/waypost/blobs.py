"""
Files by content: one store over obstore, for a local directory or an S3-compatible bucket.

A file is named by the SHA-256 of its bytes and stored once, as `ab/<digest>` with `ab` the digest's first two digits.
Content types and owners are not here but in the database.

    LocalBlobStore(directory)     written by us: obstore's local store does not flush
    S3BlobStore(bucket, ...)      durable when the server answers

Both raise FileNotFoundError for a digest that is not stored, ValueError for what is no digest, and OSError when the
disk or the server fails.
"""

import asyncio
import hashlib
import os
import re
import secrets
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, S3Store

if TYPE_CHECKING:
    from obstore.store import S3Config

CHUNK_BYTES = 256 * 1024
STALE_UPLOAD_SECONDS = 24 * 3600

_DIGEST = re.compile(r"[0-9a-f]{64}")
_INCOMING = "incoming"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBlob:
    """One stored file, as `list` tells it."""

    digest: str
    size_bytes: int


class ObjectBlobStore(ABC):
    """What both stores share: everything but writing."""

    def __init__(self, store: LocalStore | S3Store) -> None:
        self._store = store

    @abstractmethod
    async def put(self, source: bytes | Path) -> str:
        """
        Store these bytes and return their digest, only when they would survive a power cut.

        A second call with the same bytes changes nothing and returns the same. A `Path` is read, never moved or
        removed; it must not change meanwhile.
        """

    async def read(self, digest: str) -> bytes:
        """Return the whole file. For files of any size use `stream`."""
        with _translated(digest):
            found = await obstore.get_async(self._store, _key(digest))
            return bytes(await found.bytes_async())

    async def stream(self, digest: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """
        Yield the bytes from `start` up to, not including, `end` (None: to the last), in pieces of about 256 KiB.

        An `end` past the last byte is taken as the last; a `start` there yields nothing.
        """
        size = await self.size(digest)
        stop = size if end is None else min(end, size)
        if start < 0:
            raise ValueError("start must not be negative")
        if start >= stop:
            return
        with _translated(digest):
            found = await obstore.get_async(self._store, _key(digest), options={"range": (start, stop)})
            async for chunk in found.stream(min_chunk_size=CHUNK_BYTES):
                yield bytes(chunk)

    async def size(self, digest: str) -> int:
        """Return the file's size in bytes."""
        with _translated(digest):
            return int((await obstore.head_async(self._store, _key(digest)))["size"])

    async def exists(self, digest: str) -> bool:
        """Say whether the file is stored."""
        try:
            await self.size(digest)
        except FileNotFoundError:
            return False
        return True

    async def delete(self, digest: str) -> None:
        """Remove the file; one that is not there is already removed."""
        try:
            with _translated(digest):
                await obstore.delete_async(self._store, _key(digest))
        except FileNotFoundError:
            return

    async def list(self) -> AsyncIterator[StoredBlob]:
        """Yield every stored file in no order; files stored or removed meanwhile may be told or not."""
        with _translated("all files"):
            async for batch in obstore.list(self._store):
                for entry in batch:
                    name = entry["path"].rpartition("/")[2]
                    if _DIGEST.fullmatch(name):
                        yield StoredBlob(digest=name, size_bytes=int(entry["size"]))

    async def check(self) -> str | None:
        """Store, read and remove a small file; return what went wrong in words, or None. For `doctor`."""
        content = secrets.token_bytes(64)
        try:
            digest = await self.put(content)
            intact = await self.read(digest) == content
            await self.delete(digest)
        except OSError as error:
            return f"the blob store does not work: {error}"
        return None if intact else "the blob store returned other bytes than it was given"


class LocalBlobStore(ObjectBlobStore):
    """
    Files in a directory of this machine, which is made if it is missing.

    A file is written under another name on the same file system, flushed, renamed, and its directory flushed: after a
    power cut it is whole or absent. Leftovers of a crash are removed at opening once a day old.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        _prepare(directory)
        super().__init__(LocalStore(directory))

    async def put(self, source: bytes | Path) -> str:
        """See `ObjectBlobStore.put`."""
        return await asyncio.to_thread(self._put, source)

    def _put(self, source: bytes | Path) -> str:
        handle, temporary = tempfile.mkstemp(dir=self._directory / _INCOMING)
        try:
            with os.fdopen(handle, "wb") as file:
                digest = _copy_hashing(source, file.write)
                target = self._directory / _key(digest)
                is_new = not target.exists()
                if is_new:
                    file.flush()
                    os.fsync(file.fileno())
            if is_new:
                # Two writers of the same bytes may both come here: the later rename changes nothing.
                os.replace(temporary, target)  # noqa: PTH105 - a name in text from mkstemp
        finally:
            Path(temporary).unlink(missing_ok=True)
        # Also when it was there: its own writer may have renamed it and not flushed the directory yet.
        _flush_directory(target.parent)
        return digest


class S3BlobStore(ObjectBlobStore):
    """
    Files in a bucket of an S3-compatible server, below an optional prefix.

    Args:
        endpoint: the server's URL, or None for AWS; plain http is taken when the URL says so.
        access_key_id, secret_access_key: None takes them from the environment or the machine's role.
        is_virtual_hosted: the bucket is in the host name rather than the path.
    """

    def __init__(
        self,
        bucket: str,
        *,
        prefix: str | None = None,
        endpoint: str | None = None,
        region: str = "us-east-1",
        access_key_id: str | None = None,
        secret_access_key: str | None = None,
        is_virtual_hosted: bool = False,
        timeout_seconds: float = 60.0,
    ) -> None:
        config: S3Config = {"region": region, "virtual_hosted_style_request": is_virtual_hosted}
        if endpoint is not None:
            config["endpoint"] = endpoint
        if access_key_id is not None and secret_access_key is not None:
            config["access_key_id"] = access_key_id
            config["secret_access_key"] = secret_access_key
        store = S3Store(
            bucket,
            prefix=prefix or None,
            config=config,
            client_options={
                "allow_http": endpoint is not None and endpoint.startswith("http://"),
                "timeout": timedelta(seconds=timeout_seconds),
                "connect_timeout": timedelta(seconds=5),
            },
            retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=timeout_seconds)},
        )
        super().__init__(store)

    async def put(self, source: bytes | Path) -> str:
        """See `ObjectBlobStore.put`."""
        digest = await asyncio.to_thread(_copy_hashing, source)
        if not await self.exists(digest):
            with _translated(digest):
                await obstore.put_async(self._store, _key(digest), source)
        return digest


def open_blob_store(
    url: str,
    *,
    endpoint: str | None = None,
    region: str = "us-east-1",
    access_key_id: str | None = None,
    secret_access_key: str | None = None,
    is_virtual_hosted: bool = False,
    timeout_seconds: float = 60.0,
) -> ObjectBlobStore:
    """Open `file:///an/absolute/directory` or `s3://bucket/prefix`; all but the URL is for S3 only."""
    parts = urlsplit(url)
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return LocalBlobStore(Path(unquote(parts.path)))
    if parts.scheme == "s3" and parts.netloc:
        return S3BlobStore(
            parts.netloc,
            prefix=parts.path.strip("/"),
            endpoint=endpoint,
            region=region,
            access_key_id=access_key_id,
            secret_access_key=secret_access_key,
            is_virtual_hosted=is_virtual_hosted,
            timeout_seconds=timeout_seconds,
        )
    raise ValueError("a blob URL is file:///an/absolute/directory or s3://bucket/prefix")


def _key(digest: str) -> str:
    if not _DIGEST.fullmatch(digest):
        raise ValueError("a digest is 64 lower-case hexadecimal digits")
    return f"{digest[:2]}/{digest}"


def _copy_hashing(source: bytes | Path, write: Callable[[bytes], object] | None = None) -> str:
    hashing = hashlib.sha256()
    for chunk in _pieces(source):
        hashing.update(chunk)
        if write is not None:
            write(chunk)
    return hashing.hexdigest()


def _pieces(source: bytes | Path) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield source
        return
    with source.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def _prepare(directory: Path) -> None:
    """Make the directories, flush them, and remove what a crash left long ago."""
    incoming = directory / _INCOMING
    incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = False
    for number in range(256):
        below = directory / f"{number:02x}"
        if not below.exists():
            below.mkdir(exist_ok=True, mode=0o700)
            made = True
    if made:
        _flush_directory(directory)
        _flush_directory(directory.parent)
    oldest = time.time() - STALE_UPLOAD_SECONDS
    for leftover in incoming.iterdir():
        if leftover.stat().st_mtime < oldest:
            leftover.unlink(missing_ok=True)


def _flush_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _translated(digest: str) -> Iterator[None]:
    """Turn obstore's errors into the two that callers know."""
    try:
        yield
    except (NotFoundError, FileNotFoundError) as error:
        raise FileNotFoundError(f"no stored file {digest}") from error
    except BaseError as error:
        raise OSError(f"the blob store failed: {type(error).__name__}: {str(error)[:500]}") from error
