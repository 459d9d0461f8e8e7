"""Groups at the provider: what is asked, and what is made of the answers."""

import json

import pytest

from waypost.domain.errors import FailureReason, SendFailure
from waypost.ports import SystemClock
from waypost.providers.cloud_api import groups
from waypost.providers.cloud_api.calls import CallFailure, CallFailureKind, GraphCalls
from waypost.providers.cloud_api.group_events import read_group_change

GROUP = "Y2FwaV9ncm91cDox"


@pytest.fixture
def calls(http, upstream) -> GraphCalls:
    return GraphCalls(http, base_urls={"sandbox": f"{upstream.url}/v25.0"}, clock=SystemClock())


def page(*ids: str, after: str = "", last: bool = True):
    cursors = {"cursors": {"after": after}, **({} if last else {"next": "https://graph.example.org/next"})}
    return {
        "data": {"groups": [{"id": one, "subject": one, "created_at": "1790000000"} for one in ids]},
        "paging": cursors,
    }


async def test_all_pages_of_a_list_are_read_in_either_form(calls, upstream, source):
    upstream.will_answer(200, page("g1", "g2", after="two", last=False))
    upstream.will_answer(200, {"data": [{"id": "g3", "subject": "third"}, {"subject": "no id"}, "nonsense"]})

    found = await groups.list_groups(calls, source)

    assert [("g1", 1_790_000_000_000_000), ("g2", 1_790_000_000_000_000), ("g3", 0)] == [
        (one.id, one.created_at_us) for one in found
    ]
    assert ["limit=100", "limit=100&after=two"] == [path.partition("?")[2] for _, path, _, _ in upstream.requests]


async def test_what_is_asked_is_what_the_reference_says(calls, upstream, source):
    for answer in ({"request_id": "r1"}, {"request_id": "r2"}, {"invite_link": "https://chat.whatsapp.com/x"}):
        upstream.will_answer(200, answer)

    made = await groups.create_group(
        calls, source, subject="Ride", description="", join_approval_mode="approval_required"
    )
    removed = await groups.remove_participants(calls, source, group_id=GROUP, participants=["12025550143"])
    link = await groups.invite_link(calls, source, group_id=GROUP, is_reset=True)

    assert ("r1", "r2", "https://chat.whatsapp.com/x") == (made, removed, link)
    asked = [(method, path, json.loads(body)) for method, path, _, body in upstream.requests]
    product = {"messaging_product": "whatsapp"}
    assert [
        (
            "POST",
            "/v25.0/110000000000001/groups",
            {**product, "subject": "Ride", "join_approval_mode": "approval_required"},
        ),
        ("DELETE", f"/v25.0/{GROUP}/participants", {**product, "participants": [{"user": "12025550143"}]}),
        ("POST", f"/v25.0/{GROUP}/invite_link", product),
    ] == asked


async def test_an_answer_without_what_was_asked_for_is_no_success(calls, upstream, source):
    upstream.will_answer(200, {"messaging_product": "whatsapp"})
    upstream.will_answer(400, {"error": {"code": 131215, "message": "(#131215) Not eligible"}})

    lacking = await groups.delete_group(calls, source, group_id=GROUP)
    refused = await groups.get_group(calls, source, group_id=GROUP)

    assert isinstance(lacking, CallFailure)
    assert isinstance(refused, CallFailure)
    assert (CallFailureKind.UNREACHABLE, CallFailureKind.REFUSED) == (lacking.kind, refused.kind)


async def test_a_read_receipt_is_one_post_and_its_refusal_keeps_its_reason(client, upstream, source):
    upstream.will_answer(200, {"success": True})
    upstream.will_answer(401, {"error": {"code": 190, "message": "expired"}})

    assert None is await client.mark_read(source, wamid="wamid.1", shows_typing=True)
    refused = await client.mark_read(source, wamid="wamid.1", shows_typing=False)

    assert isinstance(refused, SendFailure)
    assert FailureReason.UNKNOWN_SOURCE is refused.reason
    bodies = [json.loads(body) for _, _, _, body in upstream.requests]
    receipt = {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.1"}
    assert [{**receipt, "typing_indicator": {"type": "text"}}, receipt] == bodies


def test_who_put_somebody_out_is_read_from_either_level():
    for item in (
        {"initiated_by": "business", "removed_participants": [{"wa_id": "1"}]},
        {"removed_participants": [{"wa_id": "1", "initiated_by": "business"}]},
    ):
        about = {"type": "group_participants_remove", "timestamp": 1_790_000_000, "group_id": GROUP}
        assert "business" == read_group_change({**about, **item}).reason


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"type": ["group_create"], "timestamp": "1", "group_id": GROUP},
        {"type": "group_create", "timestamp": "1"},
        {"type": "group_create", "timestamp": "0", "group_id": GROUP},
        {"type": "group_delete", "timestamp": "1790000000", "request_id": "r"},
        {"type": "group_create", "timestamp": "1790000000", "group_id": "g\x00"},
    ],
)
def test_what_makes_no_sense_is_nothing(item):
    assert read_group_change(item) is None
