"""Every golden refusal, asked of the running gateway: the exact body, over HTTP."""

import io
import json
import time
from pathlib import Path

import pytest

from waypost.domain.consent import ConsentAction, ConsentEvidence
from waypost.ports import UuidFactory
from waypost.store.consents import ConsentWrite, record_consents
from waypost.store.sources import NewSource, create_source
from waypost.store.statements import InsertMany, Sql
from waypost.store.tables import WINDOWS

GOLDEN = Path(__file__).parent.parent / "contract" / "golden" / "refusals"
CALLS = {
    "send": ("POST", "/api/v2/message/"),
    "consent_check": ("POST", "/api/v2/consent/"),
    "consent_manage": ("POST", "/api/v2/consent/manage/"),
    "blocklist": ("POST", "/api/v2/consent/blocklist"),
    "webhook_switch": ("POST", "/api/v2/metainfo/webhook/manage_webhook"),
    "template_create": ("POST", "/api/v2/metainfo/template/create"),
    "template_create_wrapped": ("POST", "/api/v3/metainfo/template/create"),
    "template_edit": ("PUT", "/api/v3/metainfo/template/edit"),
    "template_delete": ("POST", "/api/v3/metainfo/template/delete"),
    "webhook_update": ("POST", "/api/v3/metainfo/webhook/update_webhook"),
    "source_create": ("POST", "/api/v2/source/"),
    "source_update": ("PUT", "/api/v2/source/417-220"),
}
PHONE = "12025550143"


def golden_refusals():
    for path in sorted(GOLDEN.glob("*.json")):
        golden = json.loads(path.read_text(encoding="utf-8"))
        # The document's own switches are the parser's; the gateway under test has the defaults.
        if golden["call"] in CALLS and not golden["settings"]:
            yield path.stem, golden


async def provide_the_documents_world(house):
    """Give the demo account the source and the recipient that the golden requests name."""
    foundation = house.demo.gateway.foundation
    account_id, now_us = house.demo.account.account_id, time.time_ns() // 1000

    def provide(tx):
        source = NewSource(
            id="417-220",
            account_id=account_id,
            name="Workshop",
            phone_number="12025550198",
            phone_number_id="417220",
            waba_id="2000",
            provider="sandbox",
            access_token="token",
            verify_token="verify",
        )
        create_source(tx, foundation.sealer, source, now_us=now_us)
        evidence = (ConsentEvidence(recipient=PHONE, source="WEB"),)
        write = ConsentWrite(account_id=account_id, action=ConsentAction.OPTIN, evidence=evidence, now_us=now_us)
        record_consents(tx, UuidFactory(), [write])
        columns = ("source_id", "recipient", "closes_at_us", "last_inbound_at_us")
        tx.write_many(InsertMany(WINDOWS, columns), [("417-220", PHONE, now_us + 86_400_000_000, now_us)])

    await foundation.database.write(provide)
    await foundation.directory.refresh()


async def test_every_golden_refusal_is_answered_to_the_letter(house):
    await provide_the_documents_world(house)
    different = {}
    asked = 0
    for name, golden in golden_refusals():
        method, path = CALLS[golden["call"]]
        body = golden["request_text"] if "request_text" in golden else json.dumps(golden["request"])
        status, answer = await house.call(method, path, data=body, headers={"Content-Type": "application/json"})
        asked += 1
        if (status, answer) != (200, golden["answer"]):
            different[name] = (status, answer, golden["answer"])

    assert {} == different
    assert asked > 300
    count = Sql("SELECT COUNT(*) FROM messages")
    assert (0,) == await house.demo.gateway.foundation.database.read(lambda tx: tx.one(count))


@pytest.mark.settings(contract={"failure_http_status": "4xx", "leading_space": True})
async def test_the_settings_change_status_and_leading_space(house):
    status, answer = await house.call("POST", "/api/v2/message/", json={})
    assert (400, " Required parameter is missing") == (status, answer["error"]["message"])

    status, answer = await house.call("POST", "/api/v2/message/", json={"message": [house.entry(PHONE)]})
    assert (422, "8002") == (status, answer["error"]["code"])


async def test_a_key_used_for_another_body_is_refused_and_for_the_same_replayed(house):
    await house.writes_first(PHONE)
    headers = {"Idempotency-Key": "order-118"}
    first = await house.send(house.entry(PHONE), headers=headers)
    again = await house.send(house.entry(PHONE), headers=headers)
    assert first == again

    status, answer = await house.call(
        "POST", "/api/v2/message/", json={"message": [house.entry(PHONE, "other")]}, headers=headers
    )
    error = {"code": "8006", "message": "Idempotency-Key was used with a different request"}
    assert (200, {"status": "failure", "error": error}) == (status, answer)

    async with house.http.post(
        house.base_url + "/api/v2/message/",
        headers={"Authorization": f"Bearer {house.api_key}", "Idempotency-Key": "x" * 256},
        data=b"{}",
    ) as response:
        assert "8006" == (await response.json())["error"]["code"]


async def test_a_body_over_the_limit_is_413_and_a_wrong_method_405(house):
    for path in ("message/", "consent/", "consent/manage/", "consent/blocklist", "source/"):
        status, answer = await house.call(
            "POST", f"/api/v2/{path}", data=io.BytesIO(b" " * 1_100_000), headers={"Connection": "close"}
        )
        assert (413, "Request body too large") == (status, answer["message"])
    status, answer = await house.call("DELETE", "/api/v2/message/")
    assert (405, "Method not supported") == (status, answer["message"])
    status, answer = await house.call("GET", "/api/v2/nothing/here")
    assert (404, "Resource not found") == (status, answer["message"])


async def test_a_blank_key_is_no_key(house):
    await house.writes_first(PHONE)

    first = await house.send(house.entry(PHONE), headers={"Idempotency-Key": " "})
    second = await house.send(house.entry(PHONE), headers={"Idempotency-Key": ""})

    assert first != second
