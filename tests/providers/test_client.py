"""The client over real HTTP: what it asks, and that no end of a call escapes as an exception."""

import json

import pytest
from tests.outbound.faults import FaultServer, close_after_reading, hang_after_reading, reset_after_reading
from tests.providers.conftest import NUMBER_ID, PHONE, TOKEN, WABA, Upstream

from waypost.domain.errors import SendFailure, SendFailureKind
from waypost.domain.message import RecipientType, Text
from waypost.outbound.http import Timeouts
from waypost.outbound.pyreqwest_client import PyreqwestClient
from waypost.ports import Accepted, OutboundRequest, ProviderSource, SystemClock
from waypost.providers.cloud_api.client import CloudApiClient, PhoneNumberFacts, SubscribedApp

REQUEST = OutboundRequest(
    recipient=PHONE, recipient_type=RecipientType.INDIVIDUAL, content=Text(body="hi"), token="v1.token"
)


async def test_a_send_is_one_post_with_the_bearer_token(client, upstream: Upstream, source):
    upstream.will_answer(200, {"messages": [{"id": "wamid.1"}]})

    assert await client.send(source, REQUEST) == Accepted("wamid.1", 200)

    [(method, path, headers, body)] = upstream.requests
    assert (method, path) == ("POST", f"/v25.0/{NUMBER_ID}/messages")
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert headers["content-type"] == "application/json"
    assert json.loads(body)["biz_opaque_callback_data"] == "v1.token"


async def test_a_redirect_is_not_followed_with_the_token(client, upstream: Upstream, source):
    upstream.will_answer(307, b"", Location=f"{upstream.url}/elsewhere")

    end = await client.send(source, REQUEST)

    assert end.kind is SendFailureKind.MISCONFIGURED
    assert len(upstream.requests) == 1


async def test_an_answer_too_large_to_be_the_providers_is_in_doubt(client, upstream: Upstream, source):
    upstream.will_answer(200, b" " * 100_000)

    assert (await client.send(source, REQUEST)).kind is SendFailureKind.IN_DOUBT


async def test_a_closed_port_is_certainly_not_sent(client, source):
    elsewhere = ProviderSource(source_id="s", provider="meta", phone_number_id="1", access_token="t")

    assert (await client.send(elsewhere, REQUEST)).kind is SendFailureKind.TRANSIENT


@pytest.mark.parametrize("behaviour", [reset_after_reading, close_after_reading, hang_after_reading])
async def test_an_end_after_the_request_was_read_is_in_doubt(behaviour, source):
    quick = Timeouts(total_seconds=1.0, pool_seconds=0.2, dns_seconds=0.2, connect_seconds=0.2, read_seconds=0.5)
    http = PyreqwestClient(timeouts=quick)
    async with FaultServer(behaviour).running() as server:
        client = CloudApiClient(http, base_urls={"sandbox": server.url("/v25.0")}, clock=SystemClock())

        end = await client.send(source, REQUEST)

    await http.close()
    assert end.kind is SendFailureKind.IN_DOUBT
    assert len(server.requests) == 1


async def test_the_detail_of_a_refusal_is_kept_without_the_number(client, upstream: Upstream, source):
    error = {"message": "(#131026) Message undeliverable", "code": 131026, "error_data": {"details": f"to {PHONE}"}}
    upstream.will_answer(400, {"error": error})

    end = await client.send(source, REQUEST)

    assert end.detail == "(#131026) Message undeliverable: to …"


async def test_a_phone_number_is_described(client, upstream: Upstream, source):
    upstream.will_answer(
        200,
        {
            "verified_name": "Shop",
            "display_phone_number": "+1 202-555-0100",
            "quality_rating": "GREEN",
            "status": "CONNECTED",
        },
    )

    assert await client.get_phone_number(source) == PhoneNumberFacts(
        display_phone_number="+1 202-555-0100",
        verified_name="Shop",
        status="CONNECTED",
        quality_rating="GREEN",
    )
    assert upstream.requests[0][1].startswith(f"/v25.0/{NUMBER_ID}?fields=verified_name")


async def test_odd_facts_of_a_number_are_left_empty(client, upstream: Upstream, source):
    upstream.will_answer(200, {"verified_name": 7, "status": {}})

    facts = await client.get_phone_number(source)

    assert (facts.verified_name, facts.status) == ("", "")


async def test_subscribed_apps_are_listed(client, upstream: Upstream, source):
    app = {"link": "https://example.test", "name": "Gateway", "id": "100"}
    upstream.will_answer(
        200,
        {
            "data": [
                {"whatsapp_business_api_data": app},
                {"whatsapp_business_api_data": app},
                "odd",
            ]
        },
    )

    apps = await client.get_subscribed_apps(source, waba_id=WABA)

    assert apps == (SubscribedApp(id="100", name="Gateway"),) * 2


@pytest.mark.parametrize("body", [{"data": None}, {}])
async def test_no_subscribed_app_is_an_answer(client, upstream: Upstream, source, body):
    upstream.will_answer(200, body)

    assert await client.get_subscribed_apps(source, waba_id=WABA) == ()


@pytest.mark.parametrize(
    ("status", "body"), [(401, {"error": {"code": 190, "message": "expired"}}), (200, b"<html>"), (200, b"[]")]
)
async def test_a_look_up_that_fails_says_how(client, upstream: Upstream, source, status, body):
    for _ in range(2):
        upstream.will_answer(status, body)

    assert isinstance(await client.get_phone_number(source), SendFailure)
    assert isinstance(await client.get_subscribed_apps(source, waba_id=WABA), SendFailure)


async def test_a_look_up_without_an_answer_says_so(client):
    elsewhere = ProviderSource(source_id="s", provider="meta", phone_number_id="1", access_token="t")

    assert isinstance(await client.get_phone_number(elsewhere), SendFailure)
