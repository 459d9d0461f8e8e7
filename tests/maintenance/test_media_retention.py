"""Files go when nobody uses them, and bytes only when nothing refers to them; on both databases."""

from pathlib import Path

import pytest
from tests.maintenance.conftest import DAY_US, HOUR_US, NOW_US, CountedIds, HandClock, Rows

from waypost.blobs import open_blob_store
from waypost.maintenance.retention import Retention
from waypost.ports import BlobStore
from waypost.settings import RetentionSettings
from waypost.store.engine import Database


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return open_blob_store(f"file://{tmp_path}/blobs")


@pytest.fixture
def retention(database: Database, blobs: BlobStore, clock: HandClock, ids: CountedIds) -> Retention:
    return Retention(
        database=database,
        blobs=blobs,
        clock=clock,
        ids=ids,
        settings=RetentionSettings(),
        parked_hours=336.0,
        pause_seconds=0.0,
    )


async def _twice(retention: Retention, clock: HandClock) -> None:
    """Sweep, and again once the grace and the time between two media passes are over."""
    await retention.sweep()
    clock.forward(us=7 * HOUR_US)
    await retention.sweep()


async def test_a_file_goes_media_days_after_it_came_and_not_a_moment_before(
    retention: Retention, blobs: BlobStore, rows: Rows, clock: HandClock
) -> None:
    digest = await blobs.put(b"file")
    await rows.add_asset("m", created_at_us=NOW_US, digest=digest)
    clock.forward(us=30 * DAY_US - 7 * HOUR_US - 1)
    await _twice(retention, clock)
    assert await rows.all("SELECT id, deleted_at_us FROM media_assets") == [("m", None)]
    clock.forward(us=7 * HOUR_US)
    await _twice(retention, clock)
    assert await rows.column("media_assets") == []
    assert not await blobs.exists(digest)


async def test_a_file_used_since_stays(retention: Retention, blobs: BlobStore, rows: Rows, clock: HandClock) -> None:
    digest = await blobs.put(b"file")
    await rows.add_asset("m", created_at_us=NOW_US, digest=digest)
    await rows.add(
        "provider_media", source_id="s", digest=digest, provider_media_id="1", expires_at_us=NOW_US + 40 * DAY_US
    )
    clock.forward(us=69 * DAY_US)
    await _twice(retention, clock)
    assert await blobs.exists(digest)
    clock.forward(us=2 * DAY_US)
    await _twice(retention, clock)
    assert not await blobs.exists(digest)
    assert await rows.column("provider_media", "digest") == []


@pytest.mark.parametrize("state", [10, 20, 30, 40, 50])
async def test_a_file_that_an_unsent_message_waits_with_stays_even_if_its_owner_deleted_it(  # noqa: PLR0917
    retention: Retention, blobs: BlobStore, rows: Rows, clock: HandClock, ids: CountedIds, state: int
) -> None:
    digests = [await blobs.put(content) for content in (b"old", b"deleted")]
    await rows.add_asset("old", created_at_us=NOW_US, digest=digests[0])
    await rows.add_asset("deleted", created_at_us=NOW_US, digest=digests[1], deleted_at_us=NOW_US)
    for media_id in ("old", "deleted"):
        await rows.add_message(ids.new(), accepted_at_us=NOW_US, state=state, media_key=f"asset:{media_id}")
    clock.forward(us=100 * DAY_US)
    await _twice(retention, clock)
    assert [await blobs.exists(digest) for digest in digests] == [True, True]
    assert len(await rows.column("media_assets")) == 2


async def test_a_deleted_file_keeps_its_bytes_while_another_has_the_same(
    retention: Retention, blobs: BlobStore, rows: Rows, clock: HandClock
) -> None:
    digest = await blobs.put(b"file")
    await rows.add_asset("m", created_at_us=NOW_US, digest=digest, deleted_at_us=NOW_US)
    await rows.add_asset("m", created_at_us=NOW_US, digest=digest, account_id="b")
    await _twice(retention, clock)
    assert await rows.column("media_assets", "account_id") == ["b"]
    assert await blobs.exists(digest)


async def test_a_deleted_file_keeps_its_bytes_while_a_url_leads_to_them(
    retention: Retention, blobs: BlobStore, rows: Rows, clock: HandClock
) -> None:
    digest = await blobs.put(b"file")
    await rows.add_asset("m", created_at_us=NOW_US, digest=digest, deleted_at_us=NOW_US)
    await rows.add(
        "media_urls",
        account_id="a",
        url_key="u",
        digest=digest,
        mime_type="image/png",
        kind="image",
        size_bytes=4,
        checked_at_us=NOW_US,
    )
    await _twice(retention, clock)
    assert await rows.column("media_assets") == []
    assert await blobs.exists(digest)
    clock.forward(us=31 * DAY_US)
    await _twice(retention, clock)
    assert await rows.column("media_urls", "url_key") == []
    assert await rows.column("media_assets") == []
    assert not await blobs.exists(digest)


async def test_a_file_just_deleted_keeps_its_row_for_the_grace(
    retention: Retention, blobs: BlobStore, rows: Rows, clock: HandClock
) -> None:
    digest = await blobs.put(b"file")
    await rows.add_asset("m", created_at_us=NOW_US, digest=digest, deleted_at_us=NOW_US)
    clock.forward(us=HOUR_US - 1)
    await retention.sweep()
    assert await rows.column("media_assets") == ["m"]
    assert await blobs.exists(digest)


async def test_an_inbound_file_that_is_still_being_fetched_stays(
    retention: Retention, rows: Rows, clock: HandClock
) -> None:
    await rows.add_asset("m", created_at_us=NOW_US, digest=None, state="pending", origin="inbound")
    clock.forward(us=300 * DAY_US)
    await _twice(retention, clock)
    assert await rows.column("media_assets") == ["m"]


async def test_rows_stay_when_the_blob_store_fails_and_go_the_next_time(
    retention: Retention, blobs: BlobStore, rows: Rows, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = await blobs.put(b"file")
    await rows.add_asset("m", created_at_us=NOW_US, digest=digest, deleted_at_us=NOW_US)
    clock.forward(us=2 * HOUR_US)

    async def fail(digest: str) -> None:
        raise OSError("no bucket")

    with monkeypatch.context() as patched:
        patched.setattr(blobs, "delete", fail)
        with pytest.raises(OSError, match="no bucket"):
            await retention.sweep()
    assert await rows.column("media_assets") == ["m"]
    await retention.sweep()
    assert await rows.column("media_assets") == []
    assert not await blobs.exists(digest)
