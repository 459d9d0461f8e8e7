"""One walk through all of it, in a real browser: from the first run to a failure explained."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect
from tests.browser import OpenPage
from tests.console.conftest import PASSWORD
from tests.gateway.conftest import Running, settings_for, start

from waypost.app.demo import GREETING
from waypost.app.demo_story import write_picture
from waypost.web.passwords import first_run_code

TAG = "ticket-118"


@pytest_asyncio.fixture(loop_scope="module")
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    """A demo as it is after its very first start."""
    running = await start(settings_for(tmp_path, f"sqlite:///{tmp_path}/waypost.db"))
    await running.house.demo.greet()
    yield running
    assert await running.stop() == 0


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return write_picture(tmp_path)


async def first_run(console: Page, code: str) -> None:
    await console.get_by_label("Code", exact=True).fill(code)
    await console.get_by_label("Name", exact=True).fill("admin")
    await console.get_by_label("Password", exact=True).fill(PASSWORD)
    await console.get_by_role("button", name="Make the user").click()
    await expect(console.get_by_role("heading", name="Overview", level=1)).to_be_visible()


def status_of(console: Page) -> Locator:
    """Return the message's status, as its page shows it."""
    facts = console.locator("section, aside, div").filter(has=console.get_by_role("heading", name="Facts", exact=True))
    return facts.last.locator("dl.facts .badge").first


async def compose_picture(console: Page, phone: str, picture: Path) -> None:
    await console.get_by_role("link", name="Compose", exact=True).first.click()
    await console.get_by_label("Number with country code").fill(phone)
    await console.get_by_role("radio", name="File").check()
    await console.locator("#field-m_file").set_input_files(picture)
    await expect(console.locator("#slot-m_file")).to_contain_text("picture.png")
    await console.get_by_label("Caption", exact=True).fill("This is your bicycle")
    await console.get_by_text("Quote, time, reference and delivery").click()
    await console.get_by_label("x-apiheader", exact=True).fill(TAG)
    await expect(console.locator("#compose-preview")).to_contain_text("This is your bicycle")
    await console.get_by_role("button", name="Send", exact=True).click()
    await console.wait_for_url("**/console/messages/*")


async def test_from_the_first_run_to_a_failure_explained(running: Running, open_page: OpenPage, picture: Path):
    house, phone_number = running.house, running.house.demo.account.phone
    handset = await open_page(f"{house.sandbox_url}/sandbox/handset/")
    phone = handset.locator(f"[data-phone='{phone_number}']")
    await phone.locator(".chats button", has_text="Demo shop").click()
    log = phone.get_by_role("log")
    await expect(log).to_contain_text(GREETING)

    console = await open_page(f"{house.base_url}/console/")
    await expect(console.get_by_role("heading", name="Make the first user")).to_be_visible()
    await first_run(console, first_run_code(house.demo.gateway.foundation.token_key))
    await console.get_by_role("button", name="admin").or_(console.get_by_text("admin", exact=True)).first.click()
    await console.get_by_role("button", name="Sign out").click()
    await console.get_by_label("Name", exact=True).fill("admin")
    await console.get_by_label("Password", exact=True).fill(PASSWORD)
    await console.get_by_role("button", name="Sign in").click()
    await expect(console.get_by_role("heading", name="Overview", level=1)).to_be_visible()

    # The phone is away: the picture is sent, and waits outside.
    await phone.get_by_role("button", name="Airplane mode").click()
    await expect(phone.get_by_role("button", name="Airplane mode")).to_have_attribute("aria-pressed", "true")
    await phone.get_by_label("Reads", exact=True).select_option("manual")
    await compose_picture(console, phone_number, picture)
    status = status_of(console)
    await expect(status).to_have_text("sent")
    await expect(log).not_to_contain_text("This is your bicycle")

    # Back on the network it arrives in the other tab, and the console follows, without a reload of either.
    await phone.get_by_role("button", name="Airplane mode").click()
    await expect(log).to_contain_text("This is your bicycle")
    shown = log.locator("img[src]").first
    await expect(shown).to_have_js_property("naturalWidth", 320)
    await expect(status).to_have_text("delivered")
    await phone.get_by_role("button", name="Read now").click()
    await expect(status).to_have_text("read")

    # The customer answers, and the operator replies from the conversation.
    await phone.get_by_role("textbox").fill("It looks great")
    await handset.keyboard.press("Enter")
    await console.get_by_role("link", name="conversation", exact=True).click()
    await expect(console.get_by_role("main")).to_contain_text("It looks great")
    await phone.get_by_role("textbox").fill("When can I come?")
    await handset.keyboard.press("Enter")
    await expect(console.get_by_role("main")).to_contain_text("When can I come?")
    await console.get_by_label("Your reply").fill("Any time before six.")
    await console.get_by_role("button", name="Send", exact=True).click()
    await expect(log).to_contain_text("Any time before six.")

    # The message is found by the reference that the application gave it, and its webhooks are told again.
    await console.goto(f"{house.base_url}/console/messages")
    await console.get_by_label("x-apiheader", exact=True).fill(TAG)
    await console.get_by_role("button", name="Search").click()
    rows = console.locator("table.data tbody tr")
    await expect(rows).to_have_count(1)
    await rows.first.get_by_role("link").first.click()
    await console.wait_for_url("**/console/messages/*")
    message_id = console.url.rpartition("/")[2]
    told = await house.webhooks(message_id)
    console.on("dialog", lambda dialog: dialog.accept())
    await console.get_by_role("button", name="Replay webhooks").click()

    async def told_again() -> bool:
        return len(await house.webhooks(message_id)) > len(told)

    await house.eventually(told_again)

    # A fault is switched on, and the next message says why it failed and what to do.
    await console.get_by_role("link", name="Sandbox", exact=True).first.click()
    fault = console.locator("form.fault", has=console.locator("input[name=kind][value=failed_status]"))
    await fault.get_by_text("How, how often, for whom").click()
    await fault.get_by_label("How often").fill("1")
    await fault.get_by_role("switch").click()
    await expect(fault.get_by_role("switch")).to_have_attribute("aria-checked", "true")
    await console.get_by_role("link", name="Compose", exact=True).first.click()
    await console.get_by_label("Number with country code").fill(phone_number)
    await console.get_by_role("textbox", name="Text", exact=True).first.fill("We are closed tomorrow.")
    await console.get_by_role("button", name="Send", exact=True).click()
    await console.wait_for_url("**/console/messages/*")
    await expect(status_of(console)).to_have_text("failed")
    await expect(console.get_by_role("main")).to_contain_text("131026")
    await expect(console.get_by_role("main")).to_contain_text(re.compile("The number has no WhatsApp account"))
