"""The pages of sources: how they fare, what the provider says, changes, and connecting step by step."""

import re

import pytest
from tests.console.conftest import Office

from waypost.store.directory import Source
from waypost.store.sources import find_source
from waypost.web.manage import connecting

SECRETS = ("another-token", "another-secret")


def source_of(office: Office, source_id: str | None = None) -> Source:
    directory = office.house.demo.gateway.foundation.directory
    return directory.now.sources[source_id or office.house.source_id]


async def test_a_source_is_listed_and_shown_without_its_secrets(office: Office):
    viewer = await office.visitor("viewer")
    source = source_of(office)
    path = f"/console/sources/{source.id}"

    listed, one, health = [await viewer.get(place) for place in ("/console/sources", path, f"{path}/health")]

    for answer in (listed, one, health):
        assert 200 == answer.status
        for secret in (source.access_token, source.app_secret, source.verify_token, source.phone_number):
            assert secret not in answer.text
    assert source.name in listed.words
    assert f"{office.console.manage.settings.base_url}/webhooks/cloud_api/{source.id}" in one.text
    assert "Nothing was sent from it yet." in health.words
    assert 404 == (await (await office.visitor("stranger")).get(path)).status


async def test_last_messages_stand_on_the_page_with_masked_numbers(office: Office):
    viewer, house = await office.visitor("viewer"), office.house
    await house.writes_first("12025550171")
    [message_id] = await house.send(house.entry("12025550171"))

    async def has_arrived() -> bool:
        return await house.status_of(message_id) in ("delivered", "read")

    await house.eventually(has_arrived)

    health = await viewer.get(f"/console/sources/{house.source_id}/health")

    assert f"/console/messages/{message_id}" in health.text
    assert "1202•••••71" in health.words
    assert "12025550171" not in health.text


async def test_the_provider_is_asked_when_somebody_wants_to_know_and_a_refusal_is_told_in_words(office: Office):
    operator, admin = await office.visitor("operator"), await office.visitor("admin")
    source = source_of(office)
    path = f"/console/sources/{source.id}"

    told = await operator.post(f"{path}/ask")
    assert "As the provider tells it now" in told.words
    assert "Status CONNECTED" in told.words

    assert 303 == (await admin.post(f"{path}/change", name=source.name, access_token="wrong")).status
    refused = await operator.post(f"{path}/ask")
    assert (200, True) == (refused.status, "The provider tells nothing: " in refused.words)
    await admin.post(f"{path}/change", name=source.name, access_token=source.access_token)
    assert 403 == (await (await office.visitor("viewer")).post(f"{path}/ask")).status


async def test_pausing_stops_and_resuming_sends_again(office: Office):
    operator = await office.visitor("operator")
    path = f"/console/sources/{office.house.source_id}"

    assert 303 == (await operator.post(f"{path}/pause", reason="the token is being replaced")).status
    assert "the token is being replaced" == source_of(office).paused_reason
    assert "the token is being replaced" in (await operator.get("/console/sources")).words
    assert 303 == (await operator.post(f"{path}/resume")).status
    assert source_of(office).paused_reason is None
    assert 403 == (await (await office.visitor("viewer")).post(f"{path}/pause", reason="no")).status


async def test_pace_and_names_are_changed_and_wrong_input_is_named(office: Office):
    admin = await office.visitor("admin")
    path = f"/console/sources/{office.house.source_id}"

    assert 303 == (await admin.post(f"{path}/pace", rate_per_second="12.5", burst="3")).status
    assert (12.5, 3) == (source_of(office).pace.rate, source_of(office).pace.burst)
    wrong = await admin.post(f"{path}/pace", rate_per_second="fast", burst="0")
    assert (422, True, True) == (wrong.status, "rate per second: " in wrong.words, "burst: " in wrong.words)
    assert 303 == (await admin.post(f"{path}/pace", rate_per_second="", burst="")).status
    assert source_of(office).pace is None

    assert 303 == (await admin.post(f"{path}/change", name="Repairs <b>", has_groups="yes")).status
    assert ("Repairs <b>", True) == (source_of(office).name, source_of(office).has_groups)
    assert "Repairs &lt;b&gt;" in (await admin.get(path)).text
    await admin.post(f"{path}/change", name="Demo shop")
    operator = await office.visitor("operator")
    for step in ("pace", "change", "default", "verify-token", "delete"):
        assert 403 == (await operator.post(f"{path}/{step}")).status


async def test_a_source_is_added_made_the_default_given_a_new_token_and_deleted(office: Office):
    admin, own_id = await office.visitor("admin"), office.house.source_id
    account_id = office.house.demo.account.account_id
    typed = {"name": "Second", "phone_number": "+1 202-555-0188", "phone_number_id": "188", "waba_id": "77"}

    lacking = await admin.post("/console/sources", name="Second")
    made = await admin.post("/console/sources", **typed, access_token=SECRETS[0], app_secret=SECRETS[1])
    again = await admin.post("/console/sources", **typed, access_token=SECRETS[0])
    token = re.search(r"shown this once.*?<code>([^<]+)</code>", made.text, re.DOTALL)[1]
    source_id = re.search(r"/webhooks/cloud_api/([0-9a-f-]+)", made.text)[1]

    assert (422, True) == (lacking.status, "phone number: Field required" in lacking.words)
    assert (409, True) == (again.status, "is connected to a source already" in again.words)
    assert token == source_of(office, source_id).verify_token
    assert not any(secret in made.text for secret in SECRETS)
    path = f"/console/sources/{source_id}"
    renewed = await admin.post(f"{path}/verify-token")
    assert token not in renewed.text
    assert source_of(office, source_id).verify_token in renewed.text
    assert 303 == (await admin.post(f"{path}/default")).status
    assert source_of(office, source_id).is_default
    await admin.post(f"/console/sources/{own_id}/default")
    assert 303 == (await admin.post(f"{path}/delete")).status
    assert await office.read(lambda tx: find_source(tx, account_id, source_id)) is None
    assert 404 == (await admin.get(path)).status


async def test_connecting_checks_first_and_then_goes_through_every_step(
    office: Office, monkeypatch: pytest.MonkeyPatch
):
    # The demo of a test listens on a port of its own, not on that of its base_url: this one step fails.
    monkeypatch.setattr(connecting, "PROBES", 1)
    admin, source = await office.visitor("admin"), source_of(office)
    typed = {"phone_number_id": source.phone_number_id, "waba_id": source.waba_id, "provider": "sandbox"}

    checked = await admin.post("/console/sources/connect/check", **typed)
    assert "number and token" in checked.words
    assert "All of it fits. Now connect it." in checked.words
    wrong = await admin.post("/console/sources/connect/check", **typed, access_token="of-somebody-else")
    assert "Not done: number and token. Nothing was changed." in wrong.words
    odd = await admin.post("/console/sources/connect/check", phone_number_id="../7", waba_id="7")
    assert (422, True) == (odd.status, "phone number id: is no id" in odd.words)
    unknown = await admin.post("/console/sources/connect", phone_number_id="7", waba_id="7")
    assert (422, True) == (unknown.status, "access token: is missing" in unknown.words)

    done = await admin.post("/console/sources/connect", **typed, leads_webhooks="yes")
    for step in ("was connected already", "registration", "subscription", "templates"):
        assert step in done.words
    assert "Not done: gateway. What is done stays done." in done.words
    assert "Start the gateway on this database" in done.words
    assert not any(
        secret in done.text
        for secret in (source.access_token, source.app_secret, source.verify_token, source.phone_number)
    )
    operator = await office.visitor("operator")
    assert 403 == (await operator.post("/console/sources/connect", **typed)).status
