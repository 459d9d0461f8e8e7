"""The stream that tells open pages of changes."""

import asyncio
import logging
from contextlib import AsyncExitStack

import aiohttp
import pytest
from structlog.testing import capture_logs
from tests.console.conftest import Office, Visitor

from waypost.web.console.live import LiveHub, LiveResponse

SAME = {"Sec-Fetch-Site": "same-origin"}


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


async def always() -> bool:
    return True


async def test_a_stream_ends_with_its_session(office: Office, monkeypatch: pytest.MonkeyPatch):
    """Looked at each quarter of a minute; here as often as it looks for commits."""
    monkeypatch.setattr("waypost.web.console.live._ALIVE_SECONDS", 0.0)
    leaver = office.new_visitor()
    await leaver.sign_in("viewer")
    async with leaver.http.get(
        f"{leaver.base_url}/console/live", headers=SAME, timeout=aiohttp.ClientTimeout(20)
    ) as stream:
        while_signed_in = [await stream.content.readline() for _ in range(3)]
        assert 303 == (await leaver.post("/console/sign-out")).status
        await stream.content.read()
        assert stream.content.at_eof()

    assert [b": alive\n", b"\n"] == while_signed_in[:2]
    assert while_signed_in[2], "it lasted while they were signed in"


async def test_no_more_pages_listen_than_may():
    hub = LiveHub(lambda: 0, streams_max=2, streams_per_user_max=2, has_other_nodes=False)
    streams = [hub.stream(user_id, is_welcome=always) for user_id in ("a", "b")]
    assert not hub.is_full
    for stream in streams:
        assert b": alive\n\n" == await anext(stream)

    assert hub.is_full
    assert [] == [event async for event in hub.stream("c", is_welcome=always)], "it had begun when there was still room"
    await streams[0].aclose()
    assert not hub.is_full
    hub.close()
    assert [] == [event async for event in streams[1]]


async def test_one_users_pages_leave_room_for_others(office: Office):
    per_user_max = office.console.manage.settings.console.live_pages_per_user_max
    viewer, operator = await office.visitor("viewer"), await office.visitor("operator")
    second = office.new_visitor()
    await second.sign_in("viewer")
    async with AsyncExitStack() as open_streams:

        async def listens(visitor: Visitor) -> int:
            response = await visitor.http.get(f"{visitor.base_url}/console/live", headers=SAME)
            open_streams.callback(response.close)
            if response.status == 200:
                assert b": alive\n" == await response.content.readline()
            return response.status

        assert {200} == {await listens(viewer if place % 2 else second) for place in range(per_user_max)}
        refused = [await visitor.get("/console/live") for visitor in (viewer, second)]
        assert 200 == await listens(operator)

    assert [503, 503] == [answer.status for answer in refused]
    assert "As many of your pages are kept up to date as one user may have." in refused[0].words
    assert "30" == refused[0].headers["retry-after"]


async def test_a_place_is_free_when_the_answer_ends_in_the_middle_of_an_event():
    hub = LiveHub(lambda: 0, streams_max=1, streams_per_user_max=1, has_other_nodes=False)

    async def waits() -> dict[str, str]:
        await asyncio.Event().wait()
        raise AssertionError

    async def breaks(message: dict[str, object]) -> None:
        if message["type"] == "http.response.body":
            assert hub.is_full
            raise ConnectionError

    stream = hub.stream("a", is_welcome=always)
    with pytest.raises(ConnectionError):
        await LiveResponse(stream)({"type": "http", "asgi": {"spec_version": "2.3"}}, waits, breaks)

    assert not hub.is_full


async def test_changes_of_other_nodes_are_told_although_nothing_was_committed_here():
    alone, together = (
        LiveHub(lambda: 7, streams_max=9, streams_per_user_max=9, has_other_nodes=others) for others in (False, True)
    )
    quiet, told = alone.stream("a", is_welcome=always), together.stream("a", is_welcome=always)
    await anext(quiet)
    await anext(told)
    waiting = asyncio.ensure_future(anext(quiet))

    assert b"event: changed\ndata:\n\n" == await anext(told)
    assert not waiting.done()
    alone.close()
    together.close()
    assert isinstance(await asyncio.gather(waiting, return_exceptions=True), list)
    await told.aclose()


async def test_a_gateway_stops_at_once_under_open_pages(office: Office, caplog: pytest.LogCaptureFixture):
    """The last of this module, since its demo is gone then."""
    viewer, operator = await office.visitor("viewer"), await office.visitor("operator")
    async with AsyncExitStack() as open_streams:
        streams = [
            await open_streams.enter_async_context(visitor.http.get(f"{visitor.base_url}/console/live", headers=SAME))
            for visitor in (viewer, viewer, operator)
        ]
        for stream in streams:
            assert b": alive\n" == await stream.content.readline()

        await office.house.writes_first("12025550661")
        with capture_logs() as logged:
            await office.house.send(office.house.entry("12025550661"))
            async with asyncio.timeout(office.console.manage.settings.drain_seconds / 2):
                assert 0 == await office.running.stop()
            rest = [await stream.content.read() for stream in streams]

    assert all(text.startswith(b"\n") for text in rest), "they ended in order, after a whole event"
    assert logged
    assert [] == [one for one in logged if one["log_level"] not in {"debug", "info"}]
    assert [] == [record.message for record in caplog.records if record.levelno >= logging.WARNING]
