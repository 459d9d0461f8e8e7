"""The webhook sender: batches, repeats, order, overrides and the handshake."""

import asyncio
import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

from waypost.sandbox.callbacks import Update, encode
from waypost.sandbox.network import Number

from .conftest import NUMBER_ID, PHONE, WABA, Build, World, text


def number(number_id: str = "1", waba_id: str = "10") -> Number:
    return Number(
        phone_number_id=number_id,
        display_phone_number=f"1202555010{number_id}",
        waba_id=waba_id,
        access_token="token",
        app_secret="secret",
    )


def update(of: Number, part: str, item: dict[str, Any], contact: dict[str, Any] | None = None) -> Update:
    return Update(number=of, field="messages", part=part, item=item, contact=contact, subject=None)


def test_a_batch_groups_by_account_number_and_kind() -> None:
    first, second = number("1"), number("2")
    contact = {"wa_id": PHONE}
    updates = [
        update(first, "statuses", {"id": "a"}, contact),
        update(first, "statuses", {"id": "b"}, contact),
        update(first, "messages", {"id": "c"}, contact),
        update(second, "statuses", {"id": "d"}),
        update(number("3", "11"), "statuses", {"id": "e"}),
    ]

    envelope = json.loads(encode(updates))

    assert [entry["id"] for entry in envelope["entry"]] == ["10", "11"]
    changes = [change["value"] for change in envelope["entry"][0]["changes"]]
    assert changes[0]["statuses"] == [{"id": "a"}, {"id": "b"}]
    assert changes[0]["contacts"] == [contact]
    assert changes[1]["messages"] == [{"id": "c"}]
    assert "contacts" not in changes[2]


def test_an_astral_character_is_two_lower_case_escapes() -> None:
    body = encode([update(number(), "messages", {"text": "Ä🙂"})])

    assert b"\\u00c4\\ud83d\\ude42" in body


async def test_a_refused_webhook_is_repeated_with_the_same_body_until_200(world: World) -> None:
    receiver = world.receiver
    receiver.answers = [500, 302, 204]

    await world.phone_writes()
    await receiver.until(lambda: len(receiver.posts) == 4)

    assert len({body for _, body in receiver.posts}) == 1
    assert (await world.call("GET", "/sandbox/status"))[1]["webhook_failures"] == 3


async def test_a_repeat_goes_to_where_the_number_is_called_back_by_then(world: World) -> None:
    receiver, numbers = world.receiver, world.sandbox.network
    numbers.save_number(replace(numbers.numbers[NUMBER_ID], callback_url="http://127.0.0.1:1/gone"))

    await world.phone_writes()
    async with asyncio.timeout(60):
        while not world.sandbox.delivery.callbacks.failures:  # noqa: ASYNC110 - nothing announces a failed POST
            await asyncio.sleep(0)
    numbers.save_number(replace(numbers.numbers[NUMBER_ID], callback_url=receiver.url))

    await receiver.until(lambda: len(receiver.posts) == 1)


async def test_the_next_status_waits_for_the_acknowledgement_of_the_one_before(open_world: World) -> None:
    receiver = open_world.receiver
    receiver.answers = [500, 500]

    wamid = await open_world.send_wamid()
    await receiver.until(lambda: "read" in receiver.words(wamid))

    assert receiver.words(wamid) == ["sent", "sent", "sent", "delivered", "read"]


async def test_the_gaps_between_repeats_grow(build: Build) -> None:
    world = await build(webhook_retry_first_seconds=0.02, webhook_retry_max_seconds=0.1)
    receiver = world.receiver
    receiver.answers = [500] * 5
    moments: list[float] = []

    async def noted() -> None:
        for count in range(1, 7):
            await receiver.until(lambda count=count: len(receiver.posts) >= count)
            moments.append(asyncio.get_running_loop().time())

    await world.phone_writes()
    await noted()

    gaps = [after - before for before, after in pairwise(moments)]
    assert gaps[3] > 2 * gaps[0]
    assert all(gap >= least for gap, least in zip(gaps, (0.015, 0.035, 0.075, 0.095, 0.095), strict=True))


async def test_a_webhook_is_given_up_after_its_span(build: Build) -> None:
    world = await build(webhook_retry_span_seconds=0.05)
    receiver = world.receiver
    receiver.answers = [500] * 100
    await world.phone_writes(text("lost"))
    await receiver.until(lambda: len(receiver.posts) >= 2)
    receiver.answers = []

    wamid = await world.send_wamid()

    await receiver.until(lambda: "read" in receiver.words(wamid))
    assert (await world.call("GET", "/sandbox/status"))[1]["webhook_queue"] == 0


async def test_one_post_carries_as_many_updates_as_allowed(build: Build) -> None:
    world = await build(webhook_batch_max=7, webhook_concurrency=1, number_rate=0)
    for index in range(30):
        world.sandbox.network.phone(f"120255501{index:02d}")
    receiver = world.receiver

    await asyncio.gather(*(world.send_wamid(to=f"+120255502{index:02d}") for index in range(30)))
    await receiver.until(lambda: len(receiver.statuses()) == 30)

    sizes = [len(value["statuses"]) for value in receiver.values()]
    assert max(sizes) <= 7
    assert len(sizes) < 30


async def test_an_override_is_verified_and_then_used(open_world: World) -> None:
    receiver = open_world.receiver
    override = {"override_callback_uri": f"{receiver.url}/own", "verify_token": receiver.verify_token}

    assert await open_world.call("POST", f"/v23.0/{WABA}/subscribed_apps", override) == (200, {"success": True})

    _, apps = await open_world.call("GET", f"/v23.0/{WABA}/subscribed_apps")
    assert apps["data"][0]["override_callback_uri"] == f"{receiver.url}/own"
    body = {"webhook_configuration": {**override, "override_callback_uri": f"{receiver.url}/number"}}
    assert await open_world.call("POST", f"/v23.0/{NUMBER_ID}", body) == (200, {"success": True})
    _, fields = await open_world.call("GET", f"/v23.0/{NUMBER_ID}?fields=webhook_configuration")
    assert fields["webhook_configuration"] == {
        "phone_number": f"{receiver.url}/number",
        "whatsapp_business_account": f"{receiver.url}/own",
        "application": receiver.url,
    }
    wamid = await open_world.send_wamid()
    await receiver.until(lambda: "read" in receiver.words(wamid))


async def test_an_override_that_does_not_answer_the_challenge_is_refused(world: World) -> None:
    for override in (
        {"override_callback_uri": world.receiver.url, "verify_token": "wrong"},
        {"override_callback_uri": "http://127.0.0.1:9/", "verify_token": "x"},
        {"override_callback_uri": f"{world.url}/sandbox/status", "verify_token": "x"},
    ):
        status, answer = await world.call("POST", f"/v23.0/{WABA}/subscribed_apps", override)

        assert (status, answer["error"]["code"]) == (400, 2200)


async def test_an_app_that_is_not_subscribed_is_told_nothing(world: World) -> None:
    await world.call("DELETE", f"/v23.0/{WABA}/subscribed_apps")
    assert (await world.call("GET", f"/v23.0/{WABA}/subscribed_apps"))[1] == {"data": []}
    await world.phone_writes(text("unheard"))

    await world.call("POST", f"/v23.0/{WABA}/subscribed_apps")
    await world.phone_writes(text("heard"))

    await world.receiver.until(world.receiver.messages)
    assert [message["text"]["body"] for message in world.receiver.messages()] == ["heard"]


async def test_older_webhooks_carry_a_conversation(build: Build) -> None:
    world = await build(webhook_conversation=True)
    await world.phone_writes()

    wamid = await world.send_wamid()

    await world.receiver.until(lambda: "read" in world.receiver.words(wamid))
    sent, delivered, read = world.receiver.statuses(wamid)
    assert "expiration_timestamp" in sent["conversation"]
    assert "expiration_timestamp" not in delivered["conversation"]
    assert "pricing" not in read


async def test_a_status_delay_is_kept_between_steps(build: Build) -> None:
    world = await build(status_delay_seconds=0.05)
    await world.phone_writes()

    wamid = await world.send_wamid()
    await world.receiver.until(lambda: "read" in world.receiver.words(wamid))

    entry = world.sandbox.ledger.by_wamid[wamid]
    assert entry.sent_us - entry.arrival_us >= 50_000
    assert entry.read_us - entry.delivered_us >= 50_000


async def test_a_number_without_a_callback_still_delivers(world: World) -> None:
    await world.call("PUT", f"/sandbox/numbers/{NUMBER_ID}", {"callback_url": ""})
    await world.phone_writes()

    await world.send_wamid()

    async with asyncio.timeout(10):
        while (await world.phone_messages("?direction=received"))[0]["status"] != "read":
            pass
