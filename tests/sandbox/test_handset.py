"""The handset over HTTP: what its page is served with, what it reads, and the live feed."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from waypost.sandbox.changes import Changes
from waypost.sandbox.handset.feed import PHONES_FOLLOWED_MAX, SUBSCRIBERS_MAX, Feed, Subscriber
from waypost.sandbox.handset.views import Views
from waypost.sandbox.media_headers import media_headers

from .conftest import NUMBER, NUMBER_ID, PHONE, TOKEN, World, text

PAGE = "/sandbox/handset/"
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",
    "media-src": "'self' blob:",
    "connect-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}


class Events:
    """A reader of the feed."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def next(self) -> tuple[str, Any]:
        async with asyncio.timeout(20):
            lines = (await self.response.content.readuntil(b"\n\n")).decode().split("\n")
        if lines[0].startswith(":"):
            return "comment", lines[0]
        fields = dict(line.split(": ", 1) for line in lines if line)
        return fields["event"], json.loads(fields["data"])

    async def until(self, name: str) -> Any:
        while (found := await self.next())[0] != name:
            pass
        return found[1]


@asynccontextmanager
async def feed_of(world: World, *phones: str) -> AsyncIterator[Events]:
    async with world.http.get(f"{world.url}{PAGE}live?phones={','.join(phones)}") as response:
        assert response.status == 200
        events = Events(response)
        assert await events.next() == ("hello", {})
        yield events


async def test_the_page_and_its_files_bring_their_whole_policy(world: World) -> None:
    async with world.http.get(f"{world.url}/sandbox/handset", allow_redirects=False) as response:
        assert (response.status, response.headers["location"]) == (308, "handset/")
    for path, media_type in (
        (PAGE, "text/html"),
        (f"{PAGE}static/main.js", "text/javascript"),
        (f"{PAGE}static/handset.css", "text/css"),
        (f"{PAGE}static/wall.svg", "image/svg+xml"),
        ("/sandbox/", "text/html"),
    ):
        async with world.http.get(world.url + path) as response:
            headers = response.headers
            body = await response.text()
        assert headers["content-type"].startswith(media_type)
        policy = dict(one.strip().split(" ", 1) for one in headers["content-security-policy"].split(";"))
        assert policy == POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "style=" not in body or path.endswith(".js")
    async with world.http.get(world.url + PAGE) as response:
        tag = response.headers["etag"]
    async with world.http.get(world.url + PAGE, headers={"If-None-Match": tag}) as response:
        assert response.status == 304
    assert (await world.call("GET", f"{PAGE}static/none.js"))[0] == 404
    assert (await world.call("GET", f"{PAGE}static/..%2fapplication.py"))[0] == 404


async def test_no_file_of_the_page_writes_markup_or_reaches_out(world: World) -> None:
    _, refusal = await world.call("GET", f"{PAGE}static/none.js")
    names = refusal["hint"].removeprefix("There are: ").rstrip(".").split(", ")
    assert "main.js" in names
    for name in names:
        async with world.http.get(f"{world.url}{PAGE}static/{name}") as response:
            body = await response.text()
        for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
            assert forbidden not in body, name
        assert "//cdn" not in body


async def test_the_home_page_leads_to_the_handset(world: World) -> None:
    async with world.http.get(f"{world.url}/sandbox/") as response:
        assert 'href="/sandbox/handset/"' in await response.text()


async def test_the_directory_tells_who_there_is_and_no_secret(world: World) -> None:
    await world.set_phone(name="Noor Sample", blocks=True)
    await world.set_phone(phone="12025550144", reads="manual")

    _, known = await world.call("GET", f"{PAGE}directory?phones=12025550144")

    assert known["numbers"] == [{"id": NUMBER_ID, "digits": NUMBER, "name": "Sandbox number"}]
    assert [phone["number"] for phone in known["phones"]] == ["12025550144", PHONE]
    assert known["phones"][1] | {"user_id": ""} == {
        "number": PHONE,
        "name": "Noor Sample",
        "online": True,
        "reads": "auto",
        "on_whatsapp": True,
        "opted_out": "no",
        "blocked": [NUMBER_ID],
        "messages": 0,
        "user_id": "",
    }
    assert (known["groups"], known["phones_total"], known["has_inspector"]) == ([], 2, False)
    assert TOKEN not in json.dumps(known)


async def test_a_thread_is_read_from_its_end_page_by_page(open_world: World) -> None:
    wamids = [await open_world.send_wamid(text(f"number {place}")) for place in range(4)]
    path = f"{PAGE}phones/{PHONE}/messages"

    _, newest = await open_world.call("GET", f"{path}?limit=2")
    _, older = await open_world.call("GET", f"{path}?limit=2&before={newest['before']}")
    _, oldest = await open_world.call("GET", f"{path}?limit=2&before={older['before']}")

    assert [one["id"] for page in (older, newest) for one in page["messages"]] == wamids
    assert [one["content"]["text"] for one in oldest["messages"]] == ["hello"]
    assert (oldest["before"], oldest["total"]) == (None, 5)
    assert oldest["messages"][0]["mine"]
    assert newest["messages"][0]["chat"] == f"number:{NUMBER_ID}"
    for query in ("limit=0", "limit=501", "before=x"):
        assert (await open_world.call("GET", f"{path}?{query}"))[0] == 400
    assert (await open_world.call("GET", f"{PAGE}phones/12025559999/messages"))[0] == 404


async def test_the_feed_tells_of_messages_ticks_and_phones(open_world: World) -> None:
    async with feed_of(open_world, PHONE) as events:
        wamid = await open_world.send_wamid(text("Good morning"))
        states: list[str] = []
        while "read" not in states:
            told = (await events.until("messages"))["messages"]
            states += [one["message"]["state"] for one in told if one["message"]["id"] == wamid]
            assert {one["phone"] for one in told} == {PHONE}

        await open_world.phone_writes(text("of another phone"), phone="12025550144")
        await open_world.set_phone(name="Renamed")
        assert await events.until("directory") == {}
        written = await open_world.phone_writes(text("hello"))
        told = (await events.until("messages"))["messages"]
        assert [one["message"]["id"] for one in told] == [written["wamid"]]


async def test_the_feed_is_bounded_and_frees_its_places(world: World) -> None:
    path = f"{world.url}{PAGE}live"
    pages = [await world.http.get(path) for _ in range(SUBSCRIBERS_MAX)]

    async with world.http.get(path) as refused:
        refusal = await refused.json()
    assert (refused.status, refused.headers["retry-after"]) == (503, "5")
    assert refusal["message"] == f"{SUBSCRIBERS_MAX} pages are already live."
    many = ",".join(str(12025550000 + place) for place in range(PHONES_FOLLOWED_MAX + 1))
    assert (await world.call("GET", f"{PAGE}live?phones={many}"))[0] == 400

    for page in pages:
        page.close()
    async with asyncio.timeout(20):
        while True:
            async with world.http.get(path) as response:
                if response.status == 200:
                    break


async def test_the_feed_ends_when_the_sandbox_closes(world: World) -> None:
    async with feed_of(world, PHONE) as events:
        world.sandbox.closing.set()

        assert await events.response.content.read() == b""


async def test_a_quiet_feed_shows_that_it_is_there(world: World) -> None:
    sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    views: Views = None  # type: ignore[assignment]
    closing = asyncio.Event()
    feed = Feed(changes=Changes(), views=views, closing=closing, keep_alive_seconds=0.01)
    gone = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    serving = asyncio.create_task(feed.serve(receive, sent.put, phones=frozenset()))
    parts = [await sent.get() for _ in range(3)]
    gone.set()
    await serving

    assert [part.get("body") for part in parts[1:]] == [b"retry: 1000\nevent: hello\ndata: {}\n\n", b": still here\n\n"]
    assert feed.subscribers == 0


def test_a_page_that_is_told_too_much_is_told_to_read_anew() -> None:
    subscriber = Subscriber(frozenset({PHONE}))
    for place in range(501):
        subscriber.message_changed(PHONE, str(place))
    subscriber.message_changed(PHONE, "one more")

    views: Views = None  # type: ignore[assignment]
    assert subscriber.take(views) == b"event: overrun\ndata: {}\n\n"
    assert subscriber.take(views) == b""


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://attacker.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://[broken"},
    ],
)
async def test_a_page_of_another_site_moves_no_phone_and_hears_nothing(world: World, headers: dict[str, str]) -> None:
    for method, path in (("PUT", f"/sandbox/phones/{PHONE}"), ("DELETE", "/sandbox/faults"), ("GET", f"{PAGE}live")):
        async with world.http.request(method, world.url + path, headers=headers, data=b"{}") as response:
            assert (response.status, (await response.json())["error"]) == (403, "another_site")


async def test_the_page_itself_moves_phones(world: World) -> None:
    headers = {"Origin": world.url, "Sec-Fetch-Site": "same-origin"}
    async with world.http.put(
        f"{world.url}/sandbox/phones/{PHONE}", headers=headers, json={"name": "Noor"}
    ) as response:
        assert response.status == 200


@pytest.mark.parametrize(
    ("mime_type", "filename", "served", "disposition"),
    [
        ("image/png", "a.png", "image/png", None),
        ("audio/ogg; codecs=opus", None, "audio/ogg; codecs=opus", None),
        ("image/svg+xml", "a.svg", "image/svg+xml", b"attachment; filename*=UTF-8''a.svg"),
        ("text/html", 'a"\r\n.html', "text/html", b"attachment; filename*=UTF-8''a%22%0D%0A.html"),
        ("image/png\r\nset-cookie: a=b", None, "application/octet-stream", b"attachment; filename*=UTF-8''file"),
        ("nothing", "\ud800", "application/octet-stream", b"attachment; filename*=UTF-8''%3F"),
    ],
)
def test_files_are_served_as_what_cannot_run(
    mime_type: str, filename: str | None, served: str, disposition: bytes | None
) -> None:
    found, headers = media_headers(mime_type, filename)

    named = dict(headers)
    assert (found, named.get(b"content-disposition")) == (served, disposition)
    assert named[b"x-content-type-options"] == b"nosniff"
    assert b"sandbox" in named[b"content-security-policy"]
