"""The page for everybody: no serious finding of axe-core, and no need of a mouse."""

from playwright.async_api import expect
from tests.browser import axe_findings_of_themes
from tests.handset import showcase
from tests.handset.conftest import OpenHandset, Shop
from tests.sandbox.conftest import NUMBER, text


async def test_axe_finds_nothing_serious_in_either_theme(shop: Shop, open_handset: OpenHandset) -> None:
    await shop.make_templates()
    media = await shop.upload_all()
    await shop.make_group()
    await shop.set_phone(phone="12025550144", name="Second Customer", reads="manual")
    handset = await open_handset(chat=None)
    page = handset.page
    assert await axe_findings_of_themes(page) == []
    for message in showcase.of_business(media, f"{shop.url}/sandbox/media/{media['image']}").values():
        await shop.send_wamid(message)
    for message in showcase.of_customer().values():
        await shop.phone_writes({"to": NUMBER, **message})
    await shop.set_phone(on_whatsapp=False)
    await shop.send_wamid(text("fails"))
    await handset.open_chat()
    await expect(handset.log).to_contain_text("Not delivered")

    assert await axe_findings_of_themes(page) == []
    for name in ("Settings of this phone", "Attach"):
        await handset.phone.get_by_role("button", name=name).click()
        assert await axe_findings_of_themes(page) == []
        await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Add a phone").click()
    assert await axe_findings_of_themes(page) == []
    await page.keyboard.press("Escape")
    await page.set_viewport_size({"width": 390, "height": 844})
    assert await axe_findings_of_themes(page) == []


async def test_the_keyboard_is_enough(shop: Shop, open_handset: OpenHandset) -> None:
    handset = await open_handset(chat=None)
    page = handset.page
    await handset.phone.locator(".chats button").focus()
    await page.keyboard.press("Enter")
    writing = handset.phone.get_by_role("textbox", name="Message")
    await expect(writing).to_be_focused()

    await page.keyboard.type("Two lines:")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("like this")
    await page.keyboard.press("Enter")

    assert (await shop.heard(text={"body": "Two lines:\nlike this"}))["type"] == "text"
    attach = handset.phone.get_by_role("button", name="Attach")
    await attach.focus()
    await page.keyboard.press("Enter")
    await expect(handset.sheet.get_by_role("button", name="Picture")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(attach).to_be_focused()
    await handset.phone.get_by_role("button", name="Back to the chats").focus()
    await page.keyboard.press("Enter")
    await expect(handset.phone.locator(".chats button")).to_be_focused()


async def test_on_a_narrow_screen_one_phone_is_shown_at_a_time(shop: Shop, open_handset: OpenHandset) -> None:
    await shop.set_phone(name="First")
    await shop.set_phone(phone="12025550144", name="Second")
    handset = await open_handset(chat=None, width=390, height=844)
    second = handset.page.locator("[data-phone='12025550144']")
    await expect(handset.phone).to_be_visible()
    await expect(second).to_be_hidden()

    await handset.page.get_by_role("navigation", name="Phones").get_by_role("button", name="Second").click()

    await expect(second).to_be_visible()
    await expect(handset.phone).to_be_hidden()
    assert await handset.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_the_theme_is_chosen_once_for_all_pages(shop: Shop, open_handset: OpenHandset) -> None:
    handset = await open_handset(chat=None)

    await handset.page.get_by_role("button", name="Use dark colours").click()
    await handset.page.reload()

    await expect(handset.page.locator("html")).to_have_attribute("data-theme", "dark")
    assert await handset.page.evaluate("localStorage.getItem('waypost-theme')") == "dark"
    await expect(handset.page.get_by_role("button", name="Use light colours")).to_be_visible()
