"""Fetching inbound files from the provider."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from tests.media import samples
from tests.media.supplying import MediaHouse

from waypost.media.collector import CLAIM_SECONDS, RETRY_SECONDS
from waypost.store.media import Asset, claim_pending, find_asset


@contextlib.asynccontextmanager
async def collecting(house: MediaHouse) -> AsyncIterator[None]:
    stopping = asyncio.Event()
    task = asyncio.create_task(house.collector.run(stopping))
    try:
        yield
    finally:
        stopping.set()
        await task


async def find(house: MediaHouse, media_id: str) -> Asset:
    asset = await house.database.read(lambda tx: find_asset(tx, "a", media_id))
    assert asset is not None
    return asset


async def until_ended(house: MediaHouse, media_id: str, *, attempts: int = 1) -> Asset:
    return await house.commits.until(lambda: find(house, media_id), lambda asset: asset.attempts >= attempts)


async def test_a_pending_file_is_fetched_and_stored(media_house: MediaHouse):
    content = samples.jpeg()
    await media_house.add_inbound("777", content)

    async with collecting(media_house):
        asset = await until_ended(media_house, "777")

    assert (asset.state, asset.kind, asset.mime_type, asset.size_bytes) == (
        "stored",
        "image",
        "image/jpeg",
        len(content),
    )
    assert await media_house.blobs.read(asset.digest) == content


async def test_a_file_of_a_type_that_cannot_be_sent_is_kept_all_the_same(media_house: MediaHouse):
    await media_house.add_inbound("777", b"GIF89a" + bytes(20))

    async with collecting(media_house):
        asset = await until_ended(media_house, "777")

    assert (asset.state, asset.kind) == ("stored", None)


async def test_a_file_that_cannot_be_had_for_now_is_tried_again_by_the_schedule(media_house: MediaHouse):
    await media_house.add_inbound("777", samples.jpeg())
    media_house.server.download_errors = [(500, 2)]

    async with collecting(media_house):
        asset = await until_ended(media_house, "777")
        assert asset.state == "pending"
        media_house.clock.move(RETRY_SECONDS[0])
        media_house.collector.wake()
        asset = await until_ended(media_house, "777", attempts=2)

    assert asset.state == "stored"


async def test_a_file_that_the_provider_does_not_have_has_failed(media_house: MediaHouse):
    await media_house.add_inbound("777", None)

    async with collecting(media_house):
        asset = await until_ended(media_house, "777")

    assert asset.state == "failed"


async def test_a_file_whose_source_is_gone_has_failed(media_house: MediaHouse):
    await media_house.add_inbound("777", samples.jpeg(), source_id="none")

    async with collecting(media_house):
        asset = await until_ended(media_house, "777")

    assert asset.state == "failed"


async def test_a_file_is_fetched_at_once_when_asked_for(media_house: MediaHouse):
    await media_house.add_inbound("777", samples.jpeg())

    ends = await asyncio.gather(*(media_house.collector.collect_now("a", "777") for _ in range(5)))

    assert ends == [True] * 5
    assert media_house.server.downloads == ["777"]
    assert await media_house.collector.collect_now("a", "777")
    assert not await media_house.collector.collect_now("a", "none")
    assert not await media_house.collector.collect_now("b", "777")


async def test_a_failed_fetch_out_of_turn_uses_up_no_try(media_house: MediaHouse):
    await media_house.add_inbound("777", samples.jpeg())
    media_house.server.download_errors = [(500, 2)]

    assert not await media_house.collector.collect_now("a", "777")

    asset = await find(media_house, "777")
    assert (asset.state, asset.attempts) == ("pending", 0)


async def test_a_file_claimed_by_a_process_that_died_is_fetched_in_the_end(media_house: MediaHouse):
    await media_house.add_inbound("777", samples.jpeg())
    now_us = media_house.clock.at_us
    await media_house.database.write(
        lambda tx: claim_pending(tx, now_us=now_us, until_us=now_us + CLAIM_SECONDS * 1_000_000, at_most=5)
    )
    media_house.clock.move(CLAIM_SECONDS)

    async with collecting(media_house):
        asset = await until_ended(media_house, "777")

    assert asset.state == "stored"
