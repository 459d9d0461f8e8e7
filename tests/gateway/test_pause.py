"""A number that is paused takes nothing from the others, nor from the process."""

import asyncio

PHONE = "12025550143"


async def test_a_paused_number_with_work_leaves_the_process_its_time(house):
    await house.writes_first(PHONE)
    paused = await house.call("POST", f"/manage/v1/sources/{house.source_id}/pause", json={"reason": "a test"})
    assert 200 == paused[0]

    async with asyncio.timeout(10):
        [message_id] = await house.send(house.entry(PHONE))
        for _ in range(20):
            assert "accepted" == await house.status_of(message_id)

    await house.call("POST", f"/manage/v1/sources/{house.source_id}/resume")
    await house.becomes("read", message_id)
