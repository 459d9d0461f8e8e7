"""The stream that tells open pages of changes."""

import asyncio

import aiohttp
from tests.console.conftest import Office

from waypost.web.console.live import LiveHub


async def test_a_commit_is_told_to_an_open_page(office: Office):
    viewer = await office.visitor("viewer")
    async with viewer.http.get(
        f"{viewer.base_url}/console/live", headers={"Sec-Fetch-Site": "same-origin"}, timeout=aiohttp.ClientTimeout(20)
    ) as stream:
        assert "text/event-stream" == stream.content_type
        assert b": alive\n" == await stream.content.readline()
        await office.write(lambda _tx: None)
        lines = [await stream.content.readline() for _ in range(2)]

    assert [b"\n", b"event: changed\n"] == lines


async def test_another_sites_page_cannot_listen(office: Office):
    viewer = await office.visitor("viewer")

    answer = await viewer.get("/console/live", **{"Sec-Fetch-Site": "cross-site"})

    assert 403 == answer.status


async def test_no_more_pages_listen_than_may():
    hub = LiveHub(lambda: 0, streams_max=2, has_other_nodes=False)
    streams = [hub.stream() for _ in range(2)]
    assert not hub.is_full
    for stream in streams:
        assert b": alive\n\n" == await anext(stream)

    assert hub.is_full
    await streams[0].aclose()
    assert not hub.is_full
    hub.close()
    assert [] == [event async for event in streams[1]]


async def test_changes_of_other_nodes_are_told_although_nothing_was_committed_here():
    alone, together = (LiveHub(lambda: 7, streams_max=9, has_other_nodes=others) for others in (False, True))
    quiet, told = alone.stream(), together.stream()
    await anext(quiet)
    await anext(told)
    waiting = asyncio.ensure_future(anext(quiet))

    assert b"event: changed\ndata:\n\n" == await anext(told)
    assert not waiting.done()
    alone.close()
    together.close()
    assert isinstance(await asyncio.gather(waiting, return_exceptions=True), list)
    await told.aclose()
