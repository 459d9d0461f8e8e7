"""Each way a POST can end leads to what the rules say, and nothing is ever sent twice without proof."""

import pytest

from waypost.store.statements import Sql

PHONE = "12025550143"
OTHER = "12025550144"
_ATTEMPTS = Sql(
    "SELECT number, outcome, http_status, provider_code FROM attempts WHERE message_id = :id ORDER BY number"
)
_MESSAGE = Sql("SELECT state, failed_attempts, releases, wait_reason, failure FROM messages WHERE id = :id")


async def attempts_of(house, message_id):
    database = house.demo.gateway.foundation.database
    return await database.read(lambda tx: tx.rows(_ATTEMPTS, id=message_id))


async def row_of(house, message_id):
    database = house.demo.gateway.foundation.database
    return await database.read(lambda tx: tx.one(_MESSAGE, id=message_id))


async def outcomes_become(house, message_id, *outcomes):
    async def do_they() -> bool:
        return [row[1] for row in await attempts_of(house, message_id)] == list(outcomes)

    await house.eventually(do_they)


async def test_throttling_silences_the_source_and_counts_no_attempt(house):
    await house.writes_first(PHONE, OTHER)
    await house.fault("throttle", count=1, retry_after=1, code=130429)

    first = await house.send(house.entry(PHONE))
    await outcomes_become(house, first[0], "throttled")
    second = await house.send(house.entry(OTHER))
    await house.becomes("read", *first, *second)

    assert [("throttled"), ("accepted")] == [row[1] for row in await attempts_of(house, first[0])]
    assert 0 == (await row_of(house, first[0]))[1]
    starts = (await house.sandbox("GET", "/sandbox/ledger/starts"))["starts"]
    times = sorted(start["arrival_monotonic_us"] for start in starts)
    assert times[1] - times[0] >= 1_000_000


async def test_a_throttled_pair_rests_while_others_go_on(house):
    await house.writes_first(PHONE, OTHER)
    await house.fault("graph_error", code=131056, number=PHONE, count=1)

    [held] = await house.send(house.entry(PHONE))
    await outcomes_become(house, held, "throttled")
    [free] = await house.send(house.entry(OTHER))
    await house.becomes("read", free)

    assert "accepted" == await house.status_of(held)
    await house.becomes("read", held)
    assert 0 == (await row_of(house, held))[1]


async def test_a_soft_refusal_is_tried_again_after_the_wait_for_a_status(house):
    await house.writes_first(PHONE)
    await house.fault("http_5xx", count=1, status=503, body="json", code=131016)

    [message_id] = await house.send(house.entry(PHONE))
    await house.is_told(message_id, "sent", "delivered", "read")

    assert ["transient", "accepted"] == [row[1] for row in await attempts_of(house, message_id)]


@pytest.mark.parametrize(("kind", "rule"), [("http_5xx", {"body": "html"}), ("reset_before", {}), ("hang", {})])
async def test_an_ambiguous_end_before_acceptance_is_held_then_released_once(house, kind, rule):
    await house.writes_first(PHONE)
    await house.fault(kind, count=1, **rule)

    [message_id] = await house.send(house.entry(PHONE))
    await house.is_told(message_id, "sent", "delivered", "read")

    assert ["released", "accepted"] == [row[1] for row in await attempts_of(house, message_id)]
    assert 1 == len(await house.ledger())
    assert 1 == (await row_of(house, message_id))[2]


async def test_at_most_once_is_never_sent_again_and_ends_unknown(house):
    await house.writes_first(PHONE)
    await house.fault("reset_before", count=1)

    [message_id] = await house.send(house.entry(PHONE, ttl=0.00004, delivery="at_most_once"))
    await house.becomes("failed", message_id)
    await house.is_told(message_id, "failed")

    assert (await house.webhooks(message_id))[0]["status_remark"].startswith("8015 ")
    assert [] == await house.ledger()


@pytest.mark.parametrize("kind", ["reset_after", "lost_answer", "truncated"])
async def test_an_accepted_message_whose_answer_is_lost_is_bound_by_its_token_and_not_sent_again(house, kind):
    rule = {"then": "close"} if kind == "lost_answer" else {"body": "no_messages"} if kind == "truncated" else {}
    await house.writes_first(PHONE)
    await house.fault(kind, count=1, **rule)

    [message_id] = await house.send(house.entry(PHONE))
    await house.is_told(message_id, "sent", "delivered", "read")

    [entry] = await house.ledger()
    assert 0 == (await row_of(house, message_id))[2]
    assert entry["wamid"]


async def test_two_hundred_lost_answers_are_each_bound_and_none_is_sent_twice(house):
    phones = [f"1202555{number:04}" for number in range(1000, 1200)]
    await house.writes_first(*phones)
    await house.fault("lost_answer", count=200, then="close")

    ids = await house.send(*(house.entry(phone) for phone in phones))
    await house.becomes("read", *ids)

    ledger = await house.ledger()
    assert 200 == len(ledger)
    assert 200 == len({entry["to"] for entry in ledger})
    for message_id in ids[::20]:
        await house.is_told(message_id, "sent", "delivered", "read")


async def test_statuses_before_the_answer_are_bound_at_once(house):
    await house.writes_first(PHONE)
    await house.fault("statuses_before_answer", count=1, seconds=0.2)

    [message_id] = await house.send(house.entry(PHONE))
    await house.is_told(message_id, "sent", "delivered", "read")

    assert "read" == await house.status_of(message_id)


async def test_statuses_twice_and_in_disorder_are_told_once_and_never_backwards(house):
    await house.writes_first(PHONE, OTHER)
    await house.fault("duplicate_status", count=1)
    [twice] = await house.send(house.entry(PHONE))
    await house.is_told(twice, "sent", "delivered", "read")

    await house.fault("reordered_statuses", count=1, order=["read", "delivered", "sent"])
    [disordered] = await house.send(house.entry(OTHER))

    async def all_have_come():
        timeline = (await house.call("GET", f"/api/v2/message/{disordered}"))[1]["data"]["timeline"]
        return {"sent", "delivered", "read"} <= {entry["status"] for entry in timeline}

    await house.eventually(all_have_come)
    assert "read" == await house.status_of(disordered)
    await house.is_told(disordered, "read")


@pytest.mark.parametrize(
    ("code", "remark"),
    [
        (131026, "8003 WhatsApp contact does not exist"),
        (
            131047,
            (
                "8007 Failed to send message because you are outside the support window for freeform messages "
                "to this user. Please use a valid template or reconsider"
            ),
        ),
        (131053, "8008 Invalid Media id or bad media"),
        (131051, "8008 Invalid Media id or bad media"),
    ],
)
@pytest.mark.parametrize("kind", ["graph_error", "failed_status"])
async def test_a_refusal_now_or_later_fails_the_message_with_the_contracts_remark(house, kind, code, remark):
    await house.writes_first(PHONE)
    await house.fault(kind, code=code, count=1)

    [message_id] = await house.send(house.entry(PHONE))
    await house.becomes("failed", message_id)
    await house.is_told(message_id, "failed")

    assert [remark] == [entry["status_remark"] for entry in await house.webhooks(message_id)]


async def test_an_expired_token_pauses_the_source_with_a_reason_and_a_new_one_resumes_it(house):
    await house.writes_first(PHONE)
    token = house.demo.account.access_token
    await house.sandbox("PUT", f"/sandbox/tokens/{token}", json={"expired": True})

    [message_id] = await house.send(house.entry(PHONE))
    directory = house.demo.gateway.foundation.directory

    async def is_paused() -> bool:
        return directory.now.sources[house.source_id].paused_reason is not None

    await house.eventually(is_paused)
    assert "190" in directory.now.sources[house.source_id].paused_reason
    assert "accepted" == await house.status_of(message_id)

    await house.sandbox("PUT", f"/sandbox/tokens/{token}", json={"expired": False})
    await house.call("PUT", f"/api/v2/source/{house.source_id}", json={"access_token": token})
    await house.becomes("read", message_id)


async def test_a_lost_webhook_is_caught_up_by_the_providers_retry(house):
    await house.writes_first(PHONE)
    await house.fault("webhook_loss", of="statuses", count=1)

    [message_id] = await house.send(house.entry(PHONE))

    await house.becomes("read", message_id)


async def test_a_message_whose_time_is_up_is_not_sent(house):
    await house.writes_first(PHONE)
    await house.fault("throttle", count=1, retry_after=2, code=130429)
    await house.send(house.entry(PHONE))

    [late] = await house.send(house.entry(PHONE, ttl=0.00001))
    await house.is_told(late, "failed")

    remark = (await house.webhooks(late))[0]["status_remark"]
    assert "8015 Platform Error: message expired before it could be sent" == remark
    assert 1 >= len(await house.ledger())
