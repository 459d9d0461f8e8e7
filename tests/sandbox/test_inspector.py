"""The webhook inspector."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from standardwebhooks import Webhook

from waypost.sandbox import Inspector, InspectorSettings, SandboxSettings, build_sandbox

from .conftest import running

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
EVENT = {"delivery_status": [{"ncmessage_id": "id-1", "status": "sent"}]}
INCOMING = {"incoming_message": [{"from": "12025550143", "message_type": "TEXT", "context": {"ncmessage_id": "id-2"}}]}


class Client:
    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self.http = http
        self.url = url

    async def post(self, body: Any, path: str = "/inspector/hooks", headers: dict[str, str] | None = None) -> int:
        async with self.http.post(self.url + path, data=json.dumps(body), headers=headers) as response:
            return response.status

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        async with self.http.request(method, self.url + path, json=body) as response:
            return response.status, await response.json()

    async def events(self, query: str = "") -> list[dict[str, Any]]:
        return list((await self.call("GET", f"/inspector/events{query}"))[1]["events"])


Make = Callable[..., Awaitable[Client]]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    contexts = []
    async with aiohttp.ClientSession() as http:

        async def build(**settings: Any) -> Client:
            inspector = Inspector(InspectorSettings(**settings))
            context = running(build_sandbox(SandboxSettings(), inspector=inspector))
            contexts.append(context)
            return Client(http, await context.__aenter__())

        yield build
        for context in contexts:
            await context.__aexit__(None, None, None)


def signed(body: Any, secret: str = SECRET) -> dict[str, str]:
    from datetime import UTC, datetime

    now = datetime.now(UTC)
    signature = Webhook(secret).sign("msg_1", now, json.dumps(body))
    return {"webhook-id": "msg_1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}


async def test_webhooks_are_kept_with_headers_body_and_time(make: Make) -> None:
    client = await make()

    assert await client.post(EVENT, headers={"X-Own": "yes"}) == 200

    (event,) = await client.events()
    assert event["body"] == EVENT
    assert event["headers"]["x-own"] == "yes"
    assert (event["path"], event["kind"], event["ncmessage_ids"]) == ("/inspector/hooks", "event", ["id-1"])
    assert event["verified"] is None
    assert abs(event["time_us"] / 1e6 - time.time()) < 60


async def test_a_good_signature_is_told_from_a_bad_one(make: Make) -> None:
    client = await make(secret=SECRET)
    old = {**signed(EVENT), "webhook-timestamp": "1700000000"}

    await client.post(EVENT, headers=signed(EVENT))
    await client.post(EVENT, headers=signed(INCOMING))
    await client.post(EVENT)
    await client.post(EVENT, headers=old)
    await client.post(EVENT, headers={**old, "webhook-timestamp": "noon"})

    assert [event["verified"] for event in await client.events()] == [True, False, False, False, False]


async def test_the_secret_can_be_given_later(make: Make) -> None:
    client = await make()
    assert (await client.call("PUT", "/inspector/secret", {"secret": "whsec_%%%"}))[0] == 400

    await client.call("PUT", "/inspector/secret", {"secret": SECRET})
    await client.post(EVENT, headers=signed(EVENT))

    assert (await client.events())[0]["verified"] is True


async def test_events_are_filtered_and_paged(make: Make) -> None:
    client = await make()
    for body in (EVENT, INCOMING, {"other": 1}, "words"):
        await client.post(body)

    assert [event["kind"] for event in await client.events()] == ["event", "incoming", "other", "other"]
    assert [event["body"] for event in await client.events("?kind=incoming")] == [INCOMING]
    assert [event["sequence"] for event in await client.events("?ncmessage_id=id-2")] == [2]
    assert [event["sequence"] for event in await client.events("?order=newest&limit=2")] == [4, 3]
    _, page = await client.call("GET", "/inspector/events?limit=3")
    assert page["next_after"] == 3
    assert [event["sequence"] for event in await client.events("?after=3")] == [4]
    assert (await client.call("GET", "/inspector/events?limit=x"))[0] == 400


async def test_only_the_last_events_are_kept(make: Make) -> None:
    client = await make(events_max=3)
    for index in range(5):
        await client.post({"index": index})

    assert [event["body"]["index"] for event in await client.events()] == [2, 3, 4]
    await client.call("DELETE", "/inspector/events")
    assert await client.events() == []


async def test_it_fails_when_told_for_one_path_and_a_count(make: Make) -> None:
    client = await make()
    await client.call("PUT", "/inspector/behaviour", {"path": "/bad", "status": 503, "count": 2})

    statuses = [await client.post(EVENT, path="/inspector/bad") for _ in range(3)]
    other = await client.post(EVENT, path="/inspector/good")

    assert (statuses, other) == ([503, 503, 200], 200)
    assert [event["answered"] for event in await client.events()] == [503, 503, 200, 200]
    for body in ({"status": 99}, {"delay_seconds": -1}, {"hang": 1}, {"count": 0}):
        assert (await client.call("PUT", "/inspector/behaviour", body))[0] == 400


async def test_it_hangs_and_is_slow_when_told(make: Make) -> None:
    client = await make()
    await client.call("PUT", "/inspector/behaviour", {"hang": True})
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await client.post(EVENT)

    await client.call("PUT", "/inspector/behaviour", {"delay_seconds": 0.1})
    _, shown = await client.call("GET", "/inspector/behaviour")
    before = asyncio.get_running_loop().time()
    await client.post(EVENT)

    assert asyncio.get_running_loop().time() - before >= 0.1
    assert len(shown["behaviours"]) == 1
    assert (await client.call("DELETE", "/inspector/behaviour"))[1] == {"behaviours": []}


async def test_events_survive_a_restart(make: Make, tmp_path: Path) -> None:
    first = await make(data_dir=tmp_path)
    await first.post(EVENT)

    second = await make(data_dir=tmp_path)
    await second.post(INCOMING)

    assert [event["sequence"] for event in await second.events()] == [1, 2]
    await second.call("DELETE", "/inspector/events")
    assert await (await make(data_dir=tmp_path)).events() == []


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/inspector", "text/html"),
        ("/inspector/", "text/html"),
        ("/inspector/inspector.js", "text/javascript"),
        ("/inspector/style.css", "text/css"),
    ],
)
async def test_the_page_is_served_whole_from_here(make: Make, path: str, kind: str) -> None:
    client = await make()

    async with client.http.get(client.url + path) as response:
        text = await response.text()

    assert response.status == 200
    assert response.headers["Content-Type"].startswith(kind)
    assert "http://" not in text
    assert "https://" not in text


@pytest.mark.parametrize(
    "body", ['{"delivery_status":5}', '{"delivery_status":[null]}', '{"incoming_message":null}', "null", "7", "[1]"]
)
async def test_a_body_that_only_looks_like_a_webhook_is_kept_as_another(make: Make, body: str) -> None:
    client = await make()

    async with client.http.post(f"{client.url}/inspector/webhooks", data=body) as response:
        assert response.status == 200

    assert [event["kind"] for event in await client.events()] == ["other"]
