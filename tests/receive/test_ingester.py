"""One transaction for what comes together; one bad element costs only itself; nobody reaches another account."""

import asyncio
import hashlib

import pytest
from tests.receive.gateway import ACCOUNT, OTHER_ACCOUNT, Gateway
from tests.receive.webhooks import body, encode, message, messages, status, statuses, text, value

from waypost.domain.message import MessageState
from waypost.receive.sorting import IngressScope
from waypost.store.engine import StoreUnavailableError

APP = IngressScope(account_id=None, app_secret=None)


async def raw_rows(gateway: Gateway):
    return await gateway.rows("SELECT digest, parked_reason FROM raw_webhooks ORDER BY received_at_us, id")


async def test_the_raw_body_is_kept_with_what_follows_from_it(gateway: Gateway):
    raw = messages(text("wamid.1", "hi"))

    await gateway.ingester.ingest(raw, gateway.scope)

    [(digest, kept)] = await gateway.rows("SELECT digest, body FROM raw_webhooks")
    assert (digest, bytes(kept)) == (hashlib.sha256(raw).hexdigest(), raw)


async def test_an_equal_body_is_known_and_changes_nothing(gateway: Gateway):
    raw = messages(text("wamid.1", "hi"))

    first = await gateway.ingester.ingest(raw, gateway.scope)
    again = await gateway.ingester.ingest(raw, gateway.scope)

    assert (first.is_repeat, again.is_repeat) == (False, True)
    assert len(await raw_rows(gateway)) == 1
    assert len(gateway.told) == 1


async def test_many_at_once_are_all_kept_each_once(gateway: Gateway):
    ids = [await gateway.message(wamid=f"wamid.{n}") for n in range(30)]
    bodies = [statuses(status(f"wamid.{n}", word)) for n in range(30) for word in ("sent", "delivered", "read")]
    bodies += [messages(text(f"wamid.in{n}", "hi")) for n in range(30)]

    await asyncio.gather(*[gateway.ingester.ingest(raw, gateway.scope) for raw in bodies * 3])

    assert {await gateway.state(message_id) for message_id in ids} == {MessageState.READ}
    assert len(await gateway.rows("SELECT 1 FROM inbound_messages")) == 30
    told = await gateway.rows("SELECT subject_id, entry FROM notifications")
    assert len(set(told)) == len(told)
    assert len(await raw_rows(gateway)) == len(bodies)


async def test_a_poisonous_element_is_parked_and_the_rest_of_the_batch_is_kept(gateway: Gateway):
    message_id = await gateway.message(wamid="wamid.1")
    raw = body(
        value(statuses=[status("wamid.1", "sent"), {"id": 7}, "odd"]),
        value(messages=[{"type": "text"}, text("wamid.2", "hi")]),
    )

    await gateway.ingester.ingest(raw, gateway.scope)

    assert await gateway.state(message_id) is MessageState.SENT
    assert len(await gateway.rows("SELECT 1 FROM inbound_messages")) == 1
    assert [reason for _, reason in await raw_rows(gateway)] == ["malformed"]
    assert gateway.counted("waypost_receive_parked_total", reason="malformed") == 3


@pytest.mark.parametrize(("raw", "reason"), [(b"no json", "not_json"), (encode({"object": "page"}), None)])
async def test_a_body_without_meaning_is_kept(gateway: Gateway, raw, reason):
    await gateway.ingester.ingest(raw, gateway.scope)

    assert [parked for _, parked in await raw_rows(gateway)] == [reason]


async def test_news_without_a_rule_is_kept_and_counted(gateway: Gateway):
    await gateway.ingester.ingest(body({"event": "APPROVED"}, field="account_update"), gateway.scope)

    assert len(await raw_rows(gateway)) == 1
    assert gateway.counted("waypost_receive_updates_total", kind="other") == 1


class TestScope:
    async def kept(self, gateway: Gateway) -> list[str]:
        return [source for (source,) in await gateway.rows("SELECT source_id FROM inbound_messages ORDER BY source_id")]

    async def ingest_for_all_numbers(self, gateway: Gateway, scope: IngressScope) -> None:
        values = [value(number, messages=[text(f"wamid.{number}", "hi")]) for number in ("111", "222", "333", "444")]
        await gateway.ingester.ingest(body(*values, value("999", messages=[text("wamid.999", "hi")])), scope)

    async def test_an_accounts_own_secret_speaks_for_its_numbers_with_that_secret_or_none(self, gateway: Gateway):
        await self.ingest_for_all_numbers(gateway, IngressScope(account_id=ACCOUNT, app_secret="app secret"))

        assert await self.kept(gateway) == ["source-1", "source-2"]
        assert gateway.counted("waypost_receive_parked_total", reason="outside_scope") == 3
        assert [reason for _, reason in await raw_rows(gateway)] == ["outside_scope"]

    async def test_a_number_with_another_secret_of_the_same_account_is_not_spoken_for(self, gateway: Gateway):
        await self.ingest_for_all_numbers(gateway, IngressScope(account_id=ACCOUNT, app_secret="third secret"))

        assert await self.kept(gateway) == ["source-2"]

    async def test_the_operators_app_speaks_for_the_numbers_without_a_secret(self, gateway: Gateway):
        await self.ingest_for_all_numbers(gateway, APP)

        assert await self.kept(gateway) == ["source-2", "source-4"]

    async def test_a_status_outside_the_scope_moves_nothing(self, gateway: Gateway):
        message_id = await gateway.message(wamid="wamid.1")
        foreign = IngressScope(account_id=OTHER_ACCOUNT, app_secret="other secret")

        await gateway.ingester.ingest(statuses(status("wamid.1", "read", token=gateway.token(message_id))), foreign)

        assert await gateway.state(message_id) is MessageState.ACCEPTED

    async def test_what_was_outside_is_kept_when_it_comes_again_inside(self, gateway: Gateway):
        raw = messages(text("wamid.1", "hi"))
        await gateway.ingester.ingest(raw, IngressScope(account_id=OTHER_ACCOUNT, app_secret="other secret"))
        assert await self.kept(gateway) == []

        again = await gateway.ingester.ingest(raw, gateway.scope)

        assert not again.is_repeat
        assert await self.kept(gateway) == ["source-1"]
        assert [reason for _, reason in await raw_rows(gateway)] == [None]


class TestRefusalByTheStore:
    """An element that no check foresaw and that the database refuses: here, one whose time no column can hold."""

    @pytest.fixture
    def poisoned(self, gateway: Gateway) -> Gateway:
        parse = gateway.ingester._sorter._parse

        def parse_with_poison(raw: bytes):
            updates = parse(raw)
            for update in updates:
                if getattr(update, "wamid", None) == "wamid.poison":
                    update.fact.occurred_at_us = 2**70
            return updates

        gateway.ingester._sorter._parse = parse_with_poison
        return gateway

    async def test_it_costs_only_itself(self, poisoned: Gateway):
        good = await poisoned.message(wamid="wamid.1")
        bad = await poisoned.message(wamid="wamid.poison")
        raw = body(
            value(statuses=[status("wamid.1", "sent"), status("wamid.poison", "sent")]),
            value(messages=[text("wamid.2", "hi")]),
        )

        await poisoned.ingester.ingest(raw, poisoned.scope)

        assert await poisoned.state(good) is MessageState.SENT
        assert await poisoned.state(bad) is MessageState.ACCEPTED
        assert len(await poisoned.rows("SELECT 1 FROM inbound_messages")) == 1
        assert [reason for _, reason in await raw_rows(poisoned)] == ["refused_by_store"]
        assert poisoned.counted("waypost_receive_parked_total", reason="refused_by_store") == 1

    async def test_it_does_not_cost_those_it_shares_a_transaction_with(self, poisoned: Gateway):
        good = await poisoned.message(wamid="wamid.1")
        await poisoned.message(wamid="wamid.poison")

        results = await asyncio.gather(
            poisoned.ingester.ingest(statuses(status("wamid.1", "sent")), poisoned.scope),
            poisoned.ingester.ingest(statuses(status("wamid.poison", "sent")), poisoned.scope),
            return_exceptions=True,
        )

        assert await poisoned.state(good) is MessageState.SENT
        assert isinstance(results[1], Exception)

    async def test_alone_it_is_refused_so_that_it_comes_again(self, poisoned: Gateway):
        await poisoned.message(wamid="wamid.poison")

        with pytest.raises(Exception, match=r".") as caught:
            await poisoned.ingester.ingest(statuses(status("wamid.poison", "sent")), poisoned.scope)

        assert not isinstance(caught.value, StoreUnavailableError)
        assert await raw_rows(poisoned) == []


async def test_a_closed_database_is_no_success(gateway: Gateway):
    await gateway.database.stop()

    with pytest.raises(StoreUnavailableError):
        await gateway.ingester.ingest(messages(message("wamid.1")), gateway.scope)


async def test_an_update_without_sources_in_the_directory_is_parked_not_lost(gateway: Gateway):
    await gateway.ingester.ingest(messages(text("wamid.1", "hi"), number_id="999"), gateway.scope)

    assert [reason for _, reason in await raw_rows(gateway)] == ["outside_scope"]
    assert gateway.told == []
