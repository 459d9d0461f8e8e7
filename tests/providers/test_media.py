"""Files to and from the provider: streamed up, bounded down, and the token shown to nobody else."""

import hashlib

import pytest
from tests.providers.conftest import TOKEN, Upstream

from waypost.domain.errors import FailureReason, SendFailureKind
from waypost.ports import ProviderMediaError, ProviderSource
from waypost.providers.cloud_api.media import is_media_url

PNG = b"\x89PNG\r\n\x1a\n" + bytes(200)


async def upload(client, source, data=PNG, *, mime_type="image/png", filename="dot.png"):
    return await client.upload_media(source, data=data, mime_type=mime_type, filename=filename)


async def failure_of(awaitable):
    with pytest.raises(ProviderMediaError) as caught:
        await awaitable
    return caught.value.failure


async def test_an_upload_is_a_form_of_three_fields(client, upstream: Upstream, source):
    upstream.will_answer(200, {"id": "4711"})

    assert await upload(client, source) == "4711"

    [(_, path, headers, body)] = upstream.requests
    assert path.endswith("/media")
    assert int(headers["content-length"]) == len(body)
    boundary = headers["content-type"].partition("boundary=")[2].encode()
    parts = body.split(b"--" + boundary)
    assert b'name="messaging_product"\r\n\r\nwhatsapp\r\n' in parts[1]
    assert b'name="type"\r\n\r\nimage/png\r\n' in parts[2]
    assert b'name="file"; filename="dot.png"\r\nContent-Type: image/png\r\n\r\n' + PNG + b"\r\n" in parts[3]
    assert parts[4] == b"--\r\n"


async def test_a_file_name_cannot_break_out_of_its_header(client, upstream: Upstream, source):
    upstream.will_answer(200, {"id": "1"})

    await upload(client, source, filename='a"\r\nX-Evil: 1\r\n\r\n.pdf', mime_type='text/plain"\r\nX: 1')

    body = upstream.requests[0][3]
    assert b'filename="a%22%0D%0AX-Evil: 1%0D%0A%0D%0A.pdf"' in body
    assert b"Content-Type: text/plainX: 1\r\n\r\n" in body


async def test_a_large_file_arrives_whole(client, upstream: Upstream, source):
    data = hashlib.sha256(b"seed").digest() * 100_000
    upstream.will_answer(200, {"id": "1"})

    await upload(client, source, data, mime_type="application/pdf", filename="ünïcode.pdf")

    assert data in upstream.requests[0][3]


@pytest.mark.parametrize("body", [b"<html>", {}, {"id": 7}, {"id": ""}])
async def test_an_upload_without_a_readable_id_may_be_done_again(client, upstream: Upstream, source, body):
    upstream.will_answer(200, body)

    assert (await failure_of(upload(client, source))).kind is SendFailureKind.TRANSIENT


async def test_doubt_about_an_upload_is_no_doubt(client, upstream: Upstream, source):
    upstream.will_answer(502, b"<html>")

    assert (await failure_of(upload(client, source))).kind is SendFailureKind.TRANSIENT


async def test_a_refused_upload_says_why(client, upstream: Upstream, source):
    upstream.will_answer(400, {"error": {"code": 131053, "message": "(#131053) Media upload error"}})

    failure = await failure_of(upload(client, source))

    assert (failure.kind, failure.reason) == (SendFailureKind.REJECTED, FailureReason.BAD_MEDIA)


async def test_an_upload_that_cannot_connect_may_be_done_again(client):
    elsewhere = ProviderSource(source_id="s", provider="meta", phone_number_id="1", access_token="t")

    assert (await failure_of(upload(client, elsewhere))).kind is SendFailureKind.TRANSIENT


def described(upstream, **more):
    return {"url": f"{upstream.url}/file?x=1", "mime_type": "image/png", "file_size": len(PNG), "id": "4711", **more}


async def test_a_download_takes_two_steps_with_the_token(client, upstream: Upstream, source):
    upstream.will_answer(200, described(upstream))
    upstream.will_answer(200, PNG)

    file = await client.download_media(source, media_id="4711", bytes_max=1000)

    assert (file.data, file.mime_type) == (PNG, "image/png")
    assert [request[1] for request in upstream.requests] == ["/v25.0/4711", "/file?x=1"]
    assert all(request[2]["authorization"] == f"Bearer {TOKEN}" for request in upstream.requests)


async def test_a_missing_type_is_taken_from_the_download(client, upstream: Upstream, source):
    upstream.will_answer(200, described(upstream, mime_type=None))
    upstream.will_answer(200, PNG, **{"Content-Type": "image/webp"})

    assert (await client.download_media(source, media_id="1", bytes_max=1000)).mime_type == "image/webp"


async def test_a_media_id_cannot_name_another_path(client, upstream: Upstream, source):
    upstream.will_answer(400, {"error": {"code": 100, "error_subcode": 33, "message": "no such object"}})

    await failure_of(client.download_media(source, media_id="../1?a=b#c", bytes_max=1000))

    assert upstream.requests[0][1] == "/v25.0/..%2F1%3Fa%3Db%23c"


@pytest.mark.parametrize("size", [5000, "5000"])
async def test_a_file_said_to_be_too_large_is_not_fetched(client, upstream: Upstream, source, size):
    upstream.will_answer(200, described(upstream, file_size=size))

    failure = await failure_of(client.download_media(source, media_id="1", bytes_max=1000))

    assert failure.kind is SendFailureKind.REJECTED
    assert len(upstream.requests) == 1


async def test_a_file_larger_than_said_is_cut_off(client, upstream: Upstream, source):
    upstream.will_answer(200, described(upstream))
    upstream.will_answer(200, bytes(5000))

    failure = await failure_of(client.download_media(source, media_id="1", bytes_max=1000))

    assert (failure.kind, failure.reason) == (SendFailureKind.REJECTED, FailureReason.BAD_MEDIA)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x", "https://evil.example/x", "file:///etc/passwd", "", None, 7])
async def test_the_token_is_not_shown_to_a_foreign_host(client, upstream: Upstream, source, url):
    upstream.will_answer(200, described(upstream, url=url))

    failure = await failure_of(client.download_media(source, media_id="1", bytes_max=1000))

    assert failure.kind is SendFailureKind.REJECTED
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((400, {"error": {"code": 100, "error_subcode": 33, "message": "gone"}}), SendFailureKind.REJECTED),
        ((404, b""), SendFailureKind.REJECTED),
        ((401, {"error": {"code": 190, "message": "expired"}}), SendFailureKind.MISCONFIGURED),
        ((500, {"error": {"code": 131000, "message": "oops"}}), SendFailureKind.TRANSIENT),
        ((502, b"<html>"), SendFailureKind.TRANSIENT),
        ((429, b""), SendFailureKind.THROTTLED),
        ((302, b""), SendFailureKind.MISCONFIGURED),
    ],
)
async def test_a_description_that_fails_says_how(client, upstream: Upstream, source, answer, kind):
    upstream.will_answer(*answer)

    assert (await failure_of(client.download_media(source, media_id="1", bytes_max=1000))).kind is kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [(404, SendFailureKind.TRANSIENT), (500, SendFailureKind.TRANSIENT), (302, SendFailureKind.MISCONFIGURED)],
)
async def test_a_download_that_fails_says_how(client, upstream: Upstream, source, status, kind):
    upstream.will_answer(200, described(upstream))
    upstream.will_answer(status, b"", Location="/elsewhere")

    assert (await failure_of(client.download_media(source, media_id="1", bytes_max=1000))).kind is kind
    assert len(upstream.requests) == 2


async def test_a_download_that_cannot_connect_may_be_done_again(client):
    elsewhere = ProviderSource(source_id="s", provider="meta", phone_number_id="1", access_token="t")

    failure = await failure_of(client.download_media(elsewhere, media_id="1", bytes_max=1000))

    assert failure.kind is SendFailureKind.TRANSIENT


@pytest.mark.parametrize(
    ("url", "is_ours"),
    [
        ("https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1", True),
        ("https://lookaside.fbsbx.com:443/x", True),
        ("https://fbsbx.com/x", True),
        ("https://graph.facebook.com/x", True),
        ("https://LOOKASIDE.FBSBX.COM/x", True),
        ("http://lookaside.fbsbx.com/x", False),
        ("https://lookaside.fbsbx.com:8443/x", False),
        ("https://evilfbsbx.com/x", False),
        ("https://fbsbx.com.evil.example/x", False),
        ("https://fbsbx.com@evil.example/x", False),
        ("https://user@lookaside.fbsbx.com/x", False),
        ("https://evil.example/?https://fbsbx.com", False),
        ("https://evil.example#.fbsbx.com", False),
        ("https:///fbsbx.com", False),
        ("https://fbsbx.com:99999/x", False),
        ("https://[fbsbx.com]/x", False),
        ("https://fbsbx.com./x", False),
        ("//lookaside.fbsbx.com/x", False),
        ("/x", False),
        ("http://127.0.0.1:8080/x", False),
    ],
)
def test_only_the_providers_hosts_get_the_token(url, is_ours):
    assert is_media_url(url, base_url="https://graph.facebook.com/v25.0") is is_ours


def test_a_sandbox_may_serve_files_from_its_own_origin_only():
    base_url = "http://127.0.0.1:8080/v25.0"

    assert is_media_url("http://127.0.0.1:8080/files/1", base_url=base_url)
    assert not is_media_url("http://127.0.0.1:8081/files/1", base_url=base_url)
    assert not is_media_url("http://127.0.0.2:8080/files/1", base_url=base_url)
