"""Messages that were not sent in time, on both databases."""

import asyncio

import orjson
import pytest
from tests.maintenance.conftest import DAY_US, NOW_US, SECOND_US, CountedIds, HandClock, Rows

from waypost.maintenance.expiry import BATCH_MAX, Expirer
from waypost.store.accounts import create_account
from waypost.store.directory import Directory
from waypost.store.endpoints import NewEndpoint, create_endpoint, new_webhook_secret
from waypost.store.engine import Database, StoreUnavailableError
from waypost.store.sealing import Sealer
from waypost.store.sources import NewSource, create_source, delete_source


@pytest.fixture
def tellings() -> list[int]:
    return []


@pytest.fixture
async def expirer(  # noqa: PLR0917
    database: Database,
    directory: Directory,
    sealer: Sealer,
    clock: HandClock,
    ids: CountedIds,
    tellings: list[int],
) -> Expirer:
    def prepare(tx):
        create_account(tx, account_id="a", name="A", now_us=NOW_US)
        create_source(
            tx,
            sealer,
            NewSource(
                id="s",
                account_id="a",
                name="Shop",
                phone_number="12025550199",
                phone_number_id="pn",
                waba_id="w",
                provider="sandbox",
                access_token="t",
                verify_token="v",
            ),
            now_us=NOW_US,
        )
        create_endpoint(
            tx,
            sealer,
            NewEndpoint(
                id="e",
                account_id="a",
                name="Hook",
                url="https://hooks.example.org/",
                kinds=frozenset({"event"}),
                secret=new_webhook_secret(),
            ),
            now_us=NOW_US,
        )

    await database.write(prepare)
    await directory.refresh()
    return Expirer(
        database=database,
        directory=directory,
        clock=clock,
        ids=ids,
        doubt_seconds_max=86_400.0,
        on_ended=lambda lanes: None,
        on_told=lambda: tellings.append(1),
    )


async def _states(rows: Rows) -> dict[str, tuple[int, str | None, int | None, int]]:
    found = await rows.all("SELECT id, state, failure, ended_at_us, announced FROM messages")
    return {row[0]: (row[1], row[2], row[3], row[4]) for row in found}


@pytest.mark.parametrize("state", [10, 20, 30])
async def test_a_message_that_waits_ends_when_its_time_is_over_and_is_told(
    expirer: Expirer, rows: Rows, clock: HandClock, tellings: list[int], state: int
) -> None:
    await rows.add_message("m", accepted_at_us=NOW_US, state=state, expires_at_us=NOW_US + 5, caller_data="mine")
    await expirer.turn()
    assert (await _states(rows))["m"] == (state, None, None, 0)
    assert tellings == []
    clock.forward(us=5)
    ended = await expirer.turn()
    assert (ended.expired, ended.told) == (1, 1)
    assert (await _states(rows))["m"] == (210, "expired", NOW_US + 5, 8)
    assert tellings == [1]
    [(subject_id, entry, due_at_us)] = await rows.all("SELECT subject_id, entry, due_at_us FROM notifications")
    told = orjson.loads(entry)
    assert (subject_id, due_at_us) == ("m", NOW_US + 5)
    assert (told["ncmessage_id"], told["status"], told["x-apiheader"]) == ("m", "failed", "mine")
    assert (await expirer.turn()).expired == 0


@pytest.mark.parametrize("state", [40, 50, 60, 80, 200, 220])
async def test_a_message_that_may_be_with_upstream_or_has_ended_does_not_expire(
    expirer: Expirer, rows: Rows, state: int
) -> None:
    await rows.add_message("m", accepted_at_us=NOW_US - 9, state=state, expires_at_us=NOW_US - 5)
    assert (await expirer.turn()).expired == 0
    assert (await _states(rows))["m"][0] == state


async def test_a_failure_that_was_announced_is_not_announced_again(expirer: Expirer, rows: Rows) -> None:
    await rows.add_message("m", accepted_at_us=NOW_US - 9, expires_at_us=NOW_US - 5, announced=8)
    ended = await expirer.turn()
    assert (ended.expired, ended.told) == (1, 0)
    assert await rows.column("notifications") == []


async def test_more_than_a_batch_ends_in_several_turns(expirer: Expirer, database: Database, rows: Rows) -> None:
    for number in range(BATCH_MAX + 3):
        await rows.add_message(f"m{number}", accepted_at_us=NOW_US - 9, expires_at_us=NOW_US - 5)
    first, second = await expirer.turn(), await expirer.turn()
    assert (first.expired, first.is_full, second.expired, second.is_full) == (BATCH_MAX, True, 3, False)


@pytest.mark.parametrize("state", [20, 30])
async def test_what_waits_on_a_deleted_source_fails_as_of_an_unknown_source(
    expirer: Expirer, rows: Rows, database: Database, state: int
) -> None:
    await rows.add_message("m", accepted_at_us=NOW_US, state=state)
    assert (await expirer.turn()).of_deleted_sources == 0
    await database.write(lambda tx: delete_source(tx, "a", "s", now_us=NOW_US))
    ended = await expirer.turn()
    assert (ended.of_deleted_sources, ended.told) == (1, 1)
    assert (await _states(rows))["m"] == (200, "unknown_source", NOW_US, 8)


async def test_a_message_both_expired_and_without_source_is_told_once(
    expirer: Expirer, rows: Rows, database: Database
) -> None:
    await rows.add_message("m", accepted_at_us=NOW_US - 9, expires_at_us=NOW_US - 5)
    await database.write(lambda tx: delete_source(tx, "a", "s", now_us=NOW_US))
    assert (await expirer.turn()).told == 1
    assert (await _states(rows))["m"][:2] == (210, "expired")


async def test_an_attempt_of_a_deleted_source_is_given_up_only_after_the_longest_doubt(
    expirer: Expirer, rows: Rows, database: Database, clock: HandClock
) -> None:
    await rows.add_message("m", accepted_at_us=NOW_US, state=50, attempt_number=1, attempt_started_at_us=NOW_US)
    await rows.add(
        "attempts",
        message_id="m",
        number=1,
        account_id="a",
        source_id="s",
        node="n",
        epoch=1,
        started_at_us=NOW_US,
    )
    await database.write(lambda tx: delete_source(tx, "a", "s", now_us=NOW_US))
    clock.forward(us=DAY_US - 1)
    assert (await expirer.turn()).given_up == 0
    clock.forward(us=1)
    assert (await expirer.turn()).given_up == 1
    assert (await _states(rows))["m"][:2] == (230, "outcome_unknown")
    assert await rows.column("attempts", "outcome") == ["unknown"]


async def test_the_service_goes_on_after_the_store_was_away(
    expirer: Expirer, rows: Rows, clock: HandClock, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rows.add_message("m", accepted_at_us=NOW_US, expires_at_us=NOW_US)
    monkeypatch.setattr("waypost.maintenance.expiry.TURN_SECONDS", 0.01)
    turn, failures = expirer.turn, []
    stopping = asyncio.Event()

    async def failing_once():
        if not failures:
            failures.append(1)
            raise StoreUnavailableError("away")
        ended = await turn()
        stopping.set()
        return ended

    monkeypatch.setattr(expirer, "turn", failing_once)
    async with asyncio.timeout(10):
        await expirer.run(stopping)
    assert failures == [1]
    assert (await _states(rows))["m"][0] == 210


async def test_two_nodes_end_each_message_once(  # noqa: PLR0917
    expirer: Expirer,
    rows: Rows,
    database: Database,
    directory: Directory,
    clock: HandClock,
    ids: CountedIds,
) -> None:
    for number in range(50):
        await rows.add_message(f"m{number}", accepted_at_us=NOW_US - SECOND_US, expires_at_us=NOW_US)
    other = Expirer(
        database=database,
        directory=directory,
        clock=clock,
        ids=ids,
        doubt_seconds_max=1.0,
        on_ended=lambda lanes: None,
        on_told=lambda: None,
    )
    first, second = await asyncio.gather(expirer.turn(), other.turn())
    assert first.told + second.told == 50
    assert len(await rows.column("notifications")) == 50
