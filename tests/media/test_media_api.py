"""Upload, get and delete over a real HTTP server."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator

import aiohttp
import pytest
import uvicorn
from starlette.requests import Request
from tests.media import samples
from tests.media.supplying import MediaHouse

from waypost.contract.replies import FailureReplies
from waypost.ports import UuidFactory
from waypost.settings import LimitSettings, Settings
from waypost.web.api_v2.media import MediaEndpoints
from waypost.web.auth import Principal

BOUNDARY = "xyz123"
KILOBYTE = 1_000


class MediaApi:
    """The three handlers behind a server; the account is named by a header."""

    def __init__(self, house: MediaHouse, settings: Settings) -> None:
        self.house = house
        self.endpoints = MediaEndpoints(
            database=house.database,
            blobs=house.blobs,
            collector=house.collector,
            clock=house.clock,
            ids=UuidFactory(),
            replies=FailureReplies(),
            settings=settings,
            metrics=house.metrics,
        )
        self.incoming = settings.data_dir / "incoming"
        self.base = ""

    async def __call__(self, scope, receive, send) -> None:
        request = Request(scope, receive)
        account = self.house.directory.now.accounts[request.headers.get("x-account", "a")]
        principal = Principal(account_id=account.id, key_id="k", scopes=frozenset(), account=account)
        last = scope["path"].rpartition("/")[2]
        scope["path_params"] = {"id": last}
        if request.method == "POST":
            response = await self.endpoints.upload(principal, request)
        elif request.method == "DELETE":
            response = await self.endpoints.delete(principal, request)
        else:
            response = await self.endpoints.get(principal, request)
        await response(scope, receive, send)


@pytest.fixture
async def api(media_house: MediaHouse, tmp_path) -> AsyncIterator[MediaApi]:
    limits = LimitSettings(account_stored_bytes_max=500 * KILOBYTE, upload_body_bytes_max=300 * KILOBYTE)
    api = MediaApi(media_house, Settings(data_dir=tmp_path / "data", limits=limits))
    server = uvicorn.Server(uvicorn.Config(api, port=0, lifespan="off", log_config=None, ws="none"))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    started = asyncio.Event()
    plain_startup = server.startup

    async def startup(sockets=None) -> None:
        await plain_startup(sockets=sockets)
        started.set()

    server.startup = startup  # type: ignore[method-assign]
    task = asyncio.create_task(server._serve())
    await started.wait()
    api.base = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    yield api
    server.should_exit = True
    await task


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def form(content: bytes, *, name: str = "file", filename: str | None = "bike.jpg", before: bytes = b"") -> bytes:
    given = "" if filename is None else f'; filename="{filename}"'
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{given}\r\nContent-Type: x/y\r\n\r\n'
    return before + head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


async def post(
    session, api: MediaApi, body, *, content_type: str = f"multipart/form-data; boundary={BOUNDARY}", **more
):
    headers = {"Content-Type": content_type, **more}
    async with session.post(f"{api.base}/api/v2/media/upload/", data=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def upload(session, api: MediaApi, content: bytes, **options) -> str:
    status, answer = await post(session, api, form(content, **options))
    assert status == 200
    assert answer["status"] == "success", answer
    return answer["data"]["mediaId"]


async def get(session, api: MediaApi, media_id: str, *, method: str = "GET", **headers: str):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    async with session.request(method, f"{api.base}/api/v2/media/{media_id}", headers=names) as answer:
        return answer.status, answer.headers, await answer.read()


def refused(code: str, text: str) -> dict[str, object]:
    return {"status": "failure", "error": {"code": code, "message": text}}


NO_FILE = refused("8001", "Required parameter is missing")
BAD_MEDIA = refused("8008", "Invalid Media id or bad media")


async def test_an_upload_is_answered_with_its_id_and_given_back_byte_for_byte(api: MediaApi, session):
    content = samples.jpeg()
    status, answer = await post(session, api, form(content, filename="my bike.jpg"))

    assert status == 200
    media_id = answer["data"]["mediaId"]
    assert answer == {
        "status": "success",
        "message": "Media uploaded successfully.",
        "data": {"mediaId": media_id},
    }
    status, headers, body = await get(session, api, media_id)
    assert (status, body) == (200, content)
    assert headers["Content-Type"] == "image/jpeg"
    assert headers["Content-Length"] == str(len(content))
    assert headers["ETag"] == f'"{hashlib.sha256(content).hexdigest()}"'
    assert headers["Content-Disposition"] == "attachment; filename*=UTF-8''my%20bike.jpg"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in headers["Content-Security-Policy"]
    assert "Transfer-Encoding" not in headers
    assert await asyncio.to_thread(os.listdir, api.incoming) == []


async def test_head_tells_what_get_would_without_the_bytes(api: MediaApi, session):
    content = samples.png()
    media_id = await upload(session, api, content)

    status, headers, body = await get(session, api, media_id, method="HEAD")

    assert (status, body, headers["Content-Length"]) == (200, b"", str(len(content)))


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("bytes=0-9", 0, 10), ("bytes=10-", 10, None), ("bytes=-5", -5, None), ("bytes=3-99999", 3, None)],
)
async def test_a_range_is_given_as_asked(api: MediaApi, session, asked: str, start: int, end: int | None):
    content = samples.jpeg()
    media_id = await upload(session, api, content)

    status, headers, body = await get(session, api, media_id, Range=asked)

    assert (status, body) == (206, content[start:end])
    first = start if start >= 0 else len(content) + start
    assert headers["Content-Range"] == f"bytes {first}-{first + len(body) - 1}/{len(content)}"
    assert headers["Content-Length"] == str(len(body))


@pytest.mark.parametrize("asked", ["bytes=99999-", "bytes=-0"])
async def test_a_range_behind_the_end_is_416(api: MediaApi, session, asked: str):
    content = samples.jpeg()
    media_id = await upload(session, api, content)

    status, headers, _ = await get(session, api, media_id, Range=asked)

    assert (status, headers["Content-Range"]) == (416, f"bytes */{len(content)}")


@pytest.mark.parametrize("asked", ["bytes=5-2", "bytes=1-2,4-5", "lines=1-2", "bytes=-", "bytes=a-b"])
async def test_what_is_no_single_range_gets_the_whole_file(api: MediaApi, session, asked: str):
    content = samples.jpeg()
    media_id = await upload(session, api, content)

    status, _, body = await get(session, api, media_id, Range=asked)

    assert (status, body) == (200, content)


async def test_the_etag_saves_a_transfer_and_guards_a_range(api: MediaApi, session):
    content = samples.jpeg()
    media_id = await upload(session, api, content)
    etag = f'"{hashlib.sha256(content).hexdigest()}"'

    unchanged = await get(session, api, media_id, If_None_Match=etag)
    changed = await get(session, api, media_id, Range="bytes=0-3", If_Range='"other"')
    same = await get(session, api, media_id, Range="bytes=0-3", If_Range=etag)

    assert (unchanged[0], unchanged[2]) == (304, b"")
    assert (changed[0], changed[2]) == (200, content)
    assert (same[0], same[2]) == (206, content[:4])


async def test_a_deleted_unknown_or_foreign_file_is_404(api: MediaApi, session):
    media_id = await upload(session, api, samples.jpeg())
    not_found = {"error": "Not Found", "message": "Resource not found", "status": 404}

    async def delete(path_id: str, account: str = "a"):
        async with session.delete(f"{api.base}/api/v2/media/{path_id}", headers={"X-Account": account}) as answer:
            return answer.status, await answer.json()

    assert (await get(session, api, media_id, X_Account="b"))[0] == 404
    assert await delete(media_id, "b") == (404, not_found)
    assert await delete(media_id) == (200, {"status": "success", "message": "Media deleted successfully."})
    assert await delete(media_id) == (404, not_found)
    assert (await get(session, api, media_id))[0] == 404
    assert (await get(session, api, "none"))[0] == 404


async def test_content_decides_and_not_the_name(api: MediaApi, session):
    for content in (b"GIF89a" + bytes(20), b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"", b"#!/bin/sh\n"):
        status, answer = await post(session, api, form(content, filename="a.jpg"))
        assert (status, answer) == (200, BAD_MEDIA)
    assert await asyncio.to_thread(os.listdir, api.incoming) == []


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (form(b"x", name="other"), f"multipart/form-data; boundary={BOUNDARY}"),
        (b"", f"multipart/form-data; boundary={BOUNDARY}"),
        (b"{}", "application/json"),
        (b"garbage without any structure" * 20, f"multipart/form-data; boundary={BOUNDARY}"),
        (form(samples.jpeg())[:-20], f"multipart/form-data; boundary={BOUNDARY}"),
        (b"no boundary line at all", "multipart/form-data"),
    ],
)
async def test_a_body_without_a_whole_file_part_is_8001(api: MediaApi, session, body: bytes, content_type: str):
    assert await post(session, api, body, content_type=content_type) == (200, NO_FILE)


@pytest.mark.parametrize("parameter", ["", "; boundary=", "; boundary=" + "b" * 300])
async def test_a_boundary_that_the_header_lacks_is_taken_from_the_body(api: MediaApi, session, parameter: str):
    status, answer = await post(session, api, form(samples.jpeg()), content_type="multipart/form-data" + parameter)

    assert (status, answer["status"]) == (200, "success")


async def test_other_parts_before_the_file_are_read_over(api: MediaApi, session):
    other = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="type"\r\n\r\nimage\r\n'.encode()
    media_id = await upload(session, api, samples.png(), before=other, filename=None)

    status, headers, body = await get(session, api, media_id)

    assert (status, body, headers["Content-Disposition"]) == (200, samples.png(), "attachment")


async def test_a_body_over_the_limit_is_413_said_or_unsaid(api: MediaApi, session):
    body = form(bytes(300 * KILOBYTE))

    async def unsaid():
        for start in range(0, len(body), 65_536):
            yield body[start : start + 65_536]

    said = await post(session, api, body)
    assert said[0] == 413
    assert said[1]["message"] == "Request body too large"
    assert (await post(session, api, unsaid()))[0] == 413


async def test_a_full_account_is_told_to_wait(api: MediaApi, session):
    pdf = samples.pdf()
    big = pdf + b"\n%" + b"a" * (200 * KILOBYTE) + b"\n%%EOF\n"
    await upload(session, api, big, filename="a.pdf")
    await upload(session, api, big + b"%2\n", filename="b.pdf")

    status, answer = await post(session, api, form(big + b"%3\n"))

    assert (status, answer["message"]) == (429, "Rate limit exceeded")


async def test_an_inbound_file_is_served_and_fetched_if_it_has_not_come_yet(api: MediaApi, session, media_house):
    content = samples.jpeg()
    await media_house.add_inbound("840011223344556", content)

    status, headers, body = await get(session, api, "840011223344556")

    assert (status, body, headers["Content-Type"]) == (200, content, "image/jpeg")


async def test_an_inbound_file_that_cannot_come_now_is_503_and_one_that_never_will_404(
    api: MediaApi, session, media_house
):
    await media_house.add_inbound("1", samples.jpeg())
    await media_house.add_inbound("2", None)
    media_house.server.download_errors = [(500, 2)]

    status, headers, _ = await get(session, api, "1")

    assert (status, headers["Retry-After"]) == (503, "5")
    assert (await get(session, api, "2"))[0] == 404


async def test_a_file_whose_bytes_are_gone_is_404(api: MediaApi, session, media_house):
    content = samples.jpeg()
    media_id = await upload(session, api, content)
    await media_house.blobs.delete(hashlib.sha256(content).hexdigest())

    assert (await get(session, api, media_id))[0] == 404
