"""What strangers write is shown in the console, and never run."""

import base64
from urllib.parse import urljoin

from tests.browser import OpenPage
from tests.console.conftest import Office
from tests.console.test_every_page import signed_in
from tests.handset.test_hostile import HOSTILE

PHONES = [f"120255501{number}" for number in range(80, 90)]
FOUND = """() => {
  const all = [...document.querySelectorAll('main *')];
  return {
    elements: all.filter(one => ['SCRIPT', 'IFRAME', 'STYLE', 'OBJECT', 'EMBED', 'BASE', 'META'].includes(one.tagName)).length,
    handlers: all.filter(one => one.getAttributeNames().some(name => name.startsWith('on'))).length,
    schemes: [...new Set([...document.querySelectorAll('main a[href]')].map(one => one.protocol))],
  };
}"""


async def test_a_hundred_hostile_texts_and_names_run_nothing(office: Office, open_page: OpenPage) -> None:
    house = office.house
    document = base64.b64encode(b"%PDF-1.4\n%%EOF\n").decode()
    for number, name in zip(PHONES, HOSTILE, strict=False):
        await house.sandbox("PUT", f"/sandbox/phones/{number}", json={"name": name[:100]})
    await house.writes_first(*PHONES)
    for place, text in enumerate(HOSTILE):
        number = PHONES[place % len(PHONES)]
        file = {"data": document, "mime_type": "application/pdf", "filename": text[:200], "caption": text}
        written = {"type": "document", "document": file} if place % 3 == 0 else {"type": "text", "text": {"body": text}}
        await house.sandbox("POST", f"/sandbox/phones/{number}/messages", json={"to": house.source_phone, **written})
    sent = await house.send(
        *(house.entry(PHONES[place % len(PHONES)], text, **{"x-apiheader": text}) for place, text in enumerate(HOSTILE))
    )
    await house.becomes("read", *sent)

    page = await signed_in(open_page, office, "admin")
    seen = {"/console/", "/console/messages", "/console/conversations", "/console/media", "/console/consent"}
    waiting, visited = sorted(seen), 0
    while waiting:
        path = waiting.pop()
        await page.goto(house.base_url + path)
        found = await page.evaluate(FOUND)
        assert found["elements"] == found["handlers"] == 0, path
        assert set(found["schemes"]) <= {"http:", "https:", "tel:", "mailto:"}, path
        visited += 1
        links = await page.eval_on_selector_all("main a[href]", "all => all.map(one => one.getAttribute('href'))")
        for link in links:
            parts = urljoin(path, link).partition("?")[0]
            is_inside = parts.startswith(("/console/conversations/", "/console/messages/", "/console/inbound/"))
            if is_inside and parts not in seen and len(seen) < 36:
                seen.add(parts)
                waiting.append(parts)

    assert visited > 30
    # That no script ran, and that no policy was broken, is checked of every page when it is left: tests/browser.py.
