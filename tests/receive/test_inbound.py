"""Inbound messages: kept and told once, with windows, consent and files following from them."""

import asyncio

import orjson
import pytest
from tests.receive.gateway import ACCOUNT, NOW_US, PHONE, SECOND_US, Gateway
from tests.receive.webhooks import NOW_SECONDS, body, message, messages, text, value

from waypost.store.directory import bump_directory
from waypost.store.statements import Sql

HOUR_US = 3600 * SECOND_US
FILE = {"id": "840011223344556", "mime_type": "image/jpeg", "sha256": "3q2+7wABAgM="}


async def ingest(gateway: Gateway, *items, number_id="111"):
    return await gateway.ingester.ingest(messages(*items, number_id=number_id), gateway.scope)


async def incoming(gateway: Gateway, provider_id: str) -> list[dict]:
    found = await gateway.rows("SELECT id FROM inbound_messages WHERE provider_id = :id", id=provider_id)
    return [entry for (row_id,) in found for entry in await gateway.entries(row_id, kind="incoming")]


async def consent(gateway: Gateway, recipient: str = PHONE):
    found = await gateway.rows(
        "SELECT state, is_implied, origin, is_blocklisted FROM consents WHERE recipient = :r", r=recipient
    )
    return found[0] if found else None


async def write_consent(gateway: Gateway, state: str | None, *, at_us: int, is_blocklisted: int = 0) -> None:
    statement = Sql(
        "INSERT INTO consents (account_id, recipient, state, is_implied, is_blocklisted, origin, changed_at_us) "
        "VALUES (:account_id, :recipient, CAST(:state AS text), 0, :is_blocklisted, 'WEB', :at_us)"
    )
    await gateway.database.write(
        lambda tx: tx.run(
            statement, account_id=ACCOUNT, recipient=PHONE, state=state, is_blocklisted=is_blocklisted, at_us=at_us
        )
    )


async def change_account(gateway: Gateway, assignment: str) -> None:
    statement = Sql(f"UPDATE accounts SET {assignment} WHERE id = :id")
    await gateway.database.write(lambda tx: (tx.run(statement, id=ACCOUNT), bump_directory(tx)))
    await gateway.directory.refresh()


async def windows(gateway: Gateway):
    return await gateway.rows("SELECT source_id, recipient, closes_at_us, last_inbound_at_us FROM windows")


async def test_a_text_is_told_in_the_contracts_words(gateway: Gateway):
    await ingest(gateway, text("wamid.SAMPLE01", "is it open today?"))

    assert await incoming(gateway, "wamid.SAMPLE01") == [
        {
            "message_id": "wamid.SAMPLE01",
            "from": PHONE,
            "to": "12025550199",
            "from_name": "Noor",
            "received_at": str(NOW_SECONDS),
            "context": {"ncmessage_id": "", "message_id": ""},
            "message_type": "TEXT",
            "text_type": {"text": "is it open today?"},
        }
    ]
    assert len(gateway.told) == 1


KINDS = {
    "image": FILE, "video": FILE, "audio": {**FILE, "voice": True}, "document": {**FILE, "filename": "menu.pdf"},
    "sticker": {**FILE, "animated": False}, "location": {"latitude": 38.89, "longitude": -77.05},
    "contacts": [{"name": {"formatted_name": "N"}}], "button": {"text": "Confirm", "payload": "CONFIRM_52"},
    "interactive": {"type": "button_reply", "button_reply": {"id": "am", "title": "Morning"}},
    "order": {"catalog_id": "1", "product_items": []}, "reaction": {"message_id": "wamid.0", "emoji": "🎉"},
    "unsupported": {"type": "poll_creation"}, "hologram": {"depth": 3},
}  # fmt: skip
KEPT_ONLY = {
    "system": {"body": "changed", "wa_id": "12025550144", "type": "user_changed_number"},
    "edit": {"original_message_id": "wamid.0", "message": {"type": "text"}},
    "revoke": {"original_message_id": "wamid.0"},
}


async def test_every_kind_is_kept_and_told_and_opens_the_window(gateway: Gateway):
    for place, (kind, payload) in enumerate(KINDS.items()):
        item = message(f"wamid.{kind}", kind, **{kind: payload}) | {"from": f"120255501{place:02d}"}
        await ingest(gateway, item)

        [entry] = await incoming(gateway, f"wamid.{kind}")
        told_as = entry.get("message_type", "").lower()
        assert told_as == ("" if kind in {"unsupported", "hologram"} else kind)
    assert len(await windows(gateway)) == len(KINDS)


async def test_what_the_network_says_is_kept_and_has_no_effect(gateway: Gateway):
    for kind, payload in KEPT_ONLY.items():
        await ingest(gateway, message(f"wamid.{kind}", kind, **{kind: payload}))
        assert await incoming(gateway, f"wamid.{kind}") == []

    assert len(await gateway.rows("SELECT 1 FROM inbound_messages")) == len(KEPT_ONLY)
    assert await windows(gateway) == []
    assert await consent(gateway) is None


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"type": "user_changed_number", "wa_id": "12025550144"}, (PHONE, "12025550144")),
        ({"type": "user_changed_user_id", "previous_user_id": "US.1"}, ("US.1", "US.2")),
        ({"type": "user_changed_number"}, None),
        ({"type": "user_changed_number", "wa_id": 7}, None),
    ],
    ids=["number", "user id", "no new number", "no text"],
)
async def test_who_has_another_number_is_told_and_consent_stays_with_the_old_one(gateway: Gateway, said, told):
    await write_consent(gateway, "opted_in", at_us=NOW_US - 1)

    item = message("wamid.1", "system", system={"body": "changed", **said}, from_user_id="US.2")
    await ingest(gateway, item)

    notices = await gateway.rows("SELECT entry FROM notifications WHERE kind = 'notice'")
    found = [orjson.loads(entry) for (entry,) in notices]
    changes = [(one["recipient"], one["new_recipient"]) for one in found if one["type"] == "recipient.number_changed"]
    assert changes == ([told] if told else [])
    assert await consent(gateway) == ("opted_in", 0, "WEB", 0)
    assert await consent(gateway, "12025550144") is None


async def test_a_message_is_kept_once_however_often_it_comes(gateway: Gateway):
    first = messages(text("wamid.1", "hi"))
    again = messages(text("wamid.1", "hi"), text("wamid.2", "there"))

    await asyncio.gather(*[gateway.ingester.ingest(raw, gateway.scope) for raw in (first, again, first, again)])
    await gateway.ingester.ingest(messages(text("wamid.1", "hi"), text("wamid.1", "hi"), name="N"), gateway.scope)

    kept = await gateway.rows("SELECT provider_id FROM inbound_messages ORDER BY provider_id")
    assert kept == [("wamid.1",), ("wamid.2",)]
    assert len(await incoming(gateway, "wamid.1")) == 1


async def test_the_same_id_at_another_number_is_another_message(gateway: Gateway):
    await ingest(gateway, text("wamid.1", "hi"))
    await ingest(gateway, text("wamid.1", "hi"), number_id="222")

    assert len(await gateway.rows("SELECT 1 FROM inbound_messages")) == 2


async def test_the_number_written_to_is_the_sources_if_none_is_given(gateway: Gateway):
    raw = body({"metadata": {"phone_number_id": "111"}, "messages": [text("wamid.1", "hi")]})

    await gateway.ingester.ingest(raw, gateway.scope)

    assert (await incoming(gateway, "wamid.1"))[0]["to"] == "12025550199"


class TestWindows:
    async def test_a_message_opens_24_hours(self, gateway: Gateway):
        await ingest(gateway, text("wamid.1", "hi", at=NOW_SECONDS - 60))

        at_us = NOW_US - 60 * SECOND_US
        assert await windows(gateway) == [("source-1", PHONE, at_us + 24 * HOUR_US, at_us)]

    async def test_an_ad_opens_72_hours(self, gateway: Gateway):
        await ingest(gateway, text("wamid.1", "hi", referral={"source_type": "ad"}))

        assert await windows(gateway) == [("source-1", PHONE, NOW_US + 72 * HOUR_US, NOW_US)]

    async def test_a_later_plain_message_does_not_shorten_it(self, gateway: Gateway):
        await ingest(gateway, text("wamid.1", "hi", referral={"source_type": "ad"}, at=NOW_SECONDS - 10))
        await ingest(gateway, text("wamid.2", "hi"))

        assert await windows(gateway) == [("source-1", PHONE, NOW_US - 10 * SECOND_US + 72 * HOUR_US, NOW_US)]

    async def test_an_old_message_that_comes_late_does_not_shorten_it(self, gateway: Gateway):
        await ingest(gateway, text("wamid.1", "hi"), text("wamid.0", "hi", at=NOW_SECONDS - 86_400))
        await ingest(gateway, text("wamid.00", "hi", at=NOW_SECONDS - 172_800))

        assert await windows(gateway) == [("source-1", PHONE, NOW_US + 24 * HOUR_US, NOW_US)]

    async def test_a_time_in_our_future_opens_no_longer_window(self, gateway: Gateway):
        await ingest(gateway, text("wamid.1", "hi", at=NOW_SECONDS + 86_400))

        assert await windows(gateway) == [("source-1", PHONE, NOW_US + 24 * HOUR_US, NOW_US)]

    async def test_a_group_has_one_window_for_all_and_says_nothing_of_consent(self, gateway: Gateway):
        await ingest(gateway, text("wamid.1", "STOP", group_id="Z3JvdXA="))

        assert [row[1] for row in await windows(gateway)] == ["Z3JvdXA="]
        assert await consent(gateway) is None

    async def test_a_person_known_by_user_id_only_has_a_window_too(self, gateway: Gateway):
        item = text("wamid.1", "hi", from_user_id="BR.1349")
        del item["from"]
        raw = body(value(contacts=[{"profile": {"name": "Ana"}, "user_id": "BR.1349"}], messages=[item]))

        await gateway.ingester.ingest(raw, gateway.scope)

        assert [row[1] for row in await windows(gateway)] == ["BR.1349"]
        assert (await consent(gateway, "BR.1349"))[:2] == ("opted_in", 1)
        [entry] = await incoming(gateway, "wamid.1")
        assert (entry["from"], entry["from_name"]) == ("BR.1349", "Ana")

    async def test_a_message_from_nobody_is_kept_and_told(self, gateway: Gateway):
        item = text("wamid.1", "hi")
        del item["from"]

        await ingest(gateway, item)

        assert await windows(gateway) == []
        assert len(await incoming(gateway, "wamid.1")) == 1


class TestConsent:
    async def history(self, gateway: Gateway):
        return await gateway.rows("SELECT action, origin, at_us FROM consent_history ORDER BY id")

    async def test_a_message_implies_an_optin_once(self, gateway: Gateway):
        await ingest(gateway, text("wamid.1", "hi"))
        await ingest(gateway, text("wamid.2", "hi", at=NOW_SECONDS + 1))

        assert await consent(gateway) == ("opted_in", 1, "WHATSAPP", 0)
        assert await self.history(gateway) == [("optin", "WHATSAPP", NOW_US)]

    @pytest.mark.parametrize("word", ["STOP", "stop", "  Stop \n", "unsubscribe", "Opt  Out", "CANCEL"])
    async def test_a_stop_word_records_an_optout(self, gateway: Gateway, word):
        await ingest(gateway, text("wamid.1", "hi", at=NOW_SECONDS - 5))
        await ingest(gateway, text("wamid.2", word))

        assert await consent(gateway) == ("opted_out", 0, "WHATSAPP", 0)
        assert [action for action, _, _ in await self.history(gateway)] == ["optin", "optout"]

    async def test_each_change_is_told_in_order_and_repeats_are_not(self, gateway: Gateway):
        for place, said in enumerate(("hi", "hi again", "STOP", "back again")):
            await ingest(gateway, text(f"wamid.{place}", said, at=NOW_SECONDS - 9 + place))

        told = await gateway.entries(PHONE, kind="notice")
        assert [(one["type"], one["recipient"], one["source"]) for one in told] == [
            ("consent.opted_in", PHONE, "WHATSAPP"),
            ("consent.opted_out", PHONE, "WHATSAPP"),
            ("consent.opted_in", PHONE, "WHATSAPP"),
        ]

    @pytest.mark.parametrize("word", ["please stop", "STOP!", "cancelled", ""])
    async def test_a_text_that_only_holds_one_does_not(self, gateway: Gateway, word):
        await ingest(gateway, text("wamid.1", word))

        assert (await consent(gateway))[0] == "opted_in"

    async def test_a_button_called_cancel_is_no_stop_word(self, gateway: Gateway):
        await ingest(gateway, message("wamid.1", "button", button={"text": "Cancel", "payload": "CANCEL_52"}))

        assert (await consent(gateway))[0] == "opted_in"

    async def test_the_words_are_the_accounts_own(self, gateway: Gateway):
        await change_account(gateway, """stop_words = '["BASTA"]'""")

        await ingest(gateway, text("wamid.1", "STOP"))
        assert (await consent(gateway))[0] == "opted_in"

        await ingest(gateway, text("wamid.2", "basta"))
        assert (await consent(gateway))[0] == "opted_out"

    async def test_a_message_after_an_optout_opts_in_again(self, gateway: Gateway):
        await write_consent(gateway, "opted_out", at_us=NOW_US - 1)

        await ingest(gateway, text("wamid.1", "hi"))

        assert await consent(gateway) == ("opted_in", 1, "WHATSAPP", 0)

    async def test_a_message_before_an_optout_does_not(self, gateway: Gateway):
        await write_consent(gateway, "opted_out", at_us=NOW_US)

        await ingest(gateway, text("wamid.1", "hi", at=NOW_SECONDS - 1), text("wamid.2", "hi"))

        assert (await consent(gateway))[0] == "opted_out"
        assert await self.history(gateway) == []

    async def test_an_optin_by_word_of_mouth_stays_as_it_is(self, gateway: Gateway):
        await write_consent(gateway, "opted_in", at_us=NOW_US - 1)

        await ingest(gateway, text("wamid.1", "hi"))

        assert await consent(gateway) == ("opted_in", 0, "WEB", 0)

    async def test_an_old_stop_word_does_not_undo_a_later_optin(self, gateway: Gateway):
        await write_consent(gateway, "opted_in", at_us=NOW_US)

        await ingest(gateway, text("wamid.1", "STOP", at=NOW_SECONDS - 1))

        assert (await consent(gateway))[0] == "opted_in"

    async def test_a_stop_word_in_the_second_of_an_optin_counts(self, gateway: Gateway):
        await write_consent(gateway, "opted_in", at_us=NOW_US - SECOND_US + 400_000)

        await ingest(gateway, text("wamid.1", "STOP", at=NOW_SECONDS - 1))

        assert (await consent(gateway))[0] == "opted_out"

    async def test_the_blocklist_is_not_touched(self, gateway: Gateway):
        await write_consent(gateway, None, at_us=NOW_US - 1, is_blocklisted=1)

        await ingest(gateway, text("wamid.1", "hi"))

        assert await consent(gateway) == ("opted_in", 1, "WHATSAPP", 1)

    async def test_nothing_is_implied_while_the_account_does_not_want_it(self, gateway: Gateway):
        await change_account(gateway, "implicit_optin = 0")

        await ingest(gateway, text("wamid.1", "hi"))
        assert await consent(gateway) is None

        await ingest(gateway, text("wamid.2", "STOP"))
        assert (await consent(gateway))[0] == "opted_out"

    @pytest.mark.parametrize(
        ("words", "state"),
        [
            ((("hi", 0), ("STOP", 1)), "opted_out"),
            ((("STOP", 1), ("hi", 0)), "opted_out"),
            ((("STOP", 0), ("hi", 1)), "opted_in"),
            ((("hi", 1), ("STOP", 0)), "opted_in"),
            ((("hi", 0), ("STOP", 0)), "opted_out"),
            ((("STOP", 0), ("hi", 0)), "opted_out"),
        ],
    )
    @pytest.mark.parametrize("is_one_webhook", [True, False])
    async def test_the_latest_message_counts_whatever_the_order(self, gateway: Gateway, words, state, is_one_webhook):
        items = [text(f"wamid.{place}", said, at=NOW_SECONDS - 5 + at) for place, (said, at) in enumerate(words)]

        if is_one_webhook:
            await ingest(gateway, *items)
        else:
            for item in items:
                await ingest(gateway, item)

        assert (await consent(gateway))[0] == state

    async def test_a_repeat_of_an_old_message_does_not_undo_an_optout(self, gateway: Gateway):
        raw = messages(text("wamid.1", "hi"))
        await gateway.ingester.ingest(raw, gateway.scope)
        await write_optout(gateway)

        await gateway.ingester.ingest(raw, gateway.scope)
        await ingest(gateway, text("wamid.1", "hi"), text("wamid.1", "hi"))

        assert (await consent(gateway))[0] == "opted_out"


async def write_optout(gateway: Gateway) -> None:
    statement = Sql("UPDATE consents SET state = 'opted_out', changed_at_us = 1")
    await gateway.database.write(lambda tx: tx.run(statement))


class TestFiles:
    async def test_a_file_is_queued_for_fetching_under_its_upstream_id(self, gateway: Gateway):
        document = {"id": "77", "mime_type": "application/pdf", "filename": "menu.pdf"}
        await ingest(gateway, message("wamid.1", "document", document=document))

        found = await gateway.rows(
            "SELECT account_id, id, origin, state, mime_type, kind, filename, source_id, due_at_us FROM media_assets"
        )
        assert found == [
            (ACCOUNT, "77", "inbound", "pending", "application/pdf", "document", "menu.pdf", "source-1", NOW_US)
        ]
        assert await gateway.rows("SELECT media_id FROM inbound_messages") == [("77",)]

    async def test_a_file_named_with_a_nul_is_kept_without_it(self, gateway: Gateway):
        document = {"id": "77", "mime_type": "application/\x00pdf", "filename": "me\x00nu.pdf"}
        await ingest(gateway, message("wamid.1", "document", document=document))

        assert await gateway.rows("SELECT mime_type, filename FROM media_assets") == [("application/pdf", "menu.pdf")]
        assert len(await incoming(gateway, "wamid.1")) == 1

    async def test_the_same_file_twice_is_one_asset(self, gateway: Gateway):
        await ingest(gateway, message("wamid.1", "image", image=FILE), message("wamid.2", "image", image=FILE))

        assert len(await gateway.rows("SELECT 1 FROM media_assets")) == 1

    async def test_a_file_without_an_id_is_a_message_all_the_same(self, gateway: Gateway):
        await ingest(gateway, message("wamid.1", "image", image={"mime_type": 7}))

        assert await gateway.rows("SELECT 1 FROM media_assets") == []
        assert len(await incoming(gateway, "wamid.1")) == 1


class TestReplies:
    async def test_a_reply_names_our_message_and_its_callers_data(self, gateway: Gateway):
        message_id = await gateway.message(wamid="wamid.0")

        await ingest(gateway, text("wamid.1", "yes", context={"from": "12025550199", "id": "wamid.0"}))

        [entry] = await incoming(gateway, "wamid.1")
        assert entry["context"] == {"ncmessage_id": message_id, "message_id": "wamid.0", "x-apiheader": "ticket-118"}

    async def test_a_reply_to_what_is_not_ours_names_upstreams_id_only(self, gateway: Gateway):
        await ingest(gateway, text("wamid.1", "yes", context={"id": "wamid.elsewhere"}))

        [entry] = await incoming(gateway, "wamid.1")
        assert entry["context"] == {"ncmessage_id": "", "message_id": "wamid.elsewhere", "x-apiheader": ""}

    async def test_a_reply_never_names_another_accounts_message(self, gateway: Gateway):
        await gateway.message(wamid="wamid.0", account_id="00000000-0000-7000-8000-00000000000b", source_id="source-3")

        await ingest(gateway, text("wamid.1", "yes", context={"id": "wamid.0"}))

        [entry] = await incoming(gateway, "wamid.1")
        assert entry["context"]["ncmessage_id"] == ""
