"""The thin thread: a phone writes, the business answers, and both are told."""

import json

from .conftest import NUMBER, NUMBER_ID, PHONE, SECRET, WABA, World, signature, text


async def test_a_phone_that_writes_is_told_to_the_business_in_a_signed_webhook(world: World) -> None:
    await world.phone_writes(text("grüße 🙂"))

    await world.receiver.until(world.receiver.messages)
    headers, body = world.receiver.posts[0]
    envelope = json.loads(body)
    assert headers["X-Hub-Signature-256"] == signature(body, SECRET)
    assert body.isascii()
    assert b"gr\\u00fc\\u00dfe \\ud83d\\ude42" in body
    assert envelope["object"] == "whatsapp_business_account"
    assert envelope["entry"][0]["id"] == WABA
    value = envelope["entry"][0]["changes"][0]["value"]
    assert value["metadata"] == {"display_phone_number": NUMBER, "phone_number_id": NUMBER_ID}
    assert value["contacts"][0]["wa_id"] == PHONE
    assert value["messages"][0]["from"] == PHONE
    assert value["messages"][0]["text"] == {"body": "grüße 🙂"}


async def test_an_accepted_text_becomes_sent_delivered_read_in_this_order(open_world: World) -> None:
    wamid = await open_world.send_wamid(text("hi"), biz_opaque_callback_data="token-1")

    receiver = open_world.receiver
    await receiver.until(lambda: len(receiver.statuses(wamid)) == 3)
    assert receiver.words(wamid) == ["sent", "delivered", "read"]
    assert {status["biz_opaque_callback_data"] for status in receiver.statuses(wamid)} == {"token-1"}
    assert {status["recipient_id"] for status in receiver.statuses(wamid)} == {PHONE}
    message = (await open_world.phone_messages("?direction=received"))[0]
    assert message["wamid"] == wamid
    assert message["status"] == "read"
    assert message["message"]["text"] == {"body": "hi"}
