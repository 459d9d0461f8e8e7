"""Sources, on both databases."""

from dataclasses import replace

import pytest

from waypost.domain.throttle import Pace
from waypost.store import settling
from waypost.store.accounts import create_account
from waypost.store.directory import Directory
from waypost.store.engine import Database
from waypost.store.sealing import Sealer
from waypost.store.sources import (
    APP_SECRET_OVERLAP_US,
    NewSecrets,
    NewSource,
    PhoneNumberTakenError,
    SourceRecord,
    change_source,
    create_source,
    delete_source,
    find_source,
    list_sources,
    pause_source,
    resume_source,
)

NOW_US = 1_930_000_000_000_000


def _new(source_id: str, *, account_id: str = "a", is_default: bool = False, phone_number_id: str = "") -> NewSource:
    return NewSource(
        id=source_id,
        account_id=account_id,
        name="Shop",
        phone_number="12025550199",
        phone_number_id=phone_number_id or f"pn-{source_id}",
        waba_id="waba",
        provider="sandbox",
        access_token=f"token-{source_id}",
        verify_token=f"verify-{source_id}",
        app_secret=f"secret-{source_id}",
        is_default=is_default,
        pace=Pace(10.0, 2),
    )


@pytest.fixture(autouse=True)
async def _accounts(database: Database) -> None:
    for account_id in ("a", "b"):
        await database.write(
            lambda tx, account_id=account_id: create_account(tx, account_id=account_id, name="A", now_us=NOW_US)
        )


async def _create(database: Database, sealer: Sealer, new: NewSource) -> SourceRecord | None:
    return await database.write(lambda tx: create_source(tx, sealer, new, now_us=NOW_US))


async def test_the_directory_opens_what_was_sealed(database: Database, sealer: Sealer) -> None:
    created = await _create(database, sealer, _new("s"))
    directory = Directory(database, sealer)
    await directory.refresh()

    source = directory.now.sources["s"]

    assert (source.access_token, source.app_secret, source.verify_token) == ("token-s", "secret-s", "verify-s")
    assert created is not None
    assert created.pace == source.pace == Pace(10.0, 2)
    assert "token-s" not in repr(created)


async def test_a_source_of_an_unknown_account_is_not_made(database: Database, sealer: Sealer) -> None:
    assert await _create(database, sealer, _new("s", account_id="nobody")) is None


async def test_the_first_source_is_the_default_until_another_is_marked(database: Database, sealer: Sealer) -> None:
    for new in (_new("1"), _new("2"), _new("3", is_default=True)):
        await _create(database, sealer, new)

    marked = await database.read(lambda tx: list_sources(tx, "a", at_most=10))
    await database.write(
        lambda tx: change_source(tx, sealer, "a", "2", lambda one: replace(one, is_default=True), now_us=NOW_US)
    )
    changed = await database.read(lambda tx: list_sources(tx, "a", at_most=10))

    assert [(one.id, one.is_default) for one in marked] == [("1", False), ("2", False), ("3", True)]
    assert [(one.id, one.is_default) for one in changed] == [("1", False), ("2", True), ("3", False)]


async def test_the_default_cannot_be_unmade_only_made_elsewhere(database: Database, sealer: Sealer) -> None:
    await _create(database, sealer, _new("1"))

    changed = await database.write(
        lambda tx: change_source(tx, sealer, "a", "1", lambda one: replace(one, is_default=False), now_us=NOW_US)
    )

    assert changed is not None
    assert changed.is_default


async def test_deleting_the_default_makes_the_oldest_left_the_default(database: Database, sealer: Sealer) -> None:
    for source_id in ("1", "2", "3"):
        await _create(database, sealer, _new(source_id))

    assert await database.write(lambda tx: delete_source(tx, "a", "1", now_us=NOW_US))
    assert not await database.write(lambda tx: delete_source(tx, "a", "1", now_us=NOW_US))

    left = await database.read(lambda tx: list_sources(tx, "a", at_most=10))
    assert [(one.id, one.is_default) for one in left] == [("2", True), ("3", False)]


async def test_a_phone_number_id_belongs_to_one_living_source(database: Database, sealer: Sealer) -> None:
    await _create(database, sealer, _new("1", phone_number_id="same"))
    await _create(database, sealer, _new("3"))

    with pytest.raises(PhoneNumberTakenError):
        await _create(database, sealer, _new("2", account_id="b", phone_number_id="same"))
    with pytest.raises(PhoneNumberTakenError):
        await database.write(
            lambda tx: change_source(
                tx, sealer, "a", "3", lambda one: replace(one, phone_number_id="same"), now_us=NOW_US
            )
        )

    await database.write(lambda tx: delete_source(tx, "a", "1", now_us=NOW_US))
    assert await _create(database, sealer, _new("2", account_id="b", phone_number_id="same")) is not None


async def test_a_replaced_app_secret_stays_valid_for_a_day(database: Database, sealer: Sealer) -> None:
    await _create(database, sealer, _new("s"))

    changed = await database.write(
        lambda tx: change_source(
            tx, sealer, "a", "s", lambda one: one, secrets=NewSecrets(app_secret="new-secret"), now_us=NOW_US
        )
    )
    directory = Directory(database, sealer)
    await directory.refresh()

    source = directory.now.sources["s"]
    assert (source.app_secret, source.app_secret_old) == ("new-secret", "secret-s")
    assert changed is not None
    assert NOW_US + APP_SECRET_OVERLAP_US == changed.app_secret_old_until_us == source.app_secret_old_until_us


async def test_tokens_are_replaced_one_by_one(database: Database, sealer: Sealer) -> None:
    await _create(database, sealer, _new("s"))

    await database.write(
        lambda tx: change_source(
            tx, sealer, "a", "s", lambda one: one, secrets=NewSecrets(access_token="t2"), now_us=NOW_US
        )
    )
    await database.write(
        lambda tx: change_source(
            tx, sealer, "a", "s", lambda one: one, secrets=NewSecrets(verify_token="v2"), now_us=NOW_US
        )
    )
    directory = Directory(database, sealer)
    await directory.refresh()

    source = directory.now.sources["s"]
    assert (
        source.access_token,
        source.verify_token,
        source.app_secret,
        source.app_secret_old,
    ) == ("t2", "v2", "secret-s", None)


async def test_a_paused_source_keeps_the_time_of_the_first_pause(database: Database, sealer: Sealer) -> None:
    await _create(database, sealer, _new("s"))

    await database.write(lambda tx: pause_source(tx, "a", "s", reason="token expired", now_us=NOW_US))
    again = await database.write(lambda tx: pause_source(tx, "a", "s", reason="by hand", now_us=NOW_US + 1))
    resumed = await database.write(lambda tx: resume_source(tx, "a", "s", now_us=NOW_US))

    assert again is not None
    assert (again.paused_reason, again.paused_at_us) == ("by hand", NOW_US)
    assert resumed is not None
    assert (resumed.paused_reason, resumed.paused_at_us) == (None, None)


async def test_another_account_can_neither_see_nor_touch_a_source(database: Database, sealer: Sealer) -> None:
    await _create(database, sealer, _new("s"))

    outcomes = [
        await database.read(lambda tx: find_source(tx, "b", "s")),
        await database.write(
            lambda tx: change_source(tx, sealer, "b", "s", lambda one: replace(one, name="mine"), now_us=NOW_US)
        ),
        await database.write(lambda tx: pause_source(tx, "b", "s", reason="x", now_us=NOW_US)),
        await database.write(lambda tx: resume_source(tx, "b", "s", now_us=NOW_US)),
        await database.write(lambda tx: delete_source(tx, "b", "s", now_us=NOW_US)),
    ]

    assert outcomes == [None, None, None, None, False]
    kept = await database.read(lambda tx: find_source(tx, "a", "s"))
    assert kept is not None
    assert (kept.name, kept.paused_reason) == ("Shop", None)


async def test_an_attempt_begun_before_a_new_token_or_a_resume_pauses_nothing(
    database: Database, sealer: Sealer
) -> None:
    await _create(database, sealer, _new("s"))

    async def pauses(since_us: int) -> bool:
        return await database.write(
            lambda tx: settling.pause_source(tx, source_id="s", reason="190", since_us=since_us, now_us=NOW_US)
        )

    assert await pauses(NOW_US)
    await database.write(lambda tx: resume_source(tx, "a", "s", now_us=NOW_US + 5))
    assert not await pauses(NOW_US + 4)
    await database.write(
        lambda tx: change_source(
            tx, sealer, "a", "s", lambda one: one, secrets=NewSecrets(access_token="t3"), now_us=NOW_US + 9
        )
    )
    assert not await pauses(NOW_US + 8)
    assert await pauses(NOW_US + 9)
