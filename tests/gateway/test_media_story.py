"""Files: uploaded or by URL, given to the provider once, on the phone to the byte."""

import asyncio

import aiohttp
import pytest
from aiohttp import web

from waypost.app.demo_story import write_picture

PHONE = "12025550143"
OTHER = "12025550144"
PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"


@pytest.fixture
def picture(tmp_path):
    return write_picture(tmp_path).read_bytes()


async def upload(house, data, *, filename="picture.png", content_type="image/png"):
    form = aiohttp.FormData()
    form.add_field("file", data, filename=filename, content_type=content_type)
    return await house.call("POST", "/api/v2/media/upload/", data=form)


async def received_files(house, phone):
    found = await house.sandbox("GET", f"/sandbox/phones/{phone}/messages?direction=received")
    files = []
    for message in found["messages"]:
        async with house.http.get(message["media_url"]) as response:
            files.append(await response.read())
    return files


async def received_objects(house, phones, kind):
    objects = []
    for phone in phones:
        found = await house.sandbox("GET", f"/sandbox/phones/{phone}/messages?direction=received")
        objects += [message["message"][kind] for message in found["messages"]]
    return objects


async def test_the_contracts_media_example_arrives_with_the_pictures_exact_bytes(house, picture):
    await house.writes_first(PHONE)
    _, answer = await upload(house, picture)
    media_id = answer["data"]["mediaId"]
    body = (
        f'{{"message":[{{"recipient_whatsapp":"12025550143","message_type":"media","source":"{house.source_id}",\n'
        f' "type_media":[{{"attachments":[{{"attachment_id":"{media_id}","caption":"Receipt 118"}}]}}]}}]}}'
    )

    headers = {"Content-Type": "application/json"}
    _, answer = await house.call("POST", "/api/v2/message/", data=body, headers=headers)
    message_id = answer["data"]["id"]

    await house.is_told(message_id, "sent", "delivered", "read")
    assert [picture] == await received_files(house, PHONE)
    assert picture == (await house.call("GET", f"/api/v2/media/{media_id}"))[1]


async def test_one_upload_serves_many_recipients(house, picture):
    phones = [f"1202555{number:04}" for number in range(1000, 1030)]
    await house.writes_first(*phones)
    media_id = (await upload(house, picture))[1]["data"]["mediaId"]
    attachment = {"attachments": [{"attachment_id": media_id}]}

    ids = await house.send(*(house.entry(phone, message_type="media", type_media=[attachment]) for phone in phones))
    await house.becomes("read", *ids)

    objects = await received_objects(house, phones, "image")
    assert 30 == len(objects)
    assert 1 == len({image["id"] for image in objects})


@pytest.fixture
async def files():
    """Serve a PDF; give its URL and the requests that came."""
    asked = []

    async def serve(request):
        asked.append(request.headers.get("If-None-Match"))
        if asked[-1] == '"one"':
            return web.Response(status=304)
        return web.Response(body=PDF, content_type="application/pdf", headers={"ETag": '"one"'})

    app = web.Application()
    app.router.add_get("/files/rates.pdf", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/files/rates.pdf", asked
    await runner.cleanup()


def by_url(house, phone, url):
    attachment = {"attachment_url": url, "attachment_type": "document", "caption": "Rates"}
    return house.entry(phone, message_type="media", type_media=[{"attachments": [attachment]}])


async def test_a_file_by_url_is_fetched_once_and_keeps_its_name(house, files):
    url, asked = files
    phones = [f"1202555{number:04}" for number in range(1000, 1010)]
    await house.writes_first(*phones)

    ids = await house.send(*(by_url(house, phone, url) for phone in phones))
    await house.becomes("read", *ids)

    assert [None] == asked
    documents = await received_objects(house, phones, "document")
    assert {("rates.pdf", "Rates")} == {(document["filename"], document["caption"]) for document in documents}
    assert [PDF] == await received_files(house, phones[0])


@pytest.mark.settings(media={"cache_seconds": 0.0})
async def test_where_nothing_may_be_used_again_unasked_each_message_asks_the_urls_server(house, files):
    url, asked = files
    await house.writes_first(PHONE, OTHER)

    for phone in (PHONE, OTHER):
        await house.becomes("read", *await house.send(by_url(house, phone, url)))

    assert [None, '"one"'] == asked


async def test_a_url_that_cannot_be_fetched_fails_the_message_late(house):
    await house.writes_first(PHONE, OTHER)
    attachment = {"attachment_url": "https://10.0.0.1/secret.pdf", "attachment_type": "document"}

    [message_id] = await house.send(
        house.entry(PHONE, message_type="media", type_media=[{"attachments": [attachment]}])
    )
    await house.becomes("failed", message_id)
    await house.is_told(message_id, "failed")

    assert "8008 Invalid Media id or bad media" == (await house.webhooks(message_id))[0]["status_remark"]


async def test_messages_behind_one_whose_file_cannot_be_had_do_not_wait_for_the_fallback(house):
    await house.writes_first(PHONE)

    def by_url(place):
        file = {"attachment_url": f"https://10.0.0.1/{place}", "attachment_type": "image"}
        return house.entry(PHONE, message_type="media", type_media=[{"attachments": [file]}])

    # One fallback takes a minute.
    async with asyncio.timeout(40):
        *files, text = await house.send(*(by_url(place) for place in range(4)), house.entry(PHONE))
        await house.becomes("failed", *files)
        await house.becomes("read", text)


async def test_an_unknown_or_deleted_file_is_refused_with_8008(house, picture):
    await house.writes_first(PHONE)
    media_id = (await upload(house, picture))[1]["data"]["mediaId"]
    assert 200 == (await house.call("DELETE", f"/api/v2/media/{media_id}"))[0]
    for named in (media_id, "00000000-0000-7000-8000-000000000000"):
        attachment = {"attachments": [{"attachment_id": named}]}
        entry = house.entry(PHONE, message_type="media", type_media=[attachment])
        _, answer = await house.call("POST", "/api/v2/message/", json={"message": [entry]})
        assert "8008" == answer["error"]["code"]


async def test_an_inbound_picture_is_served_under_the_id_of_its_webhook(house, picture):
    form = aiohttp.FormData()
    form.add_field("to", house.source_phone)
    form.add_field("type", "image")
    form.add_field("file", picture, filename="photo.png", content_type="image/png")
    await house.sandbox("POST", f"/sandbox/phones/{PHONE}/messages", data=form)

    async def media_id_told():
        found = await house.sandbox("GET", "/inspector/events?kind=incoming")
        entries = [entry for event in found["events"] for entry in event["body"]["incoming_message"]]
        return entries[0]["image_type"]["id"] if entries else None

    async def is_told() -> bool:
        return await media_id_told() is not None

    await house.eventually(is_told)
    status, data = await house.call("GET", f"/api/v2/media/{await media_id_told()}")
    assert (200, picture) == (status, data)
