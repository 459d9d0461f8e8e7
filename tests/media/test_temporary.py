"""Temporary files go with their block, and are never closed under a thread that writes."""

import asyncio
import os
import threading

import pytest

from waypost.media import temporary
from waypost.media.temporary import prepare_directory, temporary_file


async def test_a_file_goes_with_its_block_unless_it_is_kept(tmp_path):
    with temporary_file(tmp_path, prefix="a-") as lost:
        await lost.write(b"data")
        assert lost.path.exists()
    with temporary_file(tmp_path, prefix="a-") as kept:
        await kept.write(b"da")
        await kept.write(b"ta")
        kept.keep()

    assert [kept.path] == list(tmp_path.iterdir())
    assert kept.path.read_bytes() == b"data"
    assert kept.path.stat().st_mode & 0o777 == 0o600


async def test_a_cancelled_write_ends_only_after_its_thread(tmp_path, monkeypatch):
    begun, may_go, order = asyncio.Event(), threading.Event(), []
    loop = asyncio.get_running_loop()

    def write_slowly(handle, data):
        loop.call_soon_threadsafe(begun.set)
        may_go.wait(20)
        os.fstat(handle)
        order.append("written")

    async def write():
        with temporary_file(tmp_path, prefix="a-") as file:
            try:
                await file.write(b"data")
            finally:
                order.append("closing")

    monkeypatch.setattr(temporary, "_write_all", write_slowly)
    writing = asyncio.create_task(write())
    await begun.wait()
    writing.cancel()
    loop.call_soon(loop.call_soon, may_go.set)
    with pytest.raises(asyncio.CancelledError):
        await writing

    assert order == ["written", "closing"]
    assert list(tmp_path.iterdir()) == []


def test_only_old_files_of_the_own_prefix_are_removed_at_a_start(tmp_path):
    for name, age_seconds in (("a-old", 90_000), ("a-new", 10), ("b-old", 90_000)):
        path = tmp_path / name
        path.touch()
        at = path.stat().st_mtime - age_seconds
        os.utime(path, (at, at))

    prepare_directory(tmp_path, prefix="a-")

    assert {path.name for path in tmp_path.iterdir()} == {"a-new", "b-old"}
