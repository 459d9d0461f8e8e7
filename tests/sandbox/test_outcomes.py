"""What becomes of accepted messages: windows, people who cannot or will not get them, and limits."""

import pytest

from .conftest import NUMBER, NUMBER_ID, PHONE, Build, World, text


async def failed_code(world: World, wamid: str) -> int:
    await world.receiver.until(lambda: world.receiver.words(wamid))
    (status,) = world.receiver.statuses(wamid)
    assert status["status"] == "failed"
    (error,) = status["errors"]
    assert error["title"] == error["message"]
    return int(error["code"])


async def test_a_message_outside_the_window_is_accepted_and_fails_with_131047(world: World) -> None:
    wamid = await world.send_wamid()

    assert await failed_code(world, wamid) == 131047
    assert (await world.phone_messages())[0]["status"] == "failed"


async def test_a_window_closes_after_its_time(build: Build) -> None:
    world = await build(window_seconds=0)
    await world.phone_writes()

    assert await failed_code(world, await world.send_wamid()) == 131047


async def test_a_window_can_be_closed_by_hand(open_world: World) -> None:
    await open_world.call("DELETE", f"/sandbox/phones/{PHONE}/windows")

    assert await failed_code(open_world, await open_world.send_wamid()) == 131047


async def test_a_message_from_yesterday_opens_no_window(world: World) -> None:
    await world.phone_writes({**text("old"), "timestamp": 1_700_000_000})

    assert await failed_code(world, await world.send_wamid()) == 131047


async def test_a_number_that_is_not_on_whatsapp_fails_with_131026(open_world: World) -> None:
    await open_world.set_phone(on_whatsapp=False)

    assert await failed_code(open_world, await open_world.send_wamid()) == 131026


async def test_a_person_who_wants_nothing_fails_with_131050(open_world: World) -> None:
    await open_world.set_phone(opted_out="all")

    assert await failed_code(open_world, await open_world.send_wamid()) == 131050


async def test_opting_out_of_marketing_leaves_service_messages_alone(open_world: World) -> None:
    await open_world.set_phone(opted_out=True)

    wamid = await open_world.send_wamid()

    await open_world.receiver.until(lambda: "read" in open_world.receiver.words(wamid))


async def test_a_reaction_to_nothing_fails_with_131009_and_a_good_one_is_only_sent(open_world: World) -> None:
    bad = await open_world.send_wamid({"type": "reaction", "reaction": {"message_id": "wamid.x", "emoji": "👍"}})
    target = (await open_world.phone_messages())[0]["wamid"]
    good = await open_world.send_wamid({"type": "reaction", "reaction": {"message_id": target, "emoji": ""}})

    assert await failed_code(open_world, bad) == 131009
    await open_world.receiver.until(lambda: open_world.receiver.words(good))
    assert open_world.receiver.words(good) == ["sent"]


async def test_an_offline_phone_gets_its_messages_when_it_is_back(open_world: World) -> None:
    receiver = open_world.receiver
    await open_world.set_phone(online=False)
    wamid = await open_world.send_wamid()
    await receiver.until(lambda: receiver.words(wamid))
    assert (await open_world.phone_messages("?direction=received"))[0]["status"] == "sent"

    await open_world.set_phone(online=True)

    await receiver.until(lambda: len(receiver.words(wamid)) == 3)
    assert receiver.words(wamid) == ["sent", "delivered", "read"]


@pytest.mark.parametrize("blocks", [True, [NUMBER], [NUMBER_ID]])
async def test_a_blocked_business_sees_only_sent(open_world: World, blocks: bool | list[str]) -> None:
    receiver = open_world.receiver
    await open_world.set_phone(blocks=blocks)
    wamid = await open_world.send_wamid()
    await receiver.until(lambda: receiver.words(wamid))

    await open_world.set_phone(blocks=False)

    await receiver.until(lambda: len(receiver.words(wamid)) == 3)


async def test_manual_reading_reads_what_it_is_told(open_world: World) -> None:
    receiver = open_world.receiver
    await open_world.set_phone(reads="manual")
    first, second = await open_world.send_wamid(), await open_world.send_wamid()
    await receiver.until(lambda: receiver.words().count("delivered") == 2)

    _, answer = await open_world.call("POST", f"/sandbox/phones/{PHONE}/read", {"message_ids": [first]})
    assert answer == {"read": [first]}
    await receiver.until(lambda: "read" in receiver.words(first))
    assert receiver.words(second) == ["sent", "delivered"]

    _, answer = await open_world.call("POST", f"/sandbox/phones/{PHONE}/read")
    assert answer == {"read": [second]}
    await receiver.until(lambda: "read" in receiver.words(second))


async def test_changing_to_manual_while_offline_leaves_messages_unread(open_world: World) -> None:
    receiver = open_world.receiver
    await open_world.set_phone(online=False)
    wamid = await open_world.send_wamid()
    await receiver.until(lambda: receiver.words(wamid))

    await open_world.set_phone(reads="manual")
    await open_world.set_phone(online=True)
    await receiver.until(lambda: "delivered" in receiver.words(wamid))
    await open_world.set_phone(reads="auto")

    await receiver.until(lambda: "read" in receiver.words(wamid))
    assert receiver.words(wamid) == ["sent", "delivered", "read"]


async def test_a_username_only_person_is_known_by_id_alone(world: World) -> None:
    phone = await world.set_phone(username_only=True, username="ana.example")
    await world.phone_writes()
    await world.receiver.until(world.receiver.messages)

    message = world.receiver.messages()[0]
    assert "from" not in message
    assert message["from_user_id"] == phone["user_id"]
    assert world.receiver.values()[0]["contacts"] == [
        {"profile": {"name": phone["name"], "username": "ana.example"}, "user_id": phone["user_id"]}
    ]
    body = {"messaging_product": "whatsapp", "recipient": phone["user_id"], **text()}
    _, answer = await world.call("POST", f"/{NUMBER_ID}/messages", body)
    assert answer["contacts"] == [{"input": phone["user_id"], "user_id": phone["user_id"]}]
    wamid = answer["messages"][0]["id"]
    await world.receiver.until(lambda: "read" in world.receiver.words(wamid))
    assert all("recipient_id" not in status for status in world.receiver.statuses(wamid))


async def test_a_wa_id_may_differ_from_the_number_that_was_given(open_world: World) -> None:
    await open_world.set_phone(phone="5511987654321", wa_id="551187654321")

    _, answer = await open_world.send(to="+5511987654321")

    assert answer["contacts"] == [{"input": "+5511987654321", "wa_id": "551187654321"}]
    assert len(await open_world.phone_messages(phone="551187654321")) == 1


async def test_more_than_the_numbers_rate_is_refused_with_130429(build: Build) -> None:
    world = await build(number_rate=5, pair_interval_seconds=0)

    answers = [await world.send() for _ in range(12)]

    codes = [answer["error"]["code"] for status, answer in answers if status != 200]
    assert 5 <= sum(status == 200 for status, _ in answers) < 12
    assert set(codes) == {130429}


async def test_more_than_a_pairs_burst_is_refused_with_131056_for_that_pair_only(build: Build) -> None:
    world = await build(pair_burst=3)

    answers = [await world.send() for _ in range(4)]
    other, _ = await world.send(to="+12025550144")

    assert [status for status, _ in answers] == [200, 200, 200, 400]
    assert answers[3][1]["error"]["code"] == 131056
    assert other == 200


async def test_a_rate_is_set_for_one_number(world: World) -> None:
    await world.call("PUT", f"/sandbox/numbers/{NUMBER_ID}", {"rate": 1})

    statuses = [(await world.send())[0] for _ in range(2)]

    assert statuses == [200, 400]
