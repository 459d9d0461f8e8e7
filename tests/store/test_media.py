"""Files in the store: what upstream holds, what is pending, what an account may see."""

import hashlib

from waypost.store import media, provider_media
from waypost.store.engine import Database
from waypost.store.statements import Sql

NOW_US = 1_900_000_000_000_000
DAY_US = 86_400_000_000
DIGEST = "d" * 64
URL_DIGEST = hashlib.sha256(b"https://cdn.example.org/a.jpg").hexdigest()
_INSERT_INBOUND = Sql(
    "INSERT INTO media_assets (account_id, id, origin, state, kind, source_id, created_at_us, due_at_us) "
    "VALUES ('a', :id, 'inbound', 'pending', 'image', 's', :now_us, :now_us)"
)


async def add_upload(database: Database, *, account_id: str = "a", media_id: str = "m") -> None:
    await database.write(
        lambda tx: media.insert_upload(
            tx,
            account_id=account_id,
            media_id=media_id,
            digest=DIGEST,
            mime_type="image/jpeg",
            kind="image",
            size_bytes=10,
            filename="a.jpg",
            now_us=NOW_US,
        )
    )


async def hold(database: Database, *, source_id: str = "s", digest: str = DIGEST, days: float = 30) -> None:
    expires_at_us = NOW_US + int(days * DAY_US)
    await database.write(
        lambda tx: provider_media.save_provider_media(
            tx, source_id, digest, provider_media_id="77", expires_at_us=expires_at_us
        )
    )


async def load(
    database: Database, *keys: provider_media.MediaKey, at_us: int = NOW_US
) -> dict[provider_media.MediaKey, provider_media.ReadyMedia]:
    return await database.read(lambda tx: provider_media.load_provider_media(tx, keys, at_us))


async def test_an_uploaded_file_is_ready_for_the_source_that_holds_it(database: Database):
    await add_upload(database)
    await hold(database)

    ready = await load(database, ("a", "s", "asset:m"), ("a", "other", "asset:m"), ("b", "s", "asset:m"))

    assert list(ready) == [("a", "s", "asset:m")]
    assert ready["a", "s", "asset:m"] == provider_media.ReadyMedia(
        provider_media_id="77", kind="image", filename="a.jpg", mime_type="image/jpeg"
    )


async def test_a_file_whose_id_upstream_ends_within_a_day_is_not_ready(database: Database):
    await add_upload(database)
    await hold(database, days=0.9)

    assert await load(database, ("a", "s", "asset:m")) == {}


async def test_a_deleted_file_is_not_ready_and_not_found(database: Database):
    await add_upload(database)
    await hold(database)

    assert await database.write(lambda tx: media.delete_asset(tx, "a", "m", now_us=NOW_US))

    assert not await database.write(lambda tx: media.delete_asset(tx, "a", "m", now_us=NOW_US))
    assert await load(database, ("a", "s", "asset:m")) == {}
    assert await database.read(lambda tx: media.find_asset(tx, "a", "m")) is None
    assert await database.read(lambda tx: media.count_stored_bytes(tx, "a")) == 0


async def test_a_url_is_ready_for_ten_minutes_after_its_server_was_asked(database: Database):
    content = provider_media.UrlContent(
        digest=DIGEST,
        mime_type="image/jpeg",
        kind="image",
        size_bytes=10,
        filename=None,
        etag='"1"',
        last_modified=None,
        checked_at_us=NOW_US,
    )
    await database.write(lambda tx: provider_media.save_url(tx, "a", URL_DIGEST, content))
    await hold(database)
    key = ("a", "s", f"url:{URL_DIGEST}")

    assert list(await load(database, key, ("a", "s", "asset:none"))) == [key]
    assert await load(database, key, at_us=NOW_US + 600_000_000) == {}
    assert await load(database, ("b", "s", key[2])) == {}
    assert await database.read(lambda tx: provider_media.find_url(tx, "a", URL_DIGEST)) == content


async def test_a_foreign_file_is_not_found(database: Database):
    await add_upload(database)

    assert await database.read(lambda tx: media.find_asset(tx, "b", "m")) is None
    assert not await database.write(lambda tx: media.delete_asset(tx, "b", "m", now_us=NOW_US))


async def test_a_pending_file_is_claimed_once_and_ends_stored(database: Database):
    await database.write(lambda tx: tx.run(_INSERT_INBOUND, id="i1", now_us=NOW_US))
    until_us = NOW_US + 1_000

    def claim(at_us: int):
        return database.write(lambda tx: media.claim_pending(tx, now_us=at_us, until_us=until_us, at_most=10))

    [asset] = await claim(NOW_US)

    assert await claim(NOW_US) == []
    assert await database.write(
        lambda tx: media.store_inbound(tx, asset, digest=DIGEST, mime_type="image/png", kind="image", size_bytes=3)
    )
    found = await database.read(lambda tx: media.find_asset(tx, "a", "i1"))
    assert found is not None
    assert (found.state, found.digest, found.mime_type, found.attempts) == ("stored", DIGEST, "image/png", 1)
    assert await claim(until_us) == []
    assert not await database.write(lambda tx: media.fail_inbound(tx, asset, detail="late"))
