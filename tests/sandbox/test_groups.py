"""Groups: made asynchronously, joined by link, written to and from, told about member by member."""

import asyncio
from typing import Any

from tests.sandbox.conftest import NUMBER, NUMBER_ID, TOKEN, Build, World, running, text

from waypost.sandbox import SandboxSettings, build_sandbox

ANN, BEA, CAL = "12025550151", "12025550152", "12025550153"


def group_events(world: World, kind: str) -> list[dict[str, Any]]:
    return [e for value in world.receiver.values() for e in value.get("groups", []) if e["type"] == kind]


async def created(world: World, *members: str, **body: Any) -> str:
    """Make a group, let phones join, and return its id."""
    seen = len(group_events(world, "group_create"))
    wanted = {"messaging_product": "whatsapp", "subject": "Sunday ride", **body}
    status, answer = await world.call("POST", f"/v23.0/{NUMBER_ID}/groups", wanted)
    assert (200, "whatsapp") == (status, answer["messaging_product"])
    await world.receiver.until(lambda: len(group_events(world, "group_create")) > seen)
    event = group_events(world, "group_create")[-1]
    assert answer["request_id"] == event["request_id"]
    for member in members:
        status, answer = await world.call("POST", f"/sandbox/groups/{event['group_id']}/join", {"phone": member})
        assert 200 == status, answer
    return str(event["group_id"])


async def send(world: World, group_id: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
    message = {"messaging_product": "whatsapp", "recipient_type": "group", "to": group_id, **(body or text("all"))}
    return await world.call("POST", f"/v23.0/{NUMBER_ID}/messages", message)


async def writes(world: World, group_id: str, phone: str, body: str = "hello all") -> dict[str, Any]:
    return await world.phone_writes({**text(body), "group_id": group_id}, phone=phone)


async def test_a_group_is_made_by_webhook_joined_by_link_changed_and_deleted(world: World):
    group_id = await created(world, ANN, description="Every Sunday at nine")
    made = group_events(world, "group_create")[0]
    assert made["invite_link"].startswith("https://chat.whatsapp.com/")
    assert ("Sunday ride", "auto_approve") == (made["subject"], made["join_approval_mode"])

    fields = "subject,description,participants,total_participant_count,suspended,join_approval_mode"
    _, shown = await world.call("GET", f"/v23.0/{group_id}?fields={fields}")
    assert [ANN] == [one["wa_id"] for one in shown["participants"]]
    assert (1, False, "Every Sunday at nine") == (
        shown["total_participant_count"], shown["suspended"], shown["description"],
    )  # fmt: skip
    _, listed = await world.call("GET", f"/v23.0/{NUMBER_ID}/groups?limit=1")
    assert [group_id] == [one["id"] for one in listed["data"]["groups"]]

    product = {"messaging_product": "whatsapp"}
    _, answer = await world.call("POST", f"/v23.0/{group_id}", {**product, "subject": "Monday ride"})
    await world.receiver.until(lambda: group_events(world, "group_settings_update"))
    [settings] = group_events(world, "group_settings_update")
    assert answer["request_id"] == settings["request_id"]
    assert {"text": "Monday ride", "update_successful": True} == settings["group_subject"]

    _, link = await world.call("GET", f"/v23.0/{group_id}/invite_link")
    _, reset = await world.call("POST", f"/v23.0/{group_id}/invite_link", product)
    assert link["invite_link"] == made["invite_link"] != reset["invite_link"]
    code = link["invite_link"].rpartition("/")[2]
    assert 404 == (await world.call("POST", f"/sandbox/groups/{code}/join", {"phone": BEA}))[0]

    body = {**product, "participants": [{"user": ANN}, {"user": BEA}]}
    await world.call("DELETE", f"/v23.0/{group_id}/participants", body)
    await world.receiver.until(lambda: group_events(world, "group_participants_remove"))
    [removed] = group_events(world, "group_participants_remove")
    assert "business" == removed["initiated_by"]
    assert [[ANN], [BEA]] == [[p["input"] for p in removed[f"{w}_participants"]] for w in ("removed", "failed")]
    status, answer = await world.call("POST", f"/sandbox/groups/{group_id}/join", {"phone": ANN})
    assert (409, "was_removed") == (status, answer["error"])

    await world.call("DELETE", f"/v23.0/{group_id}")
    await world.receiver.until(lambda: group_events(world, "group_delete"))
    assert 400 == (await world.call("GET", f"/v23.0/{group_id}"))[0]


async def test_a_group_takes_eight_and_may_ask_the_business_first(world: World):
    full = await created(world, *(f"1202555016{place}" for place in range(8)))
    status, answer = await world.call("POST", f"/sandbox/groups/{full}/join", {"phone": ANN})
    assert (409, "full") == (status, answer["error"])

    group_id = await created(world, join_approval_mode="approval_required")
    wishes = []
    for phone in (ANN, BEA, CAL):
        status, answer = await world.call("POST", f"/sandbox/groups/{group_id}/join", {"phone": phone})
        assert 202 == status
        wishes.append(answer["join_request_id"])
    await world.call("POST", f"/sandbox/groups/{group_id}/leave", {"phone": CAL})
    await world.receiver.until(lambda: group_events(world, "group_join_request_revoked"))

    _, listed = await world.call("GET", f"/v23.0/{group_id}/join_requests")
    assert wishes[:2] == [one["join_request_id"] for one in listed["data"]]
    decision = {"messaging_product": "whatsapp", "join_requests": [wishes[0], wishes[2]]}
    _, answer = await world.call("POST", f"/v23.0/{group_id}/join_requests", decision)
    assert [wishes[0]] == answer["approved_join_requests"]
    assert [131213] == [one["errors"][0]["code"] for one in answer["failed_join_requests"]]
    decision = {"messaging_product": "whatsapp", "join_requests": [wishes[1]]}
    _, answer = await world.call("DELETE", f"/v23.0/{group_id}/join_requests", decision)
    assert [wishes[1]] == answer["rejected_join_requests"]
    _, shown = await world.call("GET", f"/sandbox/groups/{group_id}")
    assert [ANN] == shown["participants"]


async def test_a_number_may_be_barred_from_groups_and_making_one_may_fail_later(world: World):
    group_id = await created(world, ANN)
    body = {"messaging_product": "whatsapp", "subject": "Ride"}
    await world.call("PUT", f"/sandbox/numbers/{NUMBER_ID}", {"groups": "off"})
    for path, call in ((f"/v23.0/{NUMBER_ID}/groups", body),):
        _, answer = await world.call("POST", path, call)
        assert 131215 == answer["error"]["code"]
    assert 131215 == (await send(world, group_id))[1]["error"]["code"]

    await world.call("PUT", f"/sandbox/numbers/{NUMBER_ID}", {"groups": "creation_off"})
    _, answer = await world.call("POST", f"/v23.0/{NUMBER_ID}/groups", body)
    await world.receiver.until(lambda: len(group_events(world, "group_create")) == 2)
    failed = group_events(world, "group_create")[-1]
    assert (answer["request_id"], 131214) == (failed["request_id"], failed["errors"][0]["code"])
    assert "group_id" not in failed


async def test_one_members_message_opens_the_window_and_statuses_name_each_member(world: World):
    group_id = await created(world, ANN, BEA)
    _, answer = await send(world, group_id)
    await world.receiver.until(lambda: world.receiver.words(answer["messages"][0]["id"]))
    [failed] = world.receiver.statuses(answer["messages"][0]["id"])
    assert (131047, group_id, "group") == (
        failed["errors"][0]["code"], failed["recipient_id"], failed["recipient_type"],
    )  # fmt: skip

    written = await writes(world, group_id, ANN)
    await world.receiver.until(world.receiver.messages)
    [inbound] = world.receiver.messages()
    assert (group_id, ANN) == (inbound["group_id"], inbound["from"])
    _, answer = await world.send(to=f"+{ANN}")
    await world.receiver.until(lambda: "failed" in world.receiver.words(answer["messages"][0]["id"]))

    _, answer = await send(world, group_id)
    wamid = answer["messages"][0]["id"]
    assert group_id == answer["messages"][0]["group_id"] == answer["contacts"][0]["wa_id"]
    await world.receiver.until(lambda: world.receiver.words(wamid).count("read") == 2)
    assert ["sent", "delivered", "delivered", "read", "read"] == world.receiver.words(wamid)
    statuses = world.receiver.statuses(wamid)
    assert "recipient_participant_id" not in statuses[0]
    assert [ANN, BEA] == [one["recipient_participant_id"] for one in statuses[1:3]]
    assert {"group_service"} == {one["pricing"]["category"] for one in statuses[1:3]}
    joint = [v["statuses"] for v in world.receiver.values() if any(s["id"] == wamid for s in v.get("statuses", []))]
    assert [1, 2, 2] == [len(one) for one in joint]

    for phone, directions in ((ANN, ["received", "sent", "received"]), (BEA, ["received", "received", "received"])):
        thread = [m for m in await world.phone_messages(phone=phone) if m.get("group_id") == group_id]
        assert directions == [m["direction"] for m in thread]
        assert (written["wamid"], "read") == (thread[1]["wamid"], thread[2]["status"])


async def test_a_member_whose_phone_is_off_gets_it_later_and_reads_when_told(world: World):
    group_id = await created(world, ANN, BEA)
    await writes(world, group_id, ANN)
    await world.set_phone(phone=BEA, online=False, reads="manual")
    _, answer = await send(world, group_id)
    wamid = answer["messages"][0]["id"]
    await world.receiver.until(lambda: "read" in world.receiver.words(wamid))
    assert ["sent", "delivered", "read"] == world.receiver.words(wamid)

    await world.set_phone(phone=BEA, online=True)
    await world.receiver.until(lambda: world.receiver.words(wamid).count("delivered") == 2)
    _, shown = await world.call("POST", f"/sandbox/phones/{BEA}/read")
    assert [wamid] == shown["read"]
    await world.receiver.until(lambda: world.receiver.words(wamid).count("read") == 2)
    assert BEA == world.receiver.statuses(wamid)[-1]["recipient_participant_id"]


async def test_groups_refuse_what_they_do_not_carry(world: World):
    group_id = await created(world, ANN)
    await writes(world, group_id, ANN)
    location = {"type": "location", "location": {"latitude": 38.9, "longitude": -77.0}}
    assert 131051 == (await send(world, group_id, location))[1]["error"]["code"]
    assert 131041 == (await send(world, "bm9uZQ=="))[1]["error"]["code"]
    assert 131020 == (await send(world, await created(world)))[1]["error"]["code"]
    await world.call("PUT", f"/sandbox/groups/{group_id}", {"suspended": True})
    assert 131207 == (await send(world, group_id))[1]["error"]["code"]
    await world.receiver.until(lambda: group_events(world, "group_suspend"))
    stranger = {**text("hi"), "group_id": group_id}
    status, answer = await world.call("POST", f"/sandbox/phones/{BEA}/messages", stranger)
    assert (409, "not_a_participant") == (status, answer["error"])


async def test_a_group_message_is_marked_read_by_itself(world: World):
    group_id = await created(world, ANN, BEA)
    private = await world.phone_writes(phone=ANN)
    first = await writes(world, group_id, ANN, "one")
    second = await writes(world, group_id, ANN, "two")
    receipt = {"messaging_product": "whatsapp", "status": "read", "message_id": second["wamid"]}
    status, answer = await world.call("POST", f"/v23.0/{NUMBER_ID}/messages", receipt)
    assert (200, {"success": True}) == (status, answer)
    read = {m["wamid"]: bool(m["ticks"]["read"]) for m in await world.phone_messages(phone=ANN)}
    assert {private["wamid"]: False, first["wamid"]: False, second["wamid"]: True} == read


async def test_groups_and_what_members_have_got_survive_a_restart(build: Build, tmp_path):
    world = await build(data_dir=tmp_path)
    group_id = await created(world, ANN, BEA)
    await writes(world, group_id, ANN)
    await world.receiver.until(world.receiver.messages)
    await world.set_phone(phone=BEA, online=False)
    _, answer = await send(world, group_id)
    wamid = answer["messages"][0]["id"]
    await world.receiver.until(lambda: "read" in world.receiver.words(wamid))
    receipt = world.sandbox.delivery.receipts.receipt(wamid, ANN)
    async with asyncio.timeout(20):
        while not receipt.read_told:  # noqa: ASYNC110 - nothing announces that an answer has been heard
            await asyncio.sleep(0)
    world.sandbox.journal.flush()

    again = build_sandbox(SandboxSettings(data_dir=tmp_path))
    async with running(again) as url:
        later = World(again, url, world.http, world.receiver)
        _, shown = await later.call("GET", f"/v23.0/{group_id}?fields=participants", token=TOKEN)
        assert [ANN, BEA] == [one["wa_id"] for one in shown["participants"]]
        assert ["sent", "received"] == [
            m["direction"] for m in await later.phone_messages(phone=ANN) if m["business_number"] == NUMBER
        ]
        await later.set_phone(phone=BEA, online=True)
        await later.receiver.until(lambda: later.receiver.words(wamid).count("read") == 2)
        assert ["sent", "delivered", "read", "delivered", "read"] == later.receiver.words(wamid)
