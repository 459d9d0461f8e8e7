"""A row that no transaction can write costs only itself: the others go on, it ends with a reason, the process lives."""

import pytest
from tests.gateway.conftest import House, settings_for, start

from waypost.store.connections import SqliteConnector
from waypost.store.statements import Dialect, Sql

POISONED = "12025550143"
OTHERS = [f"1202555{number:04}" for number in range(200, 212)]
_MESSAGE = Sql("SELECT state, failure, failure_detail, wamid, releases FROM messages WHERE id = :id")
_ATTEMPT = Sql("SELECT outcome, detail FROM attempts WHERE message_id = :id ORDER BY number DESC")
_PAUSED = Sql("SELECT paused_reason FROM sources WHERE id = :id")


def database_of(house: House):
    return house.demo.gateway.foundation.database


async def execute(house: House, *statements: str) -> None:
    """Run statements of the database's own SQL, such as those that make a trigger."""

    def apply(tx):
        for statement in statements:
            tx.run(Sql(statement))

    await database_of(house).write(apply)


async def refuse(house: House, event: str, table: str, condition: str, *, name: str = "poison") -> None:
    """Let the database refuse an ``event`` (``UPDATE``, ``INSERT``) on the rows that meet the condition."""
    if isinstance(database_of(house).connector, SqliteConnector):
        await execute(
            house,
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} WHEN {condition} "
            "BEGIN SELECT RAISE(ABORT, 'poison'); END",
        )
        return
    await execute(
        house,
        f"CREATE FUNCTION {name}() RETURNS trigger AS 'BEGIN RAISE EXCEPTION ''poison''; END' LANGUAGE plpgsql",
        f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION {name}()",
    )


async def row_of(house: House, sql: Sql, key: str):
    return await database_of(house).read(lambda tx: tx.one(sql, id=key))


async def pause(house: House) -> None:
    status, _ = await house.call("POST", f"/manage/v1/sources/{house.source_id}/pause", json={"reason": "a test"})
    assert 200 == status


async def resume(house: House) -> None:
    status, _ = await house.call("POST", f"/manage/v1/sources/{house.source_id}/resume")
    assert 200 == status


async def queue(house: House) -> tuple[str, list[str]]:
    """Queue a message to be poisoned between others, with the source paused."""
    await house.writes_first(POISONED, *OTHERS)
    await pause(house)
    ids = await house.send(*(house.entry(phone) for phone in [*OTHERS[:4], POISONED, *OTHERS[4:]]))
    return ids.pop(4), ids


async def test_a_message_that_cannot_be_claimed_fails_and_the_others_go_out(house):
    bad, good = await queue(house)
    await refuse(house, "INSERT", "attempts", f"NEW.message_id = '{bad}'")

    await resume(house)
    await house.becomes("read", *good)

    await house.is_told(bad, "failed")
    assert (await house.webhooks(bad))[0]["status_remark"].startswith("8005 ")
    assert (200, "technical_error") == (await row_of(house, _MESSAGE, bad))[:2]
    assert {entry["to"] for entry in await house.ledger()} == set(OTHERS)


@pytest.mark.parametrize(("column", "value"), [("kind", "'smoke_signal'"), ("content", "'no JSON'")])
async def test_a_message_that_cannot_be_read_fails_and_the_others_go_out(house, column, value):
    bad, good = await queue(house)
    await execute(house, f"UPDATE messages SET {column} = {value} WHERE id = '{bad}'")

    await resume(house)
    await house.becomes("read", *good)

    await house.is_told(bad, "failed")
    assert (200, "technical_error") == (await row_of(house, _MESSAGE, bad))[:2]


async def test_what_waits_behind_a_message_that_cannot_be_claimed_goes_on(house):
    await house.writes_first(POISONED)
    await pause(house)
    bad, good = await house.send(house.entry(POISONED), house.entry(POISONED))
    await refuse(house, "INSERT", "attempts", f"NEW.message_id = '{bad}'")

    await resume(house)

    await house.becomes("read", good)
    await house.becomes("failed", bad)


async def test_a_message_that_cannot_be_written_at_all_pauses_its_source_with_the_reason(house):
    bad, _ = await queue(house)
    await refuse(house, "UPDATE", "messages", f"OLD.id = '{bad}'")

    await resume(house)

    async def is_paused() -> bool:
        return (await row_of(house, _PAUSED, house.source_id))[0] is not None

    await house.eventually(is_paused)
    assert bad in (await row_of(house, _PAUSED, house.source_id))[0]
    assert "accepted" == await house.status_of(bad)

    await execute(house, "DROP TRIGGER poison" + ("" if is_sqlite(house) else " ON messages"))
    await resume(house)
    await house.becomes("read", bad)


def is_sqlite(house: House) -> bool:
    return database_of(house).connector.dialect is Dialect.SQLITE


async def test_a_due_message_that_cannot_be_queued_fails_and_the_others_go_out(house):
    await house.writes_first(POISONED, *OTHERS)
    await pause(house)
    bad, *good = await house.send(*(house.entry(phone) for phone in [POISONED, *OTHERS]))
    await execute(house, "UPDATE messages SET state = 20, wait_reason = 'retry', due_at_us = 1 WHERE state = 30")
    await refuse(house, "UPDATE", "messages", f"OLD.id = '{bad}' AND NEW.state = 30")

    await resume(house)
    await house.becomes("read", *good)

    await house.becomes("failed", bad)


async def test_a_due_message_that_cannot_be_written_at_all_is_left_out_and_its_source_pauses(house):
    await house.writes_first(POISONED)
    await pause(house)
    bad, good = await house.send(house.entry(POISONED), house.entry(POISONED))
    await execute(house, f"UPDATE messages SET state = 20, wait_reason = 'retry', due_at_us = 1 WHERE id = '{bad}'")
    await refuse(house, "UPDATE", "messages", f"OLD.id = '{bad}'")
    await resume(house)

    async def is_paused() -> bool:
        return (await row_of(house, _PAUSED, house.source_id))[0] is not None

    await house.eventually(is_paused)
    assert bad in (await row_of(house, _PAUSED, house.source_id))[0]
    assert "accepted" == await house.status_of(good)


async def test_a_claim_that_fails_for_every_message_ends_few_and_pauses_the_source(house):
    await house.writes_first(*OTHERS)
    await pause(house)
    ids = await house.send(*(house.entry(phone) for phone in OTHERS))
    await refuse(house, "INSERT", "attempts", "NEW.number = 1")
    await resume(house)

    async def is_paused() -> bool:
        return (await row_of(house, _PAUSED, house.source_id))[0] is not None

    await house.eventually(is_paused)
    statuses = [await house.status_of(message_id) for message_id in ids]
    assert 5 == statuses.count("failed")
    assert len(ids) - 5 == statuses.count("accepted")


async def test_an_acceptance_whose_attempt_cannot_be_closed_is_accepted_all_the_same(house):
    bad, good = await queue(house)
    await refuse(house, "UPDATE", "attempts", f"OLD.message_id = '{bad}'")

    await resume(house)
    await house.becomes("read", *good)

    async def is_bound() -> bool:
        return (await row_of(house, _MESSAGE, bad))[3] is not None

    await house.eventually(is_bound)
    assert 1 == [entry["to"] for entry in await house.ledger()].count(POISONED)


async def test_an_acceptance_that_cannot_be_written_is_in_doubt_and_never_sent_again(house):
    bad, good = await queue(house)
    await refuse(house, "UPDATE", "messages", f"OLD.id = '{bad}' AND NEW.state >= 60 AND NEW.state < 200")

    await resume(house)
    await house.becomes("read", *good)

    async def is_in_doubt() -> bool:
        return (await row_of(house, _MESSAGE, bad))[0] == 50

    await house.eventually(is_in_doubt)
    outcome, detail = await row_of(house, _ATTEMPT, bad)
    assert ("in_doubt", "the database refused to keep how this ended") == (outcome, detail)
    assert 1 == [entry["to"] for entry in await house.ledger()].count(POISONED)
    assert 1 == (await row_of(house, _MESSAGE, bad))[4], "what is known to be upstream must not be released"


async def test_a_refusal_whose_detail_cannot_be_written_is_kept_without(house):
    bad, good = await queue(house)
    await house.fault("graph_error", code=131026, number=POISONED, count=1)
    await refuse(
        house,
        "UPDATE",
        "attempts",
        f"OLD.message_id = '{bad}' AND NEW.detail <> '{'the database refused to keep how this ended'}'",
    )

    await resume(house)
    await house.becomes("read", *good)

    await house.is_told(bad, "failed")
    assert (200, "contact_does_not_exist") == (await row_of(house, _MESSAGE, bad))[:2]


async def test_an_attempt_that_cannot_be_written_stops_neither_this_process_nor_the_next(tmp_path, database_url):
    running = await start(settings_for(tmp_path, database_url))
    house = running.house
    bad, good = await queue(house)
    await refuse(house, "UPDATE", "messages", f"OLD.id = '{bad}' AND OLD.state = 40")
    await resume(house)
    await house.becomes("read", *good)
    assert 0 == await running.stop()

    running = await start(settings_for(tmp_path, database_url))
    house = running.house
    await house.writes_first(OTHERS[0])
    [later] = await house.send(house.entry(OTHERS[0]))
    await house.becomes("read", later)
    assert 40 == (await row_of(house, _MESSAGE, bad))[0]
    await execute(house, "DROP TRIGGER poison" + ("" if is_sqlite(house) else " ON messages"))
    assert 0 == await running.stop()

    running = await start(settings_for(tmp_path, database_url))
    await running.house.becomes("read", bad)
    assert 0 == await running.stop()


async def test_a_message_that_cannot_expire_keeps_no_other_from_it(house):
    await house.writes_first(POISONED, OTHERS[0])
    await pause(house)
    bad, good = await house.send(house.entry(POISONED, ttl=0.00002), house.entry(OTHERS[0], ttl=0.00002))
    await refuse(house, "UPDATE", "messages", f"OLD.id = '{bad}' AND NEW.state = 210")

    await house.is_told(good, "failed")

    assert "accepted" == await house.status_of(bad)


async def test_an_attempt_that_cannot_be_given_up_keeps_no_other_from_it(house):
    await house.writes_first(POISONED, OTHERS[0])
    await house.fault("reset_before", count=2)
    bad, good = await house.send(
        *(house.entry(phone, ttl=0.00004, delivery="at_most_once") for phone in (POISONED, OTHERS[0]))
    )
    await refuse(house, "UPDATE", "messages", f"OLD.id = '{bad}' AND NEW.state = 230")

    await house.is_told(good, "failed")

    assert 50 == (await row_of(house, _MESSAGE, bad))[0]
