"""Every kind of message is drawn as the phone would show it."""

import asyncio
from typing import Any

from playwright.async_api import expect
from tests.handset import showcase
from tests.handset.conftest import OpenHandset, Shop
from tests.sandbox.conftest import NUMBER, PHONE, text

# name in the showcase: (kind of its row, what is written in it)
DRAWN = {
    "text": ("text", ["Is it bold, slanted, gone or code?"]),
    "image": ("image", ["Ready for collection"]),
    "video": ("video", ["A ride"]),
    "audio": ("audio", []),
    "voice": ("audio", []),
    "document": ("document", ["Invoice 118.pdf", "PDF · 66 bytes"]),
    "sticker": ("sticker", []),
    "location": ("location", ["Our shop", "50 Sample Avenue", "38.89770"]),
    "contacts": ("contacts", ["Workshop", "+12025550177 · work"]),
    "template": (
        "card",
        ["Hello Noor, your bicycle", "Sample Bicycles", "On my way", "Track it", "Call us", "Copy offer code"],
    ),
    "code": ("card", ["482913 is your verification code", "expires in 10 minutes", "Copy code"]),
    "offer": ("card", ["Spring sale", "Ends", "New in our shop:", "A fine bicycle.", "I want it"]),
    "buttons": ("card", ["Collection", "When will you come?", "Until six", "Morning", "Evening"]),
    "buttons under a picture": ("card", ["Is this yours?", "Good"]),
    "list": ("card", ["What shall we repair?", "See repairs"]),
    "cta": ("card", ["Our new bicycles", "Look"]),
    "carousel": ("card", ["Our bicycles", "Bicycle 0", "Bicycle 1", "I want it"]),
    "flow": ("card", ["Book a repair", "Book now"]),
    "address": ("card", ["Where shall we deliver?", "Provide address"]),
    "place": ("card", ["Where are you?", "Send location"]),
    "product": ("card", ["helmet-0", "Catalogue 7001", "A helmet"]),
    "products": ("card", ["Helmets", "helmet-0", "View items"]),
    "catalogue": ("card", ["All we have", "View catalogue"]),
    "contact asked for": ("card", ["May we call?", "Share contact info"]),
    "calls": ("card", ["May we call you?", "Allow calls", "Don't allow"]),
    "payment": ("card", ["Your order", "Review and pay"]),
}


async def test_every_kind_a_business_sends_is_drawn(shop: Shop, open_handset: OpenHandset) -> None:
    await shop.make_templates()
    media = await shop.upload_all()
    handset = await open_handset()
    link = f"{shop.url}/sandbox/media/{media['image']}"
    messages = showcase.of_business(media, link)
    assert DRAWN.keys() == messages.keys()

    sent = {name: await shop.send_wamid(message) for name, message in messages.items()}

    for name, (kind, words) in DRAWN.items():
        row = handset.log.locator(f"[data-message='{sent[name]}']")
        await expect(row).to_have_attribute("data-kind", kind)
        for word in words:
            await expect(row).to_contain_text(word)

    def row(name: str) -> Any:
        return handset.log.locator(f"[data-message='{sent[name]}']")

    for name, count in (("image", 1), ("template", 1), ("buttons under a picture", 1), ("offer", 2), ("carousel", 2)):
        pictures = row(name).locator("img")
        await expect(pictures).to_have_count(count)
        for place in range(count):
            await pictures.nth(place).scroll_into_view_if_needed()
            await expect(pictures.nth(place)).to_have_js_property("complete", True)
            assert await pictures.nth(place).evaluate("image => image.naturalWidth") == 320
    for tag in ("strong", "em", "s", "code"):
        await expect(row("text").locator(f".text {tag}")).to_have_count(1)
    await expect(row("text").get_by_role("link")).to_have_attribute("href", "https://example.org/a?b=1")
    await expect(row("location").locator("svg.map .pin")).to_be_visible()
    await expect(row("template").get_by_role("link", name="Track it")).to_have_attribute(
        "href", "https://shop.example.org/r/31"
    )
    await expect(row("template").get_by_role("link", name="Call us")).to_have_attribute("href", "tel:+12025550100")
    await expect(row("voice").get_by_role("button", name="Play the voice message")).to_be_visible()
    await expect(row("audio").locator(".about")).to_have_text("0:03")
    # These two are files by their first bytes only, and the page says so.
    await expect(row("video")).to_contain_text("The video cannot be shown.")
    await expect(row("sticker")).to_contain_text("The sticker cannot be shown.")


async def test_every_kind_a_customer_sends_is_drawn(shop: Shop, open_handset: OpenHandset) -> None:
    handset = await open_handset()
    sent = {name: await shop.phone_writes({"to": NUMBER, **m}) for name, m in showcase.of_customer().items()}

    drawn = {
        "text": ["line 1", "cited", "•"],
        "location": ["Here"],
        "contacts": ["My neighbour"],
        "button": ["Confirm"],
        "list": ["Gears", "All of them"],
        "form": ["day", "Monday"],
        "order": ["lamp-3", "9 USD"],
        "system": ["The number has changed."],
        "unsupported": ["kind “poll”", "cannot show it"],
    }
    for name, words in drawn.items():
        row = handset.log.locator(f"[data-message='{sent[name]['wamid']}']")
        for word in words:
            await expect(row).to_contain_text(word)


async def test_earlier_messages_come_when_asked_for(shop: Shop, open_handset: OpenHandset) -> None:
    await shop.phone_writes(text("the very first"))
    await asyncio.gather(*(shop.phone_writes(text(f"hello {number}")) for number in range(210)))
    await shop.phone_writes(text("the newest, hello"))
    handset = await open_handset()

    await expect(handset.row("the newest")).to_be_in_viewport()
    await expect(handset.log).not_to_contain_text("the very first")
    await handset.phone.get_by_role("button", name="Show earlier messages").click()

    await expect(handset.log).to_contain_text("the very first")


async def test_a_picture_can_be_enlarged_and_put_away(shop: Shop, open_handset: OpenHandset) -> None:
    media = await shop.upload_all()
    handset = await open_handset()
    await shop.send_wamid({"type": "image", "image": {"id": media["image"]}})

    await handset.log.get_by_role("button", name="Enlarge").click()
    viewer = handset.page.locator("dialog.viewer")
    await expect(viewer.locator("img")).to_be_visible()
    await handset.page.keyboard.press("Escape")

    await expect(viewer).to_have_count(0)


async def test_what_fails_says_why_and_a_deleted_template_says_so(shop: Shop, open_handset: OpenHandset) -> None:
    await shop.make_templates()
    handset = await open_handset()
    components = showcase.of_business(dict.fromkeys(showcase.FILES, "1"), "http://127.0.0.1/")["code"]
    wamid = await shop.send_wamid(components)
    row = handset.log.locator(f"[data-message='{wamid}']")
    await expect(row).to_contain_text("482913")

    shop.sandbox.templates.delete("120000000000001", "code", None)
    await shop.call("DELETE", f"/sandbox/phones/{PHONE}/windows")
    await shop.send_wamid(text("too late"))

    await expect(handset.log).to_contain_text("Not delivered (131047)")
    await handset.page.reload()
    await handset.open_chat()
    await expect(row).to_contain_text("The template code (en) has been deleted")
