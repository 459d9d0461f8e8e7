"""Media: uploads, downloads, links, and files from phones."""

import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from .conftest import NUMBER, NUMBER_ID, PHONE, TOKEN, Build, World

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(100)
MP4 = b"\x00\x00\x00\x18ftypmp42" + bytes(100)
OPUS = b"OggS" + bytes(24) + b"OpusHead" + bytes(50)
WEBP = b"RIFF\x00\x01\x00\x00WEBPVP8 " + bytes(50)
BEARER = {"Authorization": f"Bearer {TOKEN}"}


async def get(world: World, url: str, **headers: str) -> tuple[int, bytes, Any]:
    async with world.http.get(url, headers=headers) as response:
        return response.status, await response.read(), response.headers


@pytest.fixture
async def files() -> AsyncIterator[dict[str, Any]]:
    """A file server: paths to (content type, bytes), with a count of requests under `hits`."""
    content: dict[str, Any] = {"hits": 0, "url": ""}

    async def serve(request: web.Request) -> web.Response:
        content["hits"] += 1
        found = content.get(request.path)
        if found is None:
            return web.Response(status=404)
        return web.Response(body=found[1], headers={"Content-Type": found[0]})

    app = web.Application()
    app.router.add_get("/{path:.*}", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    content["url"] = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield content
    await runner.cleanup()


async def test_an_upload_is_described_and_its_bytes_come_back_by_the_url(world: World) -> None:
    status, uploaded = await world.upload(PNG, "image/png", "dot.png")
    assert status == 200
    assert uploaded["id"].isdecimal()

    _, described = await world.call("GET", f"/v23.0/{uploaded['id']}")

    assert described["sha256"] == hashlib.sha256(PNG).hexdigest()
    assert described["file_size"] == len(PNG)
    assert described["mime_type"] == "image/png"
    status, data, headers = await get(world, described["url"], **BEARER)
    assert (status, data, headers["Content-Type"]) == (200, PNG, "image/png")


async def test_a_download_url_needs_the_token(world: World) -> None:
    _, uploaded = await world.upload(PNG, "image/png")
    _, described = await world.call("GET", f"/{uploaded['id']}")

    assert (await get(world, described["url"]))[0] == 401
    assert (await get(world, described["url"].replace("hash=", "hash=0"), **BEARER))[0] == 404


async def test_a_download_url_runs_out(build: Build) -> None:
    world = await build(media_url_seconds=0)
    _, uploaded = await world.upload(PNG, "image/png")
    _, described = await world.call("GET", f"/{uploaded['id']}")

    assert (await get(world, described["url"], **BEARER))[0] == 404


@pytest.mark.parametrize(
    ("asked", "status", "expected"),
    [
        ("bytes=0-3", 206, PNG[:4]),
        ("bytes=4-", 206, PNG[4:]),
        ("bytes=-5", 206, PNG[-5:]),
        ("bytes=9999-", 416, b""),
        ("lines=1-2", 416, b""),
    ],
)
async def test_a_range_of_a_download_can_be_asked_for(world: World, asked: str, status: int, expected: bytes) -> None:
    _, uploaded = await world.upload(PNG, "image/png")
    _, described = await world.call("GET", f"/{uploaded['id']}")

    got_status, data, _ = await get(world, described["url"], **BEARER, Range=asked)

    assert (got_status, data) == (status, expected)


async def test_a_deleted_medium_is_no_object(world: World) -> None:
    _, uploaded = await world.upload(PNG, "image/png")

    assert await world.call("DELETE", f"/{uploaded['id']}") == (200, {"success": True})

    status, answer = await world.call("GET", f"/{uploaded['id']}")
    assert (status, answer["error"]["error_subcode"]) == (400, 33)


async def test_a_medium_belongs_to_its_number(world: World) -> None:
    _, uploaded = await world.upload(PNG, "image/png")

    assert (await world.call("GET", f"/{uploaded['id']}?phone_number_id={NUMBER_ID}"))[0] == 200
    assert (await world.call("GET", f"/{uploaded['id']}?phone_number_id=99"))[0] == 400


@pytest.mark.parametrize(
    ("data", "mime_type", "code"),
    [
        (PNG, "image/gif", 100),
        (b"", "image/png", 100),
        (PNG, "image/jpeg", 131053),
        (b"plain words", "image/png", 131053),
        (bytes(5 * 1024 * 1024 + 1), "image/png", 131053),
        (WEBP + bytes(101 * 1024), "image/webp", 131053),
        (b"OggS" + bytes(100), "audio/ogg", 131053),
        (b"\x00\x01binary", "text/plain", 131053),
    ],
    ids=[
        "gif",
        "empty",
        "png as jpeg",
        "text as png",
        "too large",
        "static sticker too large",
        "ogg without opus",
        "bytes as text",
    ],
)
async def test_an_upload_is_judged_by_its_content(world: World, data: bytes, mime_type: str, code: int) -> None:
    status, answer = await world.upload(data, mime_type)

    assert (status, answer["error"]["code"]) == (400, code)


@pytest.mark.parametrize(
    ("data", "mime_type"),
    [
        (JPEG, "image/jpeg"),
        (MP4, "video/mp4"),
        (OPUS, "audio/ogg"),
        (WEBP, "image/webp"),
        (b"ID3\x03" + bytes(50), "audio/mpeg"),
        (b"#!AMR\n" + bytes(50), "audio/amr"),
        (b"\xff\xf1" + bytes(50), "audio/aac"),
        (b"%PDF-1.4\n", "application/pdf"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(50), "application/msword"),
        ("grüße".encode(), "text/plain"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_every_supported_kind_can_be_uploaded(world: World, data: bytes, mime_type: str) -> None:
    status, answer = await world.upload(data, mime_type)

    assert status == 200, answer


async def test_an_upload_without_a_file_is_refused(world: World) -> None:
    form = aiohttp.FormData({"messaging_product": "whatsapp"}, default_to_multipart=True)
    async with world.http.post(f"{world.url}/{NUMBER_ID}/media", data=form, headers=BEARER) as response:
        answer = await response.json()

    assert answer["error"]["code"] == 100


async def test_a_picture_sent_by_id_is_on_the_phone_byte_for_byte(open_world: World) -> None:
    _, uploaded = await open_world.upload(PNG, "image/png")

    await open_world.send_wamid({"type": "image", "image": {"id": uploaded["id"], "caption": "a dot"}})

    (message,) = await open_world.phone_messages("?direction=received")
    assert message["sha256"] == hashlib.sha256(PNG).hexdigest()
    assert message["size"] == len(PNG)
    assert (await get(open_world, message["media_url"]))[1] == PNG


async def test_a_medium_of_another_kind_than_the_message_is_refused(open_world: World) -> None:
    _, uploaded = await open_world.upload(PNG, "image/png")

    _, answer = await open_world.send({"type": "video", "video": {"id": uploaded["id"]}})

    assert answer["error"]["code"] == 131009


async def test_a_link_is_fetched_once_and_delivered(open_world: World, files: dict[str, Any]) -> None:
    files["/a.jpg"] = ("image/jpeg", JPEG)
    body = {"type": "image", "image": {"link": files["url"] + "/a.jpg"}}

    for _ in range(2):
        wamid = await open_world.send_wamid(body)
        await open_world.receiver.until(lambda wamid=wamid: "read" in open_world.receiver.words(wamid))

    assert files["hits"] == 1
    message = (await open_world.phone_messages("?direction=received"))[0]
    assert (await get(open_world, message["media_url"]))[1] == JPEG


@pytest.mark.parametrize(
    ("path", "content"),
    [("/none.jpg", None), ("/text.jpg", ("image/jpeg", b"words")), ("/big.jpg", ("image/jpeg", JPEG + bytes(6 << 20)))],
    ids=["none", "text", "big"],
)
async def test_a_link_that_leads_to_no_picture_fails_with_131053(
    open_world: World, files: dict[str, Any], path: str, content: tuple[str, bytes] | None
) -> None:
    files[path] = content

    wamid = await open_world.send_wamid({"type": "image", "image": {"link": files["url"] + path}})

    receiver = open_world.receiver
    await receiver.until(lambda: receiver.words(wamid))
    (status,) = receiver.statuses(wamid)
    assert status["errors"][0]["code"] == 131053


async def test_a_picture_from_a_phone_can_be_fetched_by_the_business(world: World) -> None:
    content = {"data": base64.b64encode(PNG).decode(), "mime_type": "image/png", "caption": "look"}
    await world.phone_writes({"type": "image", "image": content})
    await world.receiver.until(world.receiver.messages)

    image = world.receiver.messages()[0]["image"]
    assert image["caption"] == "look"
    assert base64.b64decode(image["sha256"]) == hashlib.sha256(PNG).digest()
    assert (await get(world, image["url"], **BEARER))[1] == PNG
    _, described = await world.call("GET", f"/v23.0/{image['id']}?phone_number_id={NUMBER_ID}")
    assert (await get(world, described["url"], **BEARER))[1] == PNG


async def test_a_phone_can_send_a_file_as_a_form_or_by_media_id(world: World) -> None:
    form = aiohttp.FormData({"to": NUMBER, "type": "document", "caption": "read this"})
    form.add_field("file", b"%PDF-1.4\n", filename="a.pdf", content_type="application/pdf")
    async with world.http.post(f"{world.url}/sandbox/phones/{PHONE}/messages", data=form) as response:
        sent = await response.json()
    assert response.status == 201
    assert sent["message"]["document"]["filename"] == "a.pdf"
    assert sent["message"]["document"]["caption"] == "read this"

    again = await world.phone_writes({"type": "document", "document": {"id": sent["media_id"]}})

    assert again["sha256"] == sent["sha256"]


async def test_the_link_of_a_card_is_fetched_once_and_only_for_what_was_sent(
    open_world: World, files: dict[str, Any]
) -> None:
    files["/a.png"] = ("image/png", PNG)
    body = {
        "type": "button",
        "header": {"type": "image", "image": {"link": files["url"] + "/a.png"}},
        "body": {"text": "Yours?"},
        "action": {"buttons": [{"type": "reply", "reply": {"id": "y", "title": "Yes"}}]},
    }
    missing = {**body, "header": {"type": "image", "image": {"link": files["url"] + "/none.png"}}}
    wamid = await open_world.send_wamid({"type": "interactive", "interactive": body})
    lost = await open_world.send_wamid({"type": "interactive", "interactive": missing})

    _, thread = await open_world.call("GET", f"/sandbox/handset/phones/{PHONE}/messages")
    url = thread["messages"][-2]["content"]["header"]["media"]["url"]
    answers = [await open_world.http.get(f"{open_world.url}/sandbox/handset/{url}") for _ in range(2)]

    assert [one.status for one in answers] == [200, 200]
    assert await answers[1].read() == PNG
    assert files["hits"] == 1
    for place in (f"{wamid}/1", f"{lost}/0", "wamid.none/0"):
        assert (await open_world.call("GET", f"/sandbox/handset/linked/{place}"))[0] == 404
