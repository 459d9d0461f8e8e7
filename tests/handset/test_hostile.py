"""What businesses and customers write is shown, and never run."""

import asyncio
import base64
import json
from typing import Any

from playwright.async_api import expect
from tests.handset.conftest import OpenHandset, Shop
from tests.sandbox.conftest import NUMBER

_BREAKS = ["", "'", '"', "`", "</script>", "</style>", "</textarea>", "</title>", "-->", "]]>"]
_RUNS = [
    "<script>ran()</script>",
    "<img src=x onerror=ran()>",
    "<svg/onload=ran()>",
    "<iframe srcdoc='<script>parent.ran()</script>'>",
    "<a href='javascript:ran()'>click</a>",
    "javascript:ran()",
    "https://example.org/'onmouseover='ran()",
    'https://example.org/"><img src=x onerror=ran()>',
    "<details open ontoggle=ran()>",
    "${ran()}{{constructor.constructor('ran()')()}}",
]
HOSTILE = [before + runs for before in _BREAKS for runs in _RUNS]


def _hostile(place: int, text: str, media_id: str) -> dict[str, Any]:
    """Return a message of a business that has the text wherever one of its kind has text."""
    match place % 5:
        case 0:
            return {"type": "text", "text": {"body": text}}
        case 1:
            name = text[:200] + "\u202egpj.exe"
            return {"type": "document", "document": {"id": media_id, "filename": name, "caption": text}}
        case 2:
            return {"type": "location", "location": {"latitude": 1, "longitude": 2, "name": text, "url": text}}
        case 3:
            person = {"name": {"formatted_name": text}, "urls": [{"url": text}], "phones": [{"phone": text}]}
            return {"type": "contacts", "contacts": [person]}
        case _:
            button = {"type": "reply", "reply": {"id": text[:256], "title": text[:20]}}
            parts = {"type": "button", "body": {"text": text}, "action": {"buttons": [button]}}
            return {"type": "interactive", "interactive": parts}


async def test_a_hundred_hostile_texts_and_names_run_nothing(shop: Shop, open_handset: OpenHandset) -> None:
    assert len(set(HOSTILE)) == 100
    media = await shop.upload_all()
    handset = await open_handset()
    sent = [shop.send_wamid(_hostile(place, text, media["document"])) for place, text in enumerate(HOSTILE)]
    written = [shop.phone_writes({"to": NUMBER, "type": "text", "text": {"body": text}}) for text in HOSTILE]
    await asyncio.gather(*sent, *written)
    link = {"display_text": "Go", "url": "http://user:pass@127.0.0.1:1/<script>ran()</script>"}
    action = {"name": "cta_url", "parameters": link}
    await shop.send_wamid(
        {"type": "interactive", "interactive": {"type": "cta_url", "body": {"text": "x"}, "action": action}}
    )
    await shop.set_phone(name="<img src=x onerror=ran()>")
    last = await shop.phone_writes({"to": NUMBER, "type": "text", "text": {"body": "the last one"}})

    await expect(handset.log.locator(f"[data-message='{last['wamid']}']")).to_be_visible()
    await expect(handset.phone.get_by_role("heading", level=2)).to_have_text("<img src=x onerror=ran()>")
    shown = await handset.log.locator(".text").all_text_contents()
    assert HOSTILE[0] in shown
    assert HOSTILE[5] in shown
    script = """log => ({
        own: [...log.querySelectorAll('script, iframe, style, object, embed, details, [onerror], [onload]')].length,
        links: [...log.querySelectorAll('a')].map(one => one.protocol),
        names: [...log.querySelectorAll('.file-name')].map(one => one.textContent)})"""
    found = await handset.log.evaluate(script)
    assert found["own"] == 0
    assert set(found["links"]) <= {"http:", "https:", "tel:"}
    assert "\u202e" not in json.dumps(found["names"], ensure_ascii=False)
    # That no script ran is checked of every page, when it is left: see tests/browser.py.


async def test_a_file_that_pretends_to_be_a_page_is_saved_and_not_run(shop: Shop, open_handset: OpenHandset) -> None:
    data = base64.b64encode(b"<script>window.ran && ran(); document.title = 'ran'</script>").decode()
    document = {"data": data, "mime_type": "text/html", "filename": "a.html"}
    handset = await open_handset()

    written = await shop.phone_writes({"to": NUMBER, "type": "document", "document": document})

    async with handset.page.expect_download() as download:
        await handset.log.get_by_role("link", name="Save a.html").click()
    assert (await download.value).suggested_filename == "a.html"
    async with shop.http.get(written["media_url"]) as response:
        assert response.headers["content-disposition"] == "attachment; filename*=UTF-8''a.html"
        assert response.headers["content-security-policy"].startswith("default-src 'none'; sandbox")
        assert response.headers["x-content-type-options"] == "nosniff"
