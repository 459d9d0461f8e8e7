"""Supplying files to the provider: one fetch, one upload, over a real store and real servers."""

import asyncio
import hashlib
import os

from tests.media import samples
from tests.media.supplying import DAY_US, NOW_US, MediaHouse

from waypost.domain.errors import FailureReason
from waypost.domain.message import Attachment, MediaKind
from waypost.media.supplier import MediaFailure, MediaReady
from waypost.store.media import insert_upload
from waypost.store.provider_media import load_provider_media, media_key_of


async def ensure_url(house: MediaHouse, name: str, *, kind: MediaKind | None = MediaKind.IMAGE, source_id: str = "s1"):
    url = house.server.url(name)
    return await house.supplier.ensure(
        house.directory.now.sources[source_id],
        account_id="a",
        media_key=media_key_of(Attachment(url=url)),
        attachment_url=url,
        kind=kind,
    )


async def ensure_asset(house: MediaHouse, media_id: str, *, kind: MediaKind | None = None):
    return await house.supplier.ensure(
        house.directory.now.sources["s1"],
        account_id="a",
        media_key=f"asset:{media_id}",
        attachment_url=None,
        kind=kind,
    )


async def upload(house: MediaHouse, media_id: str, content: bytes, *, account_id: str = "a") -> str:
    digest = await house.blobs.put(content)
    await house.database.write(
        lambda tx: insert_upload(
            tx,
            account_id=account_id,
            media_id=media_id,
            digest=digest,
            mime_type="image/jpeg",
            kind="image",
            size_bytes=len(content),
            filename="bike.jpg",
            now_us=NOW_US,
        )
    )
    return digest


async def test_an_uploaded_file_is_given_to_the_provider_once(media_house: MediaHouse):
    content = samples.jpeg()
    await upload(media_house, "m1", content)
    await upload(media_house, "m2", content)

    first = await ensure_asset(media_house, "m1")
    second = await ensure_asset(media_house, "m2")

    expected = MediaReady(provider_media_id="1001", kind=MediaKind.IMAGE, filename="bike.jpg", mime_type="image/jpeg")
    assert (first, second) == (expected, expected)
    assert media_house.server.uploads == [("phone-s1", "image/jpeg", content)]


async def test_a_url_for_many_is_one_fetch_and_one_upload(media_house: MediaHouse):
    media_house.server.files["a.jpg"] = samples.jpeg()
    media_house.server.gate = asyncio.Event()

    tasks = [asyncio.create_task(ensure_url(media_house, "a.jpg")) for _ in range(20)]
    await media_house.server.arrived.wait()
    media_house.server.gate.set()
    ends = set(await asyncio.gather(*tasks))

    [ready] = ends
    assert isinstance(ready, MediaReady)
    assert ready.filename == "a.jpg"
    assert media_house.server.fetches == [("a.jpg", 200)]
    assert len(media_house.server.uploads) == 1
    key = ("a", "s1", media_key_of(Attachment(url=media_house.server.url("a.jpg"))))
    loaded = await media_house.database.read(lambda tx: load_provider_media(tx, [key], NOW_US))
    assert loaded[key].provider_media_id == ready.provider_media_id
    assert await asyncio.to_thread(os.listdir, media_house.fetcher._directory) == []


async def test_a_url_is_asked_again_after_ten_minutes_and_by_condition(media_house: MediaHouse):
    media_house.server.files["a.jpg"] = samples.jpeg()
    first = await ensure_url(media_house, "a.jpg")
    media_house.clock.move(599)
    await ensure_url(media_house, "a.jpg")
    media_house.clock.move(2)

    again = await ensure_url(media_house, "a.jpg")
    await ensure_url(media_house, "a.jpg")

    assert again == first
    assert media_house.server.fetches == [("a.jpg", 200), ("a.jpg", 304)]
    assert len(media_house.server.uploads) == 1


async def test_a_url_whose_content_has_changed_is_uploaded_anew(media_house: MediaHouse):
    media_house.server.files["a.jpg"] = samples.jpeg()
    await ensure_url(media_house, "a.jpg")
    media_house.server.files["a.jpg"] = samples.jpeg(9, 9)
    media_house.clock.move(601)

    again = await ensure_url(media_house, "a.jpg")

    assert isinstance(again, MediaReady)
    assert again.provider_media_id == "1002"


async def test_another_source_gets_an_upload_of_its_own_without_a_fetch(media_house: MediaHouse):
    await media_house.add_source("s2")
    media_house.server.files["a.jpg"] = samples.jpeg()

    await ensure_url(media_house, "a.jpg")
    await ensure_url(media_house, "a.jpg", source_id="s2")

    assert [phone for phone, _, _ in media_house.server.uploads] == ["phone-s1", "phone-s2"]
    assert len(media_house.server.fetches) == 1


async def test_an_id_is_renewed_in_its_last_day(media_house: MediaHouse):
    await upload(media_house, "m1", samples.jpeg())
    await ensure_asset(media_house, "m1")

    media_house.clock.at_us = NOW_US + 29 * DAY_US - 1
    before = await ensure_asset(media_house, "m1")
    media_house.clock.at_us = NOW_US + 29 * DAY_US
    after = await ensure_asset(media_house, "m1")

    assert isinstance(before, MediaReady)
    assert isinstance(after, MediaReady)
    assert [before.provider_media_id, after.provider_media_id] == ["1001", "1002"]


async def test_content_of_another_kind_than_promised_is_bad_media(media_house: MediaHouse):
    media_house.server.files["a.jpg"] = samples.pdf()

    end = await ensure_url(media_house, "a.jpg")

    assert isinstance(end, MediaFailure)
    assert (end.reason, end.retry_after_seconds) == (FailureReason.BAD_MEDIA, None)
    assert media_house.server.uploads == []


async def test_a_file_of_another_kind_than_asked_for_is_bad_media(media_house: MediaHouse):
    await upload(media_house, "m1", samples.jpeg())

    end = await ensure_asset(media_house, "m1", kind=MediaKind.VIDEO)

    assert isinstance(end, MediaFailure)
    assert end.reason is FailureReason.BAD_MEDIA


async def test_a_url_that_is_no_good_is_not_fetched_for_each_who_asks(media_house: MediaHouse):
    ends = [await ensure_url(media_house, "none.jpg") for _ in range(5)]

    assert {end.reason for end in ends} == {FailureReason.BAD_MEDIA}
    assert {end.retry_after_seconds for end in ends} == {None}
    assert len(media_house.server.fetches) == 1
    media_house.clock.move(61)
    await ensure_url(media_house, "none.jpg")
    assert len(media_house.server.fetches) == 2


async def test_an_upload_that_fails_for_now_is_tried_again_after_its_wait(media_house: MediaHouse):
    await upload(media_house, "m1", samples.jpeg())
    media_house.server.upload_errors = [(500, 2)]

    first = await ensure_asset(media_house, "m1")
    assert isinstance(first, MediaFailure)
    assert first.retry_after_seconds == 10
    media_house.clock.move(4)
    second = await ensure_asset(media_house, "m1")
    assert isinstance(second, MediaFailure)
    assert second.retry_after_seconds == 6
    media_house.clock.move(6)

    assert isinstance(await ensure_asset(media_house, "m1"), MediaReady)


async def test_an_upload_that_keeps_failing_is_given_up(media_house: MediaHouse):
    await upload(media_house, "m1", samples.jpeg())
    media_house.server.upload_errors = [(500, 2)] * 10

    waits = []
    for _ in range(5):
        end = await ensure_asset(media_house, "m1")
        assert isinstance(end, MediaFailure)
        waits.append(end.retry_after_seconds)
        media_house.clock.move(end.retry_after_seconds or 0)

    assert waits == [10, 30, 60, 120, None]


async def test_an_expired_token_lets_the_message_wait(media_house: MediaHouse):
    await upload(media_house, "m1", samples.jpeg())
    media_house.server.upload_errors = [(401, 190)]

    end = await ensure_asset(media_house, "m1")

    assert isinstance(end, MediaFailure)
    assert end.retry_after_seconds == 60


async def test_unknown_and_foreign_files_are_bad_media(media_house: MediaHouse):
    await upload(media_house, "foreign", samples.jpeg(), account_id="b")

    for media_id in ("none", "foreign"):
        end = await ensure_asset(media_house, media_id)
        assert isinstance(end, MediaFailure)
        assert (end.reason, end.retry_after_seconds) == (FailureReason.BAD_MEDIA, None)


async def test_bytes_that_retention_removed_are_fetched_again_from_the_url(media_house: MediaHouse):
    content = samples.jpeg()
    media_house.server.files["a.jpg"] = content
    await ensure_url(media_house, "a.jpg")
    await media_house.blobs.delete(hashlib.sha256(content).hexdigest())
    media_house.clock.move(601)

    assert isinstance(await ensure_url(media_house, "a.jpg"), MediaReady)

    assert [status for _, status in media_house.server.fetches] == [200, 200]


async def test_an_inbound_file_that_is_still_pending_is_collected_first(media_house: MediaHouse):
    await media_house.add_inbound("777", samples.jpeg())
    supplier = media_house.make_supplier(collect=media_house.collector.collect_now)

    end = await supplier.ensure(
        media_house.directory.now.sources["s1"],
        account_id="a",
        media_key="asset:777",
        attachment_url=None,
        kind=None,
    )

    assert isinstance(end, MediaReady)
    assert media_house.server.downloads == ["777"]
    without = await media_house.add_inbound("778", None)
    assert without is None
    waiting = await ensure_asset(media_house, "778")
    assert isinstance(waiting, MediaFailure)
    assert waiting.retry_after_seconds is not None
