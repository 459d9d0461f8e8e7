"""One walk through all of it, in a real browser: from the first run to a failure explained."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Locator, Page, expect
from tests.browser import OpenPage
from tests.console.conftest import PASSWORD
from tests.gateway.conftest import House, settings_for, start

from waypost.app.demo import GREETING
from waypost.app.demo_story import write_picture
from waypost.web.first_run import first_run_code

TAG = "ticket-118"
PICTURE_PIXELS_WIDE = 320


@dataclass
class Walk:
    """The customer's phone in one tab, the console in another, and what is behind both."""

    house: House
    handset: Page
    console: Page

    @property
    def number(self) -> str:
        return self.house.demo.account.phone

    @property
    def phone(self) -> Locator:
        return self.handset.locator(f"[data-phone='{self.number}']")

    @property
    def chat(self) -> Locator:
        return self.phone.get_by_role("log")

    @property
    def status(self) -> Locator:
        """The message's status, as its page in the console shows it."""
        console = self.console
        facts = console.locator("section, div").filter(has=console.get_by_role("heading", name="Facts", exact=True))
        return facts.last.locator("dl.facts .badge").first

    async def go_to(self, page: str) -> None:
        await self.console.get_by_role("link", name=page, exact=True).first.click()

    async def customer_writes(self, text: str) -> None:
        await self.phone.get_by_role("textbox").fill(text)
        await self.handset.keyboard.press("Enter")

    async def send_composed(self) -> None:
        await self.console.get_by_role("button", name="Send", exact=True).click()
        await self.console.wait_for_url("**/console/messages/*")


@pytest_asyncio.fixture(loop_scope="module")
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A demo as it is after its very first start."""
    running = await start(settings_for(tmp_path, f"sqlite:///{tmp_path}/waypost.db"))
    await running.house.demo.greet()
    yield running.house
    assert await running.stop() == 0


async def test_from_the_first_run_to_a_failure_explained(house: House, open_page: OpenPage, tmp_path: Path):
    handset = await open_page(f"{house.sandbox_url}/sandbox/handset/")
    walk = Walk(house, handset, await open_page(f"{house.base_url}/console/"))

    await make_the_first_user_and_sign_in(walk)
    await send_a_picture_and_watch_its_ticks(walk, write_picture(tmp_path))
    await talk(walk)
    await find_the_message_and_tell_its_webhooks_again(walk)
    await flip_a_fault_and_read_why_it_failed(walk)


async def make_the_first_user_and_sign_in(walk: Walk) -> None:
    console = walk.console
    await expect(console.get_by_role("heading", name="Make the first user")).to_be_visible()
    code = first_run_code(walk.house.demo.gateway.foundation.token_key)
    await console.get_by_label("Code", exact=True).fill(code)
    await console.get_by_label("Name", exact=True).fill("admin")
    await console.get_by_label("Password", exact=True).fill(PASSWORD)
    await console.get_by_role("button", name="Make the user").click()
    await expect(console.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    await console.locator("summary", has_text="admin").click()
    await console.get_by_role("button", name="Sign out").click()
    await console.get_by_label("Name", exact=True).fill("admin")
    await console.get_by_label("Password", exact=True).fill(PASSWORD)
    await console.get_by_role("button", name="Sign in").click()
    await expect(console.get_by_role("heading", name="Overview", level=1)).to_be_visible()


async def send_a_picture_and_watch_its_ticks(walk: Walk, picture: Path) -> None:
    console, phone = walk.console, walk.phone
    await expect(walk.chat).to_contain_text(GREETING)
    airplane = phone.get_by_role("button", name="Airplane mode")
    await airplane.click()
    await expect(airplane).to_have_attribute("aria-pressed", "true")
    await phone.get_by_label("Reads", exact=True).select_option("manual")

    await walk.go_to("Compose")
    await console.get_by_label("Number with country code").fill(walk.number)
    await console.get_by_role("radio", name="File").check()
    await console.locator("#field-m_file").set_input_files(picture)
    await expect(console.locator("#slot-m_file")).to_contain_text(picture.name)
    await console.get_by_label("Caption", exact=True).fill("This is your bicycle")
    await console.get_by_text("Quote, time, reference and delivery").click()
    await console.get_by_label("x-apiheader", exact=True).fill(TAG)
    await expect(console.locator("#compose-preview")).to_contain_text("This is your bicycle")
    await walk.send_composed()

    # The phone is away: the picture is sent, and waits outside.
    await expect(walk.status).to_have_text("sent")
    await expect(walk.chat).not_to_contain_text("This is your bicycle")
    # Back on the network it arrives in the other tab, and the console follows, without a reload of either.
    await airplane.click()
    await expect(walk.chat).to_contain_text("This is your bicycle")
    await expect(walk.chat.locator("img[src]").first).to_have_js_property("naturalWidth", PICTURE_PIXELS_WIDE)
    await expect(walk.status).to_have_text("delivered")
    await phone.get_by_role("button", name="Read now").click()
    await expect(walk.status).to_have_text("read")


async def talk(walk: Walk) -> None:
    console = walk.console
    await walk.customer_writes("It looks *great*")
    await walk.go_to("conversation")
    await expect(console.get_by_role("main")).to_contain_text("It looks great")
    await walk.customer_writes("When can I come?")
    await expect(console.get_by_role("main")).to_contain_text("When can I come?")
    await console.get_by_label("Your reply").fill("Any time before six.")
    await console.get_by_role("button", name="Send", exact=True).click()
    await expect(walk.chat).to_contain_text("Any time before six.")


async def find_the_message_and_tell_its_webhooks_again(walk: Walk) -> None:
    console, house = walk.console, walk.house
    await walk.go_to("Messages")
    await console.get_by_label("x-apiheader", exact=True).fill(TAG)
    await console.get_by_role("button", name="Search").click()
    rows = console.locator("table.data tbody tr")
    await expect(rows).to_have_count(1)
    await rows.first.get_by_role("link").first.click()
    await console.wait_for_url("**/console/messages/*")
    message_id = console.url.rpartition("/")[2]
    told = len(await house.webhooks(message_id))
    console.on("dialog", lambda dialog: dialog.accept())
    await console.get_by_role("button", name="Replay webhooks").click()

    async def told_again() -> bool:
        return len(await house.webhooks(message_id)) > told

    await house.eventually(told_again)


async def flip_a_fault_and_read_why_it_failed(walk: Walk) -> None:
    console = walk.console
    await walk.go_to("Sandbox")
    fault = console.locator("form.fault", has=console.locator("input[name=kind][value=failed_status]"))
    await fault.get_by_text("How, how often, for whom").click()
    await fault.get_by_label("How often").fill("1")
    await fault.get_by_role("switch").click()
    await expect(fault.get_by_role("switch")).to_have_attribute("aria-checked", "true")
    await walk.go_to("Compose")
    await console.get_by_label("Number with country code").fill(walk.number)
    await console.get_by_role("textbox", name="Text", exact=True).first.fill("We are closed tomorrow.")
    await walk.send_composed()
    await expect(walk.status).to_have_text("failed")
    await expect(console.get_by_role("main")).to_contain_text("131026")
    await expect(console.get_by_role("main")).to_contain_text("The number has no WhatsApp account")
