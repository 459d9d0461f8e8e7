"""Groups end to end: refused where the source has none, made, written to and from, followed, managed, ended."""

import asyncio
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tests.gateway.conftest import House

from waypost.cli import run

ANN, BEA, CAL = "12025550151", "12025550152", "12025550153"


@dataclass
class Ride:
    """One group of the house's shop, and the hands to use it with."""

    house: House
    group_id: str = ""
    invite_link: str = ""

    async def manage(self, method: str, path: str = "", body: Any = None) -> tuple[int, Any]:
        request = {} if body is None else {"json": body}
        return await self.house.call(method, f"/manage/v1/groups{path}", **request)

    async def mine(self, method: str, path: str = "", body: Any = None) -> tuple[int, Any]:
        return await self.manage(method, f"/{quote(self.group_id, safe='')}{path}", body)

    async def refusal(self, entry: dict[str, Any]) -> tuple[str, str]:
        _, answer = await self.house.call("POST", "/api/v2/message/", json={"message": [entry]})
        return answer["error"]["code"], answer["error"]["message"]

    async def becomes(self, **members: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}

        async def is_so() -> bool:
            found.update((await self.mine("GET"))[1])
            return all(found[name] == wanted for name, wanted in members.items())

        await self.house.eventually(is_so)
        return found

    async def heard(self) -> list[dict[str, Any]]:
        found = await self.house.sandbox("GET", "/inspector/events?kind=incoming&limit=100")
        entries = [one for event in found["events"] for one in event["body"]["incoming_message"]]
        return [one for one in entries if one.get("group_id") == self.group_id]


async def _is_refused_without_groups(ride: Ride) -> None:
    entry = ride.house.entry("bm9uZQ==", recipient_type="group")
    assert ("8006", "recipient_type can only be individual") == await ride.refusal(entry)
    status, problem = await ride.manage("POST", "", {"subject": "Sunday ride"})
    assert (409, "This source has no groups.") == (status, problem["detail"])


async def _is_made_and_joined(ride: Ride) -> None:
    """At first a group is known by its request, then by the provider's id; two are let in, one is not."""
    body = {"subject": "Sunday ride", "join_approval_mode": "approval_required"}
    status, asked = await ride.manage("POST", "", body)
    assert (202, "creating") == (status, asked["state"])
    ride.group_id = asked["request_id"]
    group = await ride.becomes(state="active")
    ride.group_id, ride.invite_link = group["id"], group["invite_link"]
    assert ride.group_id != asked["request_id"]

    wishes = {}
    for phone in (ANN, BEA, CAL):
        answer = await ride.house.sandbox("POST", f"/sandbox/groups/{ride.group_id}/join", json={"phone": phone})
        wishes[phone] = answer["join_request_id"]
    _, listed = await ride.mine("GET", "/join-requests")
    assert {(wishes[one], one) for one in wishes} == {(one["id"], one["participant"]) for one in listed["items"]}
    decision = {"request_ids": [wishes[ANN], wishes[BEA], "1234"]}
    _, decided = await ride.mine("POST", "/join-requests/approve", decision)
    assert ([wishes[ANN], wishes[BEA]], ["1234"]) == (decided["done"], [one["id"] for one in decided["failed"]])
    _, decided = await ride.mine("POST", "/join-requests/reject", {"request_ids": [wishes[CAL]]})
    assert [wishes[CAL]] == decided["done"]
    await ride.becomes(participants=[ANN, BEA])


async def _is_heard_and_written_to(ride: Ride) -> None:
    """The window is the group's, and what is said in it is no consent."""
    house = ride.house
    entry = house.entry(ride.group_id, "Ride at nine", recipient_type="group", **{"x-apiheader": "ride-1"})
    await house.writes_first(ANN)
    assert "8007" == (await ride.refusal(entry))[0]
    written = {"type": "text", "text": {"body": "who is in?"}, "group_id": ride.group_id}
    await house.sandbox("POST", f"/sandbox/phones/{BEA}/messages", json=written)

    async def is_heard() -> bool:
        return bool(await ride.heard())

    await house.eventually(is_heard)
    [incoming] = await ride.heard()
    assert (BEA, "who is in?") == (incoming["from"], incoming["text_type"]["text"])
    assert ("8002", "Phone number is not opted in") == await ride.refusal(house.entry(BEA))

    [message_id] = await house.send(entry)
    await house.is_told(message_id, "sent", "delivered", "read")
    told = {(one["recipient"], one["x-apiheader"]) for one in await house.webhooks(message_id)}
    assert {(ride.group_id, "ride-1")} == told
    for phone in (ANN, BEA):
        found = await house.sandbox("GET", f"/sandbox/phones/{phone}/messages?direction=received")
        assert "Ride at nine" == found["messages"][-1]["message"]["text"]["body"]
    location = {"message_type": "location", "type_location": [{"longitude": -77.0, "latitude": 38.9}]}
    assert ("8006", "recipient_type can only be individual") == await ride.refusal(entry | location)


async def _is_managed_and_ended(ride: Ride) -> None:
    house = ride.house
    assert 202 == (await ride.mine("PATCH", "", {"subject": "Monday ride"}))[0]
    _, reset = await ride.mine("POST", "/invite-link/reset")
    assert ride.invite_link != reset["invite_link"]
    assert 202 == (await ride.mine("POST", "/participants/remove", {"participants": [BEA]}))[0]
    await ride.becomes(subject="Monday ride", participants=[ANN], invite_link=reset["invite_link"])
    assert {"found": 1, "added": 0} == (await ride.manage("POST", "/refresh", {}))[1]

    where = ["--base-url", house.base_url, "--api-key", house.api_key]
    for command in (["list", "--json"], ["show", ride.group_id, "--fresh"], ["requests", ride.group_id]):
        assert 0 == await asyncio.to_thread(run, ["groups", *command, *where])
    assert 0 == await asyncio.to_thread(run, ["groups", "delete", ride.group_id, "--yes", *where])
    await ride.becomes(state="deleted", participants=[])
    assert [] == (await ride.manage("GET"))[1]["items"]
    status, problem = await ride.mine("PATCH", "", {"subject": "x"})
    assert (409, "The group is deleted.") == (status, problem["detail"])
    _, audit = await house.call("GET", "/manage/v1/audit")
    actions = {one["action"] for one in audit["items"]}
    assert {"group.create", "group.approve", "group.reject", "group.change", "group.delete"} <= actions

    await house.sandbox("PUT", f"/sandbox/numbers/{house.demo.account.phone_number_id}", json={"groups": "off"})
    status, problem = await ride.manage("POST", "", {"subject": "Another"})
    assert (409, True) == (status, "131215" in problem["detail"])


async def test_a_group_is_made_written_to_heard_from_and_ended(house):
    ride = Ride(house)
    await _is_refused_without_groups(ride)
    status, _ = await house.call("PATCH", f"/manage/v1/sources/{house.source_id}", json={"has_groups": True})
    assert 200 == status
    await _is_made_and_joined(ride)
    await _is_heard_and_written_to(ride)
    await _is_managed_and_ended(ride)
