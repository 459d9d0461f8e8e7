"""Statuses: bound by token or id, joined in any order, told once each."""

from tests.receive.gateway import Gateway
from tests.receive.webhooks import status, statuses

from waypost.domain.message import MessageState


async def test_a_status_moves_its_message_and_is_told(gateway: Gateway):
    message_id = await gateway.message(wamid="wamid.1", attempts=(("accepted", "wamid.1"),))

    await gateway.ingester.ingest(
        statuses(status("wamid.1", "sent", token=gateway.token(message_id)), status("wamid.1", "delivered")),
        gateway.scope,
    )

    assert await gateway.state(message_id) is MessageState.DELIVERED
    assert await gateway.posted(message_id) == ["sent", "delivered"]
    assert len(gateway.told) == 1


async def test_a_token_binds_a_message_whose_answer_was_lost(gateway: Gateway):
    message_id = await gateway.message(state=MessageState.IN_DOUBT, attempts=(("in_doubt", None),))

    await gateway.ingester.ingest(statuses(status("wamid.9", "sent", token=gateway.token(message_id))), gateway.scope)

    [row] = await gateway.rows("SELECT state, wamid FROM messages WHERE id = :id", id=message_id)
    assert row == (MessageState.SENT, "wamid.9")
    [attempt] = await gateway.rows("SELECT outcome, wamid, ended_at_us FROM attempts")
    assert attempt == ("resolved", "wamid.9", gateway.clock.at_us)
    assert gateway.metrics.registry.get_sample_value("waypost_dispatch_in_doubt_ends_total", {"end": "resolved"}) == 1
