"""The page of files: uploads by the API's own rules, bytes that cannot act, and what failed with its reason."""

import base64

import aiohttp
from tests.console.conftest import Answer, Office, Visitor

from waypost.store.media import find_asset
from waypost.store.statements import Sql

PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
NAME = "bicycle <script>.png"
INBOUND = Sql(
    "INSERT INTO media_assets (account_id, id, origin, state, mime_type, created_at_us, attempts, failure_detail) "
    "VALUES (:account_id, :id, 'inbound', 'failed', 'image/jpeg', :now_us, 3, 'the provider has it no more')"
)


async def upload(visitor: Visitor, data: bytes, name: str) -> Answer:
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("csrf_token", visitor.csrf_token)
    form.add_field("file", data, filename=name)
    return await visitor.send("/console/media", data=form)


async def uploaded(visitor: Visitor, data: bytes = PICTURE, name: str = NAME) -> str:
    answer = await upload(visitor, data, name)
    assert 303 == answer.status, answer.words
    return answer.headers["location"].rpartition("/")[2]


async def test_an_upload_is_listed_shown_and_handed_out_so_that_it_cannot_act(office: Office):
    operator = await office.visitor("operator")

    media_id = await uploaded(operator)
    listed = await operator.get("/console/media?kind=image&state=stored&origin=upload")
    none = await operator.get("/console/media?kind=video")
    one = await operator.get(f"/console/media/{media_id}")
    async with operator.http.get(
        f"{operator.base_url}/console/media/{media_id}/content", headers={"Sec-Fetch-Site": "same-origin"}
    ) as response:
        body, headers = await response.read(), response.headers

    assert "bicycle &lt;script&gt;.png" in listed.text
    assert "There is no file here." in none.words
    assert media_id in one.text
    assert PICTURE == body
    assert ("image/png", "nosniff") == (headers["content-type"], headers["x-content-type-options"])
    assert "sandbox" in headers["content-security-policy"]
    assert headers["content-disposition"].startswith("inline; filename*=UTF-8''bicycle%20%3Cscript%3E.png")


async def test_what_whatsapp_does_not_take_is_refused_with_the_reason(office: Office):
    operator = await office.visitor("operator")

    page = await upload(operator, b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>\x00", "x.png")
    nothing = await operator.post("/console/media")

    assert (422, 422) == (page.status, nothing.status)
    assert "file: WhatsApp does not take this file: the content is of no supported type" in page.words
    assert "file: no file was chosen" in nothing.words


async def test_a_file_that_could_not_be_had_says_why(office: Office):
    viewer, editor = await office.visitor("viewer"), office.editor
    account_id = office.house.demo.account.account_id
    await office.write(lambda tx: tx.run(INBOUND, account_id=account_id, id="991122", now_us=editor.clock.now_us()))

    listed = await viewer.get("/console/media?state=failed&export=json")
    one = await viewer.get("/console/media/991122")

    assert '"why": "the provider has it no more"' in listed.text
    assert "This file could not be had. the provider has it no more" in one.words
    assert 404 == (await viewer.get("/console/media/991122/content")).status


async def test_a_text_is_saved_and_never_shown(office: Office):
    operator = await office.visitor("operator")

    media_id = await uploaded(operator, b"Opening hours: nine to five.\n", "note.html")
    answer = await operator.get(f"/console/media/{media_id}/content")

    assert "application/octet-stream" == answer.headers["content-type"]
    assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''note.html")


async def test_deleting_takes_the_file_from_the_account_and_is_told_by_the_log(office: Office):
    operator, viewer, stranger = [await office.visitor(name) for name in ("operator", "viewer", "stranger")]
    account_id = office.house.demo.account.account_id
    media_id = await uploaded(operator)

    refused = await viewer.post(f"/console/media/{media_id}/delete")
    elsewhere = await stranger.post(f"/console/media/{media_id}/delete")
    content = await stranger.get(f"/console/media/{media_id}/content")
    assert (403, 404, 404) == (refused.status, elsewhere.status, content.status)
    assert await office.read(lambda tx: find_asset(tx, account_id, media_id)) is not None

    assert 303 == (await operator.post(f"/console/media/{media_id}/delete")).status
    assert await office.read(lambda tx: find_asset(tx, account_id, media_id)) is None
    assert 404 == (await operator.get(f"/console/media/{media_id}")).status
    assert "media.delete" in (await operator.get("/console/audit")).text
