"""News of templates: kept where the template is known, told once, and a reason to read the list; for whom it concerns."""

import pytest
from tests.receive.gateway import ACCOUNT, NOW_US, OTHER_ACCOUNT, SECOND_US, Gateway
from tests.receive.webhooks import body

from waypost.receive.sorting import IngressScope
from waypost.store.statements import InsertMany
from waypost.store.tables import TEMPLATE_LISTS, TEMPLATES

NAMED = {"message_template_id": 11, "message_template_name": "order_ready", "message_template_language": "en"}
DUE_US = NOW_US + 600 * SECOND_US
EVERYBODY = IngressScope(account_id=None, app_secret=None)


@pytest.fixture(autouse=True)
async def _mirrored(gateway: Gateway) -> None:
    """Hold one template of the business account, for each of the two accounts that share it."""
    template = ("waba", "order_ready", "en", "11", "UTILITY", "APPROVED", "GREEN", "", "[]", "{}", NOW_US)
    columns = [column.name for column in TEMPLATES.columns]
    accounts = (ACCOUNT, OTHER_ACCOUNT)

    def write(tx):
        tx.write_many(InsertMany(TEMPLATES, columns), [(account_id, *template) for account_id in accounts])
        lists = [(account_id, "waba", NOW_US, DUE_US) for account_id in accounts]
        tx.write_many(InsertMany(TEMPLATE_LISTS, ("account_id", "waba_id", "synced_at_us", "due_at_us")), lists)

    await gateway.database.write(write)


async def heard(gateway: Gateway, said: dict, *, field="message_template_status_update", scope=None) -> None:
    gateway.clock.at_us += SECOND_US
    await gateway.ingester.ingest(body({**NAMED, **said}, field=field), scope or gateway.scope)


async def templates(gateway: Gateway) -> dict[str, tuple]:
    rows = await gateway.rows("SELECT account_id, status, rejected_reason, quality, category FROM templates")
    return {row[0]: row[1:] for row in rows}


async def due(gateway: Gateway) -> dict[str, int]:
    return dict(await gateway.rows("SELECT account_id, due_at_us FROM template_lists"))


UNCHANGED = ("APPROVED", "", "GREEN", "UTILITY")


async def test_a_pause_is_kept_told_and_makes_the_list_due_for_whoever_may_hear_of_it(gateway: Gateway):
    await heard(gateway, {"event": "PAUSED", "reason": "NONE"})

    assert await templates(gateway) == {ACCOUNT: ("PAUSED", "", "GREEN", "UTILITY"), OTHER_ACCOUNT: UNCHANGED}
    assert await due(gateway) == {ACCOUNT: gateway.clock.at_us, OTHER_ACCOUNT: DUE_US}
    [notice] = await gateway.entries("11", kind="notice")
    assert notice == {
        "type": "template.status",
        "subject_id": "11",
        "occurred_at_us": gateway.clock.at_us,
        "name": "order_ready",
        "language": "en",
        "status": "PAUSED",
        "previous_status": "APPROVED",
        "reason": "",
    }
    assert 1 == len(gateway.told)
    assert 1 == gateway.counted("waypost_receive_updates_total", kind="template")

    await heard(gateway, {"event": "PAUSED", "reason": "NONE", "other_info": {}})
    assert 1 == len(await gateway.entries("11", kind="notice")), "what is known is told no more"


async def test_the_operators_app_speaks_for_every_account_without_a_secret_of_its_own(gateway: Gateway):
    await heard(gateway, {"event": "DISABLED"}, scope=EVERYBODY)

    assert {"DISABLED"} == {row[0] for row in (await templates(gateway)).values()}
    assert 2 == len(await gateway.entries("11", kind="notice"))


async def test_quality_category_and_reasons_are_kept_and_told(gateway: Gateway):
    await heard(gateway, {"new_quality_score": "RED"}, field="message_template_quality_update")
    await heard(gateway, {"new_category": "MARKETING"}, field="template_category_update")
    await heard(gateway, {"event": "REJECTED", "reason": "SCAM"})
    await heard(gateway, {"event": "FLAGGED"})
    await heard(gateway, {"message_template_element": "x"}, field="message_template_components_update")

    assert (await templates(gateway))[ACCOUNT] == ("REJECTED", "SCAM", "RED", "MARKETING")
    found = await gateway.entries("11", kind="notice")
    assert ["template.quality", "template.category", "template.status"] == [entry["type"] for entry in found]
    assert ("RED", "GREEN") == (found[0]["quality"], found[0]["previous_quality"])
    assert ("MARKETING", "UTILITY") == (found[1]["category"], found[1]["previous_category"])
    assert ("SCAM", "APPROVED") == (found[2]["reason"], found[2]["previous_status"])
    assert (await due(gateway))[ACCOUNT] == gateway.clock.at_us


async def test_of_a_template_that_is_not_known_the_status_is_told_and_its_list_is_read(gateway: Gateway):
    await heard(gateway, {"event": "APPROVED", "message_template_id": 12, "message_template_name": "new_one"})

    [notice] = await gateway.entries("12", kind="notice")
    assert ("APPROVED", None) == (notice["status"], notice["previous_status"])
    assert (await due(gateway))[ACCOUNT] == gateway.clock.at_us
    assert (await templates(gateway))[ACCOUNT] == UNCHANGED


async def test_news_of_a_business_account_outside_the_scope_are_parked(gateway: Gateway):
    stranger = IngressScope(account_id="00000000-0000-7000-8000-00000000000c", app_secret="stolen")
    await heard(gateway, {"event": "PAUSED"}, scope=stranger)

    assert set((await templates(gateway)).values()) == {UNCHANGED}
    assert 1 == gateway.counted("waypost_receive_parked_total", reason="outside_scope")
