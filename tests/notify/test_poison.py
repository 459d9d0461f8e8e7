"""A notification that no transaction can write or read costs only itself."""

from tests.notify.conftest import House, Receiver

from waypost.store.notifying import DEAD, DELIVERED, PENDING
from waypost.store.statements import Dialect, Sql


async def refuse(house: House, condition: str) -> None:
    """Let the database refuse updates of the notifications that meet the condition."""
    statements = (
        (
            f"CREATE TRIGGER poison BEFORE UPDATE ON notifications WHEN {condition} "
            "BEGIN SELECT RAISE(ABORT, 'poison'); END"
        ),
    )
    if house.database.connector.dialect is Dialect.POSTGRESQL:
        statements = (
            "CREATE FUNCTION poison() RETURNS trigger AS 'BEGIN RAISE EXCEPTION ''poison''; END' LANGUAGE plpgsql",
            (
                f"CREATE TRIGGER poison BEFORE UPDATE ON notifications FOR EACH ROW WHEN ({condition}) "
                "EXECUTE FUNCTION poison()"
            ),
        )
    for statement in statements:
        await house.database.write(lambda tx, one=statement: tx.run(Sql(one)))


async def test_an_end_that_cannot_be_written_is_a_dead_letter_and_the_others_are_delivered(
    house: House, receiver: Receiver
):
    endpoint = await house.add_endpoint(receiver.url)
    bad, *good = await house.add(endpoint, "bad", "one", "two", "three")
    await refuse(house, f"OLD.id = '{bad}' AND NEW.state = {DELIVERED}")

    async with house.notifying():
        states = await house.until(lambda states: all(one.state != PENDING for one in states.values()))
        [later] = await house.add(endpoint, "later")
        await house.until(lambda states: states[later].state == DELIVERED)

    assert {states[one].state for one in good} == {DELIVERED}
    assert (DEAD, "the database refused to keep how this ended") == (states[bad].state, states[bad].last_error)
    assert receiver.words.count("bad") == 1


async def test_one_that_cannot_be_written_at_all_is_not_delivered_over_and_over(house: House, receiver: Receiver):
    endpoint = await house.add_endpoint(receiver.url)
    bad, *good = await house.add(endpoint, "bad", "one", "two", "three")
    await refuse(house, f"OLD.id = '{bad}'")

    async with house.notifying():
        await house.until(lambda states: all(states[one].state == DELIVERED for one in good))
        [later] = await house.add(endpoint, "later")
        await house.until(lambda states: states[later].state == DELIVERED)
        await house.settle_down()

    assert receiver.words.count("bad") == 1
    assert (await house.states())[bad].state == PENDING


async def test_an_endpoint_whose_notifications_cannot_be_loaded_is_held_back_and_the_others_go_on(
    house: House, receiver: Receiver
):
    batched = await house.add_endpoint(receiver.url, max_batch=10)
    plain = await house.add_endpoint(receiver.url)
    await house.add(batched, "bad")
    await refuse(house, f"OLD.endpoint_id = '{batched}'")
    good = await house.add(plain, "one", "two")

    async with house.notifying():
        await house.until(lambda states: all(states[one].state == DELIVERED for one in good))

    assert "bad" not in receiver.words
