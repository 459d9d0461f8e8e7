"""
No id of one account is visible or usable to another, on any endpoint.

The matrix is made from the OpenAPI document: an operation added without a row here fails the test.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.isolation.conftest import ABSENT, CANARY, RECIPIENT, House

from waypost.web.auth import SCOPES
from waypost.web.contract_openapi import scoped_name
from waypost.web.openapi import operations_of

_SPAN = {"since": "2001-01-01T00:00:00Z", "until": "2101-01-01T00:00:00Z"}
_SOURCE = {"name": "x", "phone_number": "12025550188", "phone_number_id": "pn9", "waba_id": "w", "access_token": "t"}
_MESSAGE = {"recipient_whatsapp": RECIPIENT, "message_type": "text", "type_text": [{"content": "hi"}]}
_TEMPLATE = {
    "name": "x",
    "language": "en",
    "category": "UTILITY",
    "components": [{"type": "BODY", "text": "x"}],
}

_BODIES: dict[str, Any] = {
    "accounts.change": {"name": "taken"},
    "keys.create": {"name": "x", "scopes": ["keys:read"]},
    "sources.create": _SOURCE,
    "sources.create.v2": {**_SOURCE, "phone_number_id": "pn8"},
    "sources.change": {"name": "taken"},
    "sources.change.v2": {"name": "taken"},
    "templates.create": {**_TEMPLATE, "name": "mine"},
    "templates.create.v2": _TEMPLATE,
    "templates.create.v3": {"meta_payload": {**_TEMPLATE, "name": "wrapped"}},
    "templates.change": {"category": "MARKETING"},
    "templates.change.v3": {"meta_payload": {"name": "owners", "category": "MARKETING"}},
    "templates.change.v3_category": {"template_name": "owners", "new_category": "MARKETING"},
    "templates.delete.v3": {"name": "owners"},
    "templates.preview": {"parameters": []},
    "webhooks.change.v3": {"type": "event", "name": CANARY, "url": "https://hooks.example.org/taken"},
    "webhooks.create": {"url": "https://hooks.example.org/mine"},
    "webhooks.change": {"name": "taken"},
    "webhooks.replay": _SPAN,
    "messages.search": {},
    "messages.mark_read": {"message_id": "wamid.of-nobody"},
    "messages.send": {"message": [_MESSAGE]},
    "messages.reschedule": {"scheduled_at": "2001-01-01T00:00:00Z"},
    "bulk.create": {"name": "x", "entry": {"message_type": "text", "type_text": [{"content": "hi"}]}},
    "bulk.put_rows": {"rows": [{"recipient": RECIPIENT}]},
    "consent.show": {"recipients": [RECIPIENT]},
    "consent.export": {},
    "consent.file": {},
    "consent.history": {"recipient": RECIPIENT},
    "consent.check": {"phone_number": RECIPIENT},
    "consent.manage": {"type": "optin", "recipients": [{"recipient": "12025550177", "source": "WEB"}]},
    "consent.blocklist": {"type": "blocklist", "recipients": [{"recipient": "12025550177", "source": "WEB"}]},
    "webhooks.manage_webhook": {"type": "event", "webhook_name": "inspector", "status": "disable"},
    "accounts.create": {"name": "x"},
    "groups.create": {"subject": "x"},
    "groups.change": {"subject": "taken"},
    "groups.remove_participants": {"participants": [RECIPIENT]},
    "groups.approve": {"request_ids": ["1"]},
    "groups.reject": {"request_ids": ["1"]},
}
"""A body that is valid for each operation that takes one."""


_ASKING = {"groups.join_requests"}
"""Reads that ask the provider, who knows nothing of what the owner has here."""


_TODAY = datetime.now(UTC).date()
_DATES = f"?start_date={_TODAY - timedelta(days=7)}&end_date={_TODAY + timedelta(days=7)}"
_DAYS = f"?from={_TODAY - timedelta(days=7)}T00:00:00Z&to={_TODAY + timedelta(days=7)}T00:00:00Z"
_QUERIES = {
    **dict.fromkeys(("/stats", "/messages", "/summary_stats"), _DATES),
    **dict.fromkeys(("/manage/v1/exports/messages", "/manage/v1/exports/events"), _DAYS),
}
"""What reads of a span must be asked."""


def _filled(path: str, ids: dict[str, str]) -> str:
    """Put ids into a path, and a query behind it; ``{id}`` of the contract is named after the path's last word."""
    if "{id}" in path:
        path = path.replace("{id}", "{" + path.split("/")[3] + "_id}")
    for name, value in ids.items():
        path = path.replace("{" + name + "_id}", value)
    assert "{" not in path, path
    return path + _QUERIES.get(path, "")


async def _operations(house: House) -> list[tuple[str, str, dict[str, Any]]]:
    _, document = await house.call("stranger", "GET", "/openapi.json")
    return [(path, method.upper(), operation) for path, method, operation in operations_of(document["paths"])]


def _body_of(operation: dict[str, Any]) -> Any:
    name = operation["operationId"]
    if "requestBody" not in operation or "multipart/form-data" in operation["requestBody"]["content"]:
        return None
    if not operation["requestBody"].get("required", False) and name not in _BODIES:
        return None
    return _BODIES.get(name, _BODIES.get(scoped_name(name)))


async def _everything_of_the_owner(house: House) -> list[Any]:
    """Return all that the owner can read of its own, but for what changes by itself."""
    paths = [
        "account",
        "keys",
        "sources",
        "webhooks",
        "messages",
        "inbound-messages",
        "media",
        "scheduled-messages",
        "bulk-sends",
        "groups",
    ]
    paths += [f"bulk-sends/{house.owned['bulk']}/rows"]
    paths += [f"messages/{house.owned['message']}", f"webhooks/{house.owned['webhook']}/notifications"]
    answers = [await house.call("owner", "GET", f"/manage/v1/{path}") for path in paths]
    answers.append(await house.call("owner", "POST", "/manage/v1/consents/history", json={"recipient": RECIPIENT}))
    assert all(status == 200 for status, _ in answers)
    return answers


async def test_every_operation_that_takes_a_body_has_one_here(house: House) -> None:
    lacking = [
        operation["operationId"]
        for _, _, operation in await _operations(house)
        if operation.get("requestBody", {}).get("required")
        and "application/json" in operation["requestBody"]["content"]
        and _body_of(operation) is None
    ]

    assert [] == lacking


async def test_the_owner_itself_is_answered(house: House) -> None:
    """The matrix means something only if its ids are right."""
    refused = []
    for path, method, operation in await _operations(house):
        if method == "GET" and operation["x-scope"] != "manage":
            status, _ = await house.call("owner", method, _filled(path, house.owned))
            if status != (404 if operation["operationId"] in _ASKING else 200):
                refused.append((status, method, path))

    assert [] == refused


async def test_a_foreign_id_is_answered_like_an_absent_one_and_nothing_changes(house: House) -> None:
    absent = dict.fromkeys(house.owned, ABSENT)
    before = await _everything_of_the_owner(house)
    tried, leaks = 0, []

    for path, method, operation in await _operations(house):
        if "{" not in path:
            continue
        body = _body_of(operation)
        foreign_answer = await house.call("stranger", method, _filled(path, house.owned), json=body)
        absent_answer = await house.call("stranger", method, _filled(path, absent), json=body)
        tried += 1
        if foreign_answer != absent_answer or not 400 <= foreign_answer[0] < 500:
            leaks.append((method, path, foreign_answer, absent_answer))

    assert [] == leaks
    assert tried >= 30
    assert before == await _everything_of_the_owner(house)


async def test_a_foreign_id_below_ones_own_is_not_found_either(house: House) -> None:
    """A path with two ids must not take the second one's word for it."""
    _, hook = await house.call("stranger", "POST", "/manage/v1/webhooks", json={"url": "https://hooks.example.org/s"})
    letter = f"/manage/v1/webhooks/{hook['id']}/notifications"

    for method, end in (("GET", "attempts"), ("POST", "replay")):
        foreign = await house.call("stranger", method, f"{letter}/{house.owned['notification']}/{end}")
        absent = await house.call("stranger", method, f"{letter}/{ABSENT}/{end}")
        assert foreign == absent
        assert foreign[0] == 404


async def test_no_answer_to_a_stranger_holds_a_byte_of_the_owner(house: House) -> None:
    ids = {*house.owned.values()} - {"owner"}
    leaks = []
    for path, method, operation in await _operations(house):
        if "{" in path or operation["x-scope"] == "manage" or operation["operationId"] == "account.get":
            continue
        status, answer = await house.call("stranger", method, _filled(path, {}), json=_body_of(operation))
        text = str(answer)
        if CANARY in text or any(one in text for one in ids) or status >= 500:
            leaks.append((method, path, status, text))

    assert [] == leaks


@pytest.mark.parametrize("field", ["source", "attachment", "context"])
async def test_a_message_cannot_be_made_of_anothers_things(house: House, field: str) -> None:
    def request(ids: dict[str, str]) -> dict[str, Any]:
        match field:
            case "source":
                entry = {**_MESSAGE, "source": ids["source"]}
            case "attachment":
                entry = {
                    "recipient_whatsapp": RECIPIENT,
                    "message_type": "media",
                    "source": own_source,
                    "type_media": [{"attachments": [{"attachment_id": ids["media"]}]}],
                }
            case _:
                entry = {**_MESSAGE, "source": own_source, "context": {"message_id": ids["message"]}}
        return {"message": [entry]}

    _, listed = await house.call("stranger", "GET", "/manage/v1/sources")
    own_source = listed["items"][0]["id"]
    await house.call("operator", "PATCH", "/manage/v1/accounts/stranger", json={"skip_optin": True})

    foreign = await house.call("stranger", "POST", "/api/v2/message/", json=request(house.owned))
    absent = await house.call("stranger", "POST", "/api/v2/message/", json=request(dict.fromkeys(house.owned, ABSENT)))

    assert foreign == absent
    assert foreign[1]["status"] == "failure"


async def test_filters_and_cursors_with_anothers_ids_find_nothing(house: House) -> None:
    searches = [
        {"source_id": house.owned["source"]},
        {"wamid": "wamid.owner"},
        {"recipient": RECIPIENT},
        {"x-apiheader": CANARY},
    ]
    for search in searches:
        status, answer = await house.call("stranger", "POST", "/manage/v1/messages/search", json=search)
        assert (200, []) == (status, answer["items"])
    hook = {"url": "https://hooks.example.org/", "source_ids": [house.owned["source"]]}
    foreign = await house.call("stranger", "POST", "/manage/v1/webhooks", json=hook)
    absent = await house.call("stranger", "POST", "/manage/v1/webhooks", json={**hook, "source_ids": [ABSENT]})
    assert foreign == absent
    assert foreign[0] == 422


async def test_the_document_has_every_operation_that_the_contract_serves(house: House) -> None:
    """Each operation of the document is answered by something other than an unknown path or method."""
    unknown = []
    for path, method, operation in await _operations(house):
        assert scoped_name(operation["operationId"]) in SCOPES
        if operation["x-scope"] == "manage":
            continue
        status, answer = await house.call("owner", method, _filled(path, dict.fromkeys(house.owned, ABSENT)), json={})
        detail = answer.get("detail", "") if isinstance(answer, dict) else ""
        if status == 405 or "no such path" in detail:
            unknown.append((status, method, path))

    assert [] == unknown
