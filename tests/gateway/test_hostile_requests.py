"""What a caller may not achieve: a defect answered, or the others' messages held up."""

import pytest


async def test_an_id_with_a_nul_is_unknown(house):
    calls = [("GET", "message"), ("GET", "media"), ("DELETE", "media"), ("GET", "source"), ("PUT", "source")]

    answers = [await house.call(method, f"/api/v2/{what}/a%00b", data=b"{}") for method, what in calls]

    assert [404] * len(calls) == [status for status, _ in answers]


@pytest.mark.settings(dispatch={"pair_burst": 1, "pair_interval_seconds": 600.0})
async def test_waiting_for_a_group_of_the_longest_id_holds_nobody_up(house):
    await house.call("PATCH", f"/manage/v1/sources/{house.source_id}", json={"has_groups": True})
    await house.writes_first("12025550143")
    # Four bytes each, and none that compresses: as much as an index of PostgreSQL can be asked to hold.
    group = "".join(chr(0x10000 + place) for place in range(512))
    template = {"name": "repair_done", "attributes": ["Noor", "B-52"], "language": {"locale": "en"}}
    entry = house.entry(group, recipient_type="group", message_type="template", type_template=[template])

    await house.send(entry, entry, entry)
    [message_id] = await house.send(house.entry("12025550143"))

    await house.becomes("read", message_id)
