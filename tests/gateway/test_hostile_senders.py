"""Files at their limits, answers to fetches that never end, and statuses with tokens that are not ours, over HTTP."""

import hashlib
import hmac
import io
import random

import aiohttp
import pytest
from tests.media.test_sniff import AT_THE_LIMIT
from tests.outbound import faults
from tests.outbound.faults import FaultServer, answering
from tests.receive import webhooks

PHONES = [f"1202555{number:04}" for number in range(1000, 1010)]


@pytest.mark.parametrize("name", AT_THE_LIMIT)
async def test_a_file_of_its_kinds_limit_is_taken_and_one_byte_more_is_not(house, name):
    make, limit_bytes = AT_THE_LIMIT[name]
    answers = []
    for size_bytes in (limit_bytes - 1, limit_bytes, limit_bytes + 1):
        form = aiohttp.FormData()
        form.add_field("file", io.BytesIO(make().ljust(size_bytes, b"\0")), filename="file.bin")
        _, answer = await house.call("POST", "/api/v2/media/upload/", data=form)
        answers.append(answer["status"] if answer["status"] == "success" else answer["error"]["code"])

    assert answers == ["success", "success", "8008"]
    incoming = house.demo.gateway.foundation.settings.data_dir / "incoming"
    assert list(incoming.iterdir()) == []


@pytest.mark.parametrize(
    "behaviour",
    [
        answering(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b"),
        answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\n\x1f\x8b\r\n0\r\n\r\n"),
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", then="hang"),
        faults.endless_body,
    ],
    ids=["packed", "packed in transfer", "said to be huge", "endless"],
)
async def test_what_unpacks_or_never_ends_fails_the_message_and_leaves_nothing(house, behaviour):
    await house.writes_first(PHONES[0])
    async with FaultServer(behaviour).running() as server:
        file = {"attachment_url": server.url("/a.png"), "attachment_type": "image"}
        [message_id] = await house.send(
            house.entry(PHONES[0], message_type="media", type_media=[{"attachments": [file]}])
        )
        await house.becomes("failed", message_id)

    settings = house.demo.gateway.foundation.settings
    assert list((settings.data_dir / "incoming").iterdir()) == []


def forgeries(token, other, chance):
    """Tokens that are nearly right, and values that are no token at all."""
    yield from (token.upper(), token[:37] + other[37:], other[:37] + token[37:], token + "\n", " " + token)
    yield from (token[:-17], token[:35] + "02" + token[37:], "v1." + "f" * 34 + "." + "0" * 16, "é" * 54, "x" * 100_000)
    yield from ("", "\0" * 54, 5, None, [token], {"token": token}, True, 1e308)
    for _ in range(60):
        place = chance.randrange(len(token))
        yield token[:place] + chance.choice("ghij-\0é😀") + token[place + 1 :]


async def test_signed_statuses_with_forged_tokens_move_nothing(house):
    account = house.demo.account
    await house.writes_first(*PHONES[:2])
    for phone in PHONES[:2]:
        await house.sandbox("PUT", f"/sandbox/phones/{phone}", json={"online": False})
    ids = await house.send(*(house.entry(phone) for phone in PHONES[:2]))
    for message_id in ids:
        await house.is_told(message_id, "sent")
    token, other = (entry["biz_opaque_callback_data"] for entry in await house.ledger())
    url = f"{house.base_url}/webhooks/cloud_api/{account.source_id}"

    for number, forged in enumerate(forgeries(token, other, random.Random(1))):
        for word in ("read", "failed"):
            item = webhooks.status(f"wamid.forged-{number}", word) | {"biz_opaque_callback_data": forged}
            body = webhooks.statuses(item, number_id=account.phone_number_id)
            signature = hmac.new(account.app_secret.encode(), body, hashlib.sha256).hexdigest()
            headers = {"X-Hub-Signature-256": f"sha256={signature}"}
            async with house.http.post(url, data=body, headers=headers) as answer:
                assert answer.status == 200, forged

    for message_id in ids:
        _, message = await house.call("GET", f"/manage/v1/messages/{message_id}")
        assert (message["status"], len(message["tries"])) == ("sent", 1)
        assert "forged" not in message["wamid"]
    for phone in PHONES[:2]:
        await house.sandbox("PUT", f"/sandbox/phones/{phone}", json={"online": True})
    for message_id in ids:
        await house.is_told(message_id, "sent", "delivered", "read")
