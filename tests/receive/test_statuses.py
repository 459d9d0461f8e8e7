"""Statuses: bound by token or id, joined whatever their order, told once each."""

import pytest
from tests.receive.gateway import ACCOUNT, OTHER_ACCOUNT, PHONE, Gateway
from tests.receive.webhooks import NOW_SECONDS, failed, status, statuses

from waypost.domain.message import MessageState
from waypost.domain.token import make_token


async def ingest(gateway: Gateway, *items, number_id="111"):
    return await gateway.ingester.ingest(statuses(*items, number_id=number_id), gateway.scope)


async def test_a_status_moves_its_message_and_is_told(gateway: Gateway):
    message_id = await gateway.message(wamid="wamid.1", attempts=(("accepted", "wamid.1"),))

    await ingest(gateway, status("wamid.1", "sent", token=gateway.token(message_id)), status("wamid.1", "delivered"))

    assert await gateway.state(message_id) is MessageState.DELIVERED
    assert await gateway.posted(message_id) == ["sent", "delivered"]
    assert len(gateway.told) == 1


async def test_a_status_is_told_in_the_contracts_words(gateway: Gateway):
    message_id = await gateway.message(wamid="wamid.1")

    await ingest(gateway, failed("wamid.1", 131026))

    [entry] = await gateway.entries(message_id)
    assert entry == {
        "ncmessage_id": message_id,
        "recipient": PHONE,
        "status": "failed",
        "status_remark": "8003 WhatsApp contact does not exist",
        "received_at": "2026-09-21 14:13:20",
        "source": "417-220",
        "x-apiheader": "ticket-118",
    }


async def test_a_failure_is_kept_with_its_code(gateway: Gateway):
    message_id = await gateway.message(wamid="wamid.1")

    await ingest(gateway, failed("wamid.1", 131047))

    [row] = await gateway.rows(
        "SELECT state, failure, failure_code, failure_detail, failed_at_us FROM messages WHERE id = :id", id=message_id
    )
    assert row == (MessageState.FAILED, "outside_window", 131047, "Title: More of it.", NOW_SECONDS * 1_000_000)


async def test_a_token_binds_a_message_whose_answer_was_lost(gateway: Gateway):
    message_id = await gateway.message(state=MessageState.IN_DOUBT, attempts=(("in_doubt", None),))

    await ingest(gateway, status("wamid.9", "sent", token=gateway.token(message_id)))

    [row] = await gateway.rows("SELECT state, wamid FROM messages WHERE id = :id", id=message_id)
    assert row == (MessageState.SENT, "wamid.9")
    [attempt] = await gateway.rows("SELECT outcome, wamid, ended_at_us FROM attempts")
    assert attempt == ("resolved", "wamid.9", gateway.clock.at_us)
    assert gateway.counted("waypost_dispatch_in_doubt_ends_total", end="resolved") == 1


async def test_a_status_that_beats_the_answer_leaves_the_attempt_to_the_one_who_waits(gateway: Gateway):
    message_id = await gateway.message(state=MessageState.DISPATCHING, attempts=((None, None),))

    await ingest(gateway, status("wamid.9", "delivered", token=gateway.token(message_id)))

    assert await gateway.state(message_id) is MessageState.DELIVERED
    [attempt] = await gateway.rows("SELECT outcome, wamid, ended_at_us FROM attempts")
    assert attempt == (None, "wamid.9", None)


@pytest.mark.parametrize(
    "state",
    [MessageState.WAITING, MessageState.QUEUED, MessageState.UNKNOWN, MessageState.FAILED, MessageState.EXPIRED],
)
async def test_proof_of_acceptance_lifts_whatever_the_gateway_had_made_of_it(gateway: Gateway, state):
    message_id = await gateway.message(state=state, attempts=(("transient", None),))

    await ingest(gateway, status("wamid.9", "delivered", token=gateway.token(message_id)))

    assert await gateway.state(message_id) is MessageState.DELIVERED
    assert await gateway.posted(message_id) == ["delivered"]


async def test_a_message_no_longer_waits_once_upstream_has_it(gateway: Gateway):
    message_id = await gateway.message(state=MessageState.WAITING, wait_reason="retry", attempts=(("transient", None),))

    await ingest(gateway, status("wamid.9", "sent", token=gateway.token(message_id)))

    [row] = await gateway.rows("SELECT state, wait_reason FROM messages WHERE id = :id", id=message_id)
    assert row == (MessageState.SENT, None)


async def test_a_second_copy_is_observed_once_recorded_and_told(gateway: Gateway):
    message_id = await gateway.message(wamid="wamid.2", attempts=(("released", None), ("accepted", "wamid.2")))

    for word in ("sent", "delivered"):
        await ingest(gateway, status("wamid.1", word, token=gateway.token(message_id, 1)))
        await ingest(gateway, status("wamid.2", word, token=gateway.token(message_id, 2)))

    attempts = await gateway.rows("SELECT number, outcome, wamid FROM attempts ORDER BY number")
    assert attempts == [(1, "resolved", "wamid.1"), (2, "accepted", "wamid.2")]
    assert gateway.counted("waypost_dispatch_duplicates_total") == 1
    notices = await gateway.entries(message_id, kind="notice")
    assert [notice["type"] for notice in notices] == ["message.duplicate"]
    [(wamid,)] = await gateway.rows("SELECT wamid FROM messages WHERE id = :id", id=message_id)
    assert wamid == "wamid.2"
    assert await gateway.posted(message_id) == ["sent", "delivered"]


async def test_both_copies_in_one_webhook_are_a_duplicate_too(gateway: Gateway):
    message_id = await gateway.message(state=MessageState.IN_DOUBT, attempts=(("released", None), ("in_doubt", None)))

    await ingest(
        gateway,
        status("wamid.1", "sent", token=gateway.token(message_id, 1)),
        status("wamid.2", "sent", token=gateway.token(message_id, 2)),
    )

    assert gateway.counted("waypost_dispatch_duplicates_total") == 1
    assert await gateway.posted(message_id) == ["sent"]


async def test_a_status_without_token_or_match_is_parked_with_its_recipient(gateway: Gateway):
    await ingest(gateway, failed("wamid.unknown", 131026))

    [row] = await gateway.rows("SELECT source_id, wamid, recipient FROM parked_statuses")
    assert row == ("source-1", "wamid.unknown", PHONE)
    assert gateway.counted("waypost_receive_parked_total", reason="unmatched") == 1


async def test_what_was_parked_is_applied_when_a_token_binds_the_message(gateway: Gateway):
    message_id = await gateway.message(state=MessageState.IN_DOUBT, attempts=(("in_doubt", None),))

    await ingest(gateway, status("wamid.9", "read", at=NOW_SECONDS + 2))
    await ingest(gateway, status("wamid.9", "sent", token=gateway.token(message_id)))

    assert await gateway.state(message_id) is MessageState.READ
    assert await gateway.posted(message_id) == ["sent", "read"]
    assert await gateway.rows("SELECT 1 FROM parked_statuses") == []


async def test_a_tokenless_status_beside_the_one_that_binds_is_applied(gateway: Gateway):
    message_id = await gateway.message(state=MessageState.IN_DOUBT, attempts=(("in_doubt", None),))

    await ingest(gateway, status("wamid.9", "read"), status("wamid.9", "sent", token=gateway.token(message_id)))

    assert await gateway.state(message_id) is MessageState.READ


async def test_a_played_voice_note_is_kept_and_not_told(gateway: Gateway):
    message_id = await gateway.message(wamid="wamid.1")

    await ingest(gateway, status("wamid.1", "played"))

    assert await gateway.state(message_id) is MessageState.PLAYED
    assert await gateway.posted(message_id) == []


async def test_a_cancelled_message_stays_cancelled(gateway: Gateway):
    message_id = await gateway.message(state=MessageState.CANCELLED, attempts=(("transient", None),), announced=8)

    await ingest(gateway, status("wamid.9", "sent", token=gateway.token(message_id)))

    assert await gateway.state(message_id) is MessageState.CANCELLED
    assert await gateway.posted(message_id) == []


async def test_a_known_status_writes_nothing_and_tells_nothing(gateway: Gateway):
    message_id = await gateway.message(wamid="wamid.1")
    await ingest(gateway, status("wamid.1", "sent"))

    await ingest(gateway, status("wamid.1", "sent", recipient_user_id="US.other-bytes"))

    assert await gateway.posted(message_id) == ["sent"]
    assert len(gateway.told) == 1


class TestForgery:
    async def assert_untouched(self, gateway: Gateway, message_id: str) -> None:
        assert await gateway.state(message_id) is MessageState.IN_DOUBT
        [(wamid,)] = await gateway.rows("SELECT wamid FROM messages WHERE id = :id", id=message_id)
        assert wamid is None

    @pytest.fixture
    async def message_id(self, gateway: Gateway) -> str:
        return await gateway.message(state=MessageState.IN_DOUBT, attempts=(("in_doubt", None),))

    async def test_a_token_of_another_key_binds_nothing(self, gateway: Gateway, message_id: str):
        forged = make_token(b"another key", account_id=ACCOUNT, message_id=message_id, number=1)

        await ingest(gateway, status("wamid.9", "sent", token=forged))

        await self.assert_untouched(gateway, message_id)
        assert len(await gateway.rows("SELECT 1 FROM parked_statuses")) == 1

    async def test_a_genuine_token_seen_by_another_account_binds_nothing(self, gateway: Gateway, message_id: str):
        token = gateway.token(message_id)
        foreign = type(gateway.scope)(account_id=OTHER_ACCOUNT, app_secret="other secret")

        raw = statuses(status("wamid.9", "sent", token=token), number_id="333")
        await gateway.ingester.ingest(raw, foreign)

        await self.assert_untouched(gateway, message_id)

    async def test_a_token_made_for_another_account_binds_nothing(self, gateway: Gateway, message_id: str):
        token = gateway.token(message_id, account_id=OTHER_ACCOUNT)
        foreign = type(gateway.scope)(account_id=OTHER_ACCOUNT, app_secret="other secret")

        await gateway.ingester.ingest(statuses(status("wamid.9", "sent", token=token), number_id="333"), foreign)

        await self.assert_untouched(gateway, message_id)
        assert gateway.counted("waypost_receive_parked_total", reason="unmatched") == 1

    async def test_a_token_at_another_number_of_the_account_binds_nothing(self, gateway: Gateway, message_id: str):
        await ingest(gateway, status("wamid.9", "sent", token=gateway.token(message_id)), number_id="222")

        await self.assert_untouched(gateway, message_id)

    async def test_a_wamid_of_another_account_matches_nothing(self, gateway: Gateway):
        message_id = await gateway.message(wamid="wamid.1")
        foreign = type(gateway.scope)(account_id=OTHER_ACCOUNT, app_secret="other secret")

        await gateway.ingester.ingest(statuses(failed("wamid.1", 131026), number_id="333"), foreign)

        assert await gateway.state(message_id) is MessageState.ACCEPTED

    async def test_a_token_of_a_message_that_is_gone_is_counted_and_no_error(self, gateway: Gateway):
        token = gateway.token("019300aa-0000-7000-8000-00000000dead")

        await ingest(gateway, status("wamid.9", "sent", token=token))

        assert gateway.counted("waypost_receive_parked_total", reason="unmatched") == 1
