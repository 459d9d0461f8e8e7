"""The page of settings: what is in force, and what an account decides for itself."""

import json
from typing import Any

from tests.console.conftest import OTHER_ACCOUNT, Office
from tests.console.test_users import audited

from waypost.domain.policy import SourcePolicy
from waypost.settings import Settings
from waypost.settings_text import list_settings
from waypost.store.accounts import AccountRecord, find_account, list_accounts

FORM: dict[str, Any] = {
    "name": "Bicycle shop",
    "skip_optin": "yes",
    "at_most_once": "yes",
    "source_policy": "lenient",
    "stop_words": " STOP \r\n\r\nHALT\r\n",
    "requests_per_second_max": "12.5",
    "queued_messages_max": "",
}


async def record_of(office: Office, account_id: str) -> AccountRecord:
    found = await office.read(lambda tx: find_account(tx, account_id))
    assert found is not None
    return found


async def test_every_setting_is_shown_with_its_meaning_and_secrets_are_starred(office: Office) -> None:
    admin = await office.visitor("admin")

    page = await admin.get("/console/settings")
    saved = json.loads((await admin.get("/console/settings?export=json")).text)

    lines = {line.name: line for line in list_settings(Settings)}
    assert set(lines) == {row["name"] for row in saved}
    for name, line in lines.items():
        assert f"<code>{name}</code>" in page.text
        assert line.description.replace("`", "") in page.words.replace("\u202f", ","), name
    given = {row["name"]: (row["value"], row["is_given"]) for row in saved}
    assert ("1.0", True) == (
        f"{float(given['WAYPOST_DISPATCH__HOLD_SECONDS'][0])}",
        given["WAYPOST_DISPATCH__HOLD_SECONDS"][1],
    )
    assert ("sandbox", True) == given["WAYPOST_DEFAULT_PROVIDER"]
    assert ("info", False) == given["WAYPOST_LOG_LEVEL"]


async def test_an_accounts_switches_are_changed_and_the_audit_log_tells(office: Office) -> None:
    admin, account_id = await office.visitor("admin"), office.house.demo.account.account_id

    answer = await admin.post("/console/settings/account", follows=True, **FORM)

    record = await record_of(office, account_id)
    assert "The settings of Bicycle shop are changed." in answer.words
    switches = record.switches
    assert (True, False, False, True) == (
        switches.skip_optin,
        switches.implicit_optin,
        switches.linktrack,
        switches.at_most_once,
    )
    assert (SourcePolicy.LENIENT, ("STOP", "HALT")) == (switches.source_policy, switches.stop_words)
    assert (12.5, None) == (switches.requests_per_second_max, switches.queued_messages_max)
    assert ("user:admin", "account.change", account_id) in await audited(office)
    assert office.house.demo.gateway.foundation.directory.now.accounts[account_id].skip_optin
    await admin.post("/console/settings/account", **{**FORM, "name": "Demo", "implicit_optin": "yes"})


async def test_a_wrong_value_is_said_beside_the_form_which_keeps_what_was_typed(office: Office) -> None:
    admin, account_id = await office.visitor("admin"), office.house.demo.account.account_id
    before = await record_of(office, account_id)
    cases = (
        ({"requests_per_second_max": "-1"}, "requests per second max: Input should be greater than 0"),
        ({"queued_messages_max": "many"}, "queued messages max: Input should be a valid integer"),
        ({"source_policy": "kind"}, "source policy: Input should be 'strict' or 'lenient'"),
        ({"name": " "}, "name: is missing"),
        ({"stop_words": "\n".join(map(str, range(51)))}, "stop words: List should have at most 50 items"),
    )
    for change, words in cases:
        answer = await admin.post("/console/settings/account", **{**FORM, "name": "Typed", **change})

        assert (422, True) == (answer.status, words in answer.words), answer.words
        assert "HALT" in answer.text or "stop_words" in change
    assert before == await record_of(office, account_id)


async def test_an_account_is_made_disabled_and_enabled_again(office: Office) -> None:
    admin = await office.visitor("admin")

    made = await admin.post("/console/settings/accounts", name=" Second shop ", follows=True)
    accounts = await office.read(lambda tx: list_accounts(tx, at_most=100))
    account_id = next(one.id for one in accounts if one.name == "Second shop")
    page = await admin.get("/console/settings")
    await admin.post(f"/console/settings/accounts/{account_id}/disable")
    disabled = await record_of(office, account_id)
    await admin.post(f"/console/settings/accounts/{account_id}/enable")

    assert "The account Second shop is made." in made.words
    assert account_id in page.text
    assert disabled.disabled_at_us is not None
    assert None is (await record_of(office, account_id)).disabled_at_us
    actions = {(action, target) for _, action, target in await audited(office)}
    assert {("account.create", account_id), ("account.disable", account_id), ("account.enable", account_id)} <= actions
    nameless = await admin.post("/console/settings/accounts", name="x" * 201)
    assert (422, True) == (nameless.status, "name: String should have at most 200 characters" in nameless.words)
    assert 404 == (await admin.post("/console/settings/accounts/nothing/disable")).status


async def test_only_admins_come_here(office: Office) -> None:
    for name in ("viewer", "operator"):
        visitor = await office.visitor(name)
        assert 403 == (await visitor.get("/console/settings")).status
        assert 403 == (await visitor.post("/console/settings/account", **FORM)).status
        assert 403 == (await visitor.post("/console/settings/accounts", name="Mine")).status


async def test_an_admin_of_one_account_changes_that_one_and_sees_no_other(office: Office) -> None:
    stranger, demo_id = await office.visitor("stranger"), office.house.demo.account.account_id

    page = await stranger.get("/console/settings")
    saved = await stranger.get("/console/settings?export=csv")
    changed = await stranger.post("/console/settings/account", **{**FORM, "name": "Other shop"})
    others = [
        await stranger.post("/console/settings/accounts", name="Mine"),
        await stranger.post(f"/console/settings/accounts/{demo_id}/disable"),
        await stranger.post(f"/console/settings/accounts/{OTHER_ACCOUNT}/enable"),
    ]

    assert (200, 403, 303) == (page.status, saved.status, changed.status)
    assert "WAYPOST_HOST" not in page.text
    assert demo_id not in page.text
    assert "Other shop" == (await record_of(office, OTHER_ACCOUNT)).name
    assert [403, 403, 403] == [answer.status for answer in others]
    assert "This takes an admin of all accounts" in others[0].words
    assert None is (await record_of(office, demo_id)).disabled_at_us
