"""What happens on the network is on the page at once, and what is switched on the page happens on the network."""

from playwright.async_api import expect
from tests.browser import OpenPage, watch_of
from tests.handset.conftest import OpenHandset, Shop
from tests.sandbox.conftest import NUMBER_ID, PHONE, text

from waypost.sandbox.handset.feed import SUBSCRIBERS_MAX

OTHER = "12025550144"


async def test_the_ticks_of_the_customers_message_change_without_reload(shop: Shop, open_handset: OpenHandset) -> None:
    handset = await open_handset()
    ticks = handset.row("One more thing").locator(".ticks")
    shop.receiver.answers = [500] * 1000

    await handset.write("One more thing")

    await expect(ticks).to_have_attribute("aria-label", "Sent")
    shop.receiver.answers = []
    await expect(ticks).to_have_attribute("aria-label", "Delivered to the business")
    heard = await shop.heard(type="text", text={"body": "One more thing"})
    shown = {"messaging_product": "whatsapp", "status": "read", "message_id": heard["id"]}
    path = f"/v23.0/{NUMBER_ID}/messages"
    await shop.call("POST", path, {**shown, "typing_indicator": {"type": "text"}})
    await expect(ticks).to_have_attribute("aria-label", "Read by the business")
    await expect(handset.phone.locator(".chat-head")).to_contain_text("typing…")
    await shop.send_wamid(text("Here we are"))
    await expect(handset.row("Here we are")).to_be_visible()
    await expect(handset.phone.locator(".chat-head")).not_to_contain_text("typing…")


async def test_in_airplane_mode_messages_wait_outside(shop: Shop, open_handset: OpenHandset) -> None:
    handset = await open_handset()
    airplane = handset.phone.get_by_role("button", name="Airplane mode")

    await airplane.click()
    await expect(airplane).to_have_attribute("aria-pressed", "true")
    wamid = await shop.send_wamid(text("Are you there?"))

    await expect(handset.phone.locator(".chat-notes")).to_contain_text("1 message waits")
    await expect(handset.row("Are you there?")).to_have_count(0)
    await airplane.click()
    await expect(handset.row("Are you there?")).to_be_visible()
    await shop.receiver.until(lambda: shop.receiver.words(wamid) == ["sent", "delivered", "read"])


async def test_read_by_hand_the_message_is_read_when_the_button_is_pressed(
    shop: Shop, open_handset: OpenHandset
) -> None:
    handset = await open_handset(chat=None)
    await handset.phone.get_by_label("Reads", exact=True).select_option("manual")
    await expect(handset.phone.get_by_label("Reads", exact=True)).to_have_value("manual")
    await shop.until(lambda: shop.sandbox.network.phone(PHONE).reads == "manual")
    wamid = await shop.send_wamid(text("Please read"))
    await expect(handset.phone.locator(".count")).to_contain_text("1")
    await handset.open_chat()

    await handset.phone.get_by_role("button", name="Read now").click()

    await shop.receiver.until(lambda: "read" in shop.receiver.words(wamid))
    await expect(handset.phone.get_by_role("button", name="Read now")).to_have_count(0)


async def test_a_blocked_business_waits_and_one_not_on_whatsapp_fails(shop: Shop, open_handset: OpenHandset) -> None:
    handset = await open_handset()
    await handset.about("Block this business")
    await expect(handset.phone.locator(".chat-notes")).to_contain_text("You blocked this business.")
    await shop.send_wamid(text("Hello?"))
    await expect(handset.phone.locator(".chat-notes")).to_contain_text("1 message waits")

    await handset.about("Unblock this business")

    await expect(handset.row("Hello?")).to_be_visible()
    await handset.phone.get_by_role("button", name="Settings of this phone").click()
    await handset.sheet.get_by_role("switch", name="Not on WhatsApp").check()
    await handset.page.keyboard.press("Escape")
    await expect(handset.sheet).to_have_count(0)
    await shop.until(lambda: not shop.sandbox.network.phone(PHONE).on_whatsapp)
    await shop.send_wamid(text("Still there?"))
    await expect(handset.log).to_contain_text("Not delivered (131026)")


async def test_a_phone_is_added_renamed_and_taken_off_the_screen(shop: Shop, open_handset: OpenHandset) -> None:
    handset = await open_handset(chat=None)
    page = handset.page
    await page.get_by_role("button", name="Add a phone").click()
    await page.get_by_label("Name").fill("Second <b>Customer</b>")
    await page.get_by_label("Number, with the country code").fill(f"+{OTHER}")

    await page.get_by_role("button", name="Add", exact=True).click()

    second = page.locator(f"[data-phone='{OTHER}']")
    await expect(second.get_by_role("heading", level=2)).to_have_text("Second <b>Customer</b>")
    await second.get_by_role("button", name="Settings of this phone").click()
    await second.get_by_label("Name").fill("Renamed")
    await second.get_by_role("button", name="Rename").click()
    await expect(second.get_by_role("heading", level=2)).to_have_text("Renamed")
    await page.reload()
    await expect(page.locator(".phone")).to_have_count(2)
    await second.get_by_role("button", name="Settings of this phone").click()
    await second.get_by_role("button", name="Take this phone off the screen").click()
    await expect(page.locator(".phone")).to_have_count(1)
    await page.get_by_role("button", name="Add a phone").click()
    await page.get_by_label("Number, with the country code").fill("+12025550100")
    await page.get_by_label("Name").fill("A business")
    watch_of(page).allowed.append("409")
    await page.get_by_role("button", name="Add", exact=True).click()
    await expect(page.get_by_role("alert")).to_contain_text("is a business number. Phones are other numbers")
    await page.get_by_role("button", name="Renamed").click()
    await expect(page.locator(".phone")).to_have_count(2)


async def test_without_a_phone_the_page_says_what_to_do(shop: Shop, open_page: OpenPage) -> None:
    page = await open_page(shop.page_url)
    await expect(page.get_by_role("heading", name="No phone yet")).to_be_visible()

    # A phone that a program makes meanwhile is there by itself.
    await shop.set_phone(name="Made by a program")

    await expect(page.get_by_role("heading", name="Made by a program")).to_be_visible()


async def test_groups_are_joined_by_link_and_written_in(shop: Shop, open_handset: OpenHandset) -> None:
    group = await shop.make_group(OTHER)
    handset = await open_handset(chat=None)
    await handset.phone.get_by_role("button", name="Join a group by its link").click()
    await handset.sheet.get_by_label("Invite link").fill(group["invite_link"] + "?mode=x")
    await handset.sheet.get_by_role("button", name="Join", exact=True).click()
    await handset.open_chat("Sunday ride")

    await handset.write("Who brings the pump?")
    heard = await shop.heard(group_id=group["group_id"])
    to = f"/sandbox/phones/{OTHER}/messages"
    await shop.call("POST", to, {"group_id": group["group_id"], "type": "text", "text": {"body": "I do."}})
    await shop.send_wamid(text("So do we."), recipient_type="group", to=group["group_id"])

    assert heard["text"]["body"] == "Who brings the pump?"
    await expect(handset.row("I do.").locator(".author")).to_have_text("Phone 0144")
    await expect(handset.row("So do we.")).to_be_visible()
    await handset.about("Leave the group")
    await expect(handset.phone.locator(".composer")).to_have_js_property("inert", True)


async def test_when_too_many_pages_are_live_the_page_says_so_and_goes_on_later(shop: Shop, open_page: OpenPage) -> None:
    await shop.phone_writes()
    path = f"{shop.url}/sandbox/handset/live"
    others = [await shop.http.get(path) for _ in range(SUBSCRIBERS_MAX)]

    page = await open_page(shop.page_url)

    watch_of(page).allowed.append("503")
    live = page.locator("#live")
    await expect(live).to_contain_text(f"{SUBSCRIBERS_MAX} pages are already live.")
    for other in others:
        other.close()
    await expect(live).to_have_text("Live")
    await expect(page.get_by_role("log")).to_be_visible()
    await shop.send_wamid(text("Back again"))
    await expect(page.get_by_role("log")).to_contain_text("Back again")


async def test_a_page_that_lost_the_sandbox_reads_everything_anew(shop: Shop, open_handset: OpenHandset) -> None:
    handset = await open_handset()
    live = handset.page.locator("#live")
    watch_of(handset.page).allowed += ["ERR_INTERNET_DISCONNECTED", "ERR_NETWORK"]

    await handset.page.context.set_offline(True)
    shop.sandbox.closing.set()
    await expect(live).to_have_attribute("data-state", "broken")
    shop.sandbox.closing.clear()
    await shop.send_wamid(text("You missed this"))
    await handset.page.context.set_offline(False)

    await expect(handset.row("You missed this")).to_be_visible()


async def test_a_phone_with_one_chat_begins_in_it(shop: Shop, open_page: OpenPage) -> None:
    await shop.phone_writes(phone=PHONE)

    page = await open_page(shop.page_url)

    await expect(page.locator(f"[data-phone='{PHONE}']").get_by_role("log")).to_contain_text("hello")
